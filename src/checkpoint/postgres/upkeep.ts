import type { Clock } from '../../model/clock.ts';
import { NS_PER_SECOND } from '../../model/time.ts';
import { bytes, count, int64, integer, secondOf, text } from '../columns.ts';
import type { Journal, JournalSize, Spared } from '../journal.ts';
import { lastReceivedBefore, readReceipts, sameForm, withReceipts } from '../receipts.ts';
import type { Receipt } from '../receipts.ts';
import { RECEIPTS } from '../transfer.ts';
import { readEnds } from './ends.ts';
import type { Db, Store } from './store.ts';

/** What one transaction of a pruning removes: short enough that nobody waits for its locks. */
const SLICE_ROWS = 2000;
const SLICE_PAGES = 50;
/** How exactly it is known when a sink was last named: a full journal is pruned every few seconds. */
const SEEN_EVERY_MS = 3_600_000;
/** How often the size of the tables beside the pages is asked for: they change slowly, and each loop asks often. */
const TABLES_EVERY_MS = 10_000;
const TABLES = ['ids', 'dead_letters', 'findings', 'coverage', 'progress', 'jobs', 'meta'];

/** What is in use: what the pages take, which is given back when they go, and the tables beside them as they are on the disk. */
export function sizing(store: Store, clock: Clock, limitBytes: number): () => Promise<JournalSize> {
  let tables = { bytes: 0, atMs: -Infinity };
  return () =>
    store.read(async (db) => {
      const [row] = await db.all(
        `SELECT anchor.seq AS anchor_seq, head.seq AS head_seq, head.bytes - anchor.bytes AS bytes FROM anchor, head`,
      );
      if (clock.monotonic() - tables.atMs >= TABLES_EVERY_MS) {
        const [all] = await db.all(
          `SELECT sum(pg_total_relation_size(name::regclass))::int8 AS bytes FROM unnest($1::text[]) AS name`,
          TABLES,
        );
        tables = { bytes: count(all ?? {}, 'bytes'), atMs: clock.monotonic() };
      }
      const [anchorSeq, headSeq] = [integer(row ?? {}, 'anchor_seq'), integer(row ?? {}, 'head_seq')];
      return {
        usedBytes: count(row ?? {}, 'bytes') + tables.bytes,
        limitBytes,
        events: Number(headSeq - anchorSeq),
        oldestSeq: headSeq > anchorSeq ? anchorSeq + 1n : 0n,
        headSeq,
      };
    });
}

/** Removes in slices, each a transaction of its own: first pages, then ids. `onPruned` is told where the events begin now. */
export function pruning(store: Store, onPruned: (anchorSeq: bigint) => void): Journal['prune'] {
  return async (sinks, beforeReceived, idsBeforeNs, spared) => {
    store.onDuty('prune', 'upkeep');
    const { before, last } = await store.write(async (db) => {
      const longAgo = new Date(store.clock.now() - SEEN_EVERY_MS).toISOString();
      await db.run(
        'UPDATE cursors SET updated_at = $1 WHERE updated_at < $2 AND sink = ANY($3::text[])',
        ...[store.timestamp(), longAgo, sinks],
      );
      const { anchorSeq } = await readEnds(db);
      return { before: anchorSeq, last: await pruneLimit(db, sinks, beforeReceived, spared) };
    });
    while (store.isOpen() && (await store.write((db) => removeSlice(db, last))));
    if (!store.isOpen()) return 0;
    await store.write((db) => passInPage(db, last));
    const { anchorSeq } = await store.read(readEnds);
    onPruned(anchorSeq);
    const removed = Number(anchorSeq - before);
    await removeIds(store, int64(idsBeforeNs), spared?.idsReceivedSince);
    return removed;
  };
}

