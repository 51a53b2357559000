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
  /** Not settled as taken, and perhaps there: they were sent, and no answer came. */
  readonly unanswered: readonly Sent[];
  /** Left the journal before the sink had them. */
  readonly pruned: readonly Run[];
  /** Sent while no heartbeat was configured. */
  readonly unsealed: readonly Run[];
  /** False once something went in parallel or was sent again. */
  readonly ordered: boolean;
};

/** From the first to the last of some seqs without a hole. */
export type Run = readonly [first: number, last: number];

/** An event as it was sent: by its seal. */
export type Sent = { readonly seq: number; readonly digest: string };

/** A segment while it is extended. */
type Growing = { -readonly [Key in keyof Segment]: Segment[Key] };

/** What became of a part of the journal, or of dead letters that were tried again. */
export interface Landed {
  /** Where the cursor comes to. */
  readonly upTo: number;
  /** What the receiver has, in the order of the journal. */
  readonly taken: readonly Sent[];
  readonly filtered: number;
  readonly deadLetters: number;
  readonly unanswered: readonly Sent[];
  readonly pruned: readonly Run[];
  readonly ordered: boolean;
}

/** What the receiver has of a batch. */
export function takenOf(items: readonly Item[], refusals: readonly Refusal[]): readonly Sent[] {
  const refused = new Set(refusals.map(({ item }) => item));
  return items.filter((item) => !refused.has(item)).map(sentOf);
}

export function sentOf({ canonical, digest = '' }: Item): Sent {
  return { seq: Number(canonical.seq), digest };
}

/** Dead letters that were taken at last: the cursor is past them. */
export function again(taken: readonly Sent[], unanswered: readonly Sent[]): Landed {
  return { upTo: 0, taken, filtered: 0, deadLetters: 0, unanswered, pruned: [], ordered: false };
}

/** What landed one after the other, as one. */
export function together(landed: readonly Landed[]): Landed {
  const sum = (figure: (one: Landed) => number): number => landed.reduce((all, one) => all + figure(one), 0);
  return {
    upTo: Math.max(0, ...landed.map(({ upTo }) => upTo)),
    taken: landed.flatMap(({ taken }) => taken),
    filtered: sum(({ filtered }) => filtered),
    deadLetters: sum(({ deadLetters }) => deadLetters),
    unanswered: landed.flatMap(({ unanswered }) => unanswered),
    pruned: landed.flatMap(({ pruned }) => pruned),
    ordered: landed.every(({ ordered }) => ordered),
  };
}

/** A sink that takes a part of the events leaves holes: so many runs, and the segment is closed early. Keeps a heartbeat under 6 KB. */
const RUNS_LIMIT = 200;
/** An event that is named with its digest takes the room of so many runs. */
const RUNS_PER_UNANSWERED = 2;

export function openSegment(after: number): Segment {
  return {
    firstSeq: after + 1,
    lastSeq: after,
    runs: [],
    events: 0,
    digest: '',
    filtered: 0,
    deadLetters: 0,
    unanswered: [],
    pruned: [],
    unsealed: [],
    ordered: true,
  };
}

/** Whether it tells of events that an earlier heartbeat covers and does not name. Until it is out they look as if somebody had added them. */
export function isLate({ firstSeq, runs, unanswered }: Segment): boolean {
  return runs.some(([seq]) => seq < firstSeq) || unanswered.some(({ seq }) => seq < firstSeq);
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
  const makeRoom = (): void => {
    if (runs.length + RUNS_PER_UNANSWERED * open.unanswered.length < RUNS_LIMIT) return;
    full.push({ ...open, runs });
    open = { ...openSegment(open.lastSeq), ordered: landed.ordered };
    runs = [];
  };
  for (const { seq, digest } of landed.taken) {
    const last = runs.at(-1);
    if (last !== undefined && seq === last[1] + 1) runs[runs.length - 1] = [last[0], seq];
    else {
      makeRoom();
      runs.push([seq, seq]);
    }
    open.events += 1;
    open.digest = chained(open.digest, digest);
    if (seq > open.lastSeq) open.lastSeq = seq;
  }
  for (const sent of landed.unanswered) {
    makeRoom();
    open.unanswered = [...open.unanswered, sent];
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
