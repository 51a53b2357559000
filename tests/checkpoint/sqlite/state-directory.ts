import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach } from 'vitest';

import type { Journal } from '../../../src/checkpoint/journal.ts';
import { openJournal } from '../../../src/checkpoint/sqlite/index.ts';
import { LIMIT_BYTES, manualClock } from '../../contract/journal.ts';

export interface StateDirectory {
  readonly dir: string;
  file(name: string): string;
  open(access?: 'writer' | 'guest', onWarn?: (message: string) => void): Promise<Journal>;
  /** Runs SQL on journal.db behind the journal's back. */
  tamper(sql: string): void;
}

/** A fresh state directory per call; what a test opens in it is closed and removed after the test. */
export function stateDirectories(): () => StateDirectory {
  const ends: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  });
  return () => {
    const dir = mkdtempSync(join(tmpdir(), 'journal-'));
    ends.push(() => rmSync(dir, { recursive: true, force: true }));
    const file = (name: string): string => join(dir, name);
    return {
      dir,
      file,
      open: async (access = 'writer', onWarn = () => undefined) => {
        const journal = await openJournal({
          dir,
          maxBytes: LIMIT_BYTES,
          clock: manualClock(),
          access,
          onWarn,
        });
        ends.push(() => journal.close());
        return journal;
      },
      tamper: (sql) => {
        const db = new DatabaseSync(file('journal.db'));
        db.exec(sql);
        db.close();
      },
    };
  };
}
