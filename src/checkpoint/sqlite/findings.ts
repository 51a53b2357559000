import type { Finding } from '../../model/event.ts';
import type { Journal, StoredFinding } from '../journal.ts';
import { count, integer, json, text, textOrNull, type Row } from './columns.ts';
import type { Store } from './store.ts';

export function findings(store: Store): {
  methods: Pick<Journal, 'addFindings' | 'findings' | 'acknowledge'>;
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
  const list = store.prepare(
    'SELECT * FROM findings WHERE ? = 0 OR acknowledged_at IS NULL ORDER BY last_at DESC, id DESC LIMIT ?',
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
      findings: async ({ unacknowledgedOnly, limit }) =>
        store.read(() => list.all(unacknowledgedOnly ? 1 : 0, Math.max(0, limit)).map(stored)),
      acknowledge: async (ids, note) =>
        store.write(() => {
          const at = store.timestamp();
          return ids.reduce((sum, id) => sum + Number(accept.run(at, note, id).changes), 0);
        }),
    },
    find,
  };
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
