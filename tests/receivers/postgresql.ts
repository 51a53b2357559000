import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import pg from 'pg';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { accepts, freePorts, removeFolder, runFolder, startProgram } from './processes.ts';
import type { Running } from './processes.ts';
import { POSTGRESQL_FOLDER, postgresFolder, RECEIVERS_FOLDER } from './receivers.ts';

export interface Postgresql {
  /** Of a role that may do anything, in the database `postgres`. */
  readonly url: string;
  readonly port: number;
  /** Runs statements as that role, and returns the rows of the last one. */
  sql(text: string): Promise<readonly Record<string, unknown>[]>;
  /** A connection that does nothing but be there. */
  hold(): Promise<pg.Client>;
  /** Ends the server as fast as it can, as a restart for an update does; `immediate`: as a crash does, after which it recovers. */
  halt(how?: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const START_LIMIT_MS = 60_000;

/** A PostgreSQL of its own on a free port, whose content goes when it stops. It refuses to run as root, so it runs as its own user then. */
export async function startPostgresql(
  settings: readonly string[] = [],
  /** Lines of pg_hba.conf that come first; everybody else is let in. */
  access: readonly string[] = [],
  which: 'postgresql' | 'newer postgresql' = 'postgresql',
): Promise<Postgresql> {
  const folder = runFolder('postgresql');
  chmodSync(folder, 0o777); // the server's user makes its folder there
  const programs = which === 'postgresql' ? (postgresFolder() ?? '') : copyOfNewer(folder);
  const data = join(folder, 'data');
  const { port } = await freePorts('port');
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  initialize(data, programs);
  const hba = join(data, 'pg_hba.conf');
  writeFileSync(hba, `${access.join('\n')}\n${readFileSync(hba, 'utf8')}`);
  appendFileSync(
    join(data, 'postgresql.conf'),
    [
      `listen_addresses = '127.0.0.1'`,
      `port = ${port}`,
      `unix_socket_directories = '${folder}'`,
      'fsync = off',
      ...settings,
    ].join('\n') + '\n',
  );
  let running: Running | null = null;
  const start = async (): Promise<void> => {
    running = await startProgram({
      ...asServer(['postgres', '-D', data], join(programs, 'postgres')),
      folder,
      readyWithinMs: START_LIMIT_MS,
      ready: async () => (await accepts(port)) && (await sqlIn(url, 'SELECT 1')).length === 1,
    });
  };
  await start();
  const halt = async (how: 'fast' | 'immediate' = 'fast'): Promise<void> => {
    spawnSync(...shell(['pg_ctl', '-D', data, '-m', how, '-w', 'stop'], programs));
    await running?.stop();
  };
  return {
    url,
    port,
    sql: (text) => sqlIn(url, text),
    hold: () => connectTo(url),
    halt,
    start,
    stop: async () => {
      await halt();
      removeFolder(folder);
    },
  };
}

/** Runs statements in a database, and returns the rows of the last one. */
export async function sqlIn(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = await connectTo(url);
  try {
    const result = (await client.query(text)) as unknown as pg.QueryResult | pg.QueryResult[];
    return (Array.isArray(result) ? result.at(-1) : result)?.rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Where its own user can get at it, which need not be true of the folder that it was unpacked to. */
function copyOfNewer(folder: string): string {
  const programs = join(folder, 'programs');
  cpSync(join(RECEIVERS_FOLDER, POSTGRESQL_FOLDER, 'native'), programs, {
    recursive: true,
    verbatimSymlinks: true,
  });
  return join(programs, 'bin');
}

function initialize(data: string, programs: string): void {
  const words = ['initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8'];
  const made = spawnSync(...shell([...words, '--locale=C', '--no-sync'], programs));
  if (made.status !== 0) throw new Error(`initdb failed: ${String(made.stderr)}`);
}

function shell(words: readonly string[], programs: string): [string, string[]] {
  const { command, args } = asServer(words, join(programs, words[0] ?? ''));
  return [command, [...args]];
}

/** A program of PostgreSQL, or another one that refuses to run as root, as its user where this is root. */
export function asServer(
  [program = '', ...args]: readonly string[],
  path = join(postgresFolder() ?? '', program),
): { command: string; args: readonly string[] } {
  if (process.getuid?.() !== 0) return { command: path, args };
  return {
    command: 'setpriv',
    args: ['--reuid=postgres', '--regid=postgres', '--clear-groups', path, ...args],
  };
}

/** The error with which a journal does not open. It always says what to do about it. */
export async function openingFault(opening: Promise<Journal>): Promise<ForwardError> {
  const error = await opening.then(
    (journal) => journal.close(),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ForwardError)) throw new Error(`no such error: ${String(error)}`);
  if (!error.hint) throw new Error(`no hint: ${error.message}`);
  return error;
}
