import type { Clock } from '../model/clock.ts';
import type { ForwardError } from '../model/errors.ts';
import type { DeliveryClass } from '../sinks/sink.ts';

/**
 * What a loop is doing:
 *
 *   starting           nothing yet
 *   standby            another replica does this work; this one takes over when that ends
 *   working            each round begins here
 *   idle               all is done; the next round begins at an event or at its time
 *   retrying           something failed, and is tried again soon
 *   held               something is denied: it is retried slowly, and the loop is unhealthy, until somebody fixes it
 *   waiting_for_space  the journal is full
 *   stopped            it ended; after a fault or a lost lease it begins again
 *
 * NEXT has the transitions. Every loop comes to rest by way of `working`; a failure may come at any time, and so may the end.
 */
export type LoopState = RestState | WaitState | 'starting';
type RestState = 'idle' | 'working' | 'stopped';
/** States of waiting, each with its reason. */
type WaitState = 'standby' | 'retrying' | 'held' | 'waiting_for_space';

const ANY_TIME: readonly LoopState[] = ['standby', 'working', 'retrying', 'held', 'stopped'];
const NEXT: Readonly<Record<LoopState, readonly LoopState[]>> = {
  starting: ANY_TIME,
  standby: ANY_TIME,
  working: [...ANY_TIME, 'idle', 'waiting_for_space'],
  idle: [...ANY_TIME, 'idle'],
  retrying: [...ANY_TIME, 'idle', 'waiting_for_space'],
  held: [...ANY_TIME, 'idle', 'waiting_for_space'],
  waiting_for_space: [...ANY_TIME, 'waiting_for_space'],
  stopped: ANY_TIME,
};

/** Why a loop or one of its lanes waits. */
interface Why {
  readonly reason: string;
  readonly hint?: string | undefined;
  readonly nextTryMs?: number;
}

interface Waiting {
  readonly state: LoopState;
  readonly why: Why | null;
}

export interface LoopStatus {
  state: LoopState;
  /** Why it is retrying, held or waiting: one sentence. It stays through the next try, until something is read or settled. */
  reason: string | null;
  hint: string | null;
  /** When the state began, and when the next try is due. Milliseconds since 1970. */
  sinceMs: number;
  nextTryMs: number | null;
  /** When the loop last went round, with or without success: what the watchdog looks at. */
  turnedMs: number;
  /**
   * When something was last read or settled, or there was nothing to do: what readiness looks at. On the monotonic clock, so that
   * a wall clock that is set back hides nothing. Null until the loop begins.
   */
  progressedMs: number | null;
  /** Lanes that wait, each with its state: the worst of them is the loop's. */
  readonly lanes: Map<object, Waiting>;
  retries: { transient: number; denied: number };
  heldMs: number;
}

/** Counters grow from the start of the process; the journal keeps what must survive it. */
export interface SourceStatus extends LoopStatus {
  readonly name: string;
  polls: number;
  appended: number;
  repeated: number;
  filtered: number;
  malformed: number;
  /** New events that a count of closed windows found. */
  reconciled: number;
  /** Events that came again with other bytes. */
  revised: number;
  findings: number;
  lastPollMs: number | null;
  /** The last poll that left nothing open: when it ended, on the monotonic clock, and up to where everything was read. */
  caughtUp: { readonly atMs: number; readonly upToNs: bigint | null } | null;
  /** From created_at to when it was first seen, of the newest events. Milliseconds. */
  visibilityLagMs: number | null;
}

export interface SinkStatus extends LoopStatus {
  readonly name: string;
  readonly delivery: DeliveryClass;
  delivered: number;
  duplicates: number;
  rejected: number;
  filtered: number;
  batches: number;
  bytes: number;
  /** Sent again although the receiver may have had it. */
  possibleRepeats: number;
  /** Of the events delivered: how many have an unclassified type, and how many secrets and parts of the embedded user were taken out. */
  unclassified: number;
  redactedValues: number;
  trimmedUserParts: number;
  inFlight: number;
  cursor: bigint;
  lastDeliveredMs: number | null;
  notice: string | null;
}

/** What the loops report for health, metrics, the status page and `status`. Only the loops write it. */
export interface Status {
  /** When the process began its work; a reload does not change it. */
  startedMs: number;
  readonly sources: Map<string, SourceStatus>;
  readonly sinks: Map<string, SinkStatus>;
  /** The daemon's own: jobs and the upkeep of the journal. */
  readonly own: { readonly jobs: LoopStatus; readonly upkeep: LoopStatus };
  stopping: boolean;
}

export function createStatus(nowMs: number): Status {
  const own = { jobs: loopStatus(nowMs), upkeep: loopStatus(nowMs) };
  return { startedMs: nowMs, sources: new Map(), sinks: new Map(), own, stopping: false };
}

export function loopStatus(nowMs: number): LoopStatus {
  return {
    state: 'starting',
    reason: null,
    hint: null,
    sinceMs: nowMs,
    nextTryMs: null,
    turnedMs: nowMs,
    progressedMs: null,
    lanes: new Map(),
    retries: { transient: 0, denied: 0 },
    heldMs: 0,
  };
}

