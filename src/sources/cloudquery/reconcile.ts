import type { Finding, Json, Window } from '../../model/event.ts';
import { floorTo, formatTime, max, min, msToNs, NS_PER_SECOND } from '../../model/time.ts';
import { since } from './look-again.ts';
import { requireNs, unreadable } from './progress.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** One row of the widening schedule: buckets of this age are counted again every so often. The age is that of a bucket's start. */
interface Tier {
  readonly fromAgeMs: number;
  readonly toAgeMs: number;
  readonly bucketMs: number;
  readonly everyMs: number;
}

/**
 * Every 15 minutes for the last six hours, hourly for a day, daily up to the horizon. Buckets lie on a fixed grid that gets
 * coarser with age, so they merge by themselves. Cost: 7 x 96 + 7 x 24 + one per day of horizon,
 * about 870 requests a day at 30 days.
 */
function tiersFor(horizonMs: number): readonly Tier[] {
  const tiers = [
    { fromAgeMs: 0, toAgeMs: 6 * HOUR_MS, bucketMs: HOUR_MS, everyMs: 15 * MINUTE_MS },
    { fromAgeMs: 6 * HOUR_MS, toAgeMs: DAY_MS, bucketMs: 3 * HOUR_MS, everyMs: HOUR_MS },
    { fromAgeMs: DAY_MS, toAgeMs: horizonMs, bucketMs: DAY_MS, everyMs: DAY_MS },
  ];
  return tiers
    .filter((tier) => tier.fromAgeMs < horizonMs)
    .map((tier) => ({ ...tier, toAgeMs: Math.min(tier.toAgeMs, horizonMs) }));
}

/** The rows that the Platform lists in a bucket, and the events that we hold of it. */
export interface Counts {
  readonly server: number;
  readonly held: number;
}

/** What the schedule has to remember. The buckets follow from the clock. */
export interface ReconcileState {
  /** When each tier was last put on the list, milliseconds since 1970. */
  readonly lastMs: readonly number[];
  /** Buckets due and not counted yet. */
  readonly pending: readonly Window[];
  /** By bucket, counts that differ even after it was read again: it is not read again until one of them changes. */
  readonly explained: ReadonlyMap<string, Counts>;
}

/** Null if none was kept yet. Throws for anything that `writeReconcile` did not write. */
export function readReconcile(json: Json): ReconcileState | null {
  if (json === null) return null;
  try {
    const { last, pending, explained } = json as {
      last: readonly number[];
      pending: readonly [Json, Json][];
      explained: readonly [string, number, number][];
    };
    if (!last.every(Number.isFinite)) throw new Error('no moment');
    return {
      lastMs: last,
      pending: pending.map(([start, end]) => ({ startNs: requireNs(start), endNs: requireNs(end) })),
      explained: new Map(
        explained.map(([key, server, held]) => {
          if (!/^-?\d{1,20} -?\d{1,20}$/.test(key) || typeof server !== 'number' || typeof held !== 'number')
            throw new Error('no explanation');
          return [key, { server, held }];
        }),
      ),
    };
  } catch (error) {
    throw unreadable(error);
  }
}

export function writeReconcile(state: ReconcileState): Json {
  return {
    last: state.lastMs,
    pending: state.pending.map((window) => [window.startNs.toString(), window.endNs.toString()]),
    explained: [...state.explained].map(([key, { server, held }]) => [key, server, held]),
  };
}

/** A schedule on which nothing is due yet: everything has just been read. */
export function freshReconcile(nowMs: number): ReconcileState {
  return { lastMs: [nowMs, nowMs, nowMs], pending: [], explained: new Map() };
}

