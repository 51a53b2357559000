import { oneLine } from '../../model/errors.ts';
import type { AuditEvent, Window } from '../../model/event.ts';
import { NS_PER_SECOND } from '../../model/time.ts';
import { ANSWER_LIMIT_BYTES, count, int64, integer, text } from '../columns.ts';
import { corrupt } from '../corrupt.ts';
import type { Beginning, Glimpse, Journal, PrunedEvents, RejectedEvent } from '../journal.ts';
import { PRUNED_BEFORE_DELIVERY } from '../journal.ts';
import { sizeOf } from '../pages.ts';
import type { Page } from '../pages.ts';
import { prunedFinding } from '../pruned.ts';
import { reject } from './deadletters.ts';
import { lostSince, readEnds } from './ends.ts';
import { find } from './findings.ts';
import type { PageReader } from './pages.ts';
import { keep, kept } from './segments.ts';
import type { Db, Store } from './store.ts';

type EventMethods = Pick<
  Journal,
  | 'cursor'
  | 'prunedUndelivered'
  | 'begin'
  | 'read'
  | 'moveCursor'
  | 'newest'
  | 'firstAfter'
  | 'readWindow'
  | 'eventTypes'
>;

/** What the deliver loops do: read in order, and move a cursor each. */
export function events(store: Store, pages: PageReader): EventMethods {
  /** Where each sink was left here. Nobody else moves its cursor under the same lease. */
  const left = new Map<string, bigint>();

  /** Seqs have no holes but what was pruned in front, so that a lost page stops the journal instead of being passed over. */
  async function readInOrder(
    db: Db,
    after: bigint,
    maxEvents: number,
    maxBytes: number,
  ): Promise<AuditEvent[]> {
    const { first, events } = await following(db, after);
    const found: AuditEvent[] = [];
    const end = first + (events < maxEvents ? events : BigInt(maxEvents));
    let bytesLeft = maxBytes;
    let ready: Page[] = [];
    for (let seq = first; seq < end;) {
      if (ready.length === 0) ready = await holdingAndNext(db, seq);
      const page = ready.shift();
      if (page === undefined || page.firstSeq > seq || page.lastSeq < seq) throw missing(seq);
      for (; seq < end && seq <= page.lastSeq; seq += 1n) {
        const index = Number(seq - page.firstSeq);
        bytesLeft -= sizeOf(page, index);
        if (bytesLeft < 0 && found.length > 0) return found;
        found.push(await pages.event(db, page, index));
      }
    }
    return found;
  }

  /** The page that holds `seq`, and those behind it, as far as they are read together. */
  async function holdingAndNext(db: Db, seq: bigint): Promise<Page[]> {
    const holding = await pages.holding(db, seq);
    if (holding === null) return [];
    const next =
      holding.lastSeq - holding.firstSeq < SMALL_PAGE ? await pages.from(db, holding.lastSeq + 1n) : [];
    const all = [holding, ...next];
    await pages.prefetch(db, all);
    return all;
  }

  /** Events that are not pruned, wherever pages are lost. */
  async function newestFirst(db: Db, limit: number, originalBytes: number): Promise<Glimpse[]> {
    const { anchorSeq, headSeq } = await readEnds(db);
    const found: Glimpse[] = [];
    for (
      let page = await pages.before(db, headSeq + 1n);
      page !== null;
      page = await pages.before(db, page.firstSeq)
    ) {
      for (let index = page.entries.length - 1; index >= 0; index -= 1) {
        if (found.length >= limit || page.firstSeq + BigInt(index) <= anchorSeq) return found;
        found.push(await pages.glimpse(db, page, index, originalBytes));
      }
    }
    return found;
  }

  /** In order of their seqs, from one on; fewer where they are large. */
  async function readWindow(
    db: Db,
    source: string | null,
    { startNs, endNs }: Window,
    first: bigint,
    maxEvents: number,
  ): Promise<AuditEvent[]> {
    const found: AuditEvent[] = [];
    let bytesLeft = ANSWER_LIMIT_BYTES;
    const isMeant = (page: Page, index: number): boolean => {
      const ns = page.entries[index]?.createdNs ?? 0n;
      return page.firstSeq + BigInt(index) >= first && ns >= startNs && ns <= endNs;
    };
    for (let from = (await pages.before(db, first + 1n))?.firstSeq ?? 0n; ;) {
      const some = await pages.within(db, source, int64(startNs), int64(endNs), from);
      await pages.prefetch(db, some);
      for (const page of some) {
        for (let index = 0; index < page.entries.length; index += 1) {
          if (!isMeant(page, index)) continue;
          bytesLeft -= sizeOf(page, index);
          if (found.length >= maxEvents || (bytesLeft < 0 && found.length > 0)) return found;
          found.push(await pages.event(db, page, index));
        }
      }
      const last = some.at(-1);
      if (last === undefined) return found;
      from = last.lastSeq + 1n;
    }
  }

  const missing = (seq: bigint): Error =>
    corrupt(
      `the journal in ${store.where} has lost event ${seq}: it is not there although it was not pruned`,
    );

  async function moveCursor(
    db: Db,
    sink: string,
    upTo: bigint,
    rejected: readonly RejectedEvent[],
  ): Promise<bigint> {
    const at = store.timestamp();
    const held = (await cursorOf(db, sink)) ?? 0n;
    const known = left.get(sink) ?? 0n;
    // What got the lost places since would be passed over.
    if (held < known) throw lostSince(held, known);
    const name = oneLine(sink);
    // It would repeat events unseen: a fault of the caller, which no retry fixes.
    if (upTo < held)
      throw new Error(`the cursor of sink ${name} is at ${held} and cannot move back to ${upTo}`);
    const { headSeq } = await readEnds(db);
    // It was read from here: the database has lost it since.
    if (upTo > headSeq) throw corrupt(`sink ${name} cannot settle ${upTo}: there is no such event any more`);
    await reject(db, sink, rejected, at);
    const { seq } = await passPruned(db, sink, at);
    const moved = upTo > seq ? upTo : seq;
    await writeCursor(db, sink, moved, at);
    return moved;
  }

  return {
    cursor: (sink) => store.read(async (db) => (await cursorOf(db, sink)) ?? 0n),
    prunedUndelivered: () =>
      store.read(async (db) => {
        const rows = await db.all(
          `SELECT source AS sink, (detail::json->>'events')::int8 AS events FROM findings
             WHERE kind = $1 AND acknowledged_at IS NULL
           UNION ALL SELECT sink, anchor.seq - cursors.seq FROM cursors, anchor WHERE cursors.seq < anchor.seq`,
          PRUNED_BEFORE_DELIVERY,
        );
        const counts = new Map<string, number>();
        for (const row of rows) {
          const sink = text(row, 'sink');
          counts.set(sink, (counts.get(sink) ?? 0) + count(row, 'events'));
        }
        return counts;
      }),
    begin: async (sink, passed) => {
      store.onDuty('begin a sink', `sink:${sink}`);
      const begun = await store.write(async (db) => {
        const at = store.timestamp();
        const beginning = await passPruned(db, sink, at);
        await writeCursor(db, sink, beginning.seq, at);
        const segment = passed?.(beginning, await kept(db, sink)) ?? null;
        if (segment !== null) await keep(db, sink, segment);
        return beginning;
      });
      left.set(sink, begun.seq);
      return begun;
    },
    read: (after, limit) =>
      store.read((db) => readInOrder(db, int64(after), Math.max(1, limit.maxEvents), limit.maxBytes)),
    moveCursor: async (sink, upTo, rejected, segment) => {
      store.onDuty('move a cursor', `sink:${sink}`);
      const moved = await store.write(async (db) => {
        const cursor = await moveCursor(db, sink, upTo, rejected);
        if (segment !== undefined) await keep(db, sink, segment);
        return cursor;
      });
      left.set(sink, moved);
    },
    newest: (limit, originalBytes = Number.MAX_SAFE_INTEGER) =>
      store.read((db) => newestFirst(db, Math.max(0, limit), originalBytes)),
    firstAfter: (after) =>
      store.read(async (db) => {
        const { first } = await following(db, int64(after));
        const page = (await pages.holding(db, first)) ?? (await pages.behind(db, first));
        return page === null ? null : pages.glimpse(db, page, Math.max(0, Number(first - page.firstSeq)), 0);
      }),
    readWindow: (source, window, after, maxEvents) =>
      store.read(async (db) => {
        const { first } = await following(db, int64(after));
        return readWindow(db, source, window, first, Math.max(0, maxEvents));
      }),
    eventTypes: () =>
      store.read(async (db) =>
        (await db.all('SELECT * FROM event_types ORDER BY source, event_type')).map((row) => ({
          source: text(row, 'source'),
          eventType: text(row, 'event_type'),
          count: count(row, 'count'),
          firstNs: integer(row, 'first_ns'),
          lastNs: integer(row, 'last_ns'),
        })),
      ),
  };
}

