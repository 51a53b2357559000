import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { oneLine } from '../model/errors.ts';

/**
 * Who holds the state directory now, "process 12 on host since …", or null when nobody does. Only looks: the lock is an
 * exclusive transaction on journal.lock, so reading that database fails while it is held.
 */
export function holderOf(dir: string): string | null {
  const path = join(dir, 'journal.lock');
  if (!existsSync(path)) return null;
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return null;
  } catch {
    return holderNote(dir);
  } finally {
    db?.close();
  }
}

function holderNote(dir: string): string {
  try {
    return oneLine(readFileSync(join(dir, 'journal.holder'), 'utf8'), 200) || 'another process';
  } catch {
    return 'another process'; // the note is written just after the lock is taken
  }
}
