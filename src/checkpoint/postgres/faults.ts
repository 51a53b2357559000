import { describe, ForwardError } from '../../model/errors.ts';
import type { ForwardErrorOptions } from '../../model/errors.ts';

const RESTORE_HINT =
  'stop every replica, look at the database, and restore a backup if content was lost (docs/high-availability.md); what came after the ' +
  'backup is read from the Platform again and sinks may receive repeats';
const RIGHTS_HINT =
  'give the role what deploy/postgres/setup.sql grants: auditferry needs rights on its own schema only';
const POOLER_HINT =
  'a pooler in transaction mode works, if it lets these statements through; connect to PostgreSQL itself to find out';
const REPEATED = new Set(['40001', '40P01']);

/** What PostgreSQL says of itself in five characters, or Node.js of a connection; null for what is neither's. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** Two transactions were in each other's way: the same again, at once, may do. */
export function isConflict(error: unknown): boolean {
  return REPEATED.has(codeOf(error) ?? '');
}

/**
 * What the loops can react to, from anything that the driver throws; `where` names the database without its password. Errors that
 * are not the database's come back as they are: a fault of our own must not look like a lost connection.
 */
export function databaseFault(error: unknown, where: string): unknown {
  if (error instanceof ForwardError) {
    if (error.kind !== 'corrupt') return error;
    return new ForwardError('corrupt', error.message, { cause: error.cause, hint: RESTORE_HINT });
  }
  if (!(error instanceof Error)) return error;
  const code = codeOf(error);
  const fault = (kind: ForwardError['kind'], what: string, hint: string, more: ForwardErrorOptions = {}) =>
    new ForwardError(kind, `${what}: ${describe(error)}`, { cause: error, hint, ...more });
  if (isLost(error, code))
    return fault(
      'transient',
      `the database ${where} cannot be reached`,
      'check the address in state.url, the network and that PostgreSQL runs; nothing is read or sent meanwhile',
      { ambiguous: true },
    );
  if (isUntrusted(code))
    return fault(
      'denied',
      `the certificate of the database ${where} is not trusted`,
      'give sslrootcert the file of the authority that signed it, and use the name that the certificate is for',
    );
  if (code === null && error.message.startsWith('SASL: ')) return fault('denied', ...refusedLogin(where));
  if (code === null) return error;
  switch (code) {
    case '28P01':
    case '28000':
      return fault('denied', ...refusedLogin(where));
    case '42501':
      return fault('denied', `the database ${where} refuses a right`, RIGHTS_HINT);
    case '3D000':
    case '57P04':
      return fault(
        'denied',
        `the database ${where} is not there`,
        'create it (CREATE DATABASE), or correct the name at the end of state.url',
      );
    case '53100':
      return fault(
        'transient',
        `the disk of the database ${where} is full`,
        'free space there, or lower state.max_size; the Platform keeps the events meanwhile',
      );
    case '53300':
      return fault(
        'transient',
        `the database ${where} takes no more connections`,
        'raise max_connections, or the limit of the role, or run fewer replicas: each takes up to seven connections',
      );
    case '53200':
    case '53400':
    case '58030':
      return fault(
        'transient',
        `the database ${where} lacks resources`,
        'look at its memory, limits and disk',
      );
    case '25006':
      return fault(
        'transient',
        `the database ${where} is read-only: a standby, or one that is being switched over`,
        'point state.url at the primary, or at a name that always leads to it',
      );
    case '55P03':
    case '57014':
    case '25P03':
    case '25P04':
      return fault(
        'transient',
        `the database ${where} took too long`,
        'look for long transactions and locks in pg_stat_activity, and at the load of the server',
        { ambiguous: true },
      );
    case '40001':
    case '40P01':
      return fault('transient', `the database ${where} is busy`, 'this is temporary');
    case '26000':
    case '42P05':
    case '08P01':
    case '0A000':
      return fault('config', `the database ${where} cannot be used like this`, POOLER_HINT);
    case '3F000':
    case '42P01':
    case '42703':
    case '42883':
      return fault(
        'config',
        `the schema in the database ${where} is not the one of this release`,
        'check state.schema; run the release that wrote the schema, or start this one with the right to change it',
      );
    case 'XX001':
    case 'XX002':
      return fault('corrupt', `the database ${where} is damaged`, RESTORE_HINT);
    case 'XX000':
      return fault('transient', `the database ${where} failed`, 'look at the log of PostgreSQL');
    default:
      return error;
  }
}

/** What is wrong, and the hint. Without a password, or with a proof that does not fit, the driver itself ends the login. */
function refusedLogin(where: string): [string, string] {
  return [
    `the database ${where} refuses the login`,
    'check user and password in state.url (or PGPASSWORD, PGPASSFILE), and pg_hba.conf on the server',
  ];
}

/** Node.js and the driver say it in words only, once the connection is gone. */
function isLost(error: Error, code: string | null): boolean {
  if (code === null)
    return (
      /^(Connection terminated|timeout expired|timeout exceeded when|Query read timeout|Client has encountered|Client was closed)/.test(
        error.message,
      ) || /the server does not support SSL|error establishing an SSL/i.test(error.message)
    );
  return (
    /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|EPIPE|ENOENT|EACCES)/.test(code) ||
    /^08(?!P)/.test(code) ||
    ['57P01', '57P02', '57P03', '57P05'].includes(code)
  );
}

function isUntrusted(code: string | null): boolean {
  return code !== null && /CERT|SELF_SIGNED|ERR_TLS|UNABLE_TO/.test(code);
}
