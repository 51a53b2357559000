import { integer } from './columns.ts';
import { corrupt } from './faults.ts';
import type { Store } from './store.ts';

/** An event that was pruned last on its day of receipt. */
interface Receipt {
  readonly seq: bigint;
  /** RFC 3339 with milliseconds, UTC. */
  readonly receivedAt: string;
}

const KEY = 'pruned_by_day';
/** `2026-03-01` of a time. */
const DAY_LENGTH = 10;
/** More days than any horizon has. */
const DAYS_KEPT = 4000;

/**
 * When events that are gone were received: the list of known ids holds their seq, and seqs grow with time. One entry a day
 * is enough to tell which ids are old.
 */
export function receipts(store: Store): {
  /** Inside the transaction that prunes up to it. */
  readonly note: (last: Receipt) => void;
  /** The last pruned seq that is known to be received before; absent: the last pruned one. */
  readonly lastBefore: (time: string | undefined) => bigint;
} {
  const read = store.prepare('SELECT value FROM meta WHERE key = ?');
  const write = store.prepare(
    'INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const readAnchor = store.prepare('SELECT anchor_seq FROM chain');

  function noted(): readonly Receipt[] {
    const row = read.get(KEY);
    if (row === undefined) return [];
    try {
      const list = JSON.parse(String(row['value'])) as readonly (readonly [string, string])[];
      return list.map(([receivedAt, seq]) => ({ receivedAt, seq: BigInt(seq) }));
    } catch (error) {
      throw corrupt(`the journal at ${store.path} has lost when its pruned events were received`, error);
    }
  }

  return {
    note: (last) => {
      const dayOf = (one: Receipt): string => one.receivedAt.slice(0, DAY_LENGTH);
      const others = noted().filter((one) => dayOf(one) !== dayOf(last));
      const list = [...others, last].slice(-DAYS_KEPT);
      write.run(KEY, JSON.stringify(list.map((one) => [one.receivedAt, one.seq.toString()])));
    },
    lastBefore: (time) => {
      const anchor = readAnchor.get();
      if (time === undefined) return anchor === undefined ? 0n : integer(anchor, 'anchor_seq');
      const limit = sameForm(time);
      return noted().findLast((one) => one.receivedAt < limit)?.seq ?? 0n;
    },
  };
}

/** The form that received_at has, so that text compares as time. */
export function sameForm(time: string): string {
  return new Date(time).toISOString();
}
