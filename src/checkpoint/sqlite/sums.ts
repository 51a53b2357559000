import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { crc32 } from 'node:zlib';

import { integer, type Row } from '../columns.ts';
import { KEYS, TRANSFERRED } from '../transfer.ts';
import type { TableName } from '../transfer.ts';

/**
 * Each row outside the chain carries a checksum of its values, since nothing else would show that a byte of it was flipped on the disk.
 * Triggers of the connection write it, so that no statement has to think of it; a row that was changed without them does not match
 * any more. The list of known ids has a row for each event: the statement that adds one writes its sum.
 */

interface SummedTable {
  readonly key: readonly string[];
  readonly columns: readonly string[];
}

/** A table that a copy of the journal takes along. */
const transferred = (name: TableName): SummedTable => ({ key: KEYS[name], columns: TRANSFERRED[name] });

/** Every table but `pages`, whose rows the chain covers. */
export const SUMMED = {
  meta: transferred('meta'),
  chain: {
    key: ['one'],
    columns: ['one', 'removed_seq', 'removed_hash', 'anchor_seq', 'head_seq', 'head_hash'],
  },
  ids: transferred('ids'),
  places: { key: ['run'], columns: ['run', 'newest_second', 'last_seq', 'filter', 'entries'] },
  coverage: transferred('coverage'),
  progress: transferred('progress'),
  cursors: transferred('cursors'),
  dead_letters: transferred('dead_letters'),
  findings: transferred('findings'),
  event_types: transferred('event_types'),
  jobs: transferred('jobs'),
  open_findings: { key: ['source', 'kind'], columns: ['source', 'kind', 'count'] },
} satisfies Record<string, SummedTable>;

export type SummedName = keyof typeof SUMMED;

const NAMES = Object.keys(SUMMED) as SummedName[];
/** Rows looked at between two turns of the event loop. */
const SLICE_ROWS = 2000;

/** CRC-32 over all values, the length of each in front of it. Any burst of up to 32 bits changes it. */
export function sumOf(values: readonly SQLInputValue[]): number {
  let texts = '';
  for (const value of values) {
    if (value === null) texts += 'n;';
    else if (typeof value === 'string') texts += `s${value.length};${value}`;
    else if (typeof value === 'object') texts += `b${value.byteLength};`;
    else texts += `i${value};`;
  }
  let sum = crc32(texts);
  for (const value of values)
    if (typeof value === 'object' && value !== null) sum = crc32(bytesOf(value), sum);
  return sum;
}

function bytesOf(view: NodeJS.ArrayBufferView): Uint8Array {
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** Lets this connection write the sums from now on. */
export function keepSums(db: DatabaseSync): void {
  defineSum(db);
  for (const name of NAMES) {
    if (name === 'ids') continue;
    const { key, columns } = SUMMED[name];
    const set = `UPDATE ${name} SET sum = row_sum(${columns.map((one) => `NEW.${one}`).join(', ')})
      WHERE ${key.map((one) => `${one} = NEW.${one}`).join(' AND ')}`;
    db.exec(`
      CREATE TEMP TRIGGER ${name}_added AFTER INSERT ON main.${name} BEGIN ${set}; END;
      CREATE TEMP TRIGGER ${name}_changed AFTER UPDATE OF ${columns.join(', ')} ON main.${name} BEGIN ${set}; END;
    `);
  }
}

/** Gives the tables their sums: a step of the schema. */
export function addSums(db: DatabaseSync): void {
  defineSum(db);
  for (const name of NAMES) {
    const { columns } = SUMMED[name];
    db.exec(`ALTER TABLE ${name} ADD COLUMN sum INTEGER;
      UPDATE ${name} SET sum = row_sum(${columns.join(', ')})`);
  }
}

function defineSum(db: DatabaseSync): void {
  db.function(
    'row_sum',
    { deterministic: true, useBigIntArguments: true, varargs: true },
    (...values: SQLInputValue[]) => BigInt(sumOf(values)),
  );
}

export function hasItsSum(name: SummedName, row: Row): boolean {
  const values = SUMMED[name].columns.map((column) => row[column] ?? null);
  return row['sum'] !== null && integer(row, 'sum') === BigInt(sumOf(values));
}

/** Reads rows of a table in the order of their keys, some at a time, and yields after each time those whose sum does not match. */
export function* rowsWithWrongSums(db: Pick<DatabaseSync, 'prepare'>, name: SummedName): Iterable<Row[]> {
  const { key } = SUMMED[name];
  const order = key.join(', ');
  const first = db.prepare(`SELECT * FROM ${name} ORDER BY ${order} LIMIT ${SLICE_ROWS}`);
  const next = db.prepare(
    `SELECT * FROM ${name} WHERE (${order}) > (${key.map(() => '?').join(', ')}) ORDER BY ${order} LIMIT ${SLICE_ROWS}`,
  );
  for (let after: SQLInputValue[] | null = null; ;) {
    const wrong: Row[] = [];
    let last: Row | null = null;
    let rows = 0;
    for (const row of after === null ? first.iterate() : next.iterate(...after)) {
      if (!hasItsSum(name, row)) wrong.push(row);
      last = row;
      rows += 1;
    }
    yield wrong;
    if (last === null || rows < SLICE_ROWS) return;
    const end: Row = last;
    after = key.map((column) => end[column] ?? null);
  }
}

/** Names a row by its key, for messages. */
export function rowName(name: SummedName, row: Row): string {
  const values = SUMMED[name].key.map((column) => row[column]);
  const words = values.map((value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value),
  );
  return words.join(', ');
}
