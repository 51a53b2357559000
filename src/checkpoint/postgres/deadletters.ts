import { oneLine } from '../../model/errors.ts';
import type { MalformedItem } from '../../model/event.ts';
import { ANSWER_LIMIT_BYTES, bytes, count, integer, page, text, type Row } from '../columns.ts';
import { sha256 } from '../hash.ts';
import type { DeadLetterFilter, RejectedEvent } from '../journal.ts';
import { letterGlimpse, letterOf, REASON_MAX_LENGTH, sentColumn } from '../letters.ts';
import type { DeadLetterMethods } from '../letters.ts';
import { among, where } from './conditions.ts';
import type { Condition } from './conditions.ts';
import { addNews } from './news.ts';
import { keep } from './segments.ts';
import type { Db, Store } from './store.ts';

/** Columns that `letterGlimpse` reads; $1 is how many bytes are read. */
const GLIMPSE_COLUMNS = `id, owner, side, event_source, event_id, seq, created_at, received_at, reason, attempts, first_at, last_at, state,
  discard_reason, octet_length(bytes)::int8 AS size, substring(bytes FROM 1 FOR $1::int) AS content,
  substring(sent FROM 1 FOR $1::int + 1) AS sent`;

/** `tell`: wakes who waits for letters to try again here. */
export function deadLetters(store: Store, tell: () => void): DeadLetterMethods {
  /** In the order of their ids, as many as fit in memory together. */
  async function read(db: Db, filter: DeadLetterFilter): Promise<Row[]> {
    const { sql, values } = where(conditions(filter));
    const found = await db.all(
      `SELECT id, sum(octet_length(bytes) + coalesce(octet_length(sent), 0)) OVER (ORDER BY id)::int8 AS size FROM (
         SELECT id, bytes, sent FROM dead_letters WHERE ${sql} ORDER BY id LIMIT $${values.length + 1}) AS first ORDER BY id`,
      ...[...values, limitOf(filter)],
    );
    const fitting = found
      .filter((row, index) => index === 0 || count(row, 'size') <= ANSWER_LIMIT_BYTES)
      .map((row) => integer(row, 'id'));
    return db.all('SELECT * FROM dead_letters WHERE id = ANY($1::int8[]) ORDER BY id', fitting);
  }

  return {
    addDeadLetters: async (sink, rejected) => {
      store.onDuty('record dead letters', `sink:${sink}`);
      await store.write((db) => reject(db, sink, rejected, store.timestamp()));
    },
    deadLetters: (filter) =>
      store.read(async (db) => page((await read(db, filter)).map(named), ['bytes', 'sent'], letterOf)),
    glanceAtDeadLetters: (filter, contentBytes) => {
      const { sql, values } = where(conditions(filter), [contentBytes]);
      const list = `SELECT ${GLIMPSE_COLUMNS} FROM dead_letters WHERE ${sql} ORDER BY id LIMIT $${values.length + 1}`;
      return store.read(async (db) =>
        (await db.all(list, ...values, limitOf(filter))).map((row) =>
          letterGlimpse(named(row), contentBytes),
        ),
      );
    },
    deadLetterCounts: (side, reason) => {
      const { sql, values } = where([
        [() => `state IN ('open', 'retrying')`],
        ...among('side', side === undefined ? undefined : [side], 'text'),
        ...(reason === undefined
          ? []
          : ([[(place) => `starts_with(reason, ${place})`, reason]] satisfies Condition[])),
      ]);
      const counts = `SELECT owner, count(*) AS count FROM dead_letters WHERE ${sql} GROUP BY owner ORDER BY owner`;
      return store.read(
        async (db) =>
          new Map((await db.all(counts, ...values)).map((row) => [text(row, 'owner'), count(row, 'count')])),
      );
    },
    retryDeadLetters: async (filter) => {
      const { sql, values } = where(conditions(filter));
      const marked = await store.write(async (db) => {
        const changed = await db.run(
          `UPDATE dead_letters SET state = 'retrying' WHERE id IN (
             SELECT id FROM dead_letters WHERE state = 'open' AND side = 'sink' AND ${sql} ORDER BY id LIMIT $${values.length + 1})`,
          ...[...values, limitOf(filter)],
        );
        if (changed > 0) await addNews(db);
        return changed;
      });
      if (marked > 0) tell();
      return marked;
    },
    discardDeadLetters: (filter, reason) => {
      const { sql, values } = where(conditions(filter), [oneLine(reason, REASON_MAX_LENGTH)]);
      return store.write((db) =>
        db.run(
          `UPDATE dead_letters SET state = 'discarded', discard_reason = $1 WHERE id IN (
             SELECT id FROM dead_letters WHERE state <> 'discarded' AND ${sql} ORDER BY id LIMIT $${values.length + 1})`,
          ...[...values, limitOf(filter)],
        ),
      );
    },
    recordRetried: async (delivered, refused, kept) => {
      store.onDuty('settle retried dead letters', kept === undefined ? 'sink:' : `sink:${kept.sink}`);
      await store.write(async (db) => {
        const at = store.timestamp();
        const each = refused.map(({ id, reason, sent }) =>
          db.run(
            `UPDATE dead_letters SET state = 'open', reason = $1, sent = $2, attempts = attempts + 1, last_at = $3
             WHERE id = $4 AND state = 'retrying'`,
            ...[oneLine(reason, REASON_MAX_LENGTH), sentColumn(sent), at, id],
          ),
        );
        await Promise.all([
          db.run(`DELETE FROM dead_letters WHERE id = ANY($1::int8[]) AND side = 'sink'`, delivered),
          ...each,
          kept === undefined ? null : keep(db, kept.sink, kept.segment),
        ]);
      });
    },
  };
}

