import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';

import { describe, ForwardError } from '../../model/errors.ts';

/** How to reach the database, as state.url and the environment of libpq say. What is undefined is the driver's to find (PGUSER, …). */
export interface Address {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  readonly connectTimeoutMs: number | undefined;
  /** `prefer`: TLS where the server has it, without a proof who that is; what libpq does when nothing is said. */
  readonly tls: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

const TLS_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
const PARAMETERS = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'connect_timeout',
  'host',
  'port',
  'user',
  'password',
  'dbname',
];
const EXAMPLE = 'postgres://auditferry@db.example.com:5432/auditferry?sslmode=verify-full';

/** Reads a connection URI of libpq. Throws `config`; no message holds any of it but names of parameters. */
export function readAddress(text: string, env: Readonly<Record<string, string | undefined>>): Address {
  const url = parsed(text);
  for (const name of url.searchParams.keys()) if (!PARAMETERS.includes(name)) throw bad(unknown(name));
  const parameter = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  const said = parameter('sslmode') ?? env['PGSSLMODE'];
  const mode = said === undefined || said === 'allow' ? 'prefer' : said;
  const tls = TLS_MODES.find((one) => one === mode);
  if (tls === undefined) throw bad(`sslmode is none of ${TLS_MODES.join(', ')}`);
  const caFile = parameter('sslrootcert') ?? env['PGSSLROOTCERT'];
  return {
    host: parameter('host') ?? (unescaped(url.hostname.replace(/^\[(.*)\]$/, '$1')) || undefined),
    port: numberOf(parameter('port') ?? (url.port || undefined), 'port'),
    user: parameter('user') ?? (unescaped(url.username) || undefined),
    password: parameter('password') ?? (unescaped(url.password) || undefined),
    database: parameter('dbname') ?? (unescaped(url.pathname.slice(1)) || undefined),
    connectTimeoutMs: seconds(
      numberOf(parameter('connect_timeout') ?? env['PGCONNECT_TIMEOUT'], 'connect_timeout'),
    ),
    // With the file of an authority, libpq checks the chain although it was only asked for encryption.
    tls: tls === 'require' && caFile !== undefined ? 'verify-ca' : tls,
    caFile,
    certFile: parameter('sslcert') ?? env['PGSSLCERT'],
    keyFile: parameter('sslkey') ?? env['PGSSLKEY'],
  };
}

/** `db.example.com:5432/auditferry`: for messages, without user and password. */
export function placeOf(
  { host, port, database }: Address,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const [at, through] = [host ?? env['PGHOST'] ?? 'localhost', port ?? env['PGPORT'] ?? 5432];
  return `${at}:${through}/${database ?? env['PGDATABASE'] ?? ''}`;
}

/** What `node:tls` needs for it; false without TLS. Throws `config` when a file cannot be read. */
export function tlsOf({ tls, caFile, certFile, keyFile }: Address): ConnectionOptions | false {
  if (tls === 'disable') return false;
  const verified = tls === 'verify-ca' || tls === 'verify-full';
  return {
    rejectUnauthorized: verified,
    ...(tls === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
    ...(verified && caFile !== undefined && caFile !== 'system' ? { ca: read('sslrootcert', caFile) } : {}),
    ...(certFile === undefined ? {} : { cert: read('sslcert', certFile) }),
    ...(keyFile === undefined ? {} : { key: read('sslkey', keyFile) }),
  };
}

function parsed(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw bad('it is not a connection URI');
  }
  if (url.protocol === 'postgres:' || url.protocol === 'postgresql:') return url;
  throw bad('it does not begin with postgres://');
}

function numberOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined || text === '') return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw bad(`its ${name} is not a number that can be`);
  return number;
}

function seconds(count: number | undefined): number | undefined {
  return count === undefined || count === 0 ? undefined : count * 1000;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad('a % in it is not followed by two hexadecimal digits');
  }
}

function read(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new ForwardError('config', `state.url: the file of ${name} cannot be read: ${describe(error)}`, {
      cause: error,
      hint: `name a file that this user may read as ${name} (or PG${name.toUpperCase()})`,
    });
  }
}

function unknown(name: string): string {
  return `the parameter ${name.replace(/[^\w.-]/g, '').slice(0, 40)} is not known; known are ${PARAMETERS.join(', ')}`;
}

function bad(what: string): ForwardError {
  return new ForwardError('config', `state.url cannot be used: ${what}`, {
    hint: `write it like ${EXAMPLE}, with special characters in user and password escaped (%40 for @)`,
  });
}
