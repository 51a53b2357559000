import type { Coverage } from '../../model/event.ts';
import { int64 } from '../columns.ts';
import { laid, spanOf } from '../coverage.ts';
import type { Journal } from '../journal.ts';
import type { Store } from './store.ts';

export function coverage(store: Store): {
  methods: Pick<Journal, 'coverage'>;
  cover: (source: string, added: Coverage, at: string) => void;
} {
  const columns = 'start_ns, end_ns, status, server_count, read_at';
  const findTouching = store.prepare(
    `SELECT ${columns} FROM coverage WHERE source = ? AND start_ns <= ? AND end_ns >= ? ORDER BY start_ns`,
  );
  const remove = store.prepare('DELETE FROM coverage WHERE source = ? AND start_ns = ?');
  const insert = store.prepare(
    'INSERT INTO coverage (source, start_ns, end_ns, status, server_count, read_at) VALUES (?, ?, ?, ?, ?, ?)',
  );

  return {
    methods: {
      coverage: async (source, { startNs, endNs }) =>
        store.read(() => findTouching.all(source, int64(endNs), int64(startNs)).map(spanOf)),
    },
    cover: (source, added, at) => {
      if (added.endNs < added.startNs) {
        throw new Error(`a window that ends before it starts: ${added.startNs} to ${added.endNs}`);
      }
      const touching = findTouching.all(source, added.endNs + 1n, added.startNs - 1n).map(spanOf);
      for (const span of touching) remove.run(source, span.startNs);
      for (const span of laid(touching, { ...added, readAt: at })) {
        insert.run(source, span.startNs, span.endNs, span.status, span.serverCount, span.readAt);
      }
    },
  };
}
