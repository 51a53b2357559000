import { describe, ForwardError } from '../../model/errors.ts';
import { corrupt } from '../corrupt.ts';

/** SQLite's primary result codes, the low byte of `errcode`: https://www.sqlite.org/rescode.html */
const BUSY = 5;
const LOCKED = 6;
const NO_MEMORY = 7;
const READ_ONLY = 8;
const IO_ERROR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const NOT_A_DATABASE = 26;

/**
 * What the loops can react to, from anything that SQLite throws. Errors that are not SQLite's come back as they are: a
 * fault of our own must not look like a full disk.
 */
export function journalFault(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  if (code === null) return error;
  const cause = { cause: error };
  switch (code) {
    case FULL:
      return new ForwardError(
        'transient',
        `disk is full: the journal at ${path} takes nothing until space is free`,
        { ...cause, hint: 'free space on that file system, or move state.dir to a larger one' },
      );
    case BUSY:
    case LOCKED:
      return new ForwardError(
        'transient',
        `the journal at ${path} is busy: another command is writing to it`,
        {
          ...cause,
          hint: 'wait for the other command to finish',
        },
      );
    case IO_ERROR:
    case CANNOT_OPEN:
    case NO_MEMORY:
    case READ_ONLY:
      return new ForwardError(
        'transient',
        `the journal at ${path} cannot be read or written now: ${describe(error)}`,
        { ...cause, hint: 'look at the disk, its mount options and the free space' },
      );
    case CORRUPT:
    case NOT_A_DATABASE:
      return corrupt(`the journal at ${path} is damaged: ${describe(error)}`, error);
    default:
      return error;
  }
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === BUSY;
}

/** The same of what `journalFault` made of it. */
export function isBusyFault(fault: unknown): boolean {
  return fault instanceof ForwardError && isBusy(fault.cause);
}

export function isNotADatabase(error: unknown): boolean {
  return sqliteCode(error) === NOT_A_DATABASE;
}

function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error)) return null;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : null;
}
