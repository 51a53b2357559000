import { expect, it } from 'vitest';

import { copyJournal } from '../../src/checkpoint/copy.ts';
import type { Blank, Contents } from '../../src/checkpoint/transfer.ts';

it('says of a damaged journal what helps in SQLite, and what in a database, where no repair is', async () => {
  const damaged: Pick<Contents, 'place' | 'state' | 'verifyChain'> = {
    place: 'db:5432/x, schema auditferry',
    state: async () => ({
      installationId: 'one',
      chain: {
        ...{ removedSeq: 0n, removedHash: Buffer.alloc(32), anchorSeq: 0n },
        ...{ headSeq: 1n, headHash: Buffer.alloc(32) },
      },
      counters: { dead_letters: 0n, findings: 0n, jobs: 0n },
    }),
    verifyChain: async () => ({
      ...{ intact: false, checked: 1, head: '', missing: [], damage: [] },
      brokenAt: { seq: 1n, id: 'a', reason: 'changed' },
      faults: [{ kind: 'changed', seq: 1n, source: 'platform', id: 'a', reason: 'changed' }],
    }),
  };
  const copying = copyJournal(damaged as Contents, {} as Blank, new AbortController().signal, () => {});
  await expect(copying).rejects.toMatchObject({
    kind: 'corrupt',
    message: expect.stringContaining('event 1: changed') as string,
    hint: expect.stringMatching(/in SQLite.*backup of the database/) as string,
  });
});
