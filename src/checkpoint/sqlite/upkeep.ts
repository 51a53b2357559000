import { setImmediate as nextTurn } from 'node:timers/promises';

import { ForwardError } from '../../model/errors.ts';
import type { Journal, Spared } from '../journal.ts';
import { bytes, count, int64, integer, text, type Row } from './columns.ts';
import { corrupt } from './faults.ts';
import { receipts, sameForm } from './receipts.ts';
import type { Store } from './store.ts';

/** Rows that one transaction of a pruning removes: short enough that no loop notices. */
const PRUNE_SLICE_ROWS = 2000;
/** How exactly it is known when a sink was last named: a full journal is pruned every few seconds. */
const SEEN_EVERY_MS = 3_600_000;
/** Pages given back to the file system after a pruning: 32 MiB. */
const VACUUM_PAGES = 4096;

/** Size and pruning. */
export function upkeep(store: Store, limitBytes: number): Pick<Journal, 'size' | 'prune'> {
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
    prune: pruning(store),
  };
}

function pruning(store: Store): Journal['prune'] {
  const limits = pruneLimits(store);
  const received = receipts(store);
  const findSliceEnd = store.prepare(
    `SELECT seq, hash, received_at FROM (
       SELECT seq, hash, received_at FROM events WHERE seq <= ? ORDER BY seq LIMIT ${PRUNE_SLICE_ROWS}
     ) ORDER BY seq DESC LIMIT 1`,
  );
  const removeEvents = store.prepare('DELETE FROM events WHERE seq <= ?');
  const moveAnchor = store.prepare('UPDATE chain SET anchor_seq = ?, anchor_hash = ?');
  const noteSeen = store.prepare(
    'UPDATE cursors SET updated_at = ? WHERE updated_at < ? AND sink IN (SELECT value FROM json_each(?))',
  );
  const sources = store.prepare('SELECT DISTINCT source FROM event_types');
  // The id of an event that is still here stays, so that the event cannot be appended a second time beside itself.
  const removeIds = store.prepare(
    `DELETE FROM ids WHERE (source, id) IN (
       SELECT source, id FROM ids INDEXED BY ids_by_time
       WHERE source = ? AND created_ns < ? AND (seq IS NULL OR seq <= ?)
       LIMIT ${PRUNE_SLICE_ROWS})`,
  );

  function removeSlice(last: bigint): number {
    const row = findSliceEnd.get(last);
    if (row === undefined) return 0;
    const seq = integer(row, 'seq');
    moveAnchor.run(seq, bytes(row, 'hash'));
    received.note({ seq, receivedAt: text(row, 'received_at') });
    return Number(removeEvents.run(seq).changes);
  }

  return async (sinks, beforeReceived, idsBeforeNs, spared) => {
    store.writerOnly('prune');
    const last = store.write(() => {
      const longAgo = new Date(store.clock.now() - SEEN_EVERY_MS).toISOString();
      noteSeen.run(store.timestamp(), longAgo, JSON.stringify(sinks));
      return limits(sinks, beforeReceived, spared);
    });
    let removed = 0;
    for (let slice = -1; slice !== 0 && store.isOpen(); await nextTurn()) {
      slice = store.write(() => removeSlice(last));
      removed += slice;
    }
    let idsRemoved = 0;
    for (const row of store.isOpen() ? store.read(() => sources.all()) : []) {
      const lastId = store.read(() => received.lastBefore(spared?.idsReceivedSince));
      for (let slice = -1; slice !== 0 && store.isOpen(); await nextTurn()) {
        const ids = [String(row['source']), int64(idsBeforeNs), lastId] as const;
        slice = Number(store.write(() => removeIds.run(...ids).changes));
        idsRemoved += slice;
      }
    }
    if (removed + idsRemoved > 0 && store.isOpen()) giveBack(store);
    return removed;
  };
}

/** The last event that may go: settled by every sink named or spared, and received before the given time. */
function pruneLimits(
  store: Store,
): (sinks: readonly string[], beforeReceived: string, spared: Spared | undefined) => bigint {
  const readChain = store.prepare('SELECT anchor_seq, head_seq FROM chain');
  const readCursor = store.prepare('SELECT seq FROM cursors WHERE sink = ?');
  const leastSeen = store.prepare('SELECT min(seq) AS seq FROM cursors WHERE updated_at >= ?');
  const isOlder = store.prepare('SELECT received_at < ? AS older FROM events WHERE seq = ?');

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
