import type { SQLOutputValue } from 'node:sqlite';

import type { Json, Window } from '../model/event.ts';
import { floorTo, NS_PER_SECOND } from '../model/time.ts';
import { corrupt } from './corrupt.ts';

/** A row as node:sqlite hands it over, with integers as bigint. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

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

export function bytesOrNull(row: Row, name: string): Buffer | null {
  return row[name] === null ? null : bytes(row, name);
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

/** One answer to several rows with originals holds no more than this, but at least one of them. Bytes. */
export const ANSWER_LIMIT_BYTES = 32 * 1024 * 1024;

/** As many rows as fit in memory together, each made into what `make` makes of it. */
export function page<T>(rows: Iterable<Row>, columns: readonly string[], make: (row: Row) => T): T[] {
  const made: T[] = [];
  let left = ANSWER_LIMIT_BYTES;
  for (const row of rows) {
    for (const column of columns) left -= bytesOrNull(row, column)?.length ?? 0;
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

/** The second in which a time lies, since 1970. */
export function secondOf(createdNs: bigint): bigint {
  return floorTo(createdNs, NS_PER_SECOND) / NS_PER_SECOND;
}

/** Condition of a row of `ids`: created in a window, of which `windowBounds` gives the parameters. */
export const IN_WINDOW = 'second BETWEEN ? AND ? AND (second > ? OR ns >= ?) AND (second < ? OR ns <= ?)';

export function windowBounds({ startNs, endNs }: Window): readonly bigint[] {
  const [start, end] = [int64(startNs), int64(endNs)];
  const [first, last] = [secondOf(start), secondOf(end)];
  return [first, last, first, start - first * NS_PER_SECOND, last, end - last * NS_PER_SECOND];
}

/** created_at of a row of `ids`, in nanoseconds since 1970. */
export function createdNsOf(row: Row): bigint {
  return integer(row, 'second') * NS_PER_SECOND + integer(row, 'ns');
}

function wrongType(name: string, expected: string): Error {
  return corrupt(`the journal's column ${name} holds something that is not ${expected}`);
}
