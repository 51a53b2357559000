import { oneLine } from '../../model/errors.ts';
import type { Json, MalformedItem, NewEvent } from '../../model/event.ts';
import type { DeadLetterFilter, RejectedEvent } from '../journal.ts';
import { letterGlimpse, letterOf, REASON_MAX_LENGTH, sentColumn } from '../letters.ts';
import type { DeadLetterMethods } from '../letters.ts';
import { count, page, text } from '../columns.ts';
import { among, amongNumbers, filtered } from './conditions.ts';
import type { Condition } from './conditions.ts';
import { sha256 } from '../hash.ts';
import { readableAgain } from './readable-again.ts';
import type { Store } from './store.ts';

/** `tell`: wakes who waits for letters to try again. `keep` runs in the transaction that settles a try. */
export function deadLetters(
  store: Store,
  tell: () => void,
  keep: (sink: string, segment: Json) => void,
): {
  methods: DeadLetterMethods;
  reject: (sink: string, rejected: RejectedEvent, at: string) => void;
  malformed: (source: string, item: MalformedItem, at: string) => void;
  readable: (source: string, events: readonly NewEvent[]) => void;
} {
  const writers = rowWriters(store);
  const list = filtered(store, (where) => `SELECT * FROM dead_letters WHERE ${where} ORDER BY id LIMIT ?`);
  const glance = filtered(
    store,
    (where) => `SELECT ${GLIMPSE_COLUMNS} FROM dead_letters WHERE ${where} ORDER BY id LIMIT ?`,
  );
  const counts = filtered(
    store,
    (where) =>
      `SELECT owner, count(*) AS count FROM dead_letters WHERE ${where} GROUP BY owner ORDER BY owner`,
  );
  const retry = filtered(
    store,
    (where) => `UPDATE dead_letters SET state = 'retrying' WHERE id IN (
       SELECT id FROM dead_letters WHERE state = 'open' AND side = 'sink' AND ${where} ORDER BY id LIMIT ?)`,
  );
  const discard = filtered(
    store,
    (where) => `UPDATE dead_letters SET state = 'discarded', discard_reason = ? WHERE id IN (
       SELECT id FROM dead_letters WHERE state <> 'discarded' AND ${where} ORDER BY id LIMIT ?)`,
  );
  const deliver = store.prepare(`DELETE FROM dead_letters WHERE id = ? AND side = 'sink'`);
  const refuse = store.prepare(
    `UPDATE dead_letters SET state = 'open', reason = ?, sent = ?, attempts = attempts + 1, last_at = ?
     WHERE id = ? AND state = 'retrying'`,
  );

  return {
    ...writers,
    readable: readableAgain(store),
    methods: {
      addDeadLetters: async (sink, rejected) => {
        store.writerOnly('record dead letters');
        store.write(() => {
          const at = store.timestamp();
          for (const one of rejected) writers.reject(sink, one, at);
        });
      },
      deadLetters: async (filter) => {
        const { statement, values } = list(conditions(filter));
        return store.read(() =>
          page(statement.iterate(...values, limitOf(filter)), ['bytes', 'sent'], letterOf),
        );
      },
      glanceAtDeadLetters: async (filter, contentBytes) => {
        const { statement, values } = glance(conditions(filter));
        return store.read(() =>
          statement
            .all(contentBytes, contentBytes, ...values, limitOf(filter))
            .map((row) => letterGlimpse(row, contentBytes)),
        );
      },
      deadLetterCounts: async (side, reason) => {
        const { statement, values } = counts([
          [`state IN ('open', 'retrying')`],
          ...among('side', side === undefined ? undefined : [side]),
          ...(reason === undefined ? [] : [['substr(reason, 1, ?) = ?', reason.length, reason] as const]),
        ]);
        return store.read(
          () => new Map(statement.all(...values).map((row) => [text(row, 'owner'), count(row, 'count')])),
        );
      },
      retryDeadLetters: async (filter) => {
        const { statement, values } = retry(conditions(filter));
        const marked = store.write(() => Number(statement.run(...values, limitOf(filter)).changes));
        if (marked > 0) tell();
        return marked;
      },
      discardDeadLetters: async (filter, reason) => {
        const { statement, values } = discard(conditions(filter));
        const why = oneLine(reason, REASON_MAX_LENGTH);
        return store.write(() => Number(statement.run(why, ...values, limitOf(filter)).changes));
      },
      recordRetried: async (delivered, refused, kept) => {
        store.writerOnly('settle retried dead letters');
        store.write(() => {
          const at = store.timestamp();
          for (const id of delivered) deliver.run(id);
          for (const { id, reason, sent } of refused)
            refuse.run(oneLine(reason, REASON_MAX_LENGTH), sentColumn(sent), at, id);
          if (kept !== undefined) keep(kept.sink, kept.segment);
        });
      },
    },
  };
}

/** The two ways in. The same event or the same bytes again raise the attempts of the row that is there. */
function rowWriters(store: Store) {
  const columns =
    'side, owner, event_source, event_id, seq, created_at, received_at, bytes, reason, attempts, first_at, last_at, state, sent';
  // Refused again after it was discarded (a replay): that is news, so it is open again.
  const insertRejected = store.prepare(
    `INSERT INTO dead_letters (${columns}) VALUES ('sink', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)
     ON CONFLICT (side, owner, event_source, event_id) DO UPDATE SET state = 'open', discard_reason = NULL,
       reason = excluded.reason, sent = excluded.sent, attempts = attempts + excluded.attempts, last_at = excluded.last_at`,
  );
  // Read again in an overlap: nothing new, so one that was discarded stays so.
  const insertMalformed = store.prepare(
    `INSERT INTO dead_letters (${columns}) VALUES ('source', ?, '', ?, NULL, NULL, NULL, ?, ?, 1, ?, ?, 'open', NULL)
     ON CONFLICT (side, owner, event_source, event_id) DO UPDATE SET
       reason = excluded.reason, attempts = attempts + 1, last_at = excluded.last_at`,
  );
  return {
    reject: (sink: string, { event, reason, attempts, sent }: RejectedEvent, at: string): void => {
      const original = event.utf8 ?? Buffer.from(event.original, 'utf8');
      const place = [sink, event.source, event.id, event.seq, event.createdAt, event.receivedAt] as const;
      const why = oneLine(reason, REASON_MAX_LENGTH);
      insertRejected.run(...place, original, why, attempts, at, at, sentColumn(sent));
    },
    malformed: (source: string, item: MalformedItem, at: string): void => {
      const subject = sha256(item.bytes).toString('hex');
      insertMalformed.run(source, subject, item.bytes, oneLine(item.reason, REASON_MAX_LENGTH), at, at);
    },
  };
}

function conditions({ owner, states, ids, after }: DeadLetterFilter): Condition[] {
  return [
    ...among('owner', owner === undefined ? undefined : [owner]),
    ...among('state', states),
    ...amongNumbers('id', ids),
    ...(after === undefined ? [] : [['id > ?', after] as const]),
  ];
}

function limitOf({ limit }: DeadLetterFilter): number {
  return Math.max(0, limit);
}

/** Columns that `letterGlimpse` reads; both parameters are how many bytes are read. */
const GLIMPSE_COLUMNS = `id, owner, side, event_source, event_id, seq, created_at, received_at, reason, attempts, first_at, last_at, state,
  discard_reason, length(bytes) AS size, substr(bytes, 1, ?) AS content, substr(sent, 1, ? + 1) AS sent`;
