import type { Window } from '../../model/event.ts';
import type { Journal } from '../journal.ts';
import { bytes, count, int64, integer, text } from './columns.ts';
import { identities } from './identity.ts';
import type { Store } from './store.ts';

/** What a source and `verify` ask about ids. An id is `kept` when its event was appended, also after it was pruned. */
export function ids(store: Store): Pick<Journal, 'held' | 'idsInWindow'> {
  const countWindow = store.prepare(
    'SELECT count(*) AS count FROM ids WHERE source = ? AND created_ns BETWEEN ? AND ?',
  );
  const { find } = identities(store);
  const listWindow = store.prepare(
    `SELECT id, created_ns, seq, body_hash FROM ids INDEXED BY ids_by_time
     WHERE source = ? AND created_ns BETWEEN ? AND ? AND id > ? ORDER BY id LIMIT ?`,
  );
  const scanWindow = store.prepare(
    `SELECT id FROM ids INDEXED BY ids_by_time WHERE source = ? AND created_ns BETWEEN ? AND ? ORDER BY created_ns`,
  );

  function missing(source: string, window: Window, seen: ReadonlySet<string>, limit: number): string[] {
    const found: string[] = [];
    if (limit <= 0) return found;
    for (const row of scanWindow.iterate(source, int64(window.startNs), int64(window.endNs))) {
      const id = text(row, 'id');
      if (seen.has(id)) continue;
      found.push(id);
      if (found.length >= limit) break;
    }
    return found;
  }

  return {
    held: (source) => ({
      count: async ({ startNs, endNs }) =>
        store.read(() => {
          const row = countWindow.get(source, int64(startNs), int64(endNs));
          return row === undefined ? 0 : count(row, 'count');
        }),
      known: async (asked) => store.read(() => asked.map((event) => find(source, event)?.id ?? null)),
      missing: async (window, seen, limit) => store.read(() => missing(source, window, seen, limit)),
    }),
    idsInWindow: async (source, { startNs, endNs }, afterId, limit) =>
      store.read(() =>
        listWindow.all(source, int64(startNs), int64(endNs), afterId, Math.max(0, limit)).map((row) => {
          const seq = row['seq'] === null ? null : integer(row, 'seq');
          const hash = bytes(row, 'body_hash').toString('hex');
          return {
            id: text(row, 'id'),
            kept: seq !== null,
            createdNs: integer(row, 'created_ns'),
            seq,
            hash,
          };
        }),
      ),
  };
}
