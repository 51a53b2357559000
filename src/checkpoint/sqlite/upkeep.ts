import { setImmediate as nextTurn } from 'node:timers/promises';

import { ForwardError } from '../../model/errors.ts';
import type { Journal, Spared } from '../journal.ts';
import { NS_PER_SECOND } from '../../model/time.ts';
import { bytes, count, int64, integer, secondOf, text, type Row } from '../columns.ts';
import { corrupt } from '../corrupt.ts';
import type { Places } from './places.ts';
import { sameForm } from '../receipts.ts';
import type { Receipt } from '../receipts.ts';
import { receipts } from './receipts.ts';
import type { Store } from './store.ts';

/** What one transaction of a pruning removes: short enough that no loop notices. */
const PRUNE_SLICE_ROWS = 2000;
const PRUNE_SLICE_PAGES = 50;
/** How exactly it is known when a sink was last named: a full journal is pruned every few seconds. */
const SEEN_EVERY_MS = 3_600_000;
/** Pages of the file given back to the file system after a pruning: 32 MiB. */
const VACUUM_PAGES = 4096;

/** Size and pruning. */
export function upkeep(store: Store, places: Places, limitBytes: number): Pick<Journal, 'size' | 'prune'> {
  const pageSize = store.prepare('PRAGMA page_size');
  const pageCount = store.prepare('PRAGMA page_count');
  const freePages = store.prepare('PRAGMA freelist_count');
  const readChain = store.prepare('SELECT anchor_seq, head_seq FROM chain');

  return {
    size: async () =>
      store.read(() => {
        const anchorSeq = integer(present(readChain.get()), 'anchor_seq');
        const headSeq = integer(present(readChain.get()), 'head_seq');
        const pages = count(present(pageCount.get()), 'page_count');
        const free = count(present(freePages.get()), 'freelist_count');
        return {
          usedBytes: (pages - free) * count(present(pageSize.get()), 'page_size'),
          limitBytes,
          events: Number(headSeq - anchorSeq),
          oldestSeq: headSeq > anchorSeq ? anchorSeq + 1n : 0n,
          headSeq,
        };
      }),
    prune: pruning(store, places),
  };
}

function pruning(store: Store, places: Places): Journal['prune'] {
  const limits = pruneLimits(store);
  const received = receipts(store);
  const readAnchor = store.prepare('SELECT anchor_seq FROM chain');
  const findSlice = store.prepare(
    `SELECT last_seq, hash, received_at FROM pages WHERE last_seq <= ? ORDER BY first_seq LIMIT ${PRUNE_SLICE_PAGES}`,
  );
  const findHolding = store.prepare(
    'SELECT received_at FROM pages WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1',
  );
  const removePages = store.prepare('DELETE FROM pages WHERE first_seq <= ?');
  const moveAnchor = store.prepare('UPDATE chain SET anchor_seq = max(anchor_seq, ?)');
  const markRemoved = store.prepare('UPDATE chain SET removed_seq = ?, removed_hash = ?');
  const noteSeen = store.prepare(
    'UPDATE cursors SET updated_at = ? WHERE updated_at < ? AND sink IN (SELECT value FROM json_each(?))',
  );
  const sources = store.prepare('SELECT DISTINCT source FROM event_types');
  // The id of an event that is still here stays, so that the event cannot be appended a second time beside itself.
  const removeIds = store.prepare(
    `DELETE FROM ids WHERE (source, second, id) IN (
       SELECT source, second, id FROM ids
       WHERE source = ? AND second <= ? AND (second < ? OR ns < ?) AND (seq IS NULL OR seq <= ?)
       LIMIT ${PRUNE_SLICE_ROWS})`,
  );

  /** Whole pages, up to an event. Returns false when there are none left. */
  function removeSlice(last: bigint): boolean {
    const rows = findSlice.all(last);
    const end = rows.at(-1);
    if (end === undefined) return false;
    const seq = integer(end, 'last_seq');
    removePages.run(seq);
    moveAnchor.run(seq);
    markRemoved.run(seq, bytes(end, 'hash'));
    received.note(rows.map((row) => receiptOf(integer(row, 'last_seq'), row)));
    return true;
  }

  /** The last event that may go stands in the middle of a page: the anchor passes it, and the page stays until all of it may go. */
  function passInPage(last: bigint): void {
    if (anchor() >= last) return;
    moveAnchor.run(last);
    received.note([receiptOf(last, present(findHolding.get(last)))]);
  }

  const anchor = (): bigint => integer(present(readAnchor.get()), 'anchor_seq');

  function forgetPlaces(beforeNs: bigint, lastId: bigint): void {
    try {
      store.write(() => places.prune(secondOf(beforeNs), lastId));
    } catch (error) {
      places.forget();
      throw error;
    }
  }

  return async (sinks, beforeReceived, idsBeforeNs, spared) => {
    store.writerOnly('prune');
    const { before, last } = store.write(() => {
      const longAgo = new Date(store.clock.now() - SEEN_EVERY_MS).toISOString();
      noteSeen.run(store.timestamp(), longAgo, JSON.stringify(sinks));
      return { before: anchor(), last: limits(sinks, beforeReceived, spared) };
    });
    for (let goesOn = true; goesOn && store.isOpen(); await nextTurn()) {
      goesOn = store.write(() => removeSlice(last));
    }
    if (!store.isOpen()) return 0;
    store.write(() => passInPage(last));
    const removed = Number(store.read(anchor) - before);
    const limitNs = int64(idsBeforeNs);
    const lastId = store.read(() => received.lastBefore(spared?.idsReceivedSince));
    let idsRemoved = 0;
    for (const row of store.read(() => sources.all())) {
      const second = secondOf(limitNs);
      const ns = limitNs - second * NS_PER_SECOND;
      const ids = [String(row['source']), second, second, ns, lastId] as const;
      for (let slice = -1; slice !== 0 && store.isOpen(); await nextTurn()) {
        slice = Number(store.write(() => removeIds.run(...ids).changes));
        idsRemoved += slice;
      }
    }
    if (store.isOpen() && idsRemoved > 0) forgetPlaces(limitNs, lastId);
    if (store.isOpen() && removed + idsRemoved > 0) giveBack(store);
    return removed;
  };
}

