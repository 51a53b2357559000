import { oneLine } from '../../model/errors.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Journal, RejectedEvent } from '../journal.ts';
import {
  auditEvent,
  bytes,
  EVENT_COLUMNS,
  glimpse,
  GLIMPSE_COLUMNS,
  int64,
  integer,
  page,
} from './columns.ts';
import { corrupt } from './faults.ts';
import type { Store } from './store.ts';
import { waiters } from './waiters.ts';

/** Records that a sink refused an event for good, inside the transaction that moves its cursor. */
type Reject = (sink: string, rejected: RejectedEvent, at: string) => void;

type EventMethods = Pick<
  Journal,
  'cursor' | 'read' | 'settle' | 'waitForEvents' | 'newest' | 'firstAfter' | 'readWindow' | 'eventTypes'
>;

/** What the deliver loops do: read in order, and move a cursor each. `appended` wakes those who wait. */
export function events(
  store: Store,
  reject: Reject,
): { methods: EventMethods; appended: (headSeq: bigint) => void; wakeAll: () => void } {
  const readChain = store.prepare('SELECT anchor_seq, head_seq FROM chain');
  const readCursor = store.prepare('SELECT seq FROM cursors WHERE sink = ?');
  const writeCursor = store.prepare(
    `INSERT INTO cursors VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at`,
  );
  const readAfter = store.prepare(`SELECT ${EVENT_COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?`);
  const readNewest = store.prepare(`SELECT ${GLIMPSE_COLUMNS} FROM events ORDER BY seq DESC LIMIT ?`);
  const readFirst = store.prepare(`SELECT ${GLIMPSE_COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT 1`);
  const inWindow = (source: string) =>
    store.prepare(
      `SELECT ${EVENT_COLUMNS} FROM events JOIN (
         SELECT seq FROM ids INDEXED BY ids_by_time
         WHERE ${source} AND created_ns BETWEEN ? AND ? AND seq > ? ORDER BY seq LIMIT ?
       ) AS found ON found.seq = events.seq ORDER BY events.seq`,
    );
  const readWindowOfOne = inWindow('source = ?');
  const readWindowOfAll = inWindow('source IN (SELECT DISTINCT source FROM event_types)');
  const readTypes = store.prepare('SELECT * FROM event_types ORDER BY source, event_type');

  const chainEnds = (): { anchorSeq: bigint; headSeq: bigint } => {
    const row = readChain.get();
    if (row === undefined) throw corrupt(`the journal at ${store.path} has lost the state of its chain`);
    return { anchorSeq: integer(row, 'anchor_seq'), headSeq: integer(row, 'head_seq') };
  };
  const cursorOf = (sink: string): bigint => {
    const row = readCursor.get(sink);
    return row === undefined ? 0n : integer(row, 'seq');
  };
  const headSeq = (): bigint => store.read(() => chainEnds().headSeq);
  const waiting = waiters(store.clock, headSeq);

  /** Seqs have no holes but what was pruned in front, so that a lost row stops the journal instead of being passed over. */
  function readInOrder(after: bigint, maxEvents: number, maxBytes: number): readonly AuditEvent[] {
    const ends = chainEnds();
    let expected = (after > ends.anchorSeq ? after : ends.anchorSeq) + 1n;
    const found: AuditEvent[] = [];
    let bytesLeft = maxBytes;
    for (const row of readAfter.iterate(expected - 1n, maxEvents)) {
      if (integer(row, 'seq') !== expected) throw missing(expected);
      bytesLeft -= bytes(row, 'original').length;
      if (bytesLeft < 0 && found.length > 0) return found;
      found.push(auditEvent(row));
      expected++;
    }
    if (found.length < maxEvents && expected <= ends.headSeq) throw missing(expected);
    return found;
  }

  const missing = (seq: bigint): Error =>
    corrupt(`the journal at ${store.path} has lost event ${seq}: it is not there although it was not pruned`);

  function moveCursor(sink: string, upTo: bigint, rejected: readonly RejectedEvent[]): void {
    const at = store.timestamp();
    const held = cursorOf(sink);
    const name = oneLine(sink);
    // Both would skip or repeat events unseen; they are faults of the caller, which no retry fixes.
    if (upTo < held)
      throw new Error(`the cursor of sink ${name} is at ${held} and cannot move back to ${upTo}`);
    if (upTo > chainEnds().headSeq)
      throw new Error(`sink ${name} cannot settle ${upTo}: there is no such event`);
    for (const one of rejected) reject(sink, one, at);
    writeCursor.run(sink, upTo, at);
  }

  const methods: EventMethods = {
    cursor: async (sink) => store.read(() => cursorOf(sink)),
    read: async (after, limit) =>
      store.read(() => readInOrder(int64(after), Math.max(1, limit.maxEvents), limit.maxBytes)),
    settle: async (sink, upTo, rejected) => {
      store.writerOnly('move a cursor');
      store.write(() => moveCursor(sink, upTo, rejected));
    },
    waitForEvents: waiting.wait,
    newest: async (limit, originalBytes = Number.MAX_SAFE_INTEGER) =>
      store.read(() => readNewest.all(originalBytes, Math.max(0, limit)).map(glimpse)),
    firstAfter: async (after) => {
      const row = store.read(() => readFirst.get(0, int64(after)));
      return row === undefined ? null : glimpse(row);
    },
    readWindow: async (source, window, after, maxEvents) =>
      store.read(() => {
        const { anchorSeq } = chainEnds();
        // An id outlives its event: what was pruned must not fill the page.
        const from = after > anchorSeq ? int64(after) : anchorSeq;
        const rest = [int64(window.startNs), int64(window.endNs), from, Math.max(0, maxEvents)] as const;
        const rows =
          source === null ? readWindowOfAll.iterate(...rest) : readWindowOfOne.iterate(source, ...rest);
        return page(rows, 'original', auditEvent);
      }),
    eventTypes: async () =>
      store
        .read(() => readTypes.all())
        .map((row) => ({
          source: String(row['source']),
          eventType: String(row['event_type']),
          count: Number(row['count']),
          firstNs: integer(row, 'first_ns'),
          lastNs: integer(row, 'last_ns'),
        })),
  };
  return { methods, appended: waiting.appended, wakeAll: waiting.wakeAll };
}
