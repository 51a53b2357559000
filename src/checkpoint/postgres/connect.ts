import driver from 'pg';
import type { Client, ClientConfig, Pool } from 'pg';

import { cleaned } from '../../model/credential-guard.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import { createHide } from '../../model/hide.ts';
import type { Secret } from '../../model/secret.ts';
import { readAddress, tlsOf } from './address.ts';
import type { Address } from './address.ts';
import { databaseFault } from './faults.ts';

/** Integers come whole: the driver would give the large ones as text. */
const INTEGERS: readonly number[] = [20, 21, 23];
const CONNECT_TIMEOUT_MS = 10_000;
/** Connections that nobody uses are given back, since the server has few. */
const IDLE_MS = 30_000;
const OLDEST_SERVER = 130_000;

type Env = Readonly<Record<string, string | undefined>>;

export interface Database {
  /** Opens up to `size` connections as they are needed; a statement that has no answer after `answerMs` costs its connection. */
  pool(size: number, answerMs: number): Pool;
  /** See `databaseFault`; what the server, or a pooler before it, quotes of the password is taken out. */
  readonly fault: (error: unknown) => unknown;
  /** Whether the server would acknowledge a transaction before it is on disk. */
  readonly isAsynchronous: boolean;
}

/** Finds out how to connect, and looks what is there. Errors as `openJournal` of this folder gives them. */
export async function connect(
  url: Secret,
  env: Env,
  where: string,
  onWarn: (message: string) => void,
): Promise<Database> {
  const address = readAddress(url.reveal(), env);
  const first = clientConfig(address, url, env);
  const fault = withoutPassword(url, env, where);
  const probe = await probed(first, address, where, fault);
  try {
    const { rows } = await probe.client.query<Record<string, string>>(
      `SELECT current_setting('server_version_num') AS version, pg_is_in_recovery()::text AS standby,
         current_setting('synchronous_commit') AS synchronous, current_setting('fsync') AS fsync,
         current_setting('transaction_read_only') AS readonly`,
    );
    const [found] = rows;
    if (found === undefined) throw new Error('the database says nothing of itself');
    assertUsable(found, where);
    if (found['fsync'] === 'off')
      onWarn(
        `the database ${where} runs with fsync = off: it may lose what it has acknowledged when its machine fails`,
      );
    const config = { ...first, ssl: probe.ssl };
    return {
      fault,
      isAsynchronous: found['synchronous'] === 'off',
      pool: (size, answerMs) => {
        const pool = new driver.Pool({
          ...config,
          max: size,
          idleTimeoutMillis: IDLE_MS,
          query_timeout: answerMs,
        });
        // The next user of a broken connection gets its error. Without a listener the error would end the process.
        pool.on('error', () => {});
        pool.on('connect', (client) => void client.on('error', () => {}));
        return pool;
      },
    };
  } catch (error) {
    throw fault(error);
  } finally {
    await probe.client.end().catch(() => {});
  }
}

function clientConfig(address: Address, url: Secret, env: Env): ClientConfig & { pipeline: boolean } {
  const { host, port, user, password, database, connectTimeoutMs } = address;
  return {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(database === undefined ? {} : { database }),
    // Asked for anew with each connection, so that a password may be replaced while the program runs.
    ...(password === undefined ? {} : { password: () => readAddress(url.reveal(), env).password ?? '' }),
    connectionTimeoutMillis: connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'auditferry',
    // Statements that do not wait for one another travel together.
    pipeline: true,
    types: {
      getTypeParser: (oid: number) => {
        const parser: unknown = driver.types.getTypeParser(oid);
        return INTEGERS.includes(oid) ? BigInt : (parser as (value: string) => unknown);
      },
    },
  };
}

/** Only the password, in all its values of late: the rest of the address is named in messages. */
function withoutPassword(url: Secret, env: Env, where: string): Database['fault'] {
  const passwordOf = (text: string): string[] => {
    try {
      return [readAddress(text, env).password ?? []].flat();
    } catch {
      return []; // it was replaced by one that is no address, which is told where it is used
    }
  };
  const hide = createHide([
    { secret: { known: () => url.known().flatMap(passwordOf) }, username: undefined },
  ]);
  return (error) => cleaned(databaseFault(error, where), hide);
}

/** The first connection shows whether the server has TLS where that is left to it. */
async function probed(
  config: ClientConfig,
  address: Address,
  where: string,
  fault: Database['fault'],
): Promise<{ readonly client: Client; readonly ssl: ClientConfig['ssl'] }> {
  const ssl = tlsOf(address);
  for (const tried of address.tls === 'prefer' ? [ssl, false] : [ssl]) {
    // A server that stops to answer after the login must not keep a start waiting for ever.
    const client = new driver.Client({
      ...config,
      ssl: tried,
      query_timeout: config.connectionTimeoutMillis,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return { client, ssl: tried };
    } catch (error) {
      await client.end().catch(() => {});
      if (!hasNoTls(error)) throw fault(error);
      if (address.tls === 'prefer' && tried !== false) continue;
      throw new ForwardError(
        'denied',
        `the database ${where} has no TLS, which sslmode=${address.tls} asks for`,
        {
          cause: error,
          hint: 'set ssl = on in postgresql.conf, or sslmode=disable where the network is trusted',
        },
      );
    }
  }
  throw new Error(`no way to connect to ${where}`);
}

function hasNoTls(error: unknown): boolean {
  return /server does not support SSL/i.test(describe(error));
}

function assertUsable(found: Record<string, string>, where: string): void {
  if (Number(found['version']) < OLDEST_SERVER)
    throw new ForwardError('config', `the database ${where} is older than PostgreSQL 13`, {
      hint: 'use PostgreSQL 13 or later; the oldest that is tested is named in docs/high-availability.md',
    });
  if (found['standby'] !== 'true' && found['readonly'] === 'on')
    throw new ForwardError('transient', `the database ${where} is read-only for this role`, {
      hint: 'look at default_transaction_read_only of the role and of the database',
    });
  if (found['standby'] === 'true')
    throw new ForwardError('transient', `the database ${where} is a standby, which takes no writes`, {
      hint: 'point state.url at the primary, or at a name that always leads to it',
    });
}
