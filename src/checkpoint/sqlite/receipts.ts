import { integer, text } from '../columns.ts';
import { lastReceivedBefore, readReceipts, withReceipts } from '../receipts.ts';
import type { Receipt } from '../receipts.ts';
import { RECEIPTS } from '../transfer.ts';
import type { Store } from './store.ts';

/**
 * When events that are gone were received: the list of known ids holds their seq, and seqs grow with time. One entry a day
 * is enough to tell which ids are old.
 */
export function receipts(store: Store): {
  /** Inside the transaction that prunes up to the last of them, in their order. */
  readonly note: (pruned: readonly Receipt[]) => void;
  /** The last pruned seq that is known to be received before; absent: the last pruned one. */
  readonly lastBefore: (time: string | undefined) => bigint;
} {
  const read = store.prepare('SELECT value FROM meta WHERE key = ?');
  const write = store.prepare(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const readAnchor = store.prepare('SELECT anchor_seq FROM chain');

  function noted(): readonly Receipt[] {
    const row = read.get(RECEIPTS);
    return readReceipts(row === undefined ? null : text(row, 'value'));
  }

  return {
    note: (pruned) => void write.run(RECEIPTS, withReceipts(noted(), pruned)),
    lastBefore: (time) => {
      const anchor = readAnchor.get();
      if (time === undefined) return anchor === undefined ? 0n : integer(anchor, 'anchor_seq');
      return lastReceivedBefore(noted(), time);
    },
  };
}
