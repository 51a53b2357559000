import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import type { Clock } from '../../model/clock.ts';
import { ForwardError, oneLine } from '../../model/errors.ts';
import { directoryFault } from './directory.ts';
import { isBusy } from './faults.ts';

const LOCK_FILE = 'journal.lock';
const HOLDER_FILE = 'journal.holder';

export interface Lock {
  readonly release: () => void;
}

/**
 * Takes the state directory for this process. The lock is an exclusive transaction on a tiny database of its own: the
 * kernel frees it when the process dies, however it dies, and journal.db stays open to guests meanwhile. Nothing else may
 * open journal.lock in this process: closing any descriptor of a file drops all its POSIX locks.
 */
export function takeLock(dir: string, clock: Clock): Lock {
  const path = join(dir, LOCK_FILE);
  const holderPath = join(dir, HOLDER_FILE);
  if (!existsSync(path)) createPrivate(path);
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(path);
  } catch (error) {
    throw unusable(path, error);
  }
  try {
    // In memory: a rollback journal beside the lock would be one more file for nothing.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (isBusy(error)) throw inUse(dir, holder(holderPath));
    throw unusable(path, error);
  }
  try {
    const since = new Date(clock.now()).toISOString();
    writeFileSync(holderPath, `process ${process.pid} on ${hostname()} since ${since}\n`, { mode: 0o600 });
  } catch (error) {
    db.close();
    throw directoryFault(dir, error); // the lock was taken: it is the directory that takes no file, such as on a full disk
  }
  return {
    release: () => {
      if (!db.isOpen) return;
      rmSync(holderPath, { force: true });
      db.close();
    },
  };
}

/** Creates the file with its mode from the start; one that another process made meanwhile is as good. */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function inUse(dir: string, who: string): ForwardError {
  return new ForwardError('config', `state directory ${dir} is in use by ${who}`, {
    hint: 'stop that process, or give this one another state.dir: two may not write to one journal',
  });
}

function unusable(path: string, cause: unknown): ForwardError {
  return new ForwardError('config', `cannot lock the state directory with ${path}`, {
    cause,
    hint: 'check the permissions, and that the file system supports file locks; journal.lock holds no data and may be removed while nothing runs',
  });
}

/** The note is for people only; the lock does not depend on it. */
function holder(path: string): string {
  try {
    return oneLine(readFileSync(path, 'utf8'), 200) || 'another process';
  } catch {
    return 'another process'; // the note is written just after the lock was taken, or could not be written
  }
}
