import type { Finding } from '../../model/event.ts';
import { bytes, count, int64, text, type Row } from '../columns.ts';
import { findingOf, subjectOf } from '../finding-rows.ts';
import { sha256 } from '../hash.ts';
import type { FindingFilter, Journal, StoredFinding } from '../journal.ts';
import { sameForm } from '../receipts.ts';
import { among, where } from './conditions.ts';
import type { Condition } from './conditions.ts';
import type { Db, Store } from './store.ts';

export function findings(
  store: Store,
): Pick<Journal, 'addFindings' | 'findings' | 'findingCounts' | 'acknowledge' | 'pruneFindings'> {
  return {
    addFindings: async (source, added) => {
      if (added.length > 0) await store.write((db) => find(db, source, added, store.timestamp()));
    },
    findings: ({ after, limit, ...filter }) => {
      const paged: Condition[] = after === undefined ? [] : [[(place) => `id > ${place}`, after]];
      const { sql, values } = where([...conditions(filter), ...paged]);
      const order = after === undefined ? 'last_at DESC, id DESC' : 'id';
      const list = `SELECT * FROM findings WHERE ${sql} ORDER BY ${order} LIMIT $${values.length + 1}`;
      return store.read(async (db) => (await db.all(list, ...values, Math.max(0, limit))).map(stored));
    },
    findingCounts: (filter) => {
      const { sql, values } = where(conditions(filter));
      const counts = `SELECT source, kind, count(*) AS count FROM findings WHERE ${sql} GROUP BY source, kind ORDER BY source, kind`;
      return store.read(async (db) =>
        (await db.all(counts, ...values)).map((row) => ({
          source: text(row, 'source'),
          kind: text(row, 'kind'),
          count: count(row, 'count'),
        })),
      );
    },
    acknowledge: (ids, note) =>
      store.write((db) =>
        db.run(
          'UPDATE findings SET acknowledged_at = $1, acknowledgement = $2 WHERE id = ANY($3::int8[]) AND acknowledged_at IS NULL',
          ...[store.timestamp(), note, ids],
        ),
      ),
    pruneFindings: async (lastSeenBefore) => {
      store.onDuty('prune findings', 'upkeep');
      const forget = 'DELETE FROM findings WHERE acknowledged_at IS NOT NULL AND last_at < $1';
      return store.write((db) => db.run(forget, sameForm(lastSeenBefore)));
    },
  };
}

/** Records findings inside a transaction. Seen again with the same words, an acknowledged one stays so; with other words it is news. */
export async function find(db: Db, source: string, added: readonly Finding[], at: string): Promise<void> {
  const each = added.map((finding) => {
    const { kind, window, eventId, summary, detail } = finding;
    return db.run(
      `INSERT INTO findings AS known
         (source, kind, subject_hash, start_ns, end_ns, event_id, summary, detail, first_at, last_at, seen)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 1)
       ON CONFLICT (source, kind, subject_hash) DO UPDATE SET
         acknowledged_at = CASE WHEN known.summary = excluded.summary THEN known.acknowledged_at END,
         acknowledgement = CASE WHEN known.summary = excluded.summary THEN known.acknowledgement END,
         summary = excluded.summary, detail = excluded.detail, last_at = excluded.last_at, seen = known.seen + 1`,
      ...[
        source,
        kind,
        sha256(subjectOf(finding)),
        window === undefined ? null : int64(window.startNs),
        window === undefined ? null : int64(window.endNs),
        eventId === undefined ? null : Buffer.from(eventId, 'utf8'),
        summary,
        detail === undefined ? null : JSON.stringify(detail),
        at,
      ],
    );
  });
  await Promise.all(each);
}

function conditions(filter: FindingFilter): Condition[] {
  const { unacknowledgedOnly, owners, kinds, exceptKinds, about, ids } = filter;
  return [
    ...(unacknowledgedOnly ? [[() => 'acknowledged_at IS NULL'] as const] : []),
    ...among('source', owners, 'text'),
    ...among('kind', kinds, 'text'),
    ...(exceptKinds === undefined
      ? []
      : [[(place: string) => `kind <> ALL(${place}::text[])`, exceptKinds] as const]),
    ...(about === undefined
      ? []
      : ([
          [(place) => `(start_ns IS NULL OR start_ns <= ${place})`, int64(about.endNs)],
          [(place) => `(start_ns IS NULL OR end_ns >= ${place})`, int64(about.startNs)],
        ] satisfies Condition[])),
    ...among('id', ids, 'int8'),
  ];
}

function stored(row: Row): StoredFinding {
  const eventId = row['event_id'] === null ? null : bytes(row, 'event_id').toString('utf8');
  return findingOf({ ...row, event_id: eventId });
}
