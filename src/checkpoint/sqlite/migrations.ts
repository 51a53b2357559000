import type { DatabaseSync } from 'node:sqlite';
import { randomUUID } from 'node:crypto';

import { text } from '../columns.ts';
import { genesisHash, sha256 } from '../hash.ts';
import { addSums } from './sums.ts';

/** Marks the file as an auditferry journal ("AFJ1"), so that no other SQLite file is ever taken for one. */
export const APPLICATION_ID = 0x41464a31;

/** One step of the schema. Step n leads from user_version n to n + 1 and never changes once released. */
export type Migration = (db: DatabaseSync) => void;

/** Only ever appended to. */
export const MIGRATIONS: readonly Migration[] = [createJournal, keepWhatWasSent, addChecksums];

/**
 * Brings the schema from `user_version` to the end of `list`, one transaction per step, so that a crash leaves the file at
 * a whole version. Throws what SQLite throws. Returns the version it found.
 */
export function migrate(db: DatabaseSync, list: readonly Migration[] = MIGRATIONS): number {
  const found = userVersion(db);
  for (const [version, step] of list.entries()) {
    if (version < found) continue;
    db.exec('BEGIN EXCLUSIVE');
    try {
      step(db);
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${version + 1}; COMMIT`);
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
  return found;
}

export function userVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
}

export function applicationId(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA application_id').get()?.['application_id'] ?? 0);
}

function createJournal(db: DatabaseSync): void {
  db.exec(SCHEMA_1);
  const installationId = randomUUID();
  db.prepare('INSERT INTO meta (key, value) VALUES (?, ?)').run('installation_id', installationId);
  const start = genesisHash(installationId);
  db.prepare('INSERT INTO chain VALUES (1, 0, ?, 0, 0, ?)').run(start, start);
}

function keepWhatWasSent(db: DatabaseSync): void {
  db.exec('ALTER TABLE dead_letters ADD COLUMN sent BLOB');
}

/** Subjects of findings are hashes from here on, as they are in PostgreSQL, where long ones do not fit into an index. */
function addChecksums(db: DatabaseSync): void {
  const write = db.prepare('UPDATE findings SET subject = ? WHERE id = ?');
  for (const row of db.prepare('SELECT id, subject FROM findings').all()) {
    write.run(sha256(text(row, 'subject')).toString('hex'), row['id'] ?? null);
  }
  addSums(db);
  // Those of the first step name no columns, of which there is one more now.
  for (const [name, when] of [
    ['finding_added', 'AFTER INSERT ON findings WHEN NEW.acknowledged_at IS NULL'],
    [
      'finding_returned',
      'AFTER UPDATE OF acknowledged_at ON findings WHEN OLD.acknowledged_at IS NOT NULL AND NEW.acknowledged_at IS NULL',
    ],
  ])
    db.exec(`DROP TRIGGER ${name}; CREATE TRIGGER ${name} ${when} BEGIN
      INSERT INTO open_findings (source, kind, count) VALUES (NEW.source, NEW.kind, 1) ON CONFLICT DO UPDATE SET count = count + 1;
    END`);
}

// Times of the audit log (…_ns) are nanoseconds since 1970; times of ours (…_at) are RFC 3339 text with milliseconds.
const SCHEMA_1 = `
  CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- One row. Everything up to anchor_seq was pruned, and the pages up to removed_seq are gone: the page between the two is still needed.
  -- removed_hash is the hash of the last page removed. The next event gets head_seq + 1, so that a seq is never used twice.
  CREATE TABLE chain (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    removed_seq  INTEGER NOT NULL,
    removed_hash BLOB NOT NULL,
    anchor_seq   INTEGER NOT NULL CHECK (anchor_seq >= removed_seq),
    head_seq     INTEGER NOT NULL CHECK (head_seq >= anchor_seq),
    head_hash    BLOB NOT NULL
  ) STRICT;

  -- Events that were appended together: see pages.ts. The chain links pages; entries hold the hash of each event's bytes.
  CREATE TABLE pages (
    first_seq   INTEGER PRIMARY KEY,
    last_seq    INTEGER NOT NULL CHECK (last_seq >= first_seq),
    oldest_ns   INTEGER NOT NULL,
    newest_ns   INTEGER NOT NULL CHECK (newest_ns >= oldest_ns),
    source      TEXT NOT NULL,
    received_at TEXT NOT NULL,
    hash        BLOB NOT NULL,
    entries     BLOB NOT NULL,
    body        BLOB NOT NULL
  ) STRICT;
  CREATE INDEX pages_by_time ON pages (newest_ns, oldest_ns, source);

  -- Every event seen, also those that the source's filters left out (seq NULL) and those that were pruned. In order of time, since new
  -- ones then touch a few pages of the file however many there are. created_at is cut in two: a second, and the nanoseconds in it.
  -- An id that is a UUID is kept as its 16 bytes: see identity.ts.
  CREATE TABLE ids (
    source    TEXT NOT NULL,
    second    INTEGER NOT NULL,
    id        ANY NOT NULL,
    ns        INTEGER NOT NULL,
    body_hash BLOB NOT NULL,
    type_hash BLOB NOT NULL,
    seq       INTEGER,
    PRIMARY KEY (source, second, id)
  ) STRICT, WITHOUT ROWID;

  -- At which seconds an id may be among them: see places.ts.
  CREATE TABLE places (
    run           INTEGER PRIMARY KEY,
    newest_second INTEGER NOT NULL,
    last_seq      INTEGER NOT NULL,
    filter        BLOB,
    entries       BLOB NOT NULL
  ) STRICT;

  -- Spans of a source never overlap; both ends belong to the span.
  CREATE TABLE coverage (
    source       TEXT NOT NULL,
    start_ns     INTEGER NOT NULL,
    end_ns       INTEGER NOT NULL CHECK (end_ns >= start_ns),
    status       TEXT NOT NULL CHECK (status IN ('read', 'verified', 'suspect')),
    server_count INTEGER,
    read_at      TEXT NOT NULL,
    PRIMARY KEY (source, start_ns)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE progress (
    source     TEXT PRIMARY KEY NOT NULL,
    value      TEXT NOT NULL,
    updated_at TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE cursors (
    sink       TEXT PRIMARY KEY NOT NULL,
    seq        INTEGER NOT NULL,
    updated_at TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Of a sink: event_source and event_id name the event. Of a source: event_id is the SHA-256 of the bytes.
  CREATE TABLE dead_letters (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    side           TEXT NOT NULL CHECK (side IN ('sink', 'source')),
    owner          TEXT NOT NULL,
    event_source   TEXT NOT NULL,
    event_id       TEXT NOT NULL,
    seq            INTEGER,
    created_at     TEXT,
    received_at    TEXT,
    bytes          BLOB NOT NULL,
    reason         TEXT NOT NULL,
    attempts       INTEGER NOT NULL,
    first_at       TEXT NOT NULL,
    last_at        TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('open', 'retrying', 'discarded')),
    discard_reason TEXT,
    UNIQUE (side, owner, event_source, event_id)
  ) STRICT;

  CREATE TABLE findings (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    source          TEXT NOT NULL,
    kind            TEXT NOT NULL,
    subject         TEXT NOT NULL,
    start_ns        INTEGER,
    end_ns          INTEGER,
    event_id        TEXT,
    summary         TEXT NOT NULL,
    detail          TEXT,
    first_at        TEXT NOT NULL,
    last_at         TEXT NOT NULL,
    seen            INTEGER NOT NULL,
    acknowledged_at TEXT,
    acknowledgement TEXT,
    UNIQUE (source, kind, subject)
  ) STRICT;

  CREATE TABLE event_types (
    source     TEXT NOT NULL,
    event_type TEXT NOT NULL,
    count      INTEGER NOT NULL,
    first_ns   INTEGER NOT NULL,
    last_ns    INTEGER NOT NULL,
    PRIMARY KEY (source, event_type)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE jobs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    params     TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    progress   TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
  ) STRICT;

  -- Findings are counted as they come and go: a scrape of the metrics must not cost more the more there are.
  CREATE TABLE open_findings (
    source TEXT NOT NULL,
    kind   TEXT NOT NULL,
    count  INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (source, kind)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER finding_added AFTER INSERT ON findings WHEN NEW.acknowledged_at IS NULL BEGIN
    INSERT INTO open_findings VALUES (NEW.source, NEW.kind, 1) ON CONFLICT DO UPDATE SET count = count + 1;
  END;
  CREATE TRIGGER finding_acknowledged AFTER UPDATE OF acknowledged_at ON findings
    WHEN OLD.acknowledged_at IS NULL AND NEW.acknowledged_at IS NOT NULL BEGIN
    UPDATE open_findings SET count = count - 1 WHERE source = NEW.source AND kind = NEW.kind;
  END;
  CREATE TRIGGER finding_returned AFTER UPDATE OF acknowledged_at ON findings
    WHEN OLD.acknowledged_at IS NOT NULL AND NEW.acknowledged_at IS NULL BEGIN
    INSERT INTO open_findings VALUES (NEW.source, NEW.kind, 1) ON CONFLICT DO UPDATE SET count = count + 1;
  END;
  CREATE TRIGGER finding_removed AFTER DELETE ON findings WHEN OLD.acknowledged_at IS NULL BEGIN
    UPDATE open_findings SET count = count - 1 WHERE source = OLD.source AND kind = OLD.kind;
  END;
  CREATE INDEX findings_open ON findings (kind, source) WHERE acknowledged_at IS NULL;
  CREATE INDEX findings_newest ON findings (last_at, id) WHERE acknowledged_at IS NULL;

  CREATE INDEX dead_letters_by_owner ON dead_letters (owner, state);
  CREATE INDEX dead_letters_counted ON dead_letters (state, side, owner);
`;
