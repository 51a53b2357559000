import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue } from 'node:sqlite';

import { integer, type Row } from '../../columns.ts';
import { corrupt } from '../../corrupt.ts';
import { migrate } from '../migrations.ts';
import { PAGE_BYTES } from '../open.ts';
import { hasItsSum, SUMMED } from '../sums.ts';
import type { SummedName } from '../sums.ts';

/** A damaged file, as far as it can be read. Nothing of it is changed. */
export interface DamagedFile {
  readonly db: DatabaseSync;
  /** The names after which is looked in tables that are ordered by source. */
  readonly sources: readonly string[];
  /** Rows that can be read, in the order of their keys. `told` is called for each stretch that cannot. */
  rows(table: SummedName | 'pages', told: () => void): Iterable<Row>;
  close(): void;
}

/** How to step over what cannot be read: by a number that rows are ordered by, for each value of what stands before it in the key. */
const STEPS: Readonly<Partial<Record<string, { readonly by: string; readonly within: string | null }>>> = {
  pages: { by: 'first_seq', within: null },
  dead_letters: { by: 'id', within: null },
  findings: { by: 'id', within: null },
  jobs: { by: 'id', within: null },
  ids: { by: 'second', within: 'source' },
  coverage: { by: 'start_ns', within: 'source' },
};
const INT64_LEAST = -(2n ** 63n);
const INT64_GREATEST = 2n ** 63n - 1n;

/** Where the header of the file holds two counters that differ if the size that it states is not to be believed. */
const VERSION_VALID_FOR_OFFSET = 92;
/** The size of the file in pages, the first page of the list of free ones, and their number. */
const SIZE_OFFSET = 28;
const FREE_OFFSET = 32;
const COUNTER_BYTES = 4;
/** Every table has a page of its own at the beginning of the file: what is shorter is filled up with empty ones. */
const LEAST_PAGES = 64;

/**
 * Opens a file of which any page may be damaged. Where SQLite refuses it as a whole, a copy is read whose first page is mended: without
 * the size that it states, or with that of a new journal, which has its tables at the same places. `configured`: the sources of the configuration; those that the file names are added.
 */
export function openDamaged(path: string, configured: readonly string[]): DamagedFile {
  const copy = `${path}.mended`;
  const removeCopy = (): void => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${copy}${suffix}`, { force: true });
  };
  removeCopy();
  let failure: unknown;
  for (const mend of [null, forgetSize, takeFirstPage]) {
    try {
      if (mend !== null) {
        copyFileSync(path, copy);
        if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
        mend(copy);
      }
      const db = openReadable(mend === null ? path : copy);
      const sources = [...new Set([...configured, ...sourcesIn(db)])];
      return {
        db,
        sources,
        rows: (table, told) => readableRows(db, table, sources, told),
        close: () => {
          db.close();
          removeCopy();
        },
      };
    } catch (error) {
      failure = error;
    }
  }
  removeCopy();
  throw corrupt(`nothing of the journal ${path} can be read`, failure);
}

/** Rows of a table whose checksum matches. `told` is called for each that does not, and for each stretch that cannot be read. */
export function* wholeRows(
  file: DamagedFile,
  table: SummedName,
  told: (wrong: Row | null) => void,
): Iterable<Row> {
  for (const row of file.rows(table, () => told(null))) {
    if (hasItsSum(table, row)) yield row;
    else told(row);
  }
}

function openReadable(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true, readBigInts: true });
  try {
    const [found, expected] = [schemaIn(db), freshSchema()];
    if (found !== expected) throw new Error('its schema is not the one of this release');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Each stands in one of these, whatever else is damaged. */
function sourcesIn(db: DatabaseSync): string[] {
  return ['event_types', 'progress'].flatMap((table) =>
    [...fromBothEnds(db, table, () => {})].flatMap(({ source }) =>
      typeof source === 'string' ? [source] : [],
    ),
  );
}

function schemaIn(db: DatabaseSync): string {
  const rows = db.prepare('SELECT name, sql, rootpage FROM main.sqlite_schema ORDER BY rowid').all();
  return rows.map((row) => Object.values(row).join(' ')).join('\n');
}

function freshSchema(): string {
  const db = newFile(':memory:');
  const schema = schemaIn(db);
  db.close();
  return schema;
}

function newFile(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readBigInts: true });
  db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL`);
  migrate(db);
  return db;
}

/** The size is that of the file then. */
function forgetSize(path: string): void {
  patch(path, [[VERSION_VALID_FOR_OFFSET, Buffer.alloc(COUNTER_BYTES, 0xff)]]);
}