const COLUMNS =
  'side, owner, event_source, event_id, seq, created_at, received_at, bytes, reason, attempts, first_at, last_at, state, sent';

/** Inside a transaction. Refused again after it was discarded (a replay): that is news, so it is open again. */
export async function reject(
  db: Db,
  sink: string,
  rejected: readonly RejectedEvent[],
  at: string,
): Promise<void> {
  for (const { event, reason, attempts, sent } of rejected) {
    await db.run(
      `INSERT INTO dead_letters AS known (${COLUMNS}) VALUES ('sink', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 'open', $11)
       ON CONFLICT (side, owner, event_source, event_id) DO UPDATE SET state = 'open', discard_reason = NULL,
         reason = excluded.reason, sent = excluded.sent, attempts = known.attempts + excluded.attempts, last_at = excluded.last_at`,
      ...[sink, event.source, Buffer.from(event.id, 'utf8'), event.seq, event.createdAt, event.receivedAt],
      ...[
        event.utf8 ?? Buffer.from(event.original, 'utf8'),
        oneLine(reason, REASON_MAX_LENGTH),
        attempts,
        at,
        sentColumn(sent),
      ],
    );
  }
}

/** Inside a transaction. Read again in an overlap: nothing new, so one that was discarded stays so. */
export async function setAside(
  db: Db,
  source: string,
  items: readonly MalformedItem[],
  at: string,
): Promise<void> {
  for (const { bytes: body, reason } of items) {
    await db.run(
      `INSERT INTO dead_letters AS known (${COLUMNS}) VALUES ('source', $1, '', $2, NULL, NULL, NULL, $3, $4, 1, $5, $5, 'open', NULL)
       ON CONFLICT (side, owner, event_source, event_id) DO UPDATE SET
         reason = excluded.reason, attempts = known.attempts + 1, last_at = excluded.last_at`,
      ...[source, Buffer.from(sha256(body).toString('hex')), body, oneLine(reason, REASON_MAX_LENGTH), at],
    );
  }
}

/** The id of the event as text. */
function named(row: Row): Row {
  return { ...row, event_id: bytes(row, 'event_id').toString('utf8') };
}

function conditions({ owner, states, ids, after }: DeadLetterFilter): Condition[] {
  return [
    ...among('owner', owner === undefined ? undefined : [owner], 'text'),
    ...among('state', states, 'text'),
    ...among('id', ids, 'int8'),
    ...(after === undefined ? [] : ([[(place) => `id > ${place}`, after]] satisfies Condition[])),
  ];
}

function limitOf({ limit }: DeadLetterFilter): number {
  return Math.max(0, limit);
}
