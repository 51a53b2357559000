import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';

import { openJournal } from '../../../src/checkpoint/sqlite/index.ts';
import { harvest, manualClock, newEvents } from '../../contract/journal.ts';
import { stateDirectories } from './state-directory.ts';

const freshDirectory = stateDirectories();

describe('the lock', () => {
  it('refuses a second writer, names the holder, and is free after close', async () => {
    const state = freshDirectory();
    const first = await state.open();
    const refused = {
      kind: 'config',
      message: expect.stringContaining(`process ${process.pid} on `) as string,
    };
    await expect(state.open()).rejects.toMatchObject(refused);
    await expect(state.open()).rejects.toThrow(`state directory ${state.dir} is in use by`);
    await first.close();
    await state.open();
  });

  it('holds against another process, also after guests and refused writers came and went', async () => {
    const state = freshDirectory();
    await state.open();
    await (await state.open('guest')).close();
    await expect(state.open()).rejects.toThrow(/in use/);
    const other = `
      const { openJournal } = await import(${JSON.stringify(import.meta.resolve('../../../src/checkpoint/sqlite/index.ts'))});
      const { wallClock } = await import(${JSON.stringify(import.meta.resolve('../../../src/model/clock.ts'))});
      const attempt = openJournal({ dir: process.argv[1], maxBytes: 1, clock: wallClock, access: 'writer' });
      console.log(await attempt.then(() => 'taken', (error) => error.message));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', other, state.dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (data) => (said += String(data)));
    await once(child, 'close');
    expect(said).toContain(`in use by process ${process.pid} on `);
  });

  it('says that the disk is full where not even its holder can be noted', async () => {
    const state = freshDirectory();
    await (await state.open()).close();
    symlinkSync('/dev/full', join(state.dir, 'journal.holder'));
    await expect(state.open()).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringContaining('disk is full') as string,
    });
    rmSync(join(state.dir, 'journal.holder'));
    await state.open();
  });
});

describe('a guest', () => {
  it('reads beside a writer and writes only what commands do', async () => {
    const state = freshDirectory();
    const writer = await state.open();
    await writer.append('platform', harvest(newEvents(1, 2)));
    const [newest] = await writer.newest(1);
    if (newest === undefined) throw new Error('the event is gone');
    const event = { ...newest, original: newest.original ?? '' };
    await writer.moveCursor('splunk', 2n, [{ event, reason: 'no', attempts: 1 }]);
    const guest = await state.open('guest');
    expect(guest.installationId).toBe(writer.installationId);
    expect(await guest.newest(5)).toHaveLength(2);
    expect(await guest.retryDeadLetters({ limit: 9 })).toBe(1);
    expect(await guest.discardDeadLetters({ limit: 9 }, 'test')).toBe(1);
    await guest.addFindings('platform', [{ kind: 'gap', summary: 'a gap' }]);
    expect(await guest.acknowledge([1n], 'seen')).toBe(1);
    await guest.addJob('replay', null);
    expect(await writer.jobs(['queued'])).toHaveLength(1);
    const refused = {
      kind: 'config',
      message: expect.stringContaining('only the process that holds') as string,
    };
    await expect(guest.append('platform', harvest([]))).rejects.toMatchObject(refused);
    await expect(guest.moveCursor('splunk', 2n, [])).rejects.toMatchObject(refused);
    await expect(guest.recordRetried([], [])).rejects.toMatchObject(refused);
    await expect(guest.prune([], '2027-01-01T00:00:00Z', 0n)).rejects.toMatchObject(refused);
  });

  it('is told when there is no journal yet, and makes none', async () => {
    const state = freshDirectory();
    await expect(state.open('guest')).rejects.toMatchObject({ kind: 'config' });
    expect(readdirSync(state.dir)).toEqual([]);
  });
});

describe('a state directory that cannot be used', () => {
  it.each([
    ['a file', (dir: string) => join(dir, 'file')],
    ['below a file', (dir: string) => join(dir, 'file', 'state')],
    ['not writable', () => '/proc/auditferry-state'],
  ])('is refused: %s', async (_, path) => {
    const state = freshDirectory();
    writeFileSync(state.file('file'), '');
    const options = { dir: path(state.dir), maxBytes: 1, clock: manualClock() };
    for (const access of ['writer', 'guest'] as const) {
      await expect(openJournal({ ...options, access })).rejects.toMatchObject({
        kind: 'config',
        message: expect.stringContaining(`the state directory ${options.dir} cannot be used`) as string,
        hint: expect.any(String) as string,
      });
    }
  });

  it('is refused when another program made journal.db, and is left as it was', async () => {
    const state = freshDirectory();
    const other = new DatabaseSync(state.file('journal.db'));
    other.exec('PRAGMA application_id = 7; CREATE TABLE theirs (x)');
    other.close();
    await expect(state.open()).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('made by another program') as string,
    });
    writeFileSync(state.file('journal.db'), 'this is not a database, it is a letter. '.repeat(200));
    const { size } = statSync(state.file('journal.db'));
    await expect(state.open()).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('not a SQLite database') as string,
    });
    expect(statSync(state.file('journal.db')).size).toBe(size);
    expect(readdirSync(state.dir)).not.toContain('journal.id');
  });

  it('is refused when a newer release wrote the journal', async () => {
    const state = freshDirectory();
    await (await state.open()).close();
    state.tamper('PRAGMA user_version = 99');
    for (const access of ['writer', 'guest'] as const) {
      await expect(state.open(access)).rejects.toMatchObject({
        kind: 'config',
        message: expect.stringContaining('schema version 99') as string,
      });
    }
  });

  it('is refused when release 0.1.0 wrote the journal, and is left as it is', async () => {
    const state = freshDirectory();
    await (await state.open()).close();
    state.tamper('DROP TABLE pages; CREATE TABLE events (seq INTEGER PRIMARY KEY); DELETE FROM meta');
    for (const access of ['writer', 'guest'] as const) {
      await expect(state.open(access)).rejects.toMatchObject({
        kind: 'config',
        message: expect.stringContaining('made by release 0.1.0') as string,
        hint: expect.stringContaining('move the state directory away') as string,
      });
    }
  });
});

describe('a journal that was here', () => {
  it.each([
    ['missing', (path: string) => rmSync(path)],
    ['empty', (path: string) => truncateSync(path)],
  ])('is never replaced by a new one when it is %s', async (what, lose) => {
    const state = freshDirectory();
    const journal = await state.open();
    await journal.append('platform', harvest(newEvents(1, 3)));
    await journal.close();
    lose(state.file('journal.db'));
    for (const access of ['writer', 'guest'] as const) {
      await expect(state.open(access)).rejects.toMatchObject({
        kind: 'corrupt',
        message: expect.stringContaining(what) as string,
        hint: expect.stringContaining('journal.id') as string,
      });
    }
    rmSync(state.file('journal.id'));
    expect(await (await state.open()).size()).toMatchObject({ headSeq: 0n });
  });

  it('is not exchanged for another one unseen', async () => {
    const mine = freshDirectory();
    await (await mine.open()).close();
    const theirs = freshDirectory();
    await (await theirs.open()).close();
    copyFileSync(theirs.file('journal.db'), mine.file('journal.db'));
    await expect(mine.open()).rejects.toMatchObject({ kind: 'corrupt' });
  });

  it('opens again when only a backup of journal.db is left', async () => {
    const state = freshDirectory();
    const journal = await state.open();
    await journal.append('platform', harvest(newEvents(1, 3)));
    await journal.close();
    const backup = freshDirectory();
    copyFileSync(state.file('journal.db'), backup.file('journal.db'));
    expect(await (await backup.open()).size()).toMatchObject({ headSeq: 3n });
    expect(readdirSync(backup.dir)).toContain('journal.id');
  });

  it('is closed to other users, with a warning', async () => {
    const state = freshDirectory();
    await (await state.open()).close();
    chmodSync(state.file('journal.db'), 0o644);
    const warnings: string[] = [];
    await state.open('writer', (message) => warnings.push(message));
    expect(warnings).toEqual([expect.stringContaining('0600')]);
    expect(statSync(state.file('journal.db')).mode & 0o777).toBe(0o600);
  });
});
