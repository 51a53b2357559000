import { renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { migrate, MIGRATIONS } from '../../../src/checkpoint/sqlite/migrations.ts';

/** Makes of a journal the one that the first schema would hold, so that the next start has every migration to do. */
export function makeOld(path: string): void {
  const old = `${path}.old`;
  const db = new DatabaseSync(old);
  migrate(db, MIGRATIONS.slice(0, 1));
  const triggers = db.prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'`).all();
  const tables = db
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence'`)
    .all();
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${String(name)}`);
  db.prepare('ATTACH ? AS now').run(path);
  for (const { name } of tables) {
    const table = String(name);
    const columns = db
      .prepare('SELECT name FROM pragma_table_info(?)')
      .all(table)
      .map((row) => row['name']);
    db.exec(
      `DELETE FROM main.${table}; INSERT INTO main.${table} SELECT ${columns.join()} FROM now.${table}`,
    );
  }
  db.exec(`UPDATE findings SET subject = 'subject ' || id`); // a text, of which the migration makes a hash
  for (const { sql } of triggers) db.exec(String(sql));
  db.exec('DETACH now');
  db.close();
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
  renameSync(old, path);
}
