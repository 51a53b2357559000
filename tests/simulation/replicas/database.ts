import type Driver from 'pg';
import type { Client, ClientConfig, PoolClient, PoolConfig } from 'pg';

import type { Life } from '../life.ts';
import type { Moment } from './scenario.ts';

/**
 * What happens at the next end of a transaction that changes the journal, before the next one that may change it begins, or at the next renewal of
 * leases.
 */
export interface Strike {
  readonly at: 'commit' | 'write' | 'renewal';
  readonly moment: Moment;
  readonly how: () => void;
  /** The answer is lost with the connection. */
  readonly breaks: boolean;
}

/** Between one life of a replica and the database: the world cuts it, and strikes at it. */
export interface Link {
  readonly life: Life;
  /** What its connections go by. */
  readonly name: string;
  /** Nobody there, or nobody who answers; null: as it should be. */
  cut: 'refused' | 'silent' | null;
  strike: Strike | null;
  /** Breaks every connection, as the end of either side does. */
  sever(): void;
}

interface Line extends Link {
  readonly clients: Set<Client | PoolClient>;
}

/** How long a statement without an answer is waited for. Milliseconds. */
const SILENCE_MS = 5_000;
/** A transaction of a loop, and not a lease's, a reading or a glance. */
const CHANGES = /UPDATE head|INTO cursors|INTO progress/;
/** A write of a loop: those of leases may take less time. */
const WRITES = /^BEGIN ISOLATION LEVEL READ COMMITTED;.* statement_timeout = 60000;/;
/** A renewal of what is held. */
const RENEWS = /^UPDATE claims SET expires_at = clock_timestamp\(\) \+ /;
const never = new AbortController().signal;

/**
 * The driver for PostgreSQL in simulated time: the database is real, its clock is ours. Statements take no simulated time: nobody moves it while
 * one is on its way (`isAtWork`). What connects within `open` belongs to that life, for good; everything else gets the driver as it is.
 */
function simulatedDatabase(driver: typeof Driver) {
  let opening: Line | null = null;
  let now = (): number => Date.now();
  let onTheirWay = 0;

  const track = async <T>(work: Promise<T>): Promise<T> => {
    onTheirWay += 1;
    try {
      return await work;
    } finally {
      onTheirWay -= 1;
    }
  };

  async function reachable(line: Line): Promise<void> {
    await line.life.alive();
    if (line.cut === 'silent') await line.life.sleep(SILENCE_MS, never);
    if (line.cut !== null) throw refusal('ECONNREFUSED');
  }

  async function connected<T extends Client | PoolClient>(line: Line, connect: () => Promise<T>): Promise<T> {
    await reachable(line);
    const client = await track(connect());
    line.clients.add(client);
    await line.life.alive();
    return client;
  }

  /** A client that asks the line before and after each statement. */
  function fenced<T extends Client | PoolClient>(line: Line, client: T): T {
    let changes = false;
    const query = async (text: string, values?: unknown[]): Promise<unknown> => {
      await line.life.alive();
      if (line.cut === 'silent') await line.life.sleep(SILENCE_MS, never);
      if (line.cut !== null) return broken(client);
      if (text.startsWith('BEGIN')) changes = false;
      changes ||= CHANGES.test(text);
      const moments = {
        commit: text === 'COMMIT' && changes,
        write: WRITES.test(text),
        renewal: RENEWS.test(text),
      };
      const strike = line.strike !== null && moments[line.strike.at] ? line.strike : null;
      if (strike !== null) line.strike = null;
      if (strike?.moment === 'before') {
        strike.how();
        if (strike.breaks) return broken(client);
        await line.life.alive();
      }
      const time = `'${new Date(now()).toISOString()}'::timestamptz`;
      const result = await track(client.query(text.replaceAll('clock_timestamp()', time), values));
      if (strike?.moment === 'after') {
        strike.how();
        if (strike.breaks) return broken(client);
      }
      await line.life.alive();
      return result;
    };
    return new Proxy(client, {
      get(target, key) {
        if (key === 'query') return query;
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  function simulatedPool(line: Line, config: PoolConfig) {
    const pool = new driver.Pool({ ...config, application_name: line.name });
    pool.on('error', () => {});
    return {
      on: (event: 'error' | 'connect', listener: (client: PoolClient) => void): void => {
        if (event === 'connect') pool.on('connect', listener);
      },
      connect: async () => fenced(line, await connected(line, () => pool.connect())),
      end: () => track(pool.end()),
    };
  }

  function simulatedClient(line: Line, config: ClientConfig) {
    const client = new driver.Client({ ...config, application_name: line.name });
    return {
      on: (event: 'error', listener: (error: Error) => void) => client.on(event, listener),
      connect: () => connected(line, () => client.connect().then(() => client)),
      query: (text: string) => fenced(line, client).query(text),
      end: () => track(client.end()),
    };
  }

  // Not arrow functions, since they are called with `new`.
  const Pool = function (config: PoolConfig) {
    return opening === null ? new driver.Pool(config) : simulatedPool(opening, config);
  };
  const Client = function (config: ClientConfig) {
    return opening === null ? new driver.Client(config) : simulatedClient(opening, config);
  };

  return {
    driver: { ...driver, types: driver.types, Pool, Client },
    /** Statements that are on their way. */
    isAtWork: (): boolean => onTheirWay > 0,
    /** The database's clock from now on. Milliseconds since 1970. */
    keepTime: (clock: () => number): void => void (now = clock),
    link(life: Life, name: string): Link {
      const clients = new Set<Client | PoolClient>();
      const line: Line = {
        life,
        name,
        clients,
        cut: null,
        strike: null,
        sever: () => {
          for (const client of clients) hangUp(client);
          clients.clear();
        },
      };
      return line;
    },
    async open<T>(link: Link, work: () => Promise<T>): Promise<T> {
      opening = link as Line;
      try {
        return await work();
      } finally {
        opening = null;
      }
    },
  };
}

export type SimulatedDatabase = ReturnType<typeof simulatedDatabase>;

/** What `pg` is in a test: the driver in simulated time, and the hold on it. */
export function pgInSimulatedTime({ default: driver }: { readonly default: typeof Driver }) {
  const database = simulatedDatabase(driver);
  return { default: database.driver, database };
}

function broken(client: Client | PoolClient): never {
  hangUp(client);
  throw refusal('ECONNRESET');
}

/** Without a word to the server, as a machine that is gone. */
function hangUp(client: Client | PoolClient): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}

function refusal(code: string): Error {
  return Object.assign(new Error(`the connection is gone (${code})`), { code });
}
