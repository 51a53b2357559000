import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { idOf } from '../../../src/checkpoint/sqlite/identity.ts';

/** What the journal of a process that is gone says. */
export interface LeftBehind {
  /** By sink. */
  readonly cursors: ReadonlyMap<string, bigint>;
  readonly seqs: ReadonlyMap<string, bigint>;
  /** By sink: ids of its dead letters. */
  readonly letters: ReadonlyMap<string, ReadonlySet<string>>;
  /** Events up to this one were pruned. */
  readonly prunedTo: bigint;
  /** What SQLite's own check of the file says; "ok" when it is whole. */
  readonly check: string;
}

/** Read from a copy: to open the journal itself would recover it, which is the next start's to do. Null before there is one. */
export function readLeftBehind(stateDir: string, folder: string): LeftBehind | null {
  const copy = join(folder, 'copy.db');
  const from = join(stateDir, 'journal.db');
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${copy}${suffix}`, { force: true });
  for (const suffix of ['', '-wal'])
    if (existsSync(from + suffix)) copyFileSync(from + suffix, copy + suffix);
  if (!existsSync(copy)) return null;
  const db = new DatabaseSync(copy, { readBigInts: true });
  try {
    const rows = (sql: string) => db.prepare(sql).all();
    const check = String(rows('PRAGMA quick_check')[0]?.['quick_check']);
    if (rows(`SELECT 1 FROM sqlite_schema WHERE name = 'cursors'`).length === 0) return null;
    const letters = new Map<string, Set<string>>();
    for (const { owner, event_id } of rows(`SELECT owner, event_id FROM dead_letters WHERE side = 'sink'`)) {
      const ids = letters.get(String(owner)) ?? new Set();
      letters.set(String(owner), ids.add(String(event_id)));
    }
    return {
      check,
      letters,
      prunedTo: rows('SELECT anchor_seq FROM chain')[0]?.['anchor_seq'] as bigint,
      cursors: new Map(
        rows('SELECT sink, seq FROM cursors').map((row) => [String(row['sink']), row['seq'] as bigint]),
      ),
      seqs: new Map(
        rows('SELECT id, seq FROM ids WHERE seq IS NOT NULL').map((row) => [idOf(row), row['seq'] as bigint]),
      ),
    };
  } finally {
    db.close();
  }
}
