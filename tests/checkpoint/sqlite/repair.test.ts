import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { beforeAll, describe, expect, it } from 'vitest';

import { openJournal } from '../../../src/checkpoint/sqlite/index.ts';
import { repairJournal } from '../../../src/checkpoint/sqlite/repair/repair.ts';
import type { Repaired } from '../../../src/checkpoint/sqlite/repair/repair.ts';
import type { Journal } from '../../../src/checkpoint/journal.ts';
import { harvest, manualClock, newEvent, newEvents } from '../../contract/journal.ts';
import { fill, FILLED, odd } from '../filled.ts';
import { stateDirectories } from './state-directory.ts';
import type { StateDirectory } from './state-directory.ts';

const freshDirectory = stateDirectories();
const PAGE_BYTES = 8192;
const signal = new AbortController().signal;
const DAY_MS = 86_400_000;
const DAMAGES = ['torn', 'zeroed', 'garbage'] as const;

let whole: Buffer;
/** Which pages of the file belong to which table or index. */
let kinds: readonly { readonly page: number; readonly kind: string }[];

beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'journal-'));
  const journal = await openJournal({ dir, maxBytes: 1e9, clock: manualClock(), access: 'writer' });
  await fill(journal);
  await journal.close();
  whole = readFileSync(join(dir, 'journal.db'));
  const db = new DatabaseSync(join(dir, 'journal.db'));
  kinds = db
    .prepare('SELECT pageno, name FROM dbstat ORDER BY pageno')
    .all()
    .map(({ pageno, name }) => ({ page: Number(pageno), kind: String(name) }));
  db.close();
  rmSync(dir, { recursive: true });
});

function damaged(change: (bytes: Buffer) => Buffer): StateDirectory {
  const state = freshDirectory();
  writeFileSync(state.file('journal.db'), change(Buffer.from(whole)));
  return state;
}

function repair({ dir }: StateDirectory, horizonMs = 30 * DAY_MS): Promise<Repaired | null> {
  const clock = manualClock();
  clock.advance(DAY_MS);
  return repairJournal({
    dir,
    clock,
    horizons: new Map([
      ['platform', horizonMs],
      ['second', horizonMs],
    ]),
    eventTypeOf: (original) => (JSON.parse(original) as { event_type: string }).event_type,
    signal,
    tell: () => {},
  });
}

/** Ids of the events that a sink has still to get. */
async function idsAfter(journal: Journal, seq: bigint): Promise<string[]> {
  return (await journal.read(seq, { maxEvents: 10_000, maxBytes: 1e9 })).map(
    ({ source, id }) => `${source} ${id}`,
  );
}

/** What the Platform shows, all of it. */
async function readAll(journal: Journal): Promise<number> {
  const first = await journal.append('platform', harvest(newEvents(1, FILLED)));
  const second = await journal.append(
    'second',
    harvest([odd(newEvent(1)), { ...odd(newEvent(5000)), id: 'zero\0 and é' }]),
    ['platform'],
  );
  return first.appended + second.appended;
}

const NUMBERS = Array.from({ length: FILLED }, (_, index) => index + 1);
const EXPECTED = new Map<string, string[]>([
  ['splunk', NUMBERS.filter((n) => n > 300).map((n) => `platform ${newEvent(n).id}`)],
  ['elastic', NUMBERS.filter((n) => n > 150).map((n) => `platform ${newEvent(n).id}`)],
]);

/** After a repair and one reading of everything: whole, nothing skipped by any sink, nothing there twice. */
async function expectRepaired(state: StateDirectory, repaired: Repaired): Promise<Journal> {
  const journal = await state.open();
  expect(await journal.verifyChain(signal)).toMatchObject({ intact: true, damage: [] });
  const appended = await readAll(journal);
  const { anchorSeq, ids } = await journal.size().then(async ({ headSeq, events }) => {
    const anchor = headSeq - BigInt(events);
    return { anchorSeq: anchor, ids: await idsAfter(journal, anchor) };
  });
  expect(new Set(ids).size).toBe(ids.length);
  // Ids of pruned events may be lost: those are there once more, and no others.
  if (repaired.lost['ids'] === undefined) expect(appended).toBe(repaired.lostEvents);
  for (const [sink, expected] of EXPECTED) {
    const cursor = await journal.cursor(sink);
    const coming = new Set(await idsAfter(journal, cursor < anchorSeq ? anchorSeq : cursor));
    expect(expected.filter((id) => !coming.has(id))).toEqual([]);
  }
  expect(await journal.verifyChain(signal)).toMatchObject({ intact: true, damage: [] });
  return journal;
}

