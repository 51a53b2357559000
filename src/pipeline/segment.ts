import { hash } from 'node:crypto';

import type { Item } from '../sinks/sink.ts';
import type { Refusal } from './outlet.ts';

/**
 * What a sink was sent and has confirmed since its last heartbeat. Kept in the journal, and written in the transaction that moves the
 * cursor: after a crash both are where they were, what was on its way is sent again, and is counted once.
 */
export type Segment = {
  readonly firstSeq: number;
  /** Up to where the cursor came. */
  readonly lastSeq: number;
  /** Which events, in the order in which they were settled. */
  readonly runs: readonly Run[];
  readonly events: number;
  /** SHA-256 in hex, chained over the digests of these events. */
  readonly digest: string;
  readonly filtered: number;
  readonly deadLetters: number;
  /** Left the journal before the sink had them. */
  readonly pruned: readonly Run[];
  /** Sent while no heartbeat was configured. */
  readonly unsealed: readonly Run[];
  /** False once something went in parallel or was sent again. */
  readonly ordered: boolean;
};

/** From the first to the last of some seqs without a hole. */
export type Run = readonly [first: number, last: number];

/** A segment while it is extended. */
type Growing = { -readonly [Key in keyof Segment]: Segment[Key] };

/** What became of a part of the journal, or of dead letters that were tried again. */
export interface Landed {
  /** Where the cursor comes to. */
  readonly upTo: number;
  /** What the receiver has, in the order of the journal. */
  readonly taken: readonly { readonly seq: number; readonly digest: string }[];
  readonly filtered: number;
  readonly deadLetters: number;
  readonly pruned: readonly Run[];
  readonly ordered: boolean;
}

/** What the receiver has of a batch. */
export function takenOf(items: readonly Item[], refusals: readonly Refusal[]): Landed['taken'] {
  const refused = new Set(refusals.map(({ item }) => item));
  return items
    .filter((item) => !refused.has(item))
    .map(({ canonical, digest = '' }) => ({ seq: Number(canonical.seq), digest }));
}

/** Dead letters that were taken at last: the cursor is past them. */
export function again(taken: Landed['taken']): Landed {
  return { upTo: 0, taken, filtered: 0, deadLetters: 0, pruned: [], ordered: false };
}

/** What landed one after the other, as one. */
export function together(landed: readonly Landed[]): Landed {
  const sum = (figure: (one: Landed) => number): number => landed.reduce((all, one) => all + figure(one), 0);
  return {
    upTo: Math.max(0, ...landed.map(({ upTo }) => upTo)),
    taken: landed.flatMap(({ taken }) => taken),
    filtered: sum(({ filtered }) => filtered),
    deadLetters: sum(({ deadLetters }) => deadLetters),
    pruned: landed.flatMap(({ pruned }) => pruned),
    ordered: landed.every(({ ordered }) => ordered),
  };
}

/** A sink that takes a part of the events leaves holes: so many runs, and the segment is closed early. Keeps a heartbeat under 4 KB. */
const RUNS_LIMIT = 200;

export function openSegment(after: number): Segment {
  return {
    firstSeq: after + 1,
    lastSeq: after,
    runs: [],
    events: 0,
    digest: '',
    filtered: 0,
    deadLetters: 0,
    pruned: [],
    unsealed: [],
    ordered: true,
  };
}

/** The next link of a segment's chain. */
export function chained(before: string, digest: string): string {
  return hash('sha256', before + digest);
}

/**
 * The segment with what has landed, and those before it that became full on the way. What is told of a part of the journal as a whole (left
 * out, refused) goes with its end.
 */
export function extend(
  segment: Segment,
  landed: Landed,
): { readonly full: readonly Segment[]; readonly open: Segment } {
  const full: Segment[] = [];
  let open: Growing = {
    ...segment,
    ordered: segment.ordered && landed.ordered,
    pruned: [...segment.pruned, ...landed.pruned],
  };
  let runs = [...open.runs];
  for (const { seq, digest } of landed.taken) {
    const last = runs.at(-1);
    if (last !== undefined && seq === last[1] + 1) runs[runs.length - 1] = [last[0], seq];
    else {
      if (runs.length >= RUNS_LIMIT) {
        full.push({ ...open, runs });
        open = { ...openSegment(open.lastSeq), ordered: landed.ordered };
        runs = [];
      }
      runs.push([seq, seq]);
    }
    open.events += 1;
    open.digest = chained(open.digest, digest);
    if (seq > open.lastSeq) open.lastSeq = seq;
  }
  return {
    full,
    open: {
      ...open,
      runs,
      lastSeq: Math.max(open.lastSeq, landed.upTo),
      filtered: open.filtered + landed.filtered,
      deadLetters: open.deadLetters + landed.deadLetters,
    },
  };
}

/** `101-150,153`; empty text for none. */
export function runsText(runs: readonly Run[]): string {
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
