import type { Finding } from '../../model/event.ts';
import type { FindingFilter, Journal, StoredFinding } from '../journal.ts';
import { count, int64, integer, json, text, textOrNull, type Row } from './columns.ts';
import type { Store } from './store.ts';

export function findings(store: Store): {
  methods: Pick<Journal, 'addFindings' | 'findings' | 'findingCounts' | 'acknowledge'>;
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
  const matching = `(? = 0 OR acknowledged_at IS NULL)
    AND (? IS NULL OR source IN (SELECT value FROM json_each(?)))
    AND (? IS NULL OR kind IN (SELECT value FROM json_each(?)))
    AND (? IS NULL OR kind NOT IN (SELECT value FROM json_each(?)))
    AND (? IS NULL OR start_ns IS NULL OR (start_ns <= ? AND end_ns >= ?))`;
  const list = store.prepare(
    `SELECT * FROM findings WHERE ${matching} ORDER BY last_at DESC, id DESC LIMIT ?`,
  );
  const counts = store.prepare(
    `SELECT source, kind, count(*) AS count FROM findings WHERE ${matching} GROUP BY source, kind`,
  );
  const accept = store.prepare(
    'UPDATE findings SET acknowledged_at = ?, acknowledgement = ? WHERE id = ? AND acknowledged_at IS NULL',
  );

  const find = (source: string, finding: Finding, at: string): void => {
    const { kind, window, eventId, summary, detail } = finding;
    const subject =
      finding.subject ??
      JSON.stringify([eventId ?? '', window?.startNs.toString() ?? '', window?.endNs.toString() ?? '']);
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
      findings: async (filter) =>
        store.read(() => list.all(...parameters(filter), Math.max(0, filter.limit)).map(stored)),
      findingCounts: async (filter) =>
        store.read(() =>
          counts.all(...parameters(filter)).map((row) => ({
            source: text(row, 'source'),
            kind: text(row, 'kind'),
            count: count(row, 'count'),
          })),
        ),
      acknowledge: async (ids, note) =>
        store.write(() => {
          const at = store.timestamp();
          return ids.reduce((sum, id) => sum + Number(accept.run(at, note, id).changes), 0);
        }),
    },
    find,
  };
}

/** In the order of `matching`. */
function parameters({ unacknowledgedOnly, owners, kinds, exceptKinds, about }: FindingFilter) {
  const among = (names: readonly string[] | undefined): [string | null, string | null] => {
    const list = names === undefined ? null : JSON.stringify(names);
    return [list, list];
  };
  const end = about === undefined ? null : int64(about.endNs);
  const start = about === undefined ? null : int64(about.startNs);
  const open = unacknowledgedOnly ? 1 : 0;
  return [open, ...among(owners), ...among(kinds), ...among(exceptKinds), end, end, start] as const;
}

function stored(row: Row): StoredFinding {
  const eventId = textOrNull(row, 'event_id');
  return {
    id: integer(row, 'id'),
    source: text(row, 'source'),
    kind: text(row, 'kind'),
    ...(row['start_ns'] === null
      ? {}
      : { window: { startNs: integer(row, 'start_ns'), endNs: integer(row, 'end_ns') } }),
    ...(eventId === null ? {} : { eventId }),
    summary: text(row, 'summary'),
    ...(row['detail'] === null ? {} : { detail: json(row, 'detail') }),
    firstAt: text(row, 'first_at'),
    lastAt: text(row, 'last_at'),
    seen: count(row, 'seen'),
    acknowledgedAt: textOrNull(row, 'acknowledged_at'),
    acknowledgement: textOrNull(row, 'acknowledgement'),
  };
}
