import { oneLine } from '../../model/errors.ts';
import type { AuditEvent, Finding, Json, Window } from '../../model/event.ts';
import { NS_PER_SECOND } from '../../model/time.ts';
import type { Beginning, Glimpse, Journal, PrunedEvents, RejectedEvent } from '../journal.ts';
import { PRUNED_BEFORE_DELIVERY } from '../journal.ts';
import { prunedFinding } from '../pruned.ts';
import { ANSWER_LIMIT_BYTES, count, int64, integer, text } from '../columns.ts';
import { corrupt } from '../corrupt.ts';
import { sizeOf } from '../pages.ts';
import type { Page } from '../pages.ts';
import type { PageReader } from './pages.ts';
import type { Store } from './store.ts';
import { waiters } from '../waiters.ts';

/** What moving a cursor records in the same transaction: dead letters, findings about pruned events, and the segment. */
interface Records {
  readonly reject: (sink: string, rejected: RejectedEvent, at: string) => void;
  readonly find: (sink: string, finding: Finding, at: string) => void;
  readonly keep: (sink: string, segment: Json) => void;
  readonly kept: (sink: string) => Json | null;
}

type EventMethods = Pick<
  Journal,
  | 'cursor'
  | 'prunedUndelivered'
  | 'begin'
  | 'read'
  | 'moveCursor'
  | 'waitForEvents'
  | 'waitForNews'
  | 'tellNews'
  | 'newest'
  | 'firstAfter'
  | 'readWindow'
  | 'eventTypes'
>;