describe('journal repair', () => {
  it('leaves a whole journal alone', async () => {
    const state = damaged((bytes) => bytes);
    expect(await repair(state)).toBeNull();
    expect(readFileSync(state.file('journal.db')).equals(whole)).toBe(true);
  });

  it('refuses while a daemon runs', async () => {
    const state = damaged((bytes) => bytes);
    const daemon = await state.open();
    await expect(repair(state)).rejects.toMatchObject({ kind: 'config' });
    await daemon.close();
  });

  it('keeps the damaged files as they are', async () => {
    const state = damaged((bytes) => bytes.fill(0xaa, 5 * PAGE_BYTES, 6 * PAGE_BYTES));
    const before = readFileSync(state.file('journal.db'));
    const repaired = await repair(state);
    expect(readFileSync(join(repaired?.keptIn ?? '', 'journal.db')).equals(before)).toBe(true);
    expect(readdirSync(state.dir).filter((name) => name.startsWith('journal.db'))).toEqual(['journal.db']);
  });

  it('a page that is torn, zeroed or garbage, of whatever table or index', async () => {
    const firsts = new Map(kinds.map(({ page, kind }) => [kind, page]));
    for (const [index, [kind, page]] of [...firsts].entries()) {
      const from = (page - 1) * PAGE_BYTES;
      const how = DAMAGES[index % DAMAGES.length] ?? 'torn';
      const state = damaged((bytes) => {
        if (how === 'torn') return bytes.fill(0, from + PAGE_BYTES / 2, from + PAGE_BYTES);
        return bytes.fill(how === 'zeroed' ? 0 : 0xa5, from, from + PAGE_BYTES);
      });
      const repaired = await repair(state);
      if (repaired === null) continue; // what was overwritten is not in use
      try {
        await (await expectRepaired(state, repaired)).close();
      } catch (error) {
        throw new Error(`page ${page} of ${kind}, ${how}`, { cause: error });
      }
    }
  }, 60_000);

  it.each([0.3, 0.7, 0.95])('a file of which only %d is left', async (share) => {
    const state = damaged((bytes) => bytes);
    truncateSync(state.file('journal.db'), Math.floor((whole.length * share) / PAGE_BYTES) * PAGE_BYTES);
    const repaired = await repair(state);
    if (repaired === null) throw new Error('nothing was found');
    await expectRepaired(state, repaired);
  });

  it('reads again just what is lost, and says when that was', async () => {
    const state = damaged((bytes) => bytes);
    state.tamper(`UPDATE pages SET body = zeroblob(9) WHERE first_seq = 301`);
    const repaired = await repair(state);
    expect(repaired).toMatchObject({ lostEvents: 100, events: 352, renumbered: true });
    const [window, ...others] = repaired?.reread.get('platform')?.again ?? [];
    expect(window).toEqual({ startNs: newEvent(301).createdNs, endNs: newEvent(400).createdNs });
    expect(others).toEqual([]);
    const journal = await state.open();
    expect(await journal.jobs(['queued'])).toMatchObject([
      { kind: 'backfill', params: { source: 'platform', sink: null } },
    ]);
    expect(await journal.findings({ unacknowledgedOnly: true, kinds: ['lost_by_damage'], limit: 9 })).toEqual(
      [],
    );
  });

  it('says what the Platform does not keep any more', async () => {
    const state = damaged((bytes) => bytes);
    state.tamper(`UPDATE pages SET body = zeroblob(9) WHERE first_seq = 301`);
    const repaired = await repair(state, 1);
    expect(repaired?.reread.get('platform')).toMatchObject({ again: [], never: [{}] });
    const journal = await state.open();
    const found = await journal.findings({ unacknowledgedOnly: true, kinds: ['lost_by_damage'], limit: 9 });
    expect(found).toMatchObject([{ source: 'platform', window: { startNs: newEvent(301).createdNs } }]);
  });

  it('moves no cursor forward: one that was changed begins anew', async () => {
    const state = damaged((bytes) => bytes);
    state.tamper(`UPDATE cursors SET seq = 600 WHERE sink = 'splunk'`);
    await expect(state.open()).rejects.toMatchObject({ kind: 'corrupt' });
    const repaired = await repair(state);
    expect(repaired).toMatchObject({ lostEvents: 0, renumbered: false, lost: { cursors: 1 } });
    const journal = await expectRepaired(state, repaired as Repaired);
    expect(await journal.cursor('splunk')).toBe(0n);
    expect(await journal.cursor('elastic')).toBe(150n);
  });

  it('has the event of a damaged dead letter sent again', async () => {
    const state = damaged((bytes) => bytes);
    state.tamper(`UPDATE dead_letters SET bytes = x'00' WHERE id = 3`);
    const repaired = await repair(state);
    expect(repaired?.deadLetters).toMatchObject([{ owner: 'splunk', source: 'platform' }]);
    const journal = await state.open();
    expect(await journal.jobs(['queued'])).toMatchObject([
      { params: { source: 'platform', sink: 'splunk' } },
    ]);
  });

  it('is done again after it was killed, and finishes what it had begun', async () => {
    const state = damaged((bytes) => bytes.fill(0xaa, 5 * PAGE_BYTES, 6 * PAGE_BYTES));
    writeFileSync(state.file('journal.db.repaired'), 'half');
    const repaired = await repair(state);
    expect(repaired).not.toBeNull();
    // Killed before the last renaming: the new journal stands beside, and a log of the old one.
    renameSync(state.file('journal.db'), state.file('journal.db.repaired'));
    writeFileSync(state.file('journal.db-wal'), 'old');
    expect(await repair(state)).toBeNull();
    const logs = readdirSync(state.dir).flatMap((name) => {
      const log = join(state.dir, name, 'journal.db-wal');
      return existsSync(log) ? [readFileSync(log, 'utf8')] : [];
    });
    expect(logs).toContain('old');
    await (await state.open()).close();
  });
});
