import { seqRuns } from './seq-runs.ts';
import type { SeqRuns } from './seq-runs.ts';

interface Placed {
  readonly seq: number;
  /** In the order of sending. */
  readonly place: number;
}

export interface Order {
  readonly direction: 'ascending' | 'descending' | null;
  /** Records that do not stand where they were written. */
  readonly moved: SeqRuns;
}

/** A file in which more of the records are out of place is in an order of its own: sorted by something else, or shuffled. */
const MOVED_SHARE = 1 / 3;

/**
 * Which records were moved. A file that a search wrote may be in any order, which proves nothing; in one that is in the order of sending,
 * or in its reverse, but for a few records, these were moved.
 */
export function displaced(placed: () => Iterable<Placed>): Order {
  const up = outOfPlace(placed(), 1);
  const down = up.moved.total === 0 ? up : outOfPlace(placed(), -1);
  const [direction, best] =
    up.moved.total <= down.moved.total ? (['ascending', up] as const) : (['descending', down] as const);
  if (best.moved.total > best.records * MOVED_SHARE) return { direction: null, moved: seqRuns() };
  return { direction: best.records === 0 ? null : direction, moved: best.moved };
}

/**
 * Goes through the file once. Where a record comes too late, either it was moved back or the one before it was moved ahead: the latter when
 * it would follow upon the one before that.
 */
function outOfPlace(
  placed: Iterable<Placed>,
  sign: 1 | -1,
): { readonly records: number; readonly moved: SeqRuns } {
  const moved = seqRuns();
  let records = 0;
  let beforeLast = -Infinity;
  let last: Placed | null = null;
  for (const { seq, place } of placed) {
    records += 1;
    const here = { seq, place: sign * place };
    if (last === null || here.place > last.place) {
      beforeLast = last?.place ?? -Infinity;
      last = here;
    } else if (here.place > beforeLast) {
      moved.add(last.seq);
      last = here;
    } else moved.add(seq);
  }
  return { records, moved };
}
