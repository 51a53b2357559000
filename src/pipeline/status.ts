import type { DeliveryClass } from '../sinks/sink.ts';

/** What a loop is doing. `held`: retrying slowly, unhealthy, until somebody fixes what is denied. */
export type LoopState =
  'starting' | 'idle' | 'working' | 'retrying' | 'held' | 'waiting_for_space' | 'stopped';

/** Why a loop or one of its lanes waits. */
interface Why {
  readonly reason: string;
  readonly hint?: string | undefined;
  readonly nextTryMs?: number;
}

interface LoopStatus {
  state: LoopState;
  /** Why it is retrying, held or waiting: one sentence. It stays through the next try, until something is read or settled. */
  reason: string | null;
  hint: string | null;
  /** When the state began, and when the next try is due. Milliseconds since 1970. */
  sinceMs: number;
  nextTryMs: number | null;
  /** Last time the loop went round, whatever came of it: what the watchdog looks at. */
  turnedMs: number;
  /**
   * Last time something was read or settled, or there was nothing to do: what readiness looks at. On the monotonic clock,
   * so that a wall clock that is set back hides nothing. Null until the loop begins.
   */
  progressedMs: number | null;
  /** Lanes that wait, each with its state: the worst of them is the loop's. */
  readonly lanes: Map<object, { readonly state: LoopState; readonly why: Why | null }>;
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
  /** New events that a count of closed windows brought to light. */
  reconciled: number;
  /** Ids that came again with other bytes. */
  revised: number;
  findings: number;
  lastPollMs: number | null;
  /** The last poll that left nothing open: when it ended, on the monotonic clock, and up to where everything was read. */
  caughtUp: { readonly atMs: number; readonly upToNs: bigint | null } | null;
  /** created_at to first seen, of the newest events, milliseconds. */
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
  /** What reading made of the events that the receiver has: types nobody understands, secrets replaced, parts of the embedded user left out. */
  unclassified: number;
  redactedValues: number;
  trimmedUserParts: number;
  inFlight: number;
  cursor: bigint;
  lastDeliveredMs: number | null;
  notice: string | null;
}

/** What the two loops say of themselves, for health, metrics, the status page and `status`: they write, others read. */
export interface Status {
  readonly startedMs: number;
  readonly sources: Map<string, SourceStatus>;
  readonly sinks: Map<string, SinkStatus>;
  stopping: boolean;
}

export function createStatus(nowMs: number): Status {
  return { startedMs: nowMs, sources: new Map(), sinks: new Map(), stopping: false };
}

function loopStatus(nowMs: number): LoopStatus {
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

export function sourceStatus(name: string, nowMs: number): SourceStatus {
  const counters = {
    polls: 0,
    appended: 0,
    repeated: 0,
    filtered: 0,
    malformed: 0,
    reconciled: 0,
    revised: 0,
    findings: 0,
  };
  return { name, ...loopStatus(nowMs), ...counters, lastPollMs: null, caughtUp: null, visibilityLagMs: null };
}

export function sinkStatus(name: string, delivery: DeliveryClass, nowMs: number): SinkStatus {
  const counters = {
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
    inFlight: 0,
  };
  return {
    name,
    delivery,
    ...loopStatus(nowMs),
    ...counters,
    cursor: 0n,
    lastDeliveredMs: null,
    notice: null,
  };
}

/** How much a state asks for attention: the greatest is the one to show. */
const WEIGHTS: Readonly<Record<LoopState, number>> = {
  stopped: 3,
  held: 2,
  retrying: 1,
  waiting_for_space: 1,
  starting: 0,
  idle: 0,
  working: 0,
};

/** Moves a loop into a state. `why` belongs to states that wait for something to get better. A lane that waits stays shown. */
export function enterState(
  status: LoopStatus,
  state: LoopState,
  nowMs: number,
  why: Why | null = null,
): void {
  if (state === 'stopped') status.lanes.clear();
  let worst = { state, why };
  for (const lane of status.lanes.values()) if (WEIGHTS[lane.state] > WEIGHTS[worst.state]) worst = lane;
  turned(status, nowMs);
  if (status.state !== worst.state) status.sinceMs = nowMs;
  status.state = worst.state;
  status.reason = worst.why?.reason ?? null;
  status.hint = worst.why?.hint ?? null;
  status.nextTryMs = worst.why?.nextTryMs ?? null;
}

/** The same for one of several lanes: that another one works says nothing about this one. */
export function enterLane(
  status: LoopStatus,
  lane: object,
  state: 'working' | 'retrying' | 'held',
  nowMs: number,
  why: Why | null = null,
): void {
  if (state === 'working') status.lanes.delete(lane);
  else status.lanes.set(lane, { state, why });
  enterState(status, 'working', nowMs);
}

/** The loop goes round; time in a hold is counted. */
export function turned(status: LoopStatus, nowMs: number): void {
  if (status.state === 'held') status.heldMs += Math.max(nowMs - status.turnedMs, 0);
  status.turnedMs = nowMs;
}
