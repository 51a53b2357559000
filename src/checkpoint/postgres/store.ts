import type { Pool, PoolClient } from 'pg';

import type { Clock } from '../../model/clock.ts';
import { ForwardError } from '../../model/errors.ts';
import type { Row } from '../columns.ts';
import type { Duty, Lease } from '../lease.ts';
import { isConflict } from './faults.ts';

export type Value =
  string | bigint | number | Buffer | null | readonly (string | bigint | number | Buffer | null)[];

/** One transaction. Statements that are not awaited one by one are sent together. */
export interface Db {
  all(sql: string, ...values: Value[]): Promise<Row[]>;
  /** Returns how many rows were changed. */
  run(sql: string, ...values: Value[]): Promise<number>;
  /** Several statements without values. */
  script(sql: string): Promise<void>;
}

/** The journal's database, as the files beside this one use it. */
export interface Store {
  /** Names the database, without a password. */
  readonly where: string;
  readonly clock: Clock;
  /** How often to look whether another process wrote. Milliseconds. */
  readonly lookEveryMs: number;
  /** Runs `work` on one snapshot of the journal. */
  read<T>(work: (db: Db) => Promise<T>): Promise<T>;
  /**
   * Checks the leases and runs `work`, as one transaction. All of it is on disk when this resolves. None of it is when this rejects, unless
   * the connection broke during the commit. `work` may be called again after a conflict.
   */
  write<T>(work: (db: Db) => Promise<T>): Promise<T>;
  /** Throws unless one of the leases is for one of these duties. `job:` stands for any job, `sink:` for any sink. */
  onDuty(what: string, ...duties: (Duty | 'job:' | 'sink:')[]): void;
  isOpen(): boolean;
  /** Now, RFC 3339 with milliseconds, by this process's clock. */
  timestamp(): string;
  /** The same store, whose writes check these leases too. */
  under(leases: readonly Lease[]): Store;
}

/** The longest statement, wait for a lock, and pause within a transaction. Milliseconds. */
export interface Limits {
  readonly statementMs: number;
  readonly lockMs: number;
  /** Shorter than a lease: a replica that freezes within a transaction must not keep others from taking over. */
  readonly idleMs: number;
}

export interface StoreOptions {
  readonly pool: Pool;
  readonly schema: string;
  readonly where: string;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly lookEveryMs: number;
  /** The server is set to acknowledge a transaction before it is on disk; ours ask for more. */
  readonly isAsynchronous: boolean;
  /** Turns what the driver throws into an error that the loops react to. */
  readonly fault: (error: unknown) => unknown;
  /** Names this process in the table `claims`. */
  readonly holder: string;
  /** While true, what cannot work is a fault of the configuration. */
  readonly isOpening: () => boolean;
  /** Called when a write finds that another replica holds the duty. */
  readonly onLost: (lease: Lease, error: ForwardError) => void;
}

const CONFLICT_TRIES = 5;