function takeFirstPage(path: string): void {
  const fresh = `${path}.fresh`;
  rmSync(fresh, { force: true });
  const db = newFile(fresh);
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
  const page = Buffer.alloc(PAGE_BYTES);
  const descriptor = openSync(fresh, 'r');
  readSync(descriptor, page, 0, PAGE_BYTES, 0);
  closeSync(descriptor);
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${fresh}${suffix}`, { force: true });
  patch(path, [
    [0, page],
    [SIZE_OFFSET, Buffer.alloc(COUNTER_BYTES)],
    [FREE_OFFSET, Buffer.alloc(2 * COUNTER_BYTES)],
    [VERSION_VALID_FOR_OFFSET, Buffer.alloc(COUNTER_BYTES, 0xff)],
  ]);
}

function patch(path: string, pieces: readonly (readonly [number, Buffer])[]): void {
  const descriptor = openSync(path, 'r+');
  for (const [offset, bytes] of pieces) writeSync(descriptor, bytes, 0, bytes.length, offset);
  const { size } = fstatSync(descriptor);
  const pages = Math.max(Math.ceil(size / PAGE_BYTES), LEAST_PAGES);
  ftruncateSync(descriptor, pages * PAGE_BYTES);
  closeSync(descriptor);
}

function* readableRows(
  db: DatabaseSync,
  table: string,
  sources: readonly string[],
  told: () => void,
): Iterable<Row> {
  const steps = STEPS[table];
  if (steps === undefined) yield* fromBothEnds(db, table, told);
  else if (steps.within === null) yield* stepping(db, table, steps.by, '', [], told);
  else {
    let found = 0n;
    for (const source of sources) {
      for (const row of stepping(db, table, steps.by, `${steps.within} = ? AND`, [source], told)) {
        found += 1n;
        yield row;
      }
    }
    // A row whose source is not legible any more is found under no name.
    if (countOf(db, table) !== found) told();
  }
}

/** Null where it cannot be told. */
function countOf(db: DatabaseSync, table: string): bigint | null {
  try {
    return integer(db.prepare(`SELECT count(*) AS count FROM ${table}`).get() ?? {}, 'count');
  } catch (error) {
    rethrowUnlessDamage(error);
    return null;
  }
}

/** Small tables are read forward as far as possible, and then backward. */
function* fromBothEnds(db: DatabaseSync, table: string, told: () => void): Iterable<Row> {
  const key = SUMMED[table as SummedName].key;
  const seen = new Set<string>();
  for (const direction of ['ASC', 'DESC']) {
    const order = key.map((column) => `${column} ${direction}`).join(', ');
    try {
      for (const row of db.prepare(`SELECT * FROM ${table} ORDER BY ${order}`).iterate()) {
        const name = key.map((column) => String(row[column])).join('\0');
        if (!seen.has(name)) yield row;
        seen.add(name);
      }
      return;
    } catch (error) {
      rethrowUnlessDamage(error);
      if (direction === 'ASC') told();
    }
  }
}

/** Rows in the order of a number; where they cannot be read, from the next number on at which they can. */
function* stepping(
  db: DatabaseSync,
  table: string,
  by: string,
  condition: string,
  values: readonly SQLInputValue[],
  told: () => void,
): Iterable<Row> {
  const read = `SELECT * FROM ${table} WHERE ${condition} ${by} > ? ORDER BY ${by}`;
  const peek = `SELECT ${by} AS number FROM ${table} WHERE ${condition} ${by} > ? ORDER BY ${by} LIMIT 1`;
  const next = (after: bigint): bigint | null => {
    const row = db.prepare(peek).get(...values, after);
    return row === undefined ? null : integer(row, 'number');
  };
  const isReadable = (after: bigint): boolean => {
    try {
      next(after);
      return true;
    } catch (error) {
      rethrowUnlessDamage(error);
      return false;
    }
  };
  for (let after = INT64_LEAST; ;) {
    try {
      for (const row of db.prepare(read).iterate(...values, after)) {
        const number = row[by];
        if (typeof number !== 'bigint' || number < after) continue; // nothing that was written looks like this
        yield row;
        after = number;
      }
      return;
    } catch (error) {
      rethrowUnlessDamage(error);
      told();
    }
    // The key of the next row may be there although the rest of it is not.
    const beyond = isReadable(after) ? next(after) : firstReadable(after, isReadable);
    if (beyond === null) return;
    after = beyond;
  }
}

/** The least number behind which something can be read; null when nothing can. */
function firstReadable(after: bigint, isReadable: (after: bigint) => boolean): bigint | null {
  let bad = after;
  let good: bigint;
  for (let step = 1n; ; step *= 2n) {
    good = after + step;
    if (good > INT64_GREATEST) return null;
    if (isReadable(good)) break;
    bad = good;
  }
  while (good - bad > 1n) {
    const middle = bad + (good - bad) / 2n;
    if (isReadable(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/** SQLite's codes for damage and for what cannot be read. */
const DAMAGE_CODES = [10, 11, 26];

function rethrowUnlessDamage(error: unknown): void {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : null;
  if (code === null || !DAMAGE_CODES.includes(code)) throw error;
}
