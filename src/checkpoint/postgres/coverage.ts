import type { Coverage } from '../../model/event.ts';
import { int64 } from '../columns.ts';
import { laid, spanOf } from '../coverage.ts';
import type { Journal } from '../journal.ts';
import type { Db, Store } from './store.ts';

const TOUCHING = `SELECT start_ns, end_ns, status, server_count, read_at FROM coverage
  WHERE source = $1 AND start_ns <= $2 AND end_ns >= $3 ORDER BY start_ns`;

export function coverage(store: Store): Pick<Journal, 'coverage'> {
  return {
    coverage: (source, { startNs, endNs }) =>
      store.read(async (db) => (await db.all(TOUCHING, source, int64(endNs), int64(startNs))).map(spanOf)),
  };
}

/** Lays windows over what is known of a source, one after the other; inside a transaction. */
export async function cover(db: Db, source: string, windows: readonly Coverage[], at: string): Promise<void> {
  for (const added of windows) {
    if (added.endNs < added.startNs) {
      throw new Error(`a window that ends before it starts: ${added.startNs} to ${added.endNs}`);
    }
    const touching = (await db.all(TOUCHING, source, added.endNs + 1n, added.startNs - 1n)).map(spanOf);
    const removal = db.run(
      'DELETE FROM coverage WHERE source = $1 AND start_ns = ANY($2::int8[])',
      ...[source, touching.map(({ startNs }) => startNs)],
    );
    const inserts = laid(touching, { ...added, readAt: at }).map((span) =>
      db.run(
        'INSERT INTO coverage VALUES ($1, $2, $3, $4, $5, $6)',
        ...[source, span.startNs, span.endNs, span.status, span.serverCount, span.readAt],
      ),
    );
    await Promise.all([removal, ...inserts]);
  }
}