/** Pages smaller than this are read several at a time. Events. */
const SMALL_PAGE = 500n;

async function cursorOf(db: Db, sink: string): Promise<bigint | null> {
  const [row] = await db.all('SELECT seq FROM cursors WHERE sink = $1', sink);
  return row === undefined ? null : integer(row, 'seq');
}

async function writeCursor(db: Db, sink: string, seq: bigint, at: string): Promise<void> {
  await db.run(
    `INSERT INTO cursors VALUES ($1, $2, $3)
     ON CONFLICT (sink) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at`,
    ...[sink, seq, at],
  );
}

/** What follows a place in the journal: the first event that may still be there, and how many there are. */
async function following(db: Db, after: bigint): Promise<{ first: bigint; events: bigint }> {
  const { anchorSeq, headSeq } = await readEnds(db);
  const from = after > anchorSeq ? after : anchorSeq;
  return { first: from + 1n, events: headSeq - from };
}

/** The first place that a cursor can move to. If it skips pruned events, that is a finding, but for a new sink. */
async function passPruned(db: Db, sink: string, at: string): Promise<Beginning> {
  const cursor = await cursorOf(db, sink);
  const pruned = await prunedAfter(db, cursor ?? 0n);
  if (pruned !== null && cursor !== null) await find(db, sink, [prunedFinding(sink, pruned)], at);
  return { seq: pruned?.toSeq ?? cursor ?? 0n, isNew: cursor === null, pruned };
}

/** What was pruned after `cursor`; null when nothing was. */
async function prunedAfter(db: Db, cursor: bigint): Promise<PrunedEvents | null> {
  const { anchorSeq } = await readEnds(db);
  if (cursor >= anchorSeq) return null;
  const fromSeq = cursor + 1n;
  // The list of known ids has no index by seq: asked once for each gap.
  const [row] = await db.all(
    `SELECT min(second * ${NS_PER_SECOND} + ns) AS start_ns, max(second * ${NS_PER_SECOND} + ns) AS end_ns
     FROM ids WHERE seq BETWEEN $1 AND $2`,
    ...[fromSeq, anchorSeq],
  );
  const known = row !== undefined && row['start_ns'] !== null;
  const window = known ? { startNs: integer(row, 'start_ns'), endNs: integer(row, 'end_ns') } : null;
  return { fromSeq, toSeq: anchorSeq, events: Number(anchorSeq - cursor), window };
}
