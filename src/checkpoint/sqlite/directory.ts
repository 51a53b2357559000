import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, ForwardError } from '../../model/errors.ts';
import { corrupt, RESTORE_HINT } from '../corrupt.ts';

const ID_FILE = 'journal.id';
const NO_SPACE = new Set(['ENOSPC', 'EDQUOT']);

export interface StateFiles {
  readonly journal: string;
  readonly walPath: string;
  /** Installation id that journal.id names; null before the first journal was made here. */
  readonly expectedId: string | null;
}

/** Makes (for a writer) or checks the state directory, and reads whether a journal was made here before. */
export function prepareDirectory(dir: string, access: 'writer' | 'guest'): StateFiles {
  try {
    if (access === 'writer') makeDirectory(dir);
    if (!statSync(dir).isDirectory()) throw new Error('it is not a directory');
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    const idPath = join(dir, ID_FILE);
    const expectedId = existsSync(idPath) ? readFileSync(idPath, 'utf8').trim() : null;
    const journal = join(dir, 'journal.db');
    return { journal, walPath: `${journal}-wal`, expectedId };
  } catch (error) {
    throw directoryFault(dir, error);
  }
}

/** Not mkdirSync's own `recursive`: where the system answers ENOENT for a new directory, as /proc does, that never returns. */
function makeDirectory(dir: string): void {
  if (existsSync(dir)) return;
  const parent = dirname(dir);
  if (parent !== dir) makeDirectory(parent);
  mkdirSync(dir, { mode: 0o700 });
}

/** A journal that was here and is gone must never be mistaken for a first start. */
export function refuseMissing(files: StateFiles, dir: string, access: 'writer' | 'guest'): void {
  const size = statSync(files.journal, { throwIfNoEntry: false })?.size;
  if (size !== undefined && size > 0) return;
  if (files.expectedId !== null) {
    const what = size === undefined ? 'is missing' : 'is empty';
    throw new ForwardError(
      'corrupt',
      `the journal ${files.journal} ${what}, although one was made here before`,
      {
        hint: `${RESTORE_HINT}; to start anew on purpose, remove ${join(dir, ID_FILE)}`,
      },
    );
  }
  if (access === 'guest') {
    throw new ForwardError('config', `there is no journal in the state directory ${dir} yet`, {
      hint: 'start auditferry run first, or check state.dir in the configuration',
    });
  }
}

export function checkIdentity(files: StateFiles, dir: string, installationId: string): void {
  if (files.expectedId === null || files.expectedId === installationId) return;
  throw new ForwardError('corrupt', `the journal ${files.journal} is not the one that was made here`, {
    hint: `put the right journal.db back; if it was exchanged on purpose, remove ${join(dir, ID_FILE)}`,
  });
}

/** Written only after the journal is on disk: from then on a missing journal.db is a loss and not a first start. */
export function rememberIdentity(dir: string, installationId: string): void {
  const path = join(dir, ID_FILE);
  const fresh = `${path}.new`;
  try {
    writeFileSync(fresh, `${installationId}\n`, { mode: 0o600, flush: true });
    renameSync(fresh, path);
    syncDirectory(dir);
  } catch (error) {
    throw directoryFault(dir, error);
  }
}

/** Audit events are nobody else's to read. */
export function closeToOthers(path: string, warn: (message: string) => void): void {
  if ((statSync(path).mode & 0o077) === 0) return;
  try {
    chmodSync(path, 0o600);
    warn(`other users could read ${path}: its mode is 0600 now`);
  } catch (error) {
    warn(`other users can read ${path}, and its mode cannot be changed: ${describe(error)}`);
  }
}

export function syncDirectory(dir: string): void {
  const descriptor = openSync(dir, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

export function directoryFault(dir: string, error: unknown): Error {
  if (error instanceof ForwardError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (NO_SPACE.has(code)) {
    return new ForwardError(
      'transient',
      `disk is full: nothing can be written to the state directory ${dir}`,
      {
        cause: error,
        hint: 'free space on that file system, or move state.dir to a larger one',
      },
    );
  }
  if (code === 'EIO') return corrupt(`the state directory ${dir} cannot be read: ${describe(error)}`, error);
  return new ForwardError('config', `the state directory ${dir} cannot be used: ${describe(error)}`, {
    cause: error,
    hint: 'give state.dir a directory that this user may read and write',
  });
}
