import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';

import type { Clock } from '../../model/clock.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import { corrupt } from '../corrupt.ts';
import { journalFault } from './faults.ts';
import { byLooking, leaveWord } from './news-file.ts';
import type { News } from './news-file.ts';

/** What every subject file works on: the open database, its clock, and the only two ways to touch it. */
export interface Store {
  readonly path: string;
  readonly clock: Clock;
  readonly access: 'writer' | 'guest';
  readonly news: News;
  /** Statements are prepared once, when a subject is set up. */
  prepare(sql: string): StatementSync;
  /** Runs `work` on one snapshot of the journal. */
  read<T>(work: () => T): T;
  /** Runs `work` as one transaction: all of it is on disk when this returns, nothing of it when this throws. */
  write<T>(work: () => T): T;
  /** Statements that cannot run inside a transaction: vacuum and checkpoint. */
  maintain(sql: string): void;
  /** Throws for a guest: what only the holder of the lock may do. */
  writerOnly(what: string): void;
  isOpen(): boolean;
  /** Now, RFC 3339 with milliseconds. */
  timestamp(): string;
  close(): void;
}

export function createStore(
  db: DatabaseSync,
  path: string,
  clock: Clock,
  access: 'writer' | 'guest',
  news: News = byLooking(),
): Store {
  const inode = statSync(path).ino;
  const transaction = <T>(begin: string, work: () => T): T => {
    if (!db.isOpen) throw new Error(`the journal at ${path} is closed`);
    try {
      db.exec(begin);
      const result = work();
      db.exec('COMMIT');
      return result;
    } catch (error) {
      rollBack(db);
      throw journalFault(error, path);
    }
  };
  return {
    path,
    clock,
    access,
    news,
    prepare: (sql) => db.prepare(sql),
    read: (work) => transaction('BEGIN', work),
    write: (work) => {
      checkStillThere(path, inode);
      const result = transaction('BEGIN IMMEDIATE', work);
      if (access === 'guest') leaveWord(dirname(path), clock.now());
      return result;
    },
    maintain: (sql) => {
      try {
        db.exec(sql);
      } catch (error) {
        throw journalFault(error, path);
      }
    },
    writerOnly: (what) => {
      if (access === 'writer') return;
      throw new ForwardError('config', `only the process that holds the journal at ${path} may ${what}`, {
        hint: 'leave this to the running daemon, or stop it and run the command alone',
      });
    },
    isOpen: () => db.isOpen,
    timestamp: () => new Date(clock.now()).toISOString(),
    close: () => db.close(),
  };
}

/** SQLite itself has rolled back after some faults (a full disk); a second ROLLBACK would hide the first error. */
function rollBack(db: DatabaseSync): void {
  if (!db.isOpen || !db.isTransaction) return;
  try {
    db.exec('ROLLBACK');
  } catch {
    // The first error is the one to report; an unfinished transaction is never committed by SQLite.
  }
}

/** Linux lets a file be deleted while it is open: what is committed to it then would be gone at the next start. */
function checkStillThere(path: string, inode: number): void {
  if (inodeOf(path) === inode) return;
  throw corrupt(`the journal at ${path} was moved, deleted or replaced while it is in use`);
}

/** Undefined when the file is gone. A failed lookup proves nothing and may be temporary, so it is thrown as such. */
function inodeOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.ino;
  } catch (error) {
    throw new ForwardError(
      'transient',
      `the journal at ${path} cannot be read or written now: ${describe(error)}`,
      {
        cause: error,
        hint: 'look at the disk, its mount options and the rights of the state directory',
      },
    );
  }
}