/** Adds the buckets that became due. `all`: those of every tier, as after a restart. Newest first, since late rows are young. */
export function schedule(
  state: ReconcileState,
  nowMs: number,
  endNs: bigint,
  startNs: bigint,
  horizonMs: number,
  all: boolean,
): ReconcileState {
  const listed = new Map(state.pending.map((window) => [keyOf(window), window]));
  const lastMs = [...state.lastMs];
  tiersFor(horizonMs).forEach((tier, index) => {
    const last = lastMs[index] ?? 0;
    if (!all && nowMs - last < tier.everyMs && nowMs >= last) return;
    lastMs[index] = nowMs;
    for (const bucket of bucketsOf(tier, nowMs)) {
      const window = clip(bucket, startNs, endNs);
      if (window !== null) listed.set(keyOf(window), window);
    }
  });
  const pending = [...listed.values()].toSorted((a, b) =>
    a.startNs > b.startNs ? -1 : a.startNs < b.startNs ? 1 : 0,
  );
  const known = new Set(pending.map(keyOf));
  const horizonNs = msToNs(nowMs - horizonMs);
  const explained = [...state.explained].filter(
    ([key]) => known.has(key) || BigInt(key.split(' ')[0] ?? 0) > horizonNs,
  );
  return { lastMs, pending, explained: new Map(explained) };
}

/**
 * How far beyond the horizon ids are known for certain: the journal keeps them for one more day (pipeline/upkeep.ts), less the 14 hours by
 * which a time zone may shift the times. A row that becomes visible just before the horizon is still found.
 */
const KNOWN_BEYOND_MS = 10 * HOUR_MS;

/**
 * Removes pending buckets too far beyond the horizon: the journal drops the ids there, so every row would look new. Call it before each
 * count, since a full journal may hold a poll for long. `missed`: a finding about buckets that stayed uncounted for more than a day.
 */
export function withoutExpired(
  state: ReconcileState,
  nowMs: number,
  horizonMs: number,
): { readonly state: ReconcileState; readonly missed: Finding | null } {
  const horizonNs = floorTo(msToNs(nowMs - horizonMs), NS_PER_SECOND);
  const pending = since(state.pending, horizonNs - msToNs(KNOWN_BEYOND_MS));
  const missed = state.pending.filter(({ endNs }) => endNs <= horizonNs - msToNs(DAY_MS));
  const [newest, oldest] = [missed[0], missed.at(-1)];
  if (newest === undefined || oldest === undefined) return { state: { ...state, pending }, missed: null };
  const window = { startNs: oldest.startNs, endNs: newest.endNs };
  const span = `${formatTime(window.startNs)} to ${formatTime(window.endNs)}`;
  return {
    state: { ...state, pending },
    missed: {
      kind: 'not_recounted',
      window,
      summary: `${span} was due to be counted again, and grew older than the audit horizon before it could be: events that became visible there after it was read last are not in the journal`,
    },
  };
}

/** The state after the first pending window was counted. `left`: the others. */
export function afterCount(
  state: ReconcileState,
  counted: { readonly key: string; readonly parts: readonly Window[]; readonly explained: Counts | null },
  left: readonly Window[],
): ReconcileState {
  const explained = new Map(state.explained);
  if (counted.explained === null) explained.delete(counted.key);
  else explained.set(counted.key, counted.explained);
  return { ...state, explained, pending: [...counted.parts, ...left] };
}

export function keyOf(window: Window): string {
  return `${window.startNs} ${window.endNs}`;
}

function bucketsOf(tier: Tier, nowMs: number): Window[] {
  const widthNs = msToNs(tier.bucketMs);
  const buckets: Window[] = [];
  let startNs = floorTo(msToNs(nowMs - tier.toAgeMs), widthNs);
  const untilNs = msToNs(nowMs - tier.fromAgeMs);
  for (; startNs < untilNs; startNs += widthNs) buckets.push({ startNs, endNs: startNs + widthNs });
  return buckets;
}

function clip(window: Window, startNs: bigint, endNs: bigint): Window | null {
  const start = max(window.startNs, startNs);
  const end = min(window.endNs, endNs);
  return start < end ? { startNs: start, endNs: end } : null;
}
