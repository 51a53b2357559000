import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { expect, it, onTestFinished } from 'vitest';

import { openJournal } from '../../../src/checkpoint/sqlite/index.ts';
import { harvest, LIMIT_BYTES, manualClock, newEvent } from '../../contract/journal.ts';

it('takes a journal of the first version as it is: where no type is known, the time tells', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'identity-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const open = () => openJournal({ dir, maxBytes: LIMIT_BYTES, clock: manualClock(), access: 'writer' });
  const before = await open();
  await before.append('platform', harvest([newEvent(1)]));
  await before.close();
  const db = new DatabaseSync(join(dir, 'journal.db'));
  db.exec('ALTER TABLE ids DROP COLUMN type_hash; PRAGMA user_version = 1');
  db.close();

  const journal = await open();
  onTestFinished(() => journal.close());
  const { id } = newEvent(1);
  expect(await journal.append('platform', harvest([newEvent(1)]))).toMatchObject({
    repeated: 1,
    revised: [],
  });
  const typed = newEvent(1, { eventType: 'login', original: '{}' });
  expect(await journal.append('platform', harvest([typed]))).toMatchObject({
    repeated: 1,
    revised: [{ id }],
  });
  const later = newEvent(2, { id });
  expect(await journal.append('platform', harvest([later]))).toMatchObject({ appended: 1, shared: 1 });
  const retyped = { ...later, eventType: 'login' };
  expect(await journal.append('platform', harvest([retyped, later]))).toMatchObject({
    appended: 1,
    repeated: 1,
    shared: 1,
  });
});
