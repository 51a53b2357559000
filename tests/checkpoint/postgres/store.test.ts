import type { Pool } from 'pg';
import { expect, it } from 'vitest';

import { createStore } from '../../../src/checkpoint/postgres/store.ts';
import { wallClock } from '../../../src/model/clock.ts';

it('sends nothing more of a transaction that has failed', async () => {
  const sent: string[] = [];
  const answered = Promise.withResolvers<{ rows: never[] }>();
  const client = {
    query: async (sql: string) => {
      sent.push(sql);
      return sql === 'SELECT slow' ? answered.promise : { rows: [], rowCount: 0, command: 'COMMIT' };
    },
    release: () => {},
  };
  const store = createStore(
    {
      pool: { connect: async () => client } as unknown as Pool,
      ...{ schema: 'auditferry', where: 'db', clock: wallClock, lookEveryMs: 0, holder: 'one' },
      limits: { statementMs: 1, lockMs: 1, idleMs: 1 },
      isAsynchronous: false,
      fault: (error) => error,
      isOpening: () => false,
      onLost: () => {},
    },
    () => true,
  );
  let slow = Promise.resolve(0);
  const failing = store.write(async (db) => {
    slow = db.all('SELECT slow').then(() => db.run('INSERT late'));
    await Promise.all([slow, Promise.reject(new Error('damaged'))]);
  });
  await expect(failing).rejects.toThrow('damaged');
  answered.resolve({ rows: [] });
  await expect(slow).rejects.toThrow('after the end of its transaction');
  expect(sent.map((sql) => sql.split(' ')[0])).toEqual(['BEGIN', 'SELECT', 'ROLLBACK']);
});