/** The methods of the deliver loops: read in order, and move a cursor. `appended` wakes those that wait. */
export function events(
  store: Store,
  pages: PageReader,
  record: Records,
): { methods: EventMethods; appended: () => void; told: () => void; wakeAll: () => void } {
  const readChain = store.prepare('SELECT anchor_seq, head_seq FROM chain');
  const readCursor = store.prepare('SELECT seq FROM cursors WHERE sink = ?');
  const readGaps = store.prepare(
    `SELECT source AS sink, json_extract(detail, '$.events') AS events FROM findings
       WHERE kind = '${PRUNED_BEFORE_DELIVERY}' AND acknowledged_at IS NULL
     UNION ALL SELECT sink, anchor_seq - seq FROM cursors, chain WHERE seq < anchor_seq`,
  );
  const writeCursor = store.prepare(
    `INSERT INTO cursors (sink, seq, updated_at) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at`,
  );
  // The table `ids` has no index by seq, so this is asked once for each gap.
  const spanOf = store.prepare(
    `SELECT min(second * ${NS_PER_SECOND} + ns) AS start_ns, max(second * ${NS_PER_SECOND} + ns) AS end_ns
     FROM ids WHERE seq BETWEEN ? AND ?`,
  );
  const readTypes = store.prepare('SELECT * FROM event_types ORDER BY source, event_type');

  const chainEnds = (): { anchorSeq: bigint; headSeq: bigint } => {
    const row = readChain.get();
    if (row === undefined) throw corrupt(`the journal at ${store.path} has lost the state of its chain`);
    return { anchorSeq: integer(row, 'anchor_seq'), headSeq: integer(row, 'head_seq') };
  };
  const cursorOf = (sink: string): bigint | null => {
    const row = readCursor.get(sink);
    return row === undefined ? null : integer(row, 'seq');
  };
  /** The seq of the first event kept after a seq, and how many follow. */
  const following = (after: bigint): { first: bigint; events: bigint } => {
    const { anchorSeq, headSeq } = chainEnds();
    const from = after > anchorSeq ? after : anchorSeq;
    return { first: from + 1n, events: headSeq - from };
  };
  const readVersion = store.prepare('PRAGMA data_version');
  const othersVersion = (): bigint | null =>
    store.isOpen() ? integer(readVersion.get() ?? {}, 'data_version') : null;
  const waiting = waiters({
    clock: store.clock,
    hasMore: (after) => store.read(() => following(after).events > 0n),
    version: othersVersion(),
    othersVersion,
    lookEveryMs: () => store.news.lookEveryMs(),
  });
  store.news.onWord(waiting.look);

  /** Reads seqs without a hole, from the first that is not pruned: a lost page is an error, and never skipped. */
  function readInOrder(after: bigint, maxEvents: number, maxBytes: number): readonly AuditEvent[] {
    const { first, events } = following(after);
    const found: AuditEvent[] = [];
    const end = first + (events < maxEvents ? events : BigInt(maxEvents));
    let bytesLeft = maxBytes;
    for (let seq = first; seq < end;) {
      const page = pages.holding(seq);
      if (page === null) throw missing(seq);
      for (; seq < end && seq <= page.lastSeq; seq += 1n) {
        const index = Number(seq - page.firstSeq);
        bytesLeft -= sizeOf(page, index);
        if (bytesLeft < 0 && found.length > 0) return found;
        found.push(pages.event(page, index));
      }
    }
    return found;
  }

  /** Newest events first; lost pages are skipped. */
  function newestFirst(limit: number, originalBytes: number): readonly Glimpse[] {
    const { anchorSeq } = chainEnds();
    const found: Glimpse[] = [];
    for (const page of pages.newestFirst()) {
      for (let index = page.entries.length - 1; index >= 0; index -= 1) {
        if (found.length >= limit || page.firstSeq + BigInt(index) <= anchorSeq) return found;
        found.push(pages.glimpse(page, index, originalBytes));
      }
    }
    return found;
  }

  function firstAfter(after: bigint): Glimpse | null {
    const { first } = following(after);
    const page = pages.holding(first) ?? pages.behind(first);
    if (page === null) return null;
    return pages.glimpse(page, Math.max(0, Number(first - page.firstSeq)), 0);
  }

  /** In the order of seqs, from `first` on; fewer if they are large. */
  function readWindow(
    source: string | null,
    { startNs, endNs }: Window,
    first: bigint,
    maxEvents: number,
  ): AuditEvent[] {
    const found: AuditEvent[] = [];
    let bytesLeft = ANSWER_LIMIT_BYTES;
    const isMeant = (page: Page, index: number): boolean => {
      const ns = page.entries[index]?.createdNs ?? 0n;
      return page.firstSeq + BigInt(index) >= first && ns >= startNs && ns <= endNs;
    };
    for (const page of pages.within(source, int64(startNs), int64(endNs), first)) {
      for (let index = 0; index < page.entries.length; index += 1) {
        if (!isMeant(page, index)) continue;
        bytesLeft -= sizeOf(page, index);
        if (found.length >= maxEvents || (bytesLeft < 0 && found.length > 0)) return found;
        found.push(pages.event(page, index));
      }
    }
    return found;
  }

  const missing = (seq: bigint): Error =>
    corrupt(`the journal at ${store.path} has lost event ${seq}: it is not there although it was not pruned`);

  /** What was pruned after `cursor`; null when nothing was. */
  function prunedAfter(cursor: bigint): PrunedEvents | null {
    const { anchorSeq } = chainEnds();
    if (cursor >= anchorSeq) return null;
    const fromSeq = cursor + 1n;
    const row = spanOf.get(fromSeq, anchorSeq);
    const known = row !== undefined && row['start_ns'] !== null;
    const window = known ? { startNs: integer(row, 'start_ns'), endNs: integer(row, 'end_ns') } : null;
    return { fromSeq, toSeq: anchorSeq, events: Number(anchorSeq - cursor), window };
  }

  /** The first place that a cursor can move to. If it skips pruned events, that is a finding, but for a new sink. */
  function passPruned(sink: string, at: string): Beginning {
    const cursor = cursorOf(sink);
    const pruned = prunedAfter(cursor ?? 0n);
    if (pruned !== null && cursor !== null) record.find(sink, prunedFinding(sink, pruned), at);
    return { seq: pruned?.toSeq ?? cursor ?? 0n, isNew: cursor === null, pruned };
  }

  function moveCursor(sink: string, upTo: bigint, rejected: readonly RejectedEvent[]): void {
    const at = store.timestamp();
    const held = cursorOf(sink) ?? 0n;
    const name = oneLine(sink);
    // Both would skip or repeat events unseen; they are faults of the caller, which no retry fixes.
    if (upTo < held)
      throw new Error(`the cursor of sink ${name} is at ${held} and cannot move back to ${upTo}`);
    if (upTo > chainEnds().headSeq)
      throw new Error(`sink ${name} cannot settle ${upTo}: there is no such event`);
    for (const one of rejected) record.reject(sink, one, at);
    const { seq } = passPruned(sink, at);
    writeCursor.run(sink, upTo > seq ? upTo : seq, at);
  }

  const methods: EventMethods = {
    cursor: async (sink) => store.read(() => cursorOf(sink) ?? 0n),
    prunedUndelivered: async () => {
      const counts = new Map<string, number>();
      for (const row of store.read(() => readGaps.all())) {
        const sink = text(row, 'sink');
        counts.set(sink, (counts.get(sink) ?? 0) + count(row, 'events'));
      }
      return counts;
    },
    begin: async (sink, passed) => {
      store.writerOnly('begin a sink');
      return store.write(() => {
        const at = store.timestamp();
        const beginning = passPruned(sink, at);
        writeCursor.run(sink, beginning.seq, at);
        const segment = passed?.(beginning, record.kept(sink)) ?? null;
        if (segment !== null) record.keep(sink, segment);
        return beginning;
      });
    },
    read: async (after, limit) =>
      store.read(() => readInOrder(int64(after), Math.max(1, limit.maxEvents), limit.maxBytes)),
    moveCursor: async (sink, upTo, rejected, segment) => {
      store.writerOnly('move a cursor');
      store.write(() => {
        moveCursor(sink, upTo, rejected);
        if (segment !== undefined) record.keep(sink, segment);
      });
    },
    waitForEvents: waiting.wait,
    waitForNews: waiting.waitForNews,
    tellNews: async () => waiting.tell(),
    newest: async (limit, originalBytes = Number.MAX_SAFE_INTEGER) =>
      store.read(() => newestFirst(Math.max(0, limit), originalBytes)),
    firstAfter: async (after) => store.read(() => firstAfter(int64(after))),
    readWindow: async (source, window, after, maxEvents) =>
      store.read(() => readWindow(source, window, following(int64(after)).first, Math.max(0, maxEvents))),
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
  return { methods, appended: waiting.appended, told: waiting.tell, wakeAll: waiting.wakeAll };
}
