import { integer } from '../columns.ts';
import { FINISHED_JOBS_KEPT, jobOf } from '../job-rows.ts';
import type { Journal } from '../journal.ts';
import { addNews } from './news.ts';
import type { Db, Store } from './store.ts';

const FINISHED = `('done', 'failed', 'cancelled')`;

/** `tell`: wakes who waits for jobs here. */
export function jobs(store: Store, tell: () => void): Pick<Journal, 'addJob' | 'jobs' | 'updateJob'> {
  return {
    addJob: async (kind, params) => {
      const id = await store.write(async (db) => {
        const at = store.timestamp();
        await forget(db);
        const [row] = await db.all(
          `INSERT INTO jobs (kind, params, state, progress, created_at, updated_at) VALUES ($1, $2, 'queued', 'null', $3, $3) RETURNING id`,
          ...[kind, JSON.stringify(params), at],
        );
        await addNews(db);
        return integer(row ?? {}, 'id');
      });
      tell();
      return id;
    },
    jobs: (states) =>
      store.read(async (db) =>
        (await db.all('SELECT * FROM jobs WHERE state = ANY($1::text[]) ORDER BY id', states)).map(jobOf),
      ),
    updateJob: (id, state, progress) =>
      store.write(async (db) => {
        const there = await db.all('SELECT 1 FROM jobs WHERE id = $1', id);
        if (there.length === 0) throw new Error(`there is no job ${id} in the journal in ${store.where}`);
        // A finished job stays as it is, so that its runner cannot undo a cancellation.
        await db.run(
          `UPDATE jobs SET state = $1, progress = $2, updated_at = $3 WHERE id = $4 AND state IN ('queued', 'running')`,
          ...[state, JSON.stringify(progress), store.timestamp(), id],
        );
      }),
  };
}

/** The oldest finished jobs, and the claims of jobs that are gone: no job gets their ids again. */
async function forget(db: Db): Promise<void> {
  await db.run(
    `DELETE FROM jobs WHERE state IN ${FINISHED} AND id NOT IN (
       SELECT id FROM jobs WHERE state IN ${FINISHED} ORDER BY id DESC LIMIT ${FINISHED_JOBS_KEPT})`,
  );
  await db.run(
    `DELETE FROM claims WHERE duty LIKE 'job:%' AND expires_at < clock_timestamp()
       AND NOT EXISTS (SELECT 1 FROM jobs WHERE 'job:' || id = duty)`,
  );
}
