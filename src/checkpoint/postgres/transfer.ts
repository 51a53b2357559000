import { randomUUID } from 'node:crypto';

import { wallClock } from '../../model/clock.ts';
import { ForwardError } from '../../model/errors.ts';
import type { Secret } from '../../model/secret.ts';
import { bytes, integer, text, type Row } from '../columns.ts';
import {
  BATCH_BYTES,
  COUNTED_TABLES,
  FILLED_TABLES,
  HAS_ROWS,
  INSTALLATION_ID,
  KEYS,
  OWN_KEYS,
  TRANSFERRED,
  UNFINISHED,
} from '../transfer.ts';
import type { Blank, Contents, JournalState, TableName } from '../transfer.ts';
import { placeOf, readAddress } from './address.ts';
import { chain } from './chain.ts';
import { connect } from './connect.ts';
import { readChain } from './ends.ts';
import { idKey, idOf } from './keys.ts';
import { assertMigrated, migrate } from './schema.ts';
import { createStore } from './store.ts';
import type { Db, Store, Value } from './store.ts';

export interface TransferOptions {
  readonly url: Secret;
  readonly schema: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onWarn?: (message: string) => void;
}

const STATEMENT_MS = 60_000;
const LIMITS = { statementMs: STATEMENT_MS, lockMs: 10_000, idleMs: 30_000 };
/** A replica that was not seen for so long is gone, whatever its lease. */
const SEEN_WITHIN = `interval '2 minutes'`;
/** Rows read in one go. Of those that hold much, as many as BATCH_BYTES allows, and these at the most. */
const READ_ROWS = 5_000;
const READ_LARGE_ROWS = 200;

/** Of tables whose rows may be large: how many bytes a row holds, which the server knows without reading them. */
const ROW_BYTES: Partial<Readonly<Record<TableName, string>>> = {
  pages: 'octet_length(entries)::int8 + octet_length(body)',
  dead_letters: 'octet_length(bytes)::int8 + coalesce(octet_length(sent), 0)',
};
/** Columns that are kept here as integers and as bytes; every other one is text. */
const INTEGERS = new Set(
  [
    ['first_seq', 'last_seq', 'oldest_ns', 'newest_ns', 'second', 'ns', 'seq', 'start_ns', 'end_ns'],
    ['server_count', 'attempts', 'seen', 'count', 'first_ns', 'last_ns'],
  ].flat(),
);
const BYTES = new Set([
  'hash',
  'entries',
  'body',
  'body_hash',
  'type_hash',
  'bytes',
  'sent',
  'event_id',
  'subject_hash',
]);

/** A journal to be read as a whole, some rows at a time. Throws `config` while a replica works on it. */
export async function openContents(options: TransferOptions): Promise<Contents> {
  const { store, end } = await open(options);
  try {
    await store.write(async (db) => {
      await assertMigrated(db, options.schema);
      await refuseUnfinished(db, options.schema);
    });
    await assertUnused(store);
    return contentsOf(store, end);
  } catch (error) {
    await end();
    throw error;
  }
}

