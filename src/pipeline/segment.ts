import { hash } from 'node:crypto';

import type { Item } from '../sinks/sink.ts';
import type { Refusal } from './outlet.ts';

/**
 * What a sink has confirmed since its last heartbeat. The journal writes it in the transaction that moves the cursor: after a crash both
 * are as they were, so an event in flight is sent again but counted once.
 */
export type Segment = {
  readonly firstSeq: number;
  /** The cursor's position. */
  readonly lastSeq: number;
  /** The events confirmed, in that order. */
  readonly runs: readonly Run[];
  readonly events: number;
  /** SHA-256 in hex, chained over the digests of these events. */
  readonly digest: string;
  readonly filtered: number;
  readonly deadLetters: number;
  /** Sent without an answer, and then not delivered: the receiver may have them. */
  readonly unanswered: readonly Sent[];
  /** Left the journal before the sink had them. */
  readonly pruned: readonly Run[];
  /** Sent while no heartbeat was configured. */
  readonly unsealed: readonly Run[];
  /** False once something went in parallel or was sent again. */
  readonly ordered: boolean;
};

/** Consecutive seqs, both ends included. */
export type Run = readonly [first: number, last: number];

/** An event as it was sent. `digest`: of its seal. */
export type Sent = { readonly seq: number; readonly digest: string };

/** A segment while it is extended. */
type Growing = { -readonly [Key in keyof Segment]: Segment[Key] };

/** What became of a span of the journal, or of dead letters that were tried again. */
export interface Landed {
  /** Where the cursor moves to. */
  readonly upTo: number;
  /** What the receiver confirmed, in the order of the journal. */
  readonly taken: readonly Sent[];
  readonly filtered: number;
  readonly deadLetters: number;
  readonly unanswered: readonly Sent[];
  readonly pruned: readonly Run[];
  readonly ordered: boolean;
}

/** The events of a batch that the receiver confirmed. */
export function takenOf(items: readonly Item[], refusals: readonly Refusal[]): readonly Sent[] {
  const refused = new Set(refusals.map(({ item }) => item));
  return items.filter((item) => !refused.has(item)).map(sentOf);
}

export function sentOf({ canonical, digest = '' }: Item): Sent {
  return { seq: Number(canonical.seq), digest };
}

/** Dead letters that were delivered after all: the cursor is past them already. */
export function again(taken: readonly Sent[], unanswered: readonly Sent[]): Landed {
  return { upTo: 0, taken, filtered: 0, deadLetters: 0, unanswered, pruned: [], ordered: false };
}

/** Sums up what landed one after the other. */
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

/** A sink that skips events has many runs. At this number the segment is closed early, which keeps a heartbeat under 6 KB. */
const RUNS_LIMIT = 200;
/** An unanswered event, which is named with its digest, takes the room of so many runs. */
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

/** Whether it holds events of a span that an earlier heartbeat covered without them. Until it is sent, they look like forged additions. */
export function isLate({ firstSeq, runs, unanswered }: Segment): boolean {
  return runs.some(([seq]) => seq < firstSeq) || unanswered.some(({ seq }) => seq < firstSeq);
}

/** The next link of a segment's chain. */
export function chained(before: string, digest: string): string {
  return hash('sha256', before + digest);
}

/**
 * Adds what landed to a segment. Returns the segments that became full on the way, and the open one. Counts that belong to the whole
 * of `landed` (filtered, dead letters) go into the open one, which holds its end.
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
