import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, expect } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { openJournal } from '../../src/checkpoint/sqlite/index.ts';
import { journalContract, LIMIT_BYTES, manualClock, type OpenedJournal } from '../contract/journal.ts';

async function open(): Promise<OpenedJournal> {
  const dir = mkdtempSync(join(tmpdir(), 'journal-'));
  const clock = manualClock();
  const start = (access: 'writer' | 'guest'): Promise<Journal> =>
    openJournal({ dir, maxBytes: LIMIT_BYTES, clock, access });
  const opened: Journal[] = [await start('writer')];
  const [journal] = opened;
  if (journal === undefined) throw new Error('nothing was opened');
  return {
    journal,
    clock,
    reopen: async () => {
      await opened.at(-1)?.close();
      const again = await start('writer');
      opened.push(again);
      return again;
    },
    guest: () => start('guest'),
    end: async () => {
      for (const one of opened) await one.close();
      rmSync(dir, { recursive: true });
    },
  };
}

journalContract('the SQLite journal', open);

describe('the state directory', () => {
  it('is made for this user alone', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'journal-'));
    const dir = join(parent, 'a', 'b');
    const journal = await openJournal({ dir, maxBytes: 1e6, clock: manualClock(), access: 'writer' });
    await journal.append('platform', {
      purpose: 'live',
      events: [],
      malformed: [],
      coverage: [],
      findings: [],
      progress: 1,
    });
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const file of ['journal.db', 'journal.db-wal', 'journal.lock', 'journal.holder', 'journal.id']) {
      expect([file, statSync(join(dir, file)).mode & 0o777]).toEqual([file, 0o600]);
    }
    await journal.close();
    expect(existsSync(join(dir, 'journal.holder'))).toBe(false);
    rmSync(parent, { recursive: true });
  });
});
