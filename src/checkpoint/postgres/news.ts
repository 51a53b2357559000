import type { Db } from './store.ts';

/** Tells every replica, once this transaction is committed, that there is something to be done. */
export async function addNews(db: Db): Promise<void> {
  await db.run('UPDATE news SET version = version + 1');
}
