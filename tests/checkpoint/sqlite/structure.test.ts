import { expect, it } from 'vitest';

import { structureCheck } from '../../../src/checkpoint/sqlite/structure.ts';
import type { Store } from '../../../src/checkpoint/sqlite/store.ts';

/** As SQLite says it, by its primary result code: https://www.sqlite.org/rescode.html */
const failing = (errcode: number): Pick<Store, 'path' | 'prepare' | 'read'> => ({
  path: 'journal.db',
  read: (work) => work(),
  prepare: () => {
    throw Object.assign(new Error('it cannot be read'), { errcode });
  },
});
const look = (errcode: number): Promise<readonly string[]> =>
  structureCheck(failing(errcode) as Store)(new AbortController().signal);

it('takes a file that another process holds for busy and not for damaged', async () => {
  await expect(look(5)).rejects.toMatchObject({ kind: 'transient' });
});

it('takes what cannot be read for damaged', async () => {
  expect(await look(10)).not.toEqual([]);
  expect(await look(11)).not.toEqual([]);
});
