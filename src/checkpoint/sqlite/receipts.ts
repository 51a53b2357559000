import { integer } from './columns.ts';
import { corrupt } from './faults.ts';
import type { Store } from './store.ts';

/** When an event that was pruned had been received; of each day, the last one is kept. */
export interface Receipt {
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
  /** Inside the transaction that prunes up to the last of them, in their order. */
  readonly note: (pruned: readonly Receipt[]) => void;
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
    note: (pruned) => {
      const byDay = new Map<string, Receipt>();
      for (const one of [...noted(), ...pruned]) {
        const day = one.receivedAt.slice(0, DAY_LENGTH);
        byDay.delete(day); // so that the last one of all stands at the end
        byDay.set(day, one);
      }
      const list = [...byDay.values()].slice(-DAYS_KEPT);
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
