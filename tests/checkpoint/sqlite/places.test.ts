import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';

import { migrate } from '../../../src/checkpoint/sqlite/migrations.ts';
import { places, RUN_IDS } from '../../../src/checkpoint/sqlite/places.ts';
import type { Places } from '../../../src/checkpoint/sqlite/places.ts';
import type { Store } from '../../../src/checkpoint/sqlite/store.ts';
import type { NewEvent } from '../../../src/model/event.ts';
import { harvest, newEvent, newEvents } from '../../contract/journal.ts';
import { stateDirectories } from './state-directory.ts';

const freshDirectory = stateDirectories();

function inMemory(): { db: DatabaseSync; open: () => Places } {
  const db = new DatabaseSync(':memory:', { readBigInts: true });
  migrate(db);
  const store = { prepare: (sql: string) => db.prepare(sql) } as Store;
  return { db, open: () => places(store) };
}

/** Ids in harvests of 700, id number n at second n. */
function fill(whereabouts: Places, ids: number): void {
  for (let n = 1; n <= ids; n += 1) {
    whereabouts.add(`id-${n}`, BigInt(n));
    if (n % 700 === 0 || n === ids) whereabouts.write(BigInt(n));
  }
}

const runs = (db: DatabaseSync, where: string): number =>
  Number(db.prepare(`SELECT count(*) AS n FROM places WHERE ${where}`).get()?.['n']);

describe('the places of ids', () => {
  it('are found in runs that are closed and in the one that is not, by whoever opens the file', () => {
    const { db, open } = inMemory();
    const writer = open();
    fill(writer, 2 * RUN_IDS + 1500);
    expect(runs(db, 'filter IS NOT NULL')).toBe(2);
    for (const reader of [writer, open()]) {
      for (let n = 1; n <= 2 * RUN_IDS + 1500; n += 97)
        expect(reader.secondsOf(`id-${n}`)).toEqual([BigInt(n)]);
      for (let n = 1; n <= 500; n += 1) expect(reader.secondsOf(`other-${n}`)).toEqual([]);
    }
  });

  it('are several where an id is at several times, before 1970 as well', () => {
    const { open } = inMemory();
    const whereabouts = open();
    fill(whereabouts, RUN_IDS + 700);
    whereabouts.add('id-5', -3_000_000_000n);
    whereabouts.add('id-5', -3_000_000_000n);
    expect(whereabouts.secondsOf('id-5').toSorted()).toEqual([-3_000_000_000n, 5n]);
  });

  it('go with their run once all of it is old, and what was not committed is forgotten', () => {
    const { db, open } = inMemory();
    const whereabouts = open();
    fill(whereabouts, RUN_IDS + 1400);
    const [closed] = db.prepare('SELECT newest_second, last_seq FROM places WHERE filter IS NOT NULL').all();
    const end = closed?.['newest_second'] as bigint;
    expect(closed?.['last_seq']).toBe(end);
    whereabouts.prune(end, end);
    whereabouts.prune(end + 1n, end - 1n);
    expect(whereabouts.secondsOf('id-1')).toEqual([1n]);
    whereabouts.prune(end + 1n, end);
    expect(whereabouts.secondsOf('id-1')).toEqual([]);
    expect(whereabouts.secondsOf(`id-${end + 1n}`)).toEqual([end + 1n]);
    whereabouts.add('lost', 1n);
    whereabouts.forget();
    expect(whereabouts.secondsOf('lost')).toEqual([]);
    whereabouts.prune(2n ** 40n, 2n ** 40n);
    expect(runs(db, 'true')).toBe(0);
  });
});

describe('a journal', () => {
  it('knows an id that is another event’s among tens of thousands, whenever that was', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    await journal.append('platform', harvest(newEvents(1, RUN_IDS)));
    await journal.append('platform', harvest(newEvents(RUN_IDS + 1, RUN_IDS + 10)));
    const again = [3, RUN_IDS, RUN_IDS + 7].map((n) => newEvent(50_000 + n, { id: newEvent(n).id }));
    expect(await journal.append('platform', harvest(again))).toMatchObject({ appended: 3, shared: 3 });
    expect(await journal.append('platform', harvest(again))).toMatchObject({ appended: 0, repeated: 3 });
  });

  it('has no use for the places of what it could not commit', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    const backwards = { startNs: 1n, endNs: 0n, status: 'read' as const, serverCount: null };
    const broken = harvest(newEvents(1, 5), { coverage: [backwards] });
    await expect(journal.append('platform', broken)).rejects.toThrow(/ends before/);
    const later = newEvent(9, { id: newEvent(1).id });
    expect(await journal.append('platform', harvest([later]))).toMatchObject({ appended: 1, shared: 0 });
    expect(await journal.append('platform', harvest([newEvent(1)]))).toMatchObject({
      appended: 1,
      shared: 1,
    });
  });

  it('writes few bytes for an event, however many random ids it knows', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    const random = (from: number): NewEvent[] =>
      newEvents(from, from + 999).map((event) => ({ ...event, id: randomUUID() }));
    for (let from = 1; from < 30_000; from += 1000) await journal.append('platform', harvest(random(from)));
    state.tamper('PRAGMA wal_checkpoint(TRUNCATE)');
    await journal.append('platform', harvest(random(30_001)));
    // Once to the log, and once from there to the file.
    expect(2 * statSync(state.file('journal.db-wal')).size).toBeLessThan(1000 * 1000);
  });

  it('holds next to nothing once its events and ids may go', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    const empty = (await journal.size()).usedBytes;
    for (let from = 1; from <= 5000; from += 500) {
      await journal.append('platform', harvest(newEvents(from, from + 499)));
    }
    expect((await journal.size()).usedBytes - empty).toBeLessThan(5000 * 300);
    expect(await journal.prune([], '2027-01-01T00:00:00Z', newEvent(5001).createdNs)).toBe(5000);
    expect((await journal.size()).usedBytes - empty).toBeLessThan(50_000);
  });
});
