import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import type { ChainReport } from '../../../src/checkpoint/journal.ts';
import { openJournal } from '../../../src/checkpoint/sqlite/index.ts';
import { harvest, LIMIT_BYTES, manualClock, newEvent, newEvents } from '../../contract/journal.ts';
import { sha256 } from '../../../src/checkpoint/hash.ts';
import { changeEvent, changePage, dropEvents } from '../tamper.ts';
import type { PagedEvent } from '../tamper.ts';
import { stateDirectories } from './state-directory.ts';
import type { StateDirectory } from './state-directory.ts';

const EVENTS = 1020; // more than two slices of a walk
const signal = new AbortController().signal;
const freshDirectory = stateDirectories();

/** A journal of 1020 events, the first 10 of them pruned, as bytes: made once, since each case changes its own copy. */
let pruned: Buffer;
beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'journal-'));
  const journal = await openJournal({ dir, maxBytes: LIMIT_BYTES, clock: manualClock(), access: 'writer' });
  await journal.append('platform', harvest(newEvents(1, EVENTS)));
  await journal.moveCursor('splunk', 10n, []);
  await journal.prune(['splunk'], '2027-01-01T00:00:00Z', 0n);
  expect(await journal.verifyChain(signal)).toMatchObject({ intact: true, checked: EVENTS - 10 });
  await journal.close();
  pruned = readFileSync(join(dir, 'journal.db'));
  rmSync(dir, { recursive: true });
});

async function verifyAfter(change: (state: StateDirectory, file: string) => void): Promise<ChainReport> {
  const state = freshDirectory();
  const file = state.file('journal.db');
  writeFileSync(file, pruned);
  const journal = await state.open();
  change(state, file);
  return journal.verifyChain(signal);
}

const sql =
  (text: string) =>
  (state: StateDirectory): void =>
    state.tamper(text);
const event =
  (seq: bigint, changes: Partial<PagedEvent>) =>
  (_: StateDirectory, file: string): void =>
    changeEvent(file, seq, changes);

describe('verifyChain finds', () => {
  it.each<[string, (state: StateDirectory, file: string) => void, bigint, RegExp]>([
    ['changed bytes', event(700n, { body: Buffer.from('{}') }), 700n, /changed/],
    [
      'changed bytes with their hash',
      event(700n, { body: Buffer.from('{}'), bodyHash: sha256('{}') }),
      700n,
      /another hash/,
    ],
    ['another time', event(11n, { createdAt: '2020-01-01T00:00:00Z' }), 11n, /changed/],
    ['another instant', event(700n, { createdNs: 7n }), 700n, /does not name/],
    ['another id', event(700n, { id: 'another' }), 700n, /does not name/],
    [
      'another time of receipt',
      sql(`UPDATE pages SET received_at = 'x' WHERE first_seq = 1`),
      11n,
      /changed/,
    ],
    ['another source', sql(`UPDATE pages SET source = 'other' WHERE first_seq = 1001`), 1001n, /not name/],
    [
      'two events in each other’s place',
      (_, file) =>
        changePage(file, 700n, (events) =>
          events.map((one) => {
            const other = events.find(
              ({ seq }) => (one.seq === 700n && seq === 701n) || (one.seq === 701n && seq === 700n),
            );
            return { ...(other ?? one), seq: one.seq };
          }),
        ),
      700n,
      /does not name/,
    ],
    ['a changed hash', sql('UPDATE pages SET hash = zeroblob(32) WHERE first_seq = 1001'), 1001n, /changed/],
    [
      'bytes that cannot be read',
      sql('UPDATE pages SET body = zeroblob(9) WHERE first_seq = 1001'),
      1001n,
      /cannot read/,
    ],
    ['an id that is not known', sql('DELETE FROM ids WHERE seq = 700'), 700n, /does not name/],
    ['an id that names another event', sql('UPDATE ids SET seq = 1 WHERE seq = 700'), 700n, /does not name/],
    [
      'an id with another hash',
      sql('UPDATE ids SET body_hash = zeroblob(32) WHERE seq = 700'),
      700n,
      /another hash/,
    ],
    ['another start', sql('UPDATE chain SET removed_hash = zeroblob(32)'), 11n, /changed/],
    ['another head', sql('UPDATE chain SET head_hash = zeroblob(32)'), BigInt(EVENTS), /newest/],
    [
      'a page before the first',
      sql('UPDATE pages SET first_seq = -5, last_seq = -1 WHERE first_seq = 1001'),
      -5n,
      /outside/,
    ],
  ])('%s', async (_, change, seq, reason) => {
    const report = await verifyAfter(change);
    expect(report.intact).toBe(false);
    expect(report.brokenAt).toMatchObject({ seq, reason: expect.stringMatching(reason) as string });
  });

  it('missing events, wherever they were, and goes on behind them', async () => {
    const inside = await verifyAfter((_, file) => dropEvents(file, 700n, 701n, 900n));
    expect(inside).toMatchObject({ intact: false, checked: EVENTS - 13, missing: [700n, 701n, 900n] });
    // The page that held them is not the one that was written, which is all that the chain can tell of the others.
    expect(inside.faults.map(({ kind, seq, id }) => [kind, seq, id])).toEqual([
      ['changed', 11n, null],
      ['lost', 700n, newEvent(700).id],
      ['lost', 701n, newEvent(701).id],
      ['lost', 900n, newEvent(900).id],
    ]);
    const last = await verifyAfter((_, file) => dropEvents(file, BigInt(EVENTS - 1), BigInt(EVENTS)));
    expect(last).toMatchObject({ intact: false, missing: [BigInt(EVENTS - 1), BigInt(EVENTS)] });
    const all = await verifyAfter(sql('DELETE FROM pages'));
    expect(all.missing).toHaveLength(EVENTS - 10);
  });

  it('nothing wrong while events are appended and pruned during the walk', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    const events = 3000; // three pages, and a slice of a walk for each
    await journal.append('platform', harvest(newEvents(1, events)));
    const walking = journal.verifyChain(signal);
    await journal.append('platform', harvest([newEvent(events + 1)]));
    await journal.moveCursor('splunk', BigInt(events - 100), []);
    await journal.prune(['splunk'], '2027-01-01T00:00:00Z', 0n);
    const report = await walking;
    expect(report).toMatchObject({ intact: true, missing: [] });
    expect(report.checked).toBeLessThan(events);
  });
});

describe('a lost row', () => {
  it('stops a reader instead of being passed over', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    await journal.append('platform', harvest(newEvents(1, 5)));
    dropEvents(state.file('journal.db'), 3n);
    const limit = { maxEvents: 10, maxBytes: 1e6 };
    await expect(journal.read(0n, limit)).rejects.toMatchObject({ kind: 'corrupt' });
    await expect(journal.read(2n, limit)).rejects.toThrow(/lost event 3/);
    expect(await journal.read(3n, limit)).toHaveLength(2);
    await journal.close();
    dropEvents(state.file('journal.db'), 5n);
    const later = await state.open('guest');
    await expect(later.read(4n, limit)).rejects.toThrow(/lost event 5/);
    await expect(state.open()).rejects.toMatchObject({ kind: 'corrupt' });
    // A guest may still look at what is there.
    expect(await (await state.open('guest')).newest(9)).toHaveLength(3);
  });
});
