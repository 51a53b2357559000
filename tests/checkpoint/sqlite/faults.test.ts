import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

import type { Journal } from '../../../src/checkpoint/journal.ts';
import { journalOn } from '../../../src/checkpoint/sqlite/index.ts';
import { openDatabase } from '../../../src/checkpoint/sqlite/open.ts';
import { createStore } from '../../../src/checkpoint/sqlite/store.ts';
import {
  EVERYTHING,
  harvest,
  incompressible,
  manualClock,
  newEvent,
  newEvents,
} from '../../contract/journal.ts';
import { ROUND_EVENTS } from './rounds.ts';
import { stateDirectories, type StateDirectory } from './state-directory.ts';

const KILLS = 3;
const PAGE_BYTES = 8192;
const signal = new AbortController().signal;
const freshDirectory = stateDirectories();

/** The journal on a connection that the test holds too, to set its limits. */
function onConnection(state: StateDirectory): { db: DatabaseSync; journal: Journal } {
  const path = state.file('journal.db');
  const db = openDatabase(path, `${path}-wal`, 'writer');
  const store = createStore(db, path, manualClock(), 'writer');
  return { db, journal: journalOn(store, 1e9, 'test', () => undefined) };
}

describe('a full disk', () => {
  it('is transient, changes nothing, and passes', async () => {
    const { db, journal } = onConnection(freshDirectory());
    await journal.append('platform', harvest(newEvents(1, 10)));
    const pages = Number(db.prepare('PRAGMA page_count').get()?.['page_count']);
    db.exec(`PRAGMA max_page_count = ${pages + 3}`);
    const large = newEvents(11, 60).map((event) => ({ ...event, original: incompressible(5000) }));
    const refused = harvest([newEvent(5), ...large], {
      progress: 'lost',
      malformed: [{ reason: 'x', bytes: Buffer.from('x') }],
    });
    await expect(journal.append('platform', refused)).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringMatching(
        /disk is full: the journal at .* takes nothing until space is free/,
      ) as string,
    });
    expect(await journal.size()).toMatchObject({ headSeq: 10n, events: 10 });
    expect(await journal.held('platform').count(EVERYTHING)).toBe(10);
    expect(await journal.progress('platform')).toEqual({ at: 'here' });
    expect(await journal.deadLetters({ limit: 9 })).toEqual([]);
    await journal.moveCursor('splunk', 10n, []);
    db.exec('PRAGMA max_page_count = 1000000');
    expect(await journal.append('platform', refused)).toMatchObject({ appended: 50, repeated: 1 });
    expect(await journal.verifyChain(signal)).toMatchObject({ intact: true, checked: 60 });
    db.close();
  });
});

describe('another connection', () => {
  it('that writes for too long makes the journal transient, and nothing is changed', async () => {
    const state = freshDirectory();
    const { db, journal } = onConnection(state);
    db.exec('PRAGMA busy_timeout = 0');
    const other = new DatabaseSync(state.file('journal.db'));
    other.exec('BEGIN IMMEDIATE');
    await expect(journal.append('platform', harvest(newEvents(1, 3)))).rejects.toMatchObject({
      kind: 'transient',
    });
    expect(await journal.newest(1)).toEqual([]);
    other.exec('ROLLBACK');
    other.close();
    expect(await journal.append('platform', harvest(newEvents(1, 3)))).toMatchObject({ appended: 3 });
    db.close();
  });
});

