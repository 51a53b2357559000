import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Harvest } from '../../../src/sources/source.ts';
import { elapse, startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';
import { sourceRoom } from '../../fakes/source-room.ts';
import type { SourceRoom } from '../../fakes/source-room.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const HORIZON = 2 * DAY;

beforeEach(() => startSimulatedTime(Date.parse('2026-01-02T12:34:56Z')));
afterEach(() => stopSimulatedTime());

const pass = (ms: number): Promise<void> => elapse(new Promise((done) => setTimeout(done, ms)));

/** What the upkeep does: ids go a day after the horizon. Returns them. */
function prune({ ledger }: SourceRoom): ReadonlySet<string> {
  const limitNs = BigInt(Date.now() - HORIZON - DAY) * 1_000_000n;
  const gone = [...ledger.events.values()].filter(({ createdNs }) => createdNs < limitNs);
  for (const { id } of gone) ledger.events.delete(id);
  return new Set(gone.map(({ id }) => id));
}

/** Returns false at the end of the poll. */
async function takeNext({ ledger }: SourceRoom, polling: AsyncIterator<Harvest>): Promise<boolean> {
  const next = await polling.next();
  if (next.done !== true) ledger.commit(next.value);
  return next.done !== true;
}

/** A source that has read everything, was started anew, and is about to count all of it again. */
async function counting(): Promise<{ room: SourceRoom; polling: AsyncIterator<Harvest> }> {
  const room = sourceRoom(
    { history: 40 * HOUR, rate: 0.2 },
    { start: '40h', audit_horizon: HORIZON, api: 'auto' },
  );
  await room.settle();
  room.platform.set({ rate: 0 });
  await pass(HOUR);
  await room.settle();
  room.restart();
  const signal = new AbortController().signal;
  const polling = room.source.poll(room.ledger, room.ledger.progress, signal)[Symbol.asyncIterator]();
  const untilDue = async (): Promise<void> => {
    while (room.source.state().pendingReconcile < 5) await takeNext(room, polling);
  };
  await elapse(untilDue());
  return { room, polling };
}

describe('a poll that was held until windows grew older than the ids that are kept', () => {
  it('does not read them again when it goes on in its middle, and says so', async () => {
    const { room, polling } = await counting();
    await pass(6 * DAY);
    const gone = prune(room);
    expect(gone.size).toBeGreaterThan(100);
    const rest = async (): Promise<void> => {
      while (await takeNext(room, polling));
    };
    await elapse(rest());
    expect([...room.ledger.events.keys()].filter((id) => gone.has(id))).toEqual([]);
    expect(room.ledger.findings.map(({ kind }) => kind)).toEqual(['not_recounted']);
  });

  it('does not read them again when the next poll finds them on the list', async () => {
    const { room } = await counting();
    await pass(6 * DAY);
    const gone = prune(room);
    room.restart();
    await room.settle();
    expect([...room.ledger.events.keys()].filter((id) => gone.has(id))).toEqual([]);
    expect(room.ledger.findings.map(({ kind }) => kind)).toContain('not_recounted');
  });
});
