import type { SQLOutputValue } from 'node:sqlite';

import type { AuditEvent, Json } from '../../model/event.ts';
import { free } from '../../model/free.ts';
import type { Glimpse } from '../journal.ts';
import { corrupt } from './faults.ts';

/** A row as node:sqlite hands it over, with integers as bigint. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** Columns of `events`, in the order that `auditEvent` reads them. */
export const EVENT_COLUMNS = 'events.seq, events.source, events.id, created_at, received_at, original';

/** The readers below are the pair to what the schema says: a column of another type means a changed file. */
export function integer(row: Row, name: string): bigint {
  const value = row[name];
  if (typeof value !== 'bigint') throw wrongType(name, 'an integer');
  return value;
}

export function count(row: Row, name: string): number {
  return Number(integer(row, name));
}

export function countOrNull(row: Row, name: string): number | null {
  return row[name] === null ? null : count(row, name);
}

export function text(row: Row, name: string): string {
  const value = row[name];
  if (typeof value !== 'string') throw wrongType(name, 'text');
  return value;
}

export function textOrNull(row: Row, name: string): string | null {
  return row[name] === null ? null : text(row, name);
}

export function bytes(row: Row, name: string): Buffer {
  const value = row[name];
  if (!(value instanceof Uint8Array)) throw wrongType(name, 'bytes');
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

export function json(row: Row, name: string): Json {
  const value = text(row, name);
  try {
    return JSON.parse(value) as Json;
  } catch (error) {
    throw corrupt(`the journal holds something in ${name} that is not JSON`, error);
  }
}

/** One of `allowed`, as the schema's CHECK wrote it. */
export function word<Word extends string>(row: Row, name: string, allowed: readonly Word[]): Word {
  const value = text(row, name);
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw wrongType(name, `one of ${allowed.join(', ')}`);
  return found;
}

export function auditEvent(row: Row): AuditEvent {
  return { ...place(row), original: takeText(row, 'original') };
}

/** The bytes of a column as text; the bytes themselves are gone then. */
function takeText(row: Row, name: string): string {
  const taken = bytes(row, name);
  const text = taken.toString('utf8');
  free(taken);
  return text;
}

function place(row: Row): Omit<AuditEvent, 'original'> {
  return {
    seq: integer(row, 'seq'),
    source: text(row, 'source'),
    id: text(row, 'id'),
    createdAt: text(row, 'created_at'),
    receivedAt: text(row, 'received_at'),
  };
}

/** Columns that `glimpse` reads; the one parameter is the size up to which an original is read. SQLite knows a length without reading it. */
export const GLIMPSE_COLUMNS = `seq, source, id, created_at, received_at, length(original) AS size,
  CASE WHEN length(original) <= ? THEN original END AS original`;

export function glimpse(row: Row): Glimpse {
  return {
    ...place(row),
    bytes: count(row, 'size'),
    original: row['original'] === null ? null : takeText(row, 'original'),
  };
}

/** One answer to several rows with originals holds no more than this, but at least one of them. Bytes. */
const PAGE_LIMIT_BYTES = 32 * 1024 * 1024;

/** As many rows as fit in memory together, each made into what `make` makes of it. */
export function page<T>(rows: Iterable<Row>, column: string, make: (row: Row) => T): T[] {
  const made: T[] = [];
  let left = PAGE_LIMIT_BYTES;
  for (const row of rows) {
    left -= bytes(row, column).length;
    if (left < 0 && made.length > 0) break;
    made.push(make(row));
  }
  return made;
}

const INT64_LEAST = -(2n ** 63n);
const INT64_GREATEST = 2n ** 63n - 1n;

/** Nearest value that SQLite can hold: a window may be open towards one end. */
export function int64(value: bigint): bigint {
  if (value < INT64_LEAST) return INT64_LEAST;
  return value > INT64_GREATEST ? INT64_GREATEST : value;
}

function wrongType(name: string, expected: string): Error {
  return corrupt(`the journal's column ${name} holds something that is not ${expected}`);
}