/** Whole pages, up to an event. Returns false when there are none left. */
async function removeSlice(db: Db, last: bigint): Promise<boolean> {
  await db.all('SELECT 1 FROM anchor FOR UPDATE');
  const rows = await db.all(
    `SELECT last_seq, hash, received_at, octet_length(entries)::int8 + octet_length(body) AS bytes
     FROM pages WHERE last_seq <= $1 ORDER BY first_seq LIMIT ${SLICE_PAGES}`,
    last,
  );
  const end = rows.at(-1);
  if (end === undefined) return false;
  const seq = integer(end, 'last_seq');
  const size = rows.reduce((sum, row) => sum + integer(row, 'bytes'), 0n);
  await Promise.all([
    db.run('DELETE FROM pages WHERE first_seq <= $1', seq),
    db.run(
      'UPDATE anchor SET seq = greatest(seq, $1), removed_seq = $1, removed_hash = $2, bytes = bytes + $3',
      ...[seq, bytes(end, 'hash'), size],
    ),
    noteReceipts(
      db,
      rows.map((row) => ({ seq: integer(row, 'last_seq'), receivedAt: text(row, 'received_at') })),
    ),
  ]);
  return true;
}

/** The last event that may go stands in the middle of a page: the anchor passes it, and the page stays until all of it may go. */
async function passInPage(db: Db, last: bigint): Promise<void> {
  const [anchor] = await db.all('SELECT seq FROM anchor FOR UPDATE');
  if (integer(anchor ?? {}, 'seq') >= last) return;
  const [page] = await db.all(
    'SELECT received_at FROM pages WHERE first_seq <= $1 ORDER BY first_seq DESC LIMIT 1',
    last,
  );
  await db.run('UPDATE anchor SET seq = $1', last);
  await noteReceipts(db, [{ seq: last, receivedAt: text(page ?? {}, 'received_at') }]);
}

/** Ids of events created before a time that are gone, or were never kept, as long as they were not received lately. */
async function removeIds(store: Store, limitNs: bigint, receivedSince: string | undefined): Promise<void> {
  const second = secondOf(limitNs);
  const ns = limitNs - second * NS_PER_SECOND;
  const { sources, lastId } = await store.read(async (db) => ({
    sources: (await db.all('SELECT DISTINCT source FROM event_types')).map((row) => text(row, 'source')),
    lastId:
      receivedSince === undefined
        ? (await readEnds(db)).anchorSeq
        : lastReceivedBefore(await receipts(db), receivedSince),
  }));
  for (const source of sources) {
    for (let gone = -1; gone !== 0 && store.isOpen();) {
      // The id of an event that is still here stays, so that the event cannot be appended a second time beside itself.
      gone = await store.write((db) =>
        db.run(
          `DELETE FROM ids WHERE (source, second, id) IN (
             SELECT source, second, id FROM ids
             WHERE source = $1 AND second <= $2 AND (second < $2 OR ns < $3) AND (seq IS NULL OR seq <= $4)
             LIMIT ${SLICE_ROWS})`,
          ...[source, second, ns, lastId],
        ),
      );
    }
  }
}

/** The last event that may go: settled by every sink named or spared, and received before the given time. */
async function pruneLimit(
  db: Db,
  sinks: readonly string[],
  beforeReceived: string,
  spared: Spared | undefined,
): Promise<bigint> {
  const { anchorSeq, headSeq } = await readEnds(db);
  const rows = await db.all(
    `SELECT coalesce(cursors.seq, 0) AS seq FROM unnest($1::text[]) AS name LEFT JOIN cursors ON sink = name
     UNION ALL SELECT seq FROM cursors WHERE updated_at >= $2`,
    ...[sinks, spared === undefined ? '~' : sameForm(spared.sinksSeenSince)],
  );
  const settled = rows
    .map((row) => integer(row, 'seq'))
    .reduce((least, seq) => (seq < least ? seq : least), headSeq);
  // Pages stand in the order they were received. Where a clock that jumped breaks that, what was appended before an old one is old, too.
  const [old] = await db.all(
    'SELECT last_seq FROM pages WHERE received_at < $1 ORDER BY received_at DESC, first_seq DESC LIMIT 1',
    sameForm(beforeReceived),
  );
  const lastOld = old === undefined ? anchorSeq : integer(old, 'last_seq');
  const last = settled < lastOld ? settled : lastOld;
  return last < anchorSeq ? anchorSeq : last;
}

async function noteReceipts(db: Db, pruned: readonly Receipt[]): Promise<void> {
  await db.run(
    'INSERT INTO meta VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    ...[RECEIPTS, withReceipts(await receipts(db), pruned)],
  );
}

async function receipts(db: Db): Promise<readonly Receipt[]> {
  const [row] = await db.all('SELECT value FROM meta WHERE key = $1', RECEIPTS);
  return readReceipts(row === undefined ? null : text(row, 'value'));
}
