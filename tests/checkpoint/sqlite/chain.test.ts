import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import type { ChainReport } from '../../../src/checkpoint/journal.ts';
import { openJournal } from '../../../src/checkpoint/sqlite/index.ts';
import { harvest, LIMIT_BYTES, manualClock, newEvent, newEvents } from '../../contract/journal.ts';
import { stateDirectories } from './state-directory.ts';

const EVENTS = 1020; // more than two slices of a walk
const signal = new AbortController().signal;
const freshDirectory = stateDirectories();

/** A journal of 1020 events, the first 10 of them pruned, as bytes: made once, since each case changes its own copy. */
let pruned: Buffer;
beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'journal-'));
  const journal = await openJournal({ dir, maxBytes: LIMIT_BYTES, clock: manualClock(), access: 'writer' });
  await journal.append('platform', harvest(newEvents(1, EVENTS)));
  await journal.settle('splunk', 10n, []);
  await journal.prune(['splunk'], '2027-01-01T00:00:00Z', 0n);
  expect(await journal.verifyChain(signal)).toMatchObject({ intact: true, checked: EVENTS - 10 });
  await journal.close();
  pruned = readFileSync(join(dir, 'journal.db'));
  rmSync(dir, { recursive: true });
});

async function verifyAfter(sql: string): Promise<ChainReport> {
  const state = freshDirectory();
  writeFileSync(state.file('journal.db'), pruned);
  const journal = await state.open();
  state.tamper(sql);
  return journal.verifyChain(signal);
}

describe('verifyChain finds', () => {
  it.each([
    ['changed bytes', `UPDATE events SET original = CAST('{}' AS BLOB) WHERE seq = 700`, 700n, /changed/],
    ['another time', `UPDATE events SET created_at = '2020-01-01T00:00:00Z' WHERE seq = 11`, 11n, /changed/],
    ['another time of receipt', `UPDATE events SET received_at = 'x' WHERE seq = 12`, 12n, /changed/],
    ['another source', `UPDATE events SET source = 'other' WHERE seq = 700`, 700n, /changed/],
    [
      'two events in each other’s place',
      'UPDATE events SET seq = -1 WHERE seq = 700; UPDATE events SET seq = 700 WHERE seq = 701; UPDATE events SET seq = 701 WHERE seq = -1',
      700n,
      /changed/,
    ],
    ['a changed hash', `UPDATE events SET hash = zeroblob(32) WHERE seq = 700`, 700n, /changed/],
    ['an id that is not known', `DELETE FROM ids WHERE seq = 700`, 700n, /does not name/],
    ['an id that names another event', `UPDATE ids SET seq = 1 WHERE seq = 700`, 700n, /does not name/],
    [
      'an id with another hash',
      `UPDATE ids SET body_hash = zeroblob(32) WHERE seq = 700`,
      700n,
      /another hash/,
    ],
    ['another anchor', `UPDATE chain SET anchor_hash = zeroblob(32)`, 11n, /changed/],
    ['another head', `UPDATE chain SET head_hash = zeroblob(32)`, BigInt(EVENTS), /newest/],
    ['an event put before the anchor', `UPDATE events SET seq = 5 WHERE seq = 700`, 5n, /outside/],
  ])('%s', async (_, sql, seq, reason) => {
    const report = await verifyAfter(sql);
    expect(report.intact).toBe(false);
    expect(report.brokenAt).toMatchObject({ seq, reason: expect.stringMatching(reason) as string });
  });

  it('missing events, wherever they were, and goes on behind them', async () => {
    const inside = await verifyAfter('DELETE FROM events WHERE seq IN (700, 701, 900)');
    expect(inside).toMatchObject({ intact: false, checked: EVENTS - 13, missing: [700n, 701n, 900n] });
    expect(inside.brokenAt).toMatchObject({
      seq: 700n,
      reason: expect.stringContaining('missing') as string,
    });
    const last = await verifyAfter(`DELETE FROM events WHERE seq > ${EVENTS - 2}`);
    expect(last).toMatchObject({ intact: false, missing: [BigInt(EVENTS - 1), BigInt(EVENTS)] });
    const all = await verifyAfter('DELETE FROM events');
    expect(all.missing).toHaveLength(EVENTS - 10);
  });

  it('nothing wrong while events are appended and pruned during the walk', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    await journal.append('platform', harvest(newEvents(1, EVENTS)));
    const walking = journal.verifyChain(signal);
    await journal.append('platform', harvest([newEvent(EVENTS + 1)]));
    await journal.settle('splunk', BigInt(EVENTS - 100), []);
    await journal.prune(['splunk'], '2027-01-01T00:00:00Z', 0n);
    const report = await walking;
    expect(report).toMatchObject({ intact: true, missing: [] });
    expect(report.checked).toBeLessThan(EVENTS);
  });
});

describe('a lost row', () => {
  it('stops a reader instead of being passed over', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    await journal.append('platform', harvest(newEvents(1, 5)));
    state.tamper('DELETE FROM events WHERE seq = 3');
    const limit = { maxEvents: 10, maxBytes: 1e6 };
    await expect(journal.read(0n, limit)).rejects.toMatchObject({ kind: 'corrupt' });
    await expect(journal.read(2n, limit)).rejects.toThrow(/lost event 3/);
    expect(await journal.read(3n, limit)).toHaveLength(2);
    state.tamper('DELETE FROM events WHERE seq = 5');
    await expect(journal.read(4n, limit)).rejects.toThrow(/lost event 5/);
    await journal.close();
    await expect(state.open()).rejects.toMatchObject({ kind: 'corrupt' });
    // A guest may still look at what is there.
    expect(await (await state.open('guest')).newest(9)).toHaveLength(3);
  });
});
