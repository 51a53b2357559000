import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Journal } from '../../../src/checkpoint/journal.ts';
import { createReadingGuard } from '../../../src/pipeline/reading-guard.ts';
import { startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';
import { insertEvents, sourceRoom } from '../../fakes/source-room.ts';
import type { Exchange, SourceRoom } from '../../fakes/source-room.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const NOW = Date.parse('2026-03-04T12:00:00Z');

/** Rows whose time the predicate likes are shown without a created_at that could be read. */
function spoil(room: SourceRoom, isBad: (createdMs: number) => boolean): void {
  room.change = ({ response }: Exchange) => {
    const page = JSON.parse(response.body.toString()) as { items?: Record<string, unknown>[] };
    if (page.items === undefined) return response;
    for (const item of page.items) {
      const { created_at: at } = item;
      if (typeof at !== 'string' || !isBad(Date.parse(at))) continue;
      item['created_at'] = null;
    }
    return { ...response, body: Buffer.from(JSON.stringify(page)) };
  };
}

function guarded(room: SourceRoom): SourceRoom {
  const journal = { held: () => room.ledger, deadLetters: async () => [] } as unknown as Journal;
  room.ledger.doubt = createReadingGuard('platform', journal).doubt;
  return room;
}

beforeEach(() => startSimulatedTime(NOW));
afterEach(() => stopSimulatedTime());

describe('rows that cannot be read, nearly all of an old window and none elsewhere', () => {
  it('cost that window: what is new is read, the window stays open, and all is read once it can be', async () => {
    const room = guarded(sourceRoom({ history: 0 }));
    insertEvents(room, 730, NOW - 26 * HOUR, SECOND);
    insertEvents(room, 60, NOW - HOUR, MINUTE);
    spoil(room, (ms) => ms < NOW - 25 * HOUR);
    await room.poll(3);
    insertEvents(room, 5, Date.now() - SECOND, SECOND);
    await room.poll(2);
    expect(room.missing()).toHaveLength(730);
    expect(room.ledger.malformed).toBe(0);
    const { troubles, standing = [] } = room.source.state();
    expect(troubles).toMatchObject([{ reason: expect.stringContaining('for one reason') as string }]);
    expect(standing).toMatchObject([
      { kind: 'unreadable_row', summary: expect.stringContaining('730 rows') as string },
    ]);
    spoil(room, () => false);
    await room.poll(4);
    expect(room.missing()).toEqual([]);
    expect(room.source.state().troubles).toEqual([]);
  });

  it.each(['the newest', 'all'])('and are %s hold the source', async (which) => {
    const room = guarded(sourceRoom({ history: 0 }));
    insertEvents(room, 300, NOW - HOUR, MINUTE);
    if (which === 'the newest') await room.poll();
    insertEvents(room, 15, Date.now() - SECOND, SECOND);
    spoil(room, (ms) => which === 'all' || ms > NOW - MINUTE);
    for (let tries = 0; tries < 3; tries += 1) {
      await expect(room.poll()).rejects.toMatchObject({
        kind: 'denied',
        message: expect.stringContaining('nearly nothing can be read') as string,
      });
    }
    expect(room.ledger.malformed).toBe(0);
    spoil(room, () => false);
    await room.poll(2);
    expect(room.missing()).toEqual([]);
  });

  it('cost no request more than one poll in a while, also where nothing else is left to be counted', async () => {
    const room = guarded(sourceRoom({ history: 0 }, { start: '27h' }));
    insertEvents(room, 730, NOW - 26.9 * HOUR, SECOND);
    insertEvents(room, 60, NOW - HOUR, MINUTE);
    spoil(room, (ms) => ms < NOW - 25 * HOUR);
    await room.poll(3);
    room.restart();
    await room.poll(1);
    expect(room.source.state().troubles).toHaveLength(1);
    expect(room.source.state().pendingReconcile).toBe(0);
  });

  it('found by a count cost their window as well', async () => {
    const room = guarded(sourceRoom({ history: 0 }));
    insertEvents(room, 100, NOW - MINUTE, MINUTE);
    await room.poll(2);
    insertEvents(room, 40, NOW - 5.5 * HOUR, SECOND);
    spoil(room, (ms) => ms < NOW - 4 * HOUR);
    room.restart();
    await room.settle();
    expect(room.source.state().troubles).toHaveLength(1);
    expect(room.ledger.malformed).toBe(0);
    spoil(room, () => false);
    await room.poll(3);
    expect(room.missing()).toEqual([]);
  });
});

describe('single rows that cannot be read', () => {
  it.each([3 * HOUR, 11 * 24 * HOUR])('%d ms old are read soon after they can be', async (ageMs) => {
    const room = guarded(sourceRoom({ history: 0 }));
    insertEvents(room, 200, NOW - ageMs, MINUTE);
    insertEvents(room, 40, NOW - MINUTE, MINUTE);
    spoil(room, (ms) => ms > NOW - ageMs - 4 * MINUTE && ms < NOW - ageMs + 1);
    await room.poll(3);
    expect(room.ledger.malformed).toBeGreaterThan(3);
    expect(room.missing()).toHaveLength(4);
    await room.poll(40);
    spoil(room, () => false);
    await room.poll(12);
    expect(room.missing()).toEqual([]);
  });

  it('cost few requests while they cannot', async () => {
    const room = guarded(sourceRoom({ history: 0 }));
    insertEvents(room, 100, NOW - 3 * HOUR, MINUTE);
    spoil(room, (ms) => ms === NOW - 3 * HOUR);
    await room.poll(60);
    const asked = room.asked.length;
    await room.poll(120);
    expect(room.asked.length - asked).toBeLessThan(120 + 12 + 90);
  });
});