/** A new journal in a schema that has none, or only one that was begun and never finished, or never used. */
export async function openBlank(options: TransferOptions, what: string): Promise<Blank> {
  const { store, end } = await open(options);
  try {
    const mark = `${what} ${randomUUID()}`;
    await store.write(async (db) => {
      await migrate(db, options.schema);
      await clear(db, store.where);
      await putMeta(db, UNFINISHED, mark);
    });
    const marked = (work: (db: Db) => Promise<unknown>): Promise<void> =>
      store.write(async (db) => {
        await assertMark(db, mark, store.where);
        await work(db);
      });
    return {
      ...contentsOf(store, end),
      write: (table, rows) => marked((db) => insertRows(db, table, rows)),
      writeState: (state) => marked((db) => writeState(db, state)),
      finish: () => marked((db) => db.run('DELETE FROM meta WHERE key = $1', UNFINISHED)),
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Throws `config` for a journal that a copy did not finish. */
export async function refuseUnfinished(db: Db, schema: string): Promise<void> {
  const [row] = await db.all('SELECT value FROM meta WHERE key = $1', UNFINISHED);
  if (row === undefined) return;
  const what = text(row, 'value').split(' ').slice(0, -1).join(' ');
  throw new ForwardError(
    'config',
    `the journal in the schema ${schema} is unfinished: ${what} was interrupted`,
    {
      hint: 'start that command again, or drop the schema to be rid of it',
    },
  );
}

async function open({ url, schema, env, onWarn = () => {} }: TransferOptions): Promise<{
  readonly store: Store;
  readonly end: () => Promise<void>;
}> {
  const where = placeOf(readAddress(url.reveal(), env), env);
  const database = await connect(url, env, where, onWarn);
  const pool = database.pool(1, STATEMENT_MS);
  let isOpen = true;
  const store = createStore(
    {
      pool,
      schema,
      where: `${where}, schema ${schema}`,
      clock: wallClock,
      limits: LIMITS,
      lookEveryMs: 0,
      isAsynchronous: database.isAsynchronous,
      fault: database.fault,
      holder: randomUUID(),
      isOpening: () => true,
      onLost: () => {},
    },
    () => isOpen,
  );
  return {
    store,
    end: async () => {
      if (!isOpen) return;
      isOpen = false;
      await pool.end();
    },
  };
}

/** Throws `config` where something of value is. Inside a transaction that nobody else can be in. */
async function clear(db: Db, where: string): Promise<void> {
  const [marked] = await db.all('SELECT 1 FROM meta WHERE key = $1', UNFINISHED);
  const user = await usedBy(db);
  const [row] = await db.all(`SELECT (seq > 0 OR ${HAS_ROWS})::int AS used FROM head`);
  if (marked === undefined && user !== null)
    throw new ForwardError('config', `${user} works on the journal in ${where}`, {
      hint: 'stop every replica first, then start the copy again',
    });
  if (marked === undefined && (row === undefined || integer(row, 'used') > 0n))
    throw new ForwardError('config', `${where} holds a journal already`, {
      hint: 'name a new state.schema: nothing is ever copied over another journal',
    });
  await db.script(`TRUNCATE pages, claims, replicas, ${FILLED_TABLES.join(', ')};
    DELETE FROM meta WHERE key NOT IN ('schema_version', '${INSTALLATION_ID}')`);
}

/** Another copy that began later has the place. */
async function assertMark(db: Db, mark: string, where: string): Promise<void> {
  const [row] = await db.all('SELECT value FROM meta WHERE key = $1 FOR SHARE', UNFINISHED);
  if (row !== undefined && text(row, 'value') === mark) return;
  throw new ForwardError('config', `another copy into ${where} has begun`, {
    hint: 'let that one end: two cannot write to one place',
  });
}

function contentsOf(store: Store, end: () => Promise<void>): Contents {
  const { verifyChain } = chain(store);
  return {
    place: store.where,
    state: () => store.read(stateOf),
    rows: (table) => rowsOf(store, table),
    fit,
    verifyChain,
    usedBy: () => store.read(usedBy),
    close: end,
  };
}

async function assertUnused(store: Store): Promise<void> {
  const user = await store.read(usedBy);
  if (user === null) return;
  throw new ForwardError('config', `${user} works on the journal in ${store.where}`, {
    hint: 'stop every replica first: what they read meanwhile would be missing in the copy',
  });
}

async function usedBy(db: Db): Promise<string | null> {
  const rows = await db.all(
    `SELECT name FROM replicas WHERE seen_at > clock_timestamp() - ${SEEN_WITHIN} ORDER BY name LIMIT 5`,
  );
  return rows.length === 0 ? null : `replica ${rows.map((row) => text(row, 'name')).join(', ')}`;
}

async function stateOf(db: Db): Promise<JournalState> {
  const [id] = await db.all('SELECT value FROM meta WHERE key = $1', INSTALLATION_ID);
  const counter = async (name: string): Promise<bigint> => {
    const [row] = await db.all(
      `SELECT CASE WHEN is_called THEN last_value ELSE 0 END::int8 AS last FROM ${name}_id_seq`,
    );
    return integer(row ?? {}, 'last');
  };
  return {
    installationId: text(id ?? {}, 'value'),
    chain: await readChain(db),
    counters: {
      dead_letters: await counter('dead_letters'),
      findings: await counter('findings'),
      jobs: await counter('jobs'),
    },
  };
}

async function writeState(db: Db, { installationId, chain: ends, counters }: JournalState): Promise<void> {
  await putMeta(db, INSTALLATION_ID, installationId);
  await db.run(
    `UPDATE head SET seq = $1, hash = $2,
       bytes = (SELECT coalesce(sum(octet_length(entries)::int8 + octet_length(body)), 0) FROM pages)`,
    ...[ends.headSeq, ends.headHash],
  );
  await db.run(
    'UPDATE anchor SET seq = $1, removed_seq = $2, removed_hash = $3, bytes = 0',
    ...[ends.anchorSeq, ends.removedSeq, ends.removedHash],
  );
  for (const name of COUNTED_TABLES) {
    const last = counters[name];
    await db.all(
      `SELECT setval('${name}_id_seq', $1, $2)`,
      last > 0n ? last : 1n,
      last > 0n ? 'true' : 'false',
    );
  }
}

async function* rowsOf(store: Store, table: TableName): AsyncGenerator<readonly Row[]> {
  const columns = columnsOf(table).join(', ');
  const key = KEYS[table];
  const order = `ORDER BY ${key.join(', ')}`;
  const size = ROW_BYTES[table];
  const own = table === 'meta' ? `key NOT IN (${OWN_KEYS.map((one) => `'${one}'`).join(', ')})` : 'TRUE';
  for (let after: Value[] | null = null; ;) {
    const places = key.map((_, index) => `$${index + 1}`).join(', ');
    const behind = after === null ? '' : `AND (${key.join(', ')}) > (${places})`;
    const rows: Row[] = await store.read((db) =>
      db.all(
        size === undefined
          ? `SELECT ${columns} FROM ${table} WHERE ${own} ${behind} ${order} LIMIT ${READ_ROWS}`
          : `SELECT ${columns} FROM (
               SELECT ${columns}, sum(${size}) OVER (${order}) - (${size}) AS bytes_before FROM (
                 SELECT ${columns} FROM ${table} WHERE ${own} ${behind} ${order} LIMIT ${READ_LARGE_ROWS}) AS next
             ) AS summed WHERE bytes_before < ${BATCH_BYTES} ${order}`,
        ...(after ?? []),
      ),
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map((row) => outward(table, row));
    after = key.map((column) => valueOf(last, column));
  }
}

function insertRows(db: Db, table: TableName, rows: readonly Row[]): Promise<number> {
  const stored = rows.map((row) => inward(table, row));
  const columns = columnsOf(table).map((column) => stored.map((row) => row[column] ?? null));
  return db.run(insertStatement(table), ...columns);
}

/** Inserts rows that are given as a list for each column, in the order of TRANSFERRED. */
export function insertStatement(table: TableName): string {
  const columns = columnsOf(table);
  const lists = columns.map((column, index) => `$${index + 1}::${typeOf(table, column)}[]`);
  return `INSERT INTO ${table} (${columns.join(', ')}) OVERRIDING SYSTEM VALUE SELECT * FROM unnest(${lists.join(', ')})`;
}

function columnsOf(table: TableName): string[] {
  return TRANSFERRED[table].map((name) => columnOf(table, name));
}

function columnOf(table: TableName, name: string): string {
  return table === 'findings' && name === 'subject' ? 'subject_hash' : name;
}

function typeOf(table: TableName, column: string): 'text' | 'int8' | 'bytea' {
  if (column === 'id') return table === 'ids' ? 'bytea' : 'int8';
  if (INTEGERS.has(column)) return 'int8';
  return BYTES.has(column) ? 'bytea' : 'text';
}

/** A row of a table here in the form that every journal knows. */
function outward(table: TableName, row: Row): Row {
  if (table === 'ids') return { ...row, id: idOf(row) };
  if (table === 'findings')
    return { ...row, subject: bytes(row, 'subject_hash').toString('hex'), event_id: eventId(row) };
  return table === 'dead_letters' ? { ...row, event_id: eventId(row) } : row;
}

function eventId(row: Row): string | null {
  return row['event_id'] === null ? null : bytes(row, 'event_id').toString('utf8');
}

type Stored = string | bigint | Buffer | null;

/** A row in the form that every journal knows, as it stands in a table here. */
function inward(table: TableName, row: Row): Readonly<Record<string, Stored>> {
  const stored = Object.fromEntries(TRANSFERRED[table].map((name) => [name, valueOf(row, name)]));
  if (table === 'ids') return { ...stored, id: idKey(text(row, 'id')) };
  if (table !== 'findings' && table !== 'dead_letters') return stored;
  const id = row['event_id'] === null ? null : Buffer.from(text(row, 'event_id'), 'utf8');
  const subject = table === 'findings' ? { subject_hash: Buffer.from(text(row, 'subject'), 'hex') } : {};
  return { ...stored, ...subject, event_id: id };
}

function valueOf(row: Row, column: string): Stored {
  const value = row[column] ?? null;
  if (typeof value === 'number') return BigInt(value);
  return value instanceof Uint8Array ? bytes(row, column) : value;
}

/** PostgreSQL's text takes no zero character; ids of events are kept as bytes. */
function fit(row: Row): Row {
  const hasZero = Object.values(row).some((value) => typeof value === 'string' && value.includes('\0'));
  if (!hasZero) return row;
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'string' && name !== 'id' && name !== 'event_id'
        ? value.replaceAll('\0', '\ufffd')
        : value,
    ]),
  );
}

async function putMeta(db: Db, key: string, value: string): Promise<void> {
  await db.run(
    'INSERT INTO meta VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    ...[key, value],
  );
}
