import type { Window } from '../../model/event.ts';
import { NS_PER_SECOND } from '../../model/time.ts';
import type { Journal } from '../journal.ts';
import { bytes, count, createdNsOf, IN_WINDOW, int64, integer, secondOf, windowBounds } from '../columns.ts';
import { findKnown } from '../recorder.ts';
import { idKey, idOf, knownIds } from './identity.ts';
import type { Store } from './store.ts';

/** What a source and `verify` ask about ids. An id is `kept` when its event was appended, also after it was pruned. */
export function ids(store: Store): Pick<Journal, 'held' | 'absentInWindow' | 'idsInWindow'> {
  const countWindow = store.prepare(`SELECT count(*) AS count FROM ids WHERE source = ? AND ${IN_WINDOW}`);
  const countAbsent = store.prepare(
    `SELECT count(*) FILTER (WHERE seq IS NULL) AS left_out,
       count(*) FILTER (WHERE seq <= (SELECT anchor_seq FROM chain)) AS pruned
     FROM ids WHERE source = ? AND ${IN_WINDOW}`,
  );
  const known = knownIds(store);
  const listWindow = store.prepare(
    `SELECT second, ns, id, seq, body_hash FROM ids
     WHERE source = ? AND ${IN_WINDOW} AND (second > ? OR id > ?) ORDER BY second, id LIMIT ?`,
  );
  const scanWindow = store.prepare(
    `SELECT id FROM ids WHERE source = ? AND ${IN_WINDOW} ORDER BY second, id`,
  );

  function missing(source: string, window: Window, seen: ReadonlySet<string>, limit: number): string[] {
    const found: string[] = [];
    if (limit <= 0) return found;
    for (const row of scanWindow.iterate(source, ...windowBounds(window))) {
      const id = idOf(row);
      if (seen.has(id)) continue;
      found.push(id);
      if (found.length >= limit) break;
    }
    return found;
  }

  return {
    held: (source) => ({
      count: async (window) =>
        store.read(() => {
          const row = countWindow.get(source, ...windowBounds(window));
          return row === undefined ? 0 : count(row, 'count');
        }),
      known: async (asked) =>
        store.read(() => asked.map((event) => findKnown(known, source, event)?.id ?? null)),
      missing: async (window, seen, limit) => store.read(() => missing(source, window, seen, limit)),
    }),
    absentInWindow: async (source, window) =>
      store.read(() => {
        const row = countAbsent.get(source, ...windowBounds(window)) ?? {};
        return { leftOut: count(row, 'left_out'), pruned: count(row, 'pruned') };
      }),
    idsInWindow: async (source, window, after, limit) =>
      store.read(() => {
        // No id is empty, so that nothing of the first second is passed over.
        const { createdNs, id } = after ?? { createdNs: window.startNs, id: '' };
        const from = secondOf(int64(createdNs));
        const startNs = from * NS_PER_SECOND > window.startNs ? from * NS_PER_SECOND : window.startNs;
        const bounds = windowBounds({ startNs, endNs: window.endNs });
        const rows = listWindow.all(source, ...bounds, from, idKey(id), Math.max(0, limit));
        return rows.map((row) => {
          const seq = row['seq'] === null ? null : integer(row, 'seq');
          const hash = bytes(row, 'body_hash').toString('hex');
          return { id: idOf(row), kept: seq !== null, createdNs: createdNsOf(row), seq, hash };
        });
      }),
  };
}