const SOURCE_COUNTERS = {
  polls: 0,
  appended: 0,
  repeated: 0,
  filtered: 0,
  malformed: 0,
  reconciled: 0,
  revised: 0,
  findings: 0,
};
const SINK_COUNTERS = {
  delivered: 0,
  duplicates: 0,
  rejected: 0,
  filtered: 0,
  batches: 0,
  bytes: 0,
  possibleRepeats: 0,
  unclassified: 0,
  redactedValues: 0,
  trimmedUserParts: 0,
};

export function sourceStatus(name: string, nowMs: number): SourceStatus {
  const last = { lastPollMs: null, caughtUp: null, visibilityLagMs: null };
  return { name, ...loopStatus(nowMs), ...SOURCE_COUNTERS, ...last };
}

export function sinkStatus(name: string, delivery: DeliveryClass, nowMs: number): SinkStatus {
  return {
    name,
    delivery,
    ...loopStatus(nowMs),
    ...SINK_COUNTERS,
    inFlight: 0,
    cursor: 0n,
    lastDeliveredMs: null,
    notice: null,
  };
}

/** After a reload, the counters of a new status go on from those of the loops with the same names. */
export function goOnFrom(earlier: Status, status: Status): void {
  status.startedMs = earlier.startedMs;
  for (const [name, source] of status.sources) add(source, earlier.sources.get(name), SOURCE_COUNTERS);
  for (const [name, sink] of status.sinks) add(sink, earlier.sinks.get(name), SINK_COUNTERS);
}

type Counting<Counter extends string> = Pick<LoopStatus, 'heldMs' | 'retries'> & Record<Counter, number>;

function add<Counter extends string>(
  status: NoInfer<Counting<Counter>>,
  earlier: NoInfer<Counting<Counter>> | undefined,
  counters: { readonly [name in Counter]: number },
): void {
  if (earlier === undefined) return;
  const counting: Record<Counter, number> = status;
  for (const name of Object.keys(counters) as Counter[]) counting[name] += earlier[name];
  status.heldMs += earlier.heldMs;
  status.retries.transient += earlier.retries.transient;
  status.retries.denied += earlier.retries.denied;
}

/** How urgent a state is: of several lanes the most urgent is shown. */
const WEIGHTS: Readonly<Record<LoopState, number>> = {
  stopped: 3,
  held: 2,
  retrying: 1,
  waiting_for_space: 1,
  starting: 0,
  standby: 0,
  idle: 0,
  working: 0,
};

/** Moves a loop into a state. A lane that waits is shown nevertheless. Throws if there is no such transition, which is a bug of the loop. */
export function enterState(status: LoopStatus, state: RestState, nowMs: number): void;
export function enterState(status: LoopStatus, state: WaitState, nowMs: number, why: Why): void;
export function enterState(
  status: LoopStatus,
  state: RestState | WaitState,
  nowMs: number,
  why: Why | null = null,
): void {
  if (!NEXT[status.state].includes(state))
    throw new Error(`a loop that is ${status.state} cannot become ${state}`);
  if (state === 'stopped') status.lanes.clear();
  let worst: Waiting = { state, why };
  for (const lane of status.lanes.values()) if (WEIGHTS[lane.state] > WEIGHTS[worst.state]) worst = lane;
  turned(status, nowMs);
  if (status.state !== worst.state) status.sinceMs = nowMs;
  status.state = worst.state;
  status.reason = worst.why?.reason ?? null;
  status.hint = worst.why?.hint ?? null;
  status.nextTryMs = worst.why?.nextTryMs ?? null;
}

/** The same for one lane of several, which waits while others may work. */
export function laneWaits(
  status: LoopStatus,
  lane: object,
  error: ForwardError,
  nowMs: number,
  waitMs: number,
): void {
  status.lanes.set(lane, faultState(error, nowMs, waitMs));
  enterState(status, 'working', nowMs);
}

export function laneEnds(status: LoopStatus, lane: object, nowMs: number): void {
  status.lanes.delete(lane);
  enterState(status, 'working', nowMs);
}

/** The loop goes round; time in a hold is counted. */
export function turned(status: LoopStatus, nowMs: number): void {
  if (status.state === 'held') status.heldMs += Math.max(nowMs - status.turnedMs, 0);
  status.turnedMs = nowMs;
}

/** The state of a loop or lane that failed and tries again after `waitMs`: held when nothing will change by itself soon. */
function faultState(
  { kind, message: reason, hint }: ForwardError,
  nowMs: number,
  waitMs: number,
): { readonly state: 'held' | 'retrying'; readonly why: Why } {
  return {
    state: kind === 'denied' ? 'held' : 'retrying',
    why: { reason, hint, nextTryMs: nowMs + waitMs },
  };
}

/** Counts a failed try that is repeated. */
export function countRetry({ retries }: LoopStatus, { kind }: ForwardError): void {
  retries[kind === 'denied' ? 'denied' : 'transient'] += 1;
}

/** Shows each failure of a loop, and when the next try is due. */
export function faultsIn(
  status: LoopStatus,
  clock: Pick<Clock, 'now'>,
): (error: ForwardError, waitMs: number) => void {
  return (error, waitMs) => {
    const nowMs = clock.now();
    const { state, why } = faultState(error, nowMs, waitMs);
    enterState(status, state, nowMs, why);
  };
}
