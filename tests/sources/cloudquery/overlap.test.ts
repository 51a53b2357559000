import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ForwardError } from '../../../src/model/errors.ts';
import type { SimulatorPatch } from '../../../src/simulator/options.ts';
import { startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';
import { insertEvents, sourceRoom } from '../../fakes/source-room.ts';
import type { SourceRoom } from '../../fakes/source-room.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-01-02T12:00:00Z');

beforeEach(() => startSimulatedTime(START));
afterEach(() => stopSimulatedTime());

/** A Platform with 600 events in the overlap, all of them read, and nothing due to be counted again. */
async function quietRoom(simulator: SimulatorPatch = {}): Promise<SourceRoom> {
  const room = sourceRoom({ history: 9 * MINUTE, ...simulator });
  insertEvents(room, 600, Date.now() - 5_000, 500);
  await room.poll(2, 5_000);
  return room;
}

/** Rows that the requests of one more poll could hold at most, each. */
async function pagesOfPoll(room: SourceRoom): Promise<number[]> {
  const before = room.asked.length;
  await room.poll(1, 15_000);
  return room.asked.slice(before).map((query) => Number(/per_page=(\d+)/.exec(query)?.[1]));
}

describe('the overlap', () => {
  it('is counted, and not read, while it holds what is held', async () => {
    const room = await quietRoom();
    const events = room.ledger.harvests.flatMap((harvest) => harvest.events).length;
    for (let poll = 0; poll < 3; poll += 1) {
      const pages = await pagesOfPoll(room);
      expect(pages).toHaveLength(1);
      expect(pages[0]).toBeLessThan(20);
    }
    expect(room.ledger.harvests.flatMap((harvest) => harvest.events)).toHaveLength(events);
    expect(room.source.state().frontierNs).toBeGreaterThan(BigInt(START) * 1_000_000n);
  });

  it('is left alone where only what came since is new', async () => {
    const room = await quietRoom();
    insertEvents(room, 3, Date.now() - 1_000, 100);
    const pages = await pagesOfPoll(room);
    expect(pages.filter((rows) => rows >= 20)).toHaveLength(1);
    expect(room.missing()).toEqual([]);
    expect(room.ledger.harvests.at(-1)?.events.length).toBeLessThan(20);
    expect(await pagesOfPoll(room)).toHaveLength(1);
  });

  it('is read when an event became visible late in it', async () => {
    const room = await quietRoom();
    insertEvents(room, 1, Date.now() - 3 * MINUTE, 1);
    await room.poll(1, 15_000);
    expect(room.missing()).toEqual([]);
    expect(await pagesOfPoll(room)).toHaveLength(1);
  });

  it('is read with each poll where the Platform gives no totals', async () => {
    const room = await quietRoom({ totals: false });
    const pages = await pagesOfPoll(room);
    expect(pages).toContain(1000);
    insertEvents(room, 1, Date.now() - 3 * MINUTE, 1);
    await room.poll(1, 15_000);
    expect(room.missing()).toEqual([]);
  });

  it('is read where it cannot be counted', async () => {
    const room = await quietRoom();
    const asItIs = room.change;
    room.change = (exchange) => {
      if (Number(exchange.query.get('page')) > 10) throw new ForwardError('transient', 'no page so far down');
      return asItIs(exchange);
    };
    insertEvents(room, 1, Date.now() - 3 * MINUTE, 1);
    await room.poll(1, 15_000);
    expect(room.missing()).toEqual([]);
  });
});
