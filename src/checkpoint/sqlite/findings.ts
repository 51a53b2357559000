import type { Finding } from '../../model/event.ts';
import { findingOf, subjectOf } from '../finding-rows.ts';
import { sha256 } from '../hash.ts';
import type { FindingFilter, Journal } from '../journal.ts';
import { count, int64, text } from '../columns.ts';
import { among, amongNumbers, filtered } from './conditions.ts';
import type { Condition } from './conditions.ts';
import { sameForm } from '../receipts.ts';
import type { Store } from './store.ts';

export function findings(store: Store): {
  methods: Pick<Journal, 'addFindings' | 'findings' | 'findingCounts' | 'acknowledge' | 'pruneFindings'>;
  find: (source: string, finding: Finding, at: string) => void;
} {
  // Seen again with the same words, an acknowledged finding stays acknowledged; with other words it is news.
  const upsert = store.prepare(
    `INSERT INTO findings (source, kind, subject, start_ns, end_ns, event_id, summary, detail, first_at, last_at, seen)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
     ON CONFLICT (source, kind, subject) DO UPDATE SET
       acknowledged_at = CASE WHEN summary = excluded.summary THEN acknowledged_at END,
       acknowledgement = CASE WHEN summary = excluded.summary THEN acknowledgement END,
       summary = excluded.summary, detail = excluded.detail, last_at = excluded.last_at, seen = seen + 1`,
  );
  const newestFirst = filtered(
    store,
    (where) => `SELECT * FROM findings WHERE ${where} ORDER BY last_at DESC, id DESC LIMIT ?`,
  );
  const byId = filtered(store, (where) => `SELECT * FROM findings WHERE ${where} ORDER BY id LIMIT ?`);
  const countRows = filtered(
    store,
    (where) => `SELECT source, kind, count(*) AS count FROM findings WHERE ${where} GROUP BY source, kind`,
  );
  const countOpen = filtered(
    store,
    (where) =>
      `SELECT source, kind, count FROM open_findings WHERE count > 0 AND ${where} ORDER BY source, kind`,
  );
  const accept = store.prepare(
    'UPDATE findings SET acknowledged_at = ?, acknowledgement = ? WHERE id = ? AND acknowledged_at IS NULL',
  );
  const forget = store.prepare('DELETE FROM findings WHERE acknowledged_at IS NOT NULL AND last_at < ?');

  const find = (source: string, finding: Finding, at: string): void => {
    const { kind, window, eventId, summary, detail } = finding;
    const subject = sha256(subjectOf(finding)).toString('hex');
    const details = detail === undefined ? null : JSON.stringify(detail);
    const start = window?.startNs ?? null;
    const end = window?.endNs ?? null;
    upsert.run(source, kind, subject, start, end, eventId ?? null, summary, details, at, at);
  };

  return {
    methods: {
      addFindings: async (source, added) => {
        if (added.length === 0) return;
        store.write(() => {
          const at = store.timestamp();
          for (const finding of added) find(source, finding, at);
        });
      },
      findings: async (filter) => {
        const { after, limit } = filter;
        const list = after === undefined ? newestFirst : byId;
        const { statement, values } = list([
          ...conditions(filter),
          ...(after === undefined ? [] : [['id > ?', after] as const]),
        ]);
        return store.read(() => statement.all(...values, Math.max(0, limit)).map(findingOf));
      },
      findingCounts: async (filter) => {
        // Kept beside the findings (see migrations.ts), so that asking how many are open does not grow with them.
        const kept = filter.unacknowledgedOnly && filter.about === undefined && filter.ids === undefined;
        const { statement, values } = kept
          ? countOpen(conditions({ ...filter, unacknowledgedOnly: false }))
          : countRows(conditions(filter));
        return store.read(() =>
          statement.all(...values).map((row) => ({
            source: text(row, 'source'),
            kind: text(row, 'kind'),
            count: count(row, 'count'),
          })),
        );
      },
      acknowledge: async (ids, note) =>
        store.write(() => {
          const at = store.timestamp();
          return ids.reduce((sum, id) => sum + Number(accept.run(at, note, id).changes), 0);
        }),
      pruneFindings: async (lastSeenBefore) => {
        store.writerOnly('prune findings');
        return store.write(() => Number(forget.run(sameForm(lastSeenBefore)).changes));
      },
    },
    find,
  };
}

function conditions(filter: FindingFilter): Condition[] {
  const { unacknowledgedOnly, owners, kinds, exceptKinds, about, ids } = filter;
  return [
    ...(unacknowledgedOnly ? [['acknowledged_at IS NULL'] as const] : []),
    ...among('source', owners),
    ...among('kind', kinds),
    ...(exceptKinds === undefined
      ? []
      : [['kind NOT IN (SELECT value FROM json_each(?))', JSON.stringify(exceptKinds)] as const]),
    ...(about === undefined
      ? []
      : [
          [
            '(start_ns IS NULL OR (start_ns <= ? AND end_ns >= ?))',
            int64(about.endNs),
            int64(about.startNs),
          ] as const,
        ]),
    ...amongNumbers('id', ids),
  ];
}