describe('a damaged file', () => {
  it('is corrupt wherever it is touched, and is never written to as if it were well', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    await journal.append('platform', harvest(newEvents(1, 2000)));
    await journal.close();
    const { size } = statSync(state.file('journal.db'));
    const descriptor = openSync(state.file('journal.db'), 'r+');
    for (let at = 4 * PAGE_BYTES; at < size; at += PAGE_BYTES)
      writeSync(descriptor, Buffer.alloc(64, 0xff), 0, 64, at);
    closeSync(descriptor);
    const use = async (): Promise<void> => {
      const opened = await state.open();
      await opened.verifyChain(signal);
    };
    await expect(use()).rejects.toMatchObject({
      kind: 'corrupt',
      hint: expect.stringContaining('backup') as string,
    });
  });

  it('shows at open after an unclean end', async () => {
    const state = freshDirectory();
    const { db, journal } = onConnection(state);
    await journal.append('platform', harvest(newEvents(1, 300)));
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    await journal.append('platform', harvest([newEvent(301)]));
    // Copies of the files in the middle of use are what a crash leaves behind; a page that no start reads is damaged.
    const crashed = freshDirectory();
    for (const name of ['journal.db', 'journal.db-wal']) copyFileSync(state.file(name), crashed.file(name));
    const row = db.prepare(`SELECT rootpage FROM sqlite_schema WHERE name = 'findings'`).get();
    db.close();
    const descriptor = openSync(crashed.file('journal.db'), 'r+');
    writeSync(descriptor, Buffer.alloc(64, 0xff), 0, 64, (Number(row?.['rootpage']) - 1) * PAGE_BYTES);
    closeSync(descriptor);
    await expect(crashed.open()).rejects.toMatchObject({ kind: 'corrupt' });
  });

  it('that is moved away while it is in use takes nothing more', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    await journal.append('platform', harvest(newEvents(1, 2)));
    renameSync(state.file('journal.db'), state.file('elsewhere'));
    await expect(journal.append('platform', harvest(newEvents(3, 4)))).rejects.toMatchObject({
      kind: 'corrupt',
    });
    await expect(journal.moveCursor('splunk', 1n, [])).rejects.toThrow(/moved, deleted or replaced/);
    rmSync(state.file('elsewhere'));
  });
});

describe('kill -9', () => {
  it('leaves every finished round whole, and none half done', async () => {
    const state = freshDirectory();
    let promised = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      promised = await appendUntilKilled(state.dir, 3 * kill);
      const journal = await state.open();
      const rounds = Number(await journal.progress('platform'));
      const head = BigInt(rounds * ROUND_EVENTS);
      expect(rounds).toBeGreaterThanOrEqual(promised);
      expect(await journal.size()).toMatchObject({ headSeq: head });
      expect(await journal.held('platform').count(EVERYTHING)).toBe(rounds * ROUND_EVENTS);
      expect(await journal.coverage('platform', EVERYTHING)).toHaveLength(rounds);
      expect(await journal.findings({ unacknowledgedOnly: true, limit: 10_000 })).toHaveLength(rounds);
      expect((await journal.eventTypes())[0]?.count).toBe(rounds * ROUND_EVENTS);
      const counts = await journal.deadLetterCounts();
      expect(counts.get('platform')).toBe(rounds);
      // The move of the cursor and the dead letter are one transaction as well.
      const cursor = await journal.cursor('splunk');
      expect(counts.get('splunk')).toBe(Number(cursor) / ROUND_EVENTS);
      expect([head, head - BigInt(ROUND_EVENTS)]).toContain(cursor);
      expect(await journal.verifyChain(signal)).toMatchObject({ intact: true, checked: Number(head) });
      const [newest] = await journal.newest(1);
      if (newest === undefined) throw new Error('the event is gone');
      const event = { ...newest, original: newest.original ?? '' };
      // What the killed process would have done next, so that the next one starts even.
      if (cursor !== head) await journal.moveCursor('splunk', head, [{ event, reason: 'no', attempts: 1 }]);
      await journal.close();
    }
    expect(promised).toBeGreaterThan(0);
  });
});

/** Resolves with the last round that the process said was finished before it was killed. */
async function appendUntilKilled(dir: string, rounds: number): Promise<number> {
  const script = fileURLToPath(new URL('append-until-killed.ts', import.meta.url));
  const child = spawn(process.execPath, [script, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let last = 0;
  let said = 0;
  for await (const line of createInterface(child.stdout)) {
    last = Number(line);
    if (++said === rounds) child.kill('SIGKILL');
  }
  await closed;
  return last;
}
