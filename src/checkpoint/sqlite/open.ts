import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { ForwardError, oneLine } from '../../model/errors.ts';
import { createPrivate } from './lock.ts';
import { corrupt } from '../corrupt.ts';
import { isNotADatabase, journalFault } from './faults.ts';
import { APPLICATION_ID, applicationId, migrate, MIGRATIONS, userVersion } from './migrations.ts';
import { keepSums, rowName, rowsWithWrongSums } from './sums.ts';

/** How long a statement waits for another process's small write before it is `transient`. Milliseconds. */
const BUSY_TIMEOUT_MS = 5000;
/** Measured: a commit writes fewer and larger pages of the file than with the default of 4 KiB, which is a fifth faster. */
export const PAGE_BYTES = 8192;
/** Room for the pages that one harvest touches: what does not fit is written to the log twice. More would only fill up as the file grows. KiB. */
const CACHE_KIB = 8 * 1024;
/** After a checkpoint the write-ahead log is cut to this. */
const WAL_KEPT_BYTES = 64 * 1024 * 1024;
/** After an unclean end the whole file is checked up to this size (a second or so), beyond it only the small tables. */
const FULL_CHECK_MAX_BYTES = 256 * 1024 * 1024;
/** Of the name of a row in a message. UTF-16 units. */
const ROW_NAME_UNITS = 100;
const SMALL_TABLES = ['meta', 'chain', 'progress', 'cursors', 'coverage', 'jobs'] as const;

/** Opens journal.db, makes or migrates it (a writer only), and checks what can be checked quickly. */
export function openDatabase(path: string, walPath: string, access: 'writer' | 'guest'): DatabaseSync {
  const wal = statSync(walPath, { throwIfNoEntry: false });
  const uncleanEnd = wal !== undefined && wal.size > 0;
  if (access === 'writer' && !existsSync(path)) createPrivate(path);
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(path, {
      timeout: BUSY_TIMEOUT_MS,
      readBigInts: true,
      enableForeignKeyConstraints: true,
    });
    refuseForeign(db, path);
    configure(db);
    if (access === 'writer') migrate(db);
    keepSums(db);
    if (access === 'writer') check(db, path, uncleanEnd);
    return db;
  } catch (error) {
    db?.close();
    if (isNotADatabase(error))
      throw foreign(path, 'it is not a SQLite database, or its first page is damaged');
    throw journalFault(error, path);
  }

  function refuseForeign(db: DatabaseSync, path: string): void {
    const id = applicationId(db);
    const version = userVersion(db);
    const tables = db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get();
    const blank = id === 0 && version === 0 && tables === undefined;
    if (!blank && id !== APPLICATION_ID) throw foreign(path, 'it was made by another program');
    if (version > MIGRATIONS.length) {
      throw new ForwardError(
        'config',
        `the journal ${path} is of schema version ${version}; this release knows up to ${MIGRATIONS.length}`,
        { hint: 'run the newer release that wrote it: there is no way back' },
      );
    }
    if (db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'events'`).get() !== undefined) {
      throw new ForwardError(
        'config',
        `the journal ${path} was made by release 0.1.0, which kept events in another form`,
        {
          hint: 'let that release deliver what it holds, then move the state directory away: the Platform is read again from start',
        },
      );
    }
    if (access === 'guest' && version < MIGRATIONS.length) {
      throw new ForwardError(
        'config',
        `the journal ${path} is of schema version ${version} and not yet ${MIGRATIONS.length}`,
        { hint: 'start auditferry run of this release once: it brings the journal up to date' },
      );
    }
  }
}

/** Page size and auto_vacuum act only on a database without tables; the rest belongs to the connection. */
function configure(db: DatabaseSync): void {
  db.exec(`
    PRAGMA page_size = ${PAGE_BYTES};
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA journal_size_limit = ${WAL_KEPT_BYTES};
    PRAGMA cache_size = -${CACHE_KIB};
  `);
  const mode = db.prepare('PRAGMA journal_mode').get()?.['journal_mode'];
  if (mode === 'wal') return;
  throw new ForwardError('config', 'the file system of the state directory cannot hold a write-ahead log', {
    hint: 'use a local file system: the log needs shared memory, which most network file systems lack',
  });
}

/** Cheap checks at every start; after an unclean end also the structure of the file. */
function check(db: DatabaseSync, path: string, uncleanEnd: boolean): void {
  const ends = db
    .prepare(
      `SELECT head_seq = coalesce((SELECT last_seq FROM pages ORDER BY first_seq DESC LIMIT 1), removed_seq)
          AND coalesce((SELECT min(first_seq) FROM pages) = removed_seq + 1, head_seq = removed_seq)
          AND coalesce((SELECT hash = head_hash FROM pages ORDER BY first_seq DESC LIMIT 1), removed_hash = head_hash)
          AS sound FROM chain`,
    )
    .get();
  if (ends?.['sound'] !== 1n) {
    throw corrupt(`the journal at ${path} is damaged: its events do not match what was appended last`);
  }
  for (const table of SMALL_TABLES) {
    for (const [wrong] of rowsWithWrongSums(db, table)) {
      if (wrong === undefined) continue;
      const row = oneLine(rowName(table, wrong), ROW_NAME_UNITS);
      throw corrupt(`the journal at ${path} is damaged: row ${row} of ${table} does not match its checksum`);
    }
  }
  if (!uncleanEnd) return;
  const whole = statSync(path).size <= FULL_CHECK_MAX_BYTES;
  for (const table of whole ? [''] : SMALL_TABLES) {
    const found = db.prepare(`PRAGMA quick_check${table === '' ? '(1)' : `(${table})`}`).get()?.[
      'quick_check'
    ];
    if (found !== 'ok') throw corrupt(`the journal at ${path} is damaged: ${String(found)}`);
  }
}

function foreign(path: string, why: string): ForwardError {
  return new ForwardError('config', `${path} is not an auditferry journal: ${why}`, {
    hint: 'point state.dir at another directory; if a journal was here before, put back a backup of journal.db',
  });
}
