import { rmSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';

import type { Clock } from '../../model/clock.ts';
import { ForwardError } from '../../model/errors.ts';
import { integer, text, type Row } from '../columns.ts';
import {
  BATCH_BYTES,
  COUNTED_TABLES,
  HAS_ROWS,
  INSTALLATION_ID,
  OWN_KEYS,
  TRANSFERRED,
  UNFINISHED,
} from '../transfer.ts';
import type { Blank, Contents, JournalState, TableName } from '../transfer.ts';
import { chainState } from '../walk.ts';
import { chain } from './chain.ts';
import { directoryFault, prepareDirectory, refuseMissing, rememberIdentity } from './directory.ts';
import type { StateFiles } from './directory.ts';
import { journalFault } from './faults.ts';
import { idKey, idOf } from './identity.ts';
import { takeLock } from './lock.ts';
import { openDatabase } from './open.ts';
import { places } from './places.ts';
import { createStore } from './store.ts';
import type { Store } from './store.ts';
import { sumOf } from './sums.ts';

/** Rows that are handed over together. */
const BATCH_ROWS = 2_000;

interface Opened {
  readonly db: DatabaseSync;
  readonly store: Store;
  readonly release: () => void;
}

/** A journal to be read as a whole. Its directory is locked meanwhile. Errors as `openJournal` of this folder gives them. */
export function openContents(dir: string, clock: Clock): Contents {
  const files = prepareDirectory(dir, 'guest');
  refuseMissing(files, dir, 'guest');
  const opened = take(dir, files, clock, 'guest');
  try {
    refuseUnfinished(opened.db, files.journal);
    return contentsOf(dir, opened);
  } catch (error) {
    opened.release();
    throw error;
  }
}

/** A new journal in a directory that has none, or only one that was begun and never finished, or never used. */
export function openBlank(dir: string, clock: Clock, what: string): Blank {
  const files = prepareDirectory(dir, 'writer');
  const { release } = takeLock(dir, clock);
  try {
    clear(dir, files);
    return createBlank(dir, files, clock, what, release);
  } catch (error) {
    release();
    throw directoryFault(dir, error);
  }
}

/** Makes the file and marks it at once. `release` is called at the end. */
export function createBlank(
  dir: string,
  files: Pick<StateFiles, 'journal' | 'walPath'>,
  clock: Clock,
  what: string,
  release: () => void,
): Blank & { readonly store: Store } {
  const db = openDatabase(files.journal, files.walPath, 'writer');
  const store = createStore(db, files.journal, clock, 'writer');
  store.write(() => putMeta(db, UNFINISHED, what));
  const opened = { db, store, release: letGo(db, release) };
  return { ...contentsOf(dir, opened), ...writingTo(opened), store, finish: async () => finish(dir, opened) };
}

/** Throws `config` for a journal that a copy did not finish. */
export function refuseUnfinished(db: DatabaseSync, path: string): void {
  const row = db.prepare('SELECT value FROM meta WHERE key = ?').get(UNFINISHED);
  if (row === undefined) return;
  throw new ForwardError(
    'config',
    `the journal ${path} is unfinished: ${text(row, 'value')} was interrupted`,
    {
      hint: 'start that command again, or remove journal.db to be rid of it',
    },
  );
}

function take(dir: string, files: StateFiles, clock: Clock, access: 'writer' | 'guest'): Opened {
  const lock = takeLock(dir, clock);
  try {
    const db = openDatabase(files.journal, files.walPath, access);
    const store = createStore(db, files.journal, clock, access);
    return { db, store, release: letGo(db, lock.release) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Throws `config` where something of value is. */
function clear(dir: string, files: StateFiles): void {
  try {
    refuseMissing(files, dir, 'guest');
  } catch (error) {
    if (error instanceof ForwardError && error.kind === 'config') return; // there is none
    throw error;
  }
  const db = openDatabase(files.journal, files.walPath, 'guest');
  try {
    const unfinished = db.prepare('SELECT 1 FROM meta WHERE key = ?').get(UNFINISHED) !== undefined;
    if (!unfinished && !isUnused(db))
      throw new ForwardError('config', `the state directory ${dir} holds a journal already`, {
        hint: 'name a new state.dir, or move that journal away: nothing is ever copied over another one',
      });
  } finally {
    db.close();
  }
  for (const suffix of ['-wal', '-shm', '']) rmSync(`${files.journal}${suffix}`, { force: true });
}

/** Made, and never anything put into it. */
function isUnused(db: DatabaseSync): boolean {
  const row = db.prepare(`SELECT head_seq = 0 AND NOT (${HAS_ROWS}) AS unused FROM chain`).get();
  return row !== undefined && integer(row, 'unused') === 1n;
}

function contentsOf(dir: string, { db, store, release }: Opened): Contents {
  const { verifyChain } = chain(store);
  const version = versionOf(db);
  return {
    place: dir,
    state: async () => stateOf(db),
    rows: (table) => rowsOf(db, store.path, table),
    fit: (row) => row,
    verifyChain,
    // No daemon can: the directory is locked. A command may write beside.
    usedBy: async () => (versionOf(db) === version ? null : 'another command'),
    close: async () => release(),
  };
}

function letGo(db: DatabaseSync, unlock: () => void): () => void {
  return () => {
    if (db.isOpen) db.close();
    unlock();
  };
}

/** Changes whenever another connection writes. */
function versionOf(db: DatabaseSync): bigint {
  return integer(db.prepare('PRAGMA data_version').get() ?? {}, 'data_version');
}

function stateOf(db: DatabaseSync): JournalState {
  const id = db.prepare('SELECT value FROM meta WHERE key = ?').get(INSTALLATION_ID);
  const counter = (name: string): bigint => {
    const row = db.prepare('SELECT seq FROM sqlite_sequence WHERE name = ?').get(name);
    return row === undefined ? 0n : integer(row, 'seq');
  };
  return {
    installationId: text(id ?? {}, 'value'),
    chain: chainState(db.prepare('SELECT * FROM chain').get()),
    counters: {
      dead_letters: counter('dead_letters'),
      findings: counter('findings'),
      jobs: counter('jobs'),
    },
  };
}

async function* rowsOf(db: DatabaseSync, path: string, table: TableName): AsyncGenerator<readonly Row[]> {
  const where = table === 'meta' ? `WHERE key NOT IN (${OWN_KEYS.map((key) => `'${key}'`).join(', ')})` : '';
  const list = db.prepare(`SELECT ${TRANSFERRED[table].join(', ')} FROM ${table} ${where}`);
  let batch: Row[] = [];
  let size = 0;
  try {
    for (const row of list.iterate()) {
      batch.push(table === 'ids' ? { ...row, id: idOf(row) } : row);
      for (const value of Object.values(row)) if (value instanceof Uint8Array) size += value.length;
      if (batch.length < BATCH_ROWS && size < BATCH_BYTES) continue;
      yield batch;
      batch = [];
      size = 0;
    }
  } catch (error) {
    throw journalFault(error, path);
  }
  if (batch.length > 0) yield batch;
}

function writingTo({ db, store }: Opened): Pick<Blank, 'write' | 'writeState'> {
  const inserts = new Map<TableName, (row: Row) => void>();
  const whereabouts = places(store);
  let newestSeq = 0n;

  function addId(insert: (values: SQLInputValue[]) => void, row: Row): void {
    const id = text(row, 'id');
    const values = TRANSFERRED.ids.map((column) => (column === 'id' ? idKey(id) : (row[column] ?? null)));
    insert([...values, sumOf(values)]);
    whereabouts.add(id, integer(row, 'second'));
    const seq = row['seq'];
    if (typeof seq === 'bigint' && seq > newestSeq) newestSeq = seq;
  }

  function inserting(table: TableName): (row: Row) => void {
    const columns = [...TRANSFERRED[table], ...(table === 'ids' ? ['sum'] : [])];
    const insert = db.prepare(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    );
    if (table === 'ids') return (row) => addId((values) => void insert.run(...values), row);
    return (row) => void insert.run(...TRANSFERRED[table].map((column) => row[column] ?? null));
  }

  return {
    write: async (table, rows) => {
      const insert = inserts.get(table) ?? inserting(table);
      inserts.set(table, insert);
      store.write(() => {
        for (const row of rows) insert(row);
        if (table === 'ids') whereabouts.write(newestSeq);
      });
    },
    writeState: async ({ installationId, chain: ends, counters }) =>
      store.write(() => {
        putMeta(db, INSTALLATION_ID, installationId);
        db.prepare(
          'UPDATE chain SET removed_seq = ?, removed_hash = ?, anchor_seq = ?, head_seq = ?, head_hash = ?',
        ).run(ends.removedSeq, ends.removedHash, ends.anchorSeq, ends.headSeq, ends.headHash);
        for (const name of COUNTED_TABLES) {
          db.prepare('DELETE FROM sqlite_sequence WHERE name = ?').run(name);
          db.prepare('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)').run(name, counters[name]);
        }
      }),
  };
}

function finish(dir: string, { db, store }: Opened): void {
  rememberIdentity(dir, stateOf(db).installationId);
  store.write(() => db.prepare('DELETE FROM meta WHERE key = ?').run(UNFINISHED));
  store.maintain('PRAGMA wal_checkpoint(TRUNCATE)');
}

function putMeta(db: DatabaseSync, key: string, value: string): void {
  db.prepare(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  ).run(key, value);
}
