import { FINISHED_JOBS_KEPT, jobOf } from '../job-rows.ts';
import type { Journal } from '../journal.ts';
import type { Store } from './store.ts';

/** `tell`: wakes who waits for jobs. */
export function jobs(store: Store, tell: () => void): Pick<Journal, 'addJob' | 'jobs' | 'updateJob'> {
  const insert = store.prepare(
    `INSERT INTO jobs (kind, params, state, progress, created_at, updated_at) VALUES (?, ?, 'queued', 'null', ?, ?)`,
  );
  const forget = store.prepare(
    `DELETE FROM jobs WHERE state IN ('done', 'failed', 'cancelled') AND id NOT IN (
       SELECT id FROM jobs WHERE state IN ('done', 'failed', 'cancelled') ORDER BY id DESC LIMIT ${FINISHED_JOBS_KEPT})`,
  );
  const list = store.prepare(
    'SELECT * FROM jobs WHERE state IN (SELECT value FROM json_each(?)) ORDER BY id',
  );
  // A finished job stays as it is, so that its runner cannot undo a cancellation.
  const update = store.prepare(
    `UPDATE jobs SET state = ?, progress = ?, updated_at = ? WHERE id = ? AND state IN ('queued', 'running')`,
  );
  const find = store.prepare('SELECT 1 FROM jobs WHERE id = ?');

  return {
    addJob: async (kind, params) => {
      const id = store.write(() => {
        const at = store.timestamp();
        forget.run();
        return BigInt(insert.run(kind, JSON.stringify(params), at, at).lastInsertRowid);
      });
      tell();
      return id;
    },
    jobs: async (states) => store.read(() => list.all(JSON.stringify(states)).map(jobOf)),
    updateJob: async (id, state, progress) =>
      store.write(() => {
        if (find.get(id) === undefined)
          throw new Error(`there is no job ${id} in the journal at ${store.path}`);
        update.run(state, JSON.stringify(progress), store.timestamp(), id);
      }),
  };
}