export function createStore(options: StoreOptions, isOpen: () => boolean): Store {
  const { pool, schema, where, clock, limits } = options;
  // For this transaction only: a pooler may give the connection to another client afterwards.
  const settings = [
    `SET LOCAL search_path = ${quoted(schema)}, pg_catalog`,
    `SET LOCAL statement_timeout = ${limits.statementMs}`,
    `SET LOCAL lock_timeout = ${limits.lockMs}`,
    `SET LOCAL idle_in_transaction_session_timeout = ${limits.idleMs}`,
    ...(options.isAsynchronous ? ['SET LOCAL synchronous_commit = on'] : []),
  ].join('; ');
  const begin = (mode: string): string => `BEGIN ${mode}; ${settings}`;

  async function transaction<T>(mode: string, work: (db: Db) => Promise<T>): Promise<T> {
    if (!isOpen()) throw new Error(`the journal in ${where} is closed`);
    try {
      const client = await pool.connect();
      let broken: Error | undefined;
      try {
        return await within(client, begin(mode), work);
      } catch (error) {
        broken = await rollBack(client, error);
        throw error;
      } finally {
        client.release(broken);
      }
    } catch (error) {
      const fault = options.fault(error);
      throw options.isOpening() ? fault : whileRunning(fault, error);
    }
  }

  async function write<T>(leases: readonly Lease[], work: (db: Db) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await transaction('ISOLATION LEVEL READ COMMITTED', async (db) => {
          await checkLeases(db, leases);
          return work(db);
        });
      } catch (error) {
        const cause = error instanceof ForwardError ? error.cause : error;
        if (!isConflict(cause) || tries >= CONFLICT_TRIES) throw error;
      }
    }
  }

  /**
   * Locks the epoch of each claim until the transaction ends, so that a takeover waits. The lock (FOR KEY SHARE) lets the holder
   * renew its lease meanwhile, which leaves the epoch as it is.
   */
  async function checkLeases(db: Db, leases: readonly Lease[]): Promise<void> {
    if (leases.length === 0) return;
    const rows = await db.all(
      `SELECT duty FROM claims WHERE holder = $1 AND (duty, epoch) IN (SELECT * FROM unnest($2::text[], $3::int8[])) ORDER BY duty FOR KEY SHARE`,
      options.holder,
      leases.map(({ duty }) => duty),
      leases.map(({ epoch }) => epoch),
    );
    const held = new Set(rows.map((row) => row['duty']));
    const lost = leases.filter(({ duty }) => !held.has(duty));
    if (lost[0] === undefined) return;
    const error = leaseLost(lost[0].duty);
    for (const lease of lost) options.onLost(lease, error);
    throw error;
  }

  const storeUnder = (leases: readonly Lease[]): Store => ({
    where,
    clock,
    lookEveryMs: options.lookEveryMs,
    read: (work) => transaction('ISOLATION LEVEL REPEATABLE READ READ ONLY', work),
    write: (work) => write(leases, work),
    onDuty: (what, ...duties) => {
      const isMine = ({ duty }: Lease): boolean =>
        duties.some((one) => duty === one || (one.endsWith(':') && duty.startsWith(one)));
      if (leases.some(isMine)) return;
      throw new ForwardError('config', `only the holder of ${duties.join(' or ')} may ${what}`, {
        hint: 'leave this to the running daemons',
      });
    },
    isOpen,
    timestamp: () => new Date(clock.now()).toISOString(),
    under: (more) => storeUnder([...leases, ...more]),
  });
  return storeUnder([]);
}

/** What worked at the start and fails now may work again, such as a right on the schema: the loops hold rather than end. */
function whileRunning(fault: unknown, thrown: unknown): unknown {
  if (!(fault instanceof ForwardError) || fault === thrown || fault.kind !== 'config') return fault;
  return new ForwardError('denied', fault.message, { cause: fault.cause, hint: fault.hint });
}

export function leaseLost(duty: Duty): ForwardError {
  return new ForwardError('lease_lost', `another replica may have ${duty} by now`);
}

async function within<T>(client: PoolClient, begin: string, work: (db: Db) => Promise<T>): Promise<T> {
  const begun = client.query(begin);
  begun.catch(() => {}); // it is awaited below, unless `work` fails first
  let isOver = false;
  let result: T;
  try {
    result = await work(dbOn(client, () => isOver));
    await begun;
  } finally {
    isOver = true;
  }
  const { command } = await client.query('COMMIT');
  // After a failed statement, PostgreSQL answers COMMIT with a rollback and no error.
  if (command !== 'COMMIT') throw new Error('a transaction was rolled back although nothing seemed to fail');
  return result;
}

/** Returns an error if the connection cannot be used again. */
async function rollBack(client: PoolClient, error: unknown): Promise<Error | undefined> {
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * Parts of a transaction may run concurrently. When one fails, another may still go on: a statement of it after the end would belong to no
 * transaction and be committed by itself, so it is refused.
 */
function dbOn(client: PoolClient, isOver: () => boolean): Db {
  const query = (sql: string, values?: Value[]) => {
    if (isOver()) throw new Error('a statement came after the end of its transaction');
    return client.query<Row>(sql, values?.map(clean));
  };
  return {
    all: async (sql, ...values) => (await query(sql, values)).rows,
    run: async (sql, ...values) => (await query(sql, values)).rowCount ?? 0,
    script: async (sql) => void (await query(sql)),
  };
}

/** PostgreSQL's text takes no zero character. Where one matters, the column holds bytes. */
function clean(value: Value): Value {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
}

/** A name as an identifier of SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
