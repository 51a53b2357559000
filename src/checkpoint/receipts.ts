import { corrupt } from './corrupt.ts';

/** When an event that was pruned had been received; of each day, the last one is kept. */
export interface Receipt {
  readonly seq: bigint;
  /** RFC 3339 with milliseconds, UTC. */
  readonly receivedAt: string;
}

/** `2026-03-01` of a time. */
const DAY_LENGTH = 10;
/** More days than any horizon has. */
const DAYS_KEPT = 4000;

/** Receipts as they are kept; none where nothing is. */
export function readReceipts(kept: string | null): readonly Receipt[] {
  if (kept === null) return [];
  try {
    const list = JSON.parse(kept) as readonly (readonly [string, string])[];
    return list.map(([receivedAt, seq]) => ({ receivedAt, seq: BigInt(seq) }));
  } catch (error) {
    throw corrupt('the journal has lost when its pruned events were received', error);
  }
}

/** What is kept once more events were pruned, in their order. */
export function withReceipts(kept: readonly Receipt[], pruned: readonly Receipt[]): string {
  const byDay = new Map<string, Receipt>();
  for (const one of [...kept, ...pruned]) {
    const day = one.receivedAt.slice(0, DAY_LENGTH);
    byDay.delete(day); // so that the last one of all stands at the end
    byDay.set(day, one);
  }
  const list = [...byDay.values()].slice(-DAYS_KEPT);
  return JSON.stringify(list.map((one) => [one.receivedAt, one.seq.toString()]));
}

/** The last pruned seq that is known to be received before a time. */
export function lastReceivedBefore(kept: readonly Receipt[], time: string): bigint {
  const limit = sameForm(time);
  return kept.findLast((one) => one.receivedAt < limit)?.seq ?? 0n;
}

/** The form that received_at has, so that text compares as time. */
export function sameForm(time: string): string {
  return new Date(time).toISOString();
}
