import { existsSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { describe, expect, it } from 'vitest';

import { openJournal } from '../../src/checkpoint/sqlite/index.ts';
import { openContents } from '../../src/checkpoint/sqlite/transfer.ts';
import { TABLE_NAMES } from '../../src/checkpoint/transfer.ts';
import { copyCommand } from '../../src/cli/journal/copy.ts';
import { status } from '../../src/cli/status/command.ts';
import { wallClock } from '../../src/model/clock.ts';
import { harvest, newEvents } from '../contract/journal.ts';
import { fill, FILLED } from '../checkpoint/filled.ts';
import { FILE_SINK, fakeTerminal, rooms } from './room.ts';
import type { Room } from './room.ts';

const freshRoom = rooms();

interface Pair {
  readonly room: Room;
  readonly from: string;
  readonly to: string;
}

async function pair(): Promise<Pair> {
  const room = freshRoom();
  const from = room.config(FILE_SINK);
  const to = room.path('to.yaml');
  writeFileSync(
    to,
    `state: { dir: ./other }\nadmin: { listen: 'off' }\nsources:\n  platform: { type: cloudquery, url: 'http://127.0.0.1:9', api_key: key }\nsinks:\n${FILE_SINK}\n`,
  );
  const journal = await room.writer();
  await fill(journal);
  await journal.close();
  return { room, from, to };
}

/** Everything that a journal holds. */
async function everything(dir: string): Promise<unknown> {
  const contents = openContents(dir, wallClock);
  try {
    const tables: Record<string, unknown[]> = {};
    for (const table of TABLE_NAMES) {
      tables[table] = [];
      for await (const rows of contents.rows(table)) tables[table].push(...rows);
    }
    return { state: await contents.state(), tables };
  } finally {
    await contents.close();
  }
}

describe('journal copy', () => {
  it('copies everything into a new journal, which goes on where the old one ended', async () => {
    const { room, from, to } = await pair();
    const before = await everything(room.path('data'));
    const terminal = fakeTerminal();
    expect(await copyCommand({ from, to, json: true }, terminal)).toBe(0);
    expect(terminal.json()).toMatchObject({
      copied: true,
      events: FILLED + 2 - 150,
      head_seq: FILLED + 2,
      rows: { pages: 6, dead_letters: 6, findings: 2, jobs: 1, cursors: 2, progress: 2 },
    });
    expect(await everything(room.path('data'))).toEqual(before);
    expect(await everything(room.path('other'))).toEqual(before);
    const journal = await openJournal({
      dir: room.path('other'),
      maxBytes: 2 ** 30,
      clock: wallClock,
      access: 'writer',
    });
    room.atEnd(() => journal.close());
    const again = await journal.append('platform', harvest(newEvents(1, FILLED + 1)));
    expect(again).toMatchObject({ appended: 1, repeated: FILLED });
    expect(await journal.cursor('splunk')).toBe(300n);
    expect(await journal.verifyChain(new AbortController().signal)).toMatchObject({ intact: true });
  });

  it('says what it copied and compared', async () => {
    const { from, to } = await pair();
    const terminal = fakeTerminal();
    expect(await copyCommand({ from, to }, terminal)).toBe(0);
    expect(terminal.printed.out).toMatch(/copied .*data to .*other: 452 events in 6 pages/);
    expect(terminal.printed.out).toContain('compared: every row, every hash of the chain');
  });

  it('refuses a target that holds something, itself, and a journal in use', async () => {
    const { room, from, to } = await pair();
    expect(await copyCommand({ from, to }, fakeTerminal())).toBe(0);
    await expect(copyCommand({ from, to }, fakeTerminal())).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('holds a journal already') as string,
    });
    await expect(copyCommand({ from, to: from }, fakeTerminal())).rejects.toThrow(/same state directory/);
    const running = await room.writer();
    await expect(copyCommand({ from, to }, fakeTerminal())).rejects.toThrow(/in use by process/);
    await running.close();
  });

  it('takes the place of a journal that was made and never used', async () => {
    const { room, from, to } = await pair();
    await (
      await openJournal({ dir: room.path('other'), maxBytes: 1e9, clock: wallClock, access: 'writer' })
    ).close();
    expect(await copyCommand({ from, to }, fakeTerminal())).toBe(0);
    expect(await everything(room.path('other'))).toEqual(await everything(room.path('data')));
  });

  it('leaves an interrupted copy unusable, and starts again', async () => {
    const { room, from, to } = await pair();
    const interrupted = new AbortController();
    interrupted.abort(new Error('interrupted'));
    const terminal = fakeTerminal({ signal: interrupted.signal });
    await expect(copyCommand({ from, to }, terminal)).rejects.toThrow('interrupted');
    expect(terminal.printed.err).toContain('is unfinished and cannot be used');
    await expect(status({ config: to }, fakeTerminal())).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('is unfinished: a journal copy was interrupted') as string,
    });
    // What it had written meanwhile goes.
    const db = new DatabaseSync(room.path('other/journal.db'));
    db.exec(`INSERT INTO cursors (sink, seq, updated_at) VALUES ('left', 1, 'x')`);
    db.close();
    expect(await copyCommand({ from, to }, fakeTerminal())).toBe(0);
    expect(await everything(room.path('other'))).toEqual(await everything(room.path('data')));
  });

  it('copies no damage', async () => {
    const { room, from, to } = await pair();
    const db = new DatabaseSync(room.path('data/journal.db'));
    db.exec(`UPDATE cursors SET seq = 500 WHERE sink = 'splunk'`);
    db.close();
    await expect(copyCommand({ from, to }, fakeTerminal())).rejects.toMatchObject({
      kind: 'corrupt',
      message: expect.stringMatching(/row splunk does not match/) as string,
    });
    expect(existsSync(room.path('other/journal.id'))).toBe(false);
  });
});
