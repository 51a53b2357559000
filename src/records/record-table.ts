import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';

import { heartbeatHash } from '../formats/heartbeat.ts';
import type { Heartbeat } from '../formats/heartbeat.ts';
import type { OpenedSeal } from '../formats/seal.ts';

/** What is kept of a record while a file is judged. */
export interface RecordRow {
  readonly seq: number;
  readonly digest: string;
  readonly content: OpenedSeal['content'];
  readonly line: number;
  /** Its place among all records of the file. */
  readonly at: number;
}

export interface HeartbeatRow {
  readonly heartbeat: Heartbeat;
  readonly hash: string;
  readonly line: number;
}

/**
 * The records of a file in a temporary database: they come in any order, and there may be more of them than memory holds. SQLite keeps it
 * in a file without a name, which is gone when it is closed.
 */
export interface RecordTable {
  addRecord(seal: OpenedSeal, line: number, bare: boolean): void;
  addHeartbeat(heartbeat: Heartbeat, line: number): void;
  /** Ends the writing. */
  finish(): void;
  streams(): readonly string[];
  /** By number; of two with one number that are alike, one. */
  heartbeats(stream: string): Iterable<HeartbeatRow>;
  /** By seq, and of one seq in the order of the file. */
  records(stream: string, first: number, last: number): Iterable<RecordRow>;
  /** Notes that a heartbeat names these, and how many it named before: their place in the order of sending. */
  claim(stream: string, run: readonly [number, number], before: number, ordered: boolean): void;
  /** Records that no heartbeat names, by seq. */
  unclaimed(stream: string): Iterable<RecordRow>;
  /** The first record of each seq as the file has them: its place in the order of sending. Only where that means something. */
  placed(stream: string): Iterable<{ readonly seq: number; readonly place: number }>;
  close(): void;
}

const CONTENTS = ['intact', 'changed', 'trimmed'] as const;
/** Rows written in one transaction. */
const AT_ONCE = 10_000;

const SCHEMA = `
  PRAGMA journal_mode = OFF;
  PRAGMA synchronous = OFF;
  PRAGMA cache_size = -32000;
  CREATE TABLE records (at INTEGER PRIMARY KEY, stream TEXT, seq INTEGER, digest TEXT, content INTEGER, line INTEGER, bare INTEGER, place INTEGER, ordered INTEGER);
  CREATE TABLE heartbeats (stream TEXT, number INTEGER, hash TEXT, line INTEGER, body TEXT, PRIMARY KEY (stream, number, hash)) WITHOUT ROWID;
`;

export function openRecordTable(): RecordTable {
  const db = new DatabaseSync('');
  db.exec(SCHEMA);
  const addRecord = db.prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)');
  const addHeartbeat = db.prepare('INSERT OR IGNORE INTO heartbeats VALUES (?, ?, ?, ?, ?)');
  const columns = 'records.seq, records.digest, records.content, records.line, records.at';
  let rows = 0;
  let readers: Readers | null = null;
  const reading = (): Readers => (readers ??= prepareReaders(db, columns));
  db.exec('BEGIN');
  return {
    addRecord({ stream, seq, digest, content }, line, bare) {
      rows += 1;
      addRecord.run(rows, stream, seq, digest, CONTENTS.indexOf(content), line, bare ? 1 : 0);
      if (rows % AT_ONCE === 0) db.exec('COMMIT; BEGIN');
    },
    addHeartbeat(heartbeat, line) {
      const hash = heartbeatHash(heartbeat);
      addHeartbeat.run(heartbeat.stream, heartbeat.number, hash, line, JSON.stringify(heartbeat));
    },
    finish() {
      db.exec('COMMIT; CREATE INDEX records_by_seq ON records (stream, seq, at)');
    },
    streams: () =>
      reading()
        .streams.all()
        .map((row) => String(row['stream'])),
    *heartbeats(stream) {
      for (const row of reading().heartbeats.iterate(stream)) {
        const heartbeat = JSON.parse(String(row['body'])) as Heartbeat;
        yield { heartbeat, hash: String(row['hash']), line: Number(row['line']) };
      }
    },
    *records(stream, first, last) {
      for (const row of reading().records.iterate(stream, first, last)) yield recordRow(row);
    },
    claim: (stream, [first, last], before, ordered) =>
      void reading().claim.run(before - first, ordered ? 1 : 0, stream, first, last),
    *unclaimed(stream) {
      for (const row of reading().unclaimed.iterate(stream)) yield recordRow(row);
    },
    *placed(stream) {
      for (const row of reading().placed.iterate(stream)) {
        yield { seq: Number(row['seq']), place: Number(row['place']) };
      }
    },
    close: () => db.close(),
  };
}

type Readers = Readonly<
  Record<'streams' | 'heartbeats' | 'records' | 'claim' | 'unclaimed' | 'placed', StatementSync>
>;

function prepareReaders(db: DatabaseSync, columns: string): Readers {
  return {
    streams: db.prepare('SELECT stream FROM heartbeats UNION SELECT stream FROM records ORDER BY stream'),
    heartbeats: db.prepare('SELECT hash, line, body FROM heartbeats WHERE stream = ? ORDER BY number, line'),
    records: db.prepare(
      `SELECT ${columns} FROM records WHERE stream = ? AND seq BETWEEN ? AND ? ORDER BY seq, at`,
    ),
    // The first heartbeat that names a record has it: one that was refused in a replay and taken later is named twice.
    claim: db.prepare(
      'UPDATE records SET place = ? + seq, ordered = ? WHERE stream = ? AND seq BETWEEN ? AND ? AND place IS NULL',
    ),
    unclaimed: db.prepare(
      `SELECT ${columns} FROM records WHERE stream = ? AND place IS NULL ORDER BY seq, at`,
    ),
    placed: db.prepare(
      `SELECT seq, place FROM records WHERE stream = ? AND bare = 1 AND ordered = 1 AND NOT EXISTS (
         SELECT 1 FROM records AS earlier
         WHERE earlier.stream = records.stream AND earlier.seq = records.seq AND earlier.at < records.at)
       ORDER BY at`,
    ),
  };
}

function recordRow(row: Record<string, unknown>): RecordRow {
  return {
    seq: Number(row['seq']),
    digest: String(row['digest']),
    content: CONTENTS[Number(row['content'])] ?? 'changed',
    line: Number(row['line']),
    at: Number(row['at']),
  };
}