function receiptOf(seq: bigint, row: Row): Receipt {
  return { seq, receivedAt: text(row, 'received_at') };
}

/** The last event that may go: settled by every sink named or spared, and received before the given time. */
function pruneLimits(
  store: Store,
): (sinks: readonly string[], beforeReceived: string, spared: Spared | undefined) => bigint {
  const readChain = store.prepare('SELECT anchor_seq, head_seq FROM chain');
  const readCursor = store.prepare('SELECT seq FROM cursors WHERE sink = ?');
  const leastSeen = store.prepare('SELECT min(seq) AS seq FROM cursors WHERE updated_at >= ?');
  const isOlder = store.prepare(
    'SELECT received_at < ? AS older FROM pages WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1',
  );

  return (sinks, beforeReceived, spared) => {
    const chain = present(readChain.get());
    let settled = integer(chain, 'head_seq');
    const rows = sinks.map((sink) => readCursor.get(sink) ?? { seq: 0n });
    if (spared !== undefined) rows.push(leastSeen.get(sameForm(spared.sinksSeenSince)) ?? {});
    for (const row of rows) {
      if (typeof row['seq'] === 'bigint' && row['seq'] < settled) settled = row['seq'];
    }
    const before = sameForm(beforeReceived);
    const older = (seq: bigint): boolean => {
      const row = isOlder.get(before, seq);
      return row !== undefined && integer(row, 'older') === 1n;
    };
    return lastOlder(integer(chain, 'anchor_seq'), settled, older);
  };
}

/**
 * The last seq in (anchor, settled] that is old enough, found by halving, since events stand in the order they were
 * received. Where a clock that jumped breaks that order, what it returns still is old enough itself, and so is whatever
 * was appended before it. Returns the anchor when there is none.
 */
export function lastOlder(anchor: bigint, settled: bigint, older: (seq: bigint) => boolean): bigint {
  if (settled <= anchor) return anchor;
  if (older(settled)) return settled;
  let old = anchor;
  let young = settled;
  while (young - old > 1n) {
    const middle = old + (young - old) / 2n;
    if (older(middle)) old = middle;
    else young = middle;
  }
  return old;
}

/** Free pages go back to the file system, a bounded number at a time. That it is busy now is no fault: the next pruning goes on. */
function giveBack(store: Store): void {
  try {
    store.maintain(`PRAGMA incremental_vacuum(${VACUUM_PAGES}); PRAGMA wal_checkpoint(PASSIVE)`);
  } catch (error) {
    if (!(error instanceof ForwardError && error.kind === 'transient')) throw error;
  }
}

function present(row: Row | undefined): Row {
  if (row === undefined) throw corrupt('the journal has lost the state of its chain');
  return row;
}
