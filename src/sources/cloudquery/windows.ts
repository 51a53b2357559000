import { ForwardError } from '../../model/errors.ts';
import type { Json, Window } from '../../model/event.ts';
import { floorTo, NS_PER_SECOND } from '../../model/time.ts';
import type { Hide } from '../../model/hide.ts';
import { readCare, writeCare } from './care.ts';
import type { OpenWindow } from './care.ts';

/** What the source resumes from. Times in nanoseconds since 1970. */
export interface Progress {
  /** Where the very first live window began: before it nothing was promised. Null before the first. */
  readonly startNs: bigint | null;
  /** Where the last live window ended: the next one starts an overlap before it. Null before the first. */
  readonly endNs: bigint | null;
  /** Windows not read to their end yet, oldest first: a crash resumes inside a burst, and knows what fails. */
  readonly open: readonly OpenWindow[];
}

export const NO_PROGRESS: Progress = { startNs: null, endNs: null, open: [] };

/** Before this every window is finished: nothing open, and the last live window's end, or the start of the oldest open one. */
export function frontierOf(progress: Progress): bigint | null {
  const first = progress.open[0];
  return first === undefined ? progress.endNs : first.startNs;
}

/** `extra` is kept beside under its own key: the reconcile schedule. `hide` is for what the Platform said of windows that fail. */
export function writeProgress(progress: Progress, extra: Json, hide: Hide): Json {
  return {
    version: 1,
    start: progress.startNs === null ? null : progress.startNs.toString(),
    end: progress.endNs === null ? null : progress.endNs.toString(),
    open: progress.open.map(({ startNs, endNs, care }) => [
      startNs.toString(),
      endNs.toString(),
      ...(care === undefined ? [] : [writeCare(care, hide)]),
    ]),
    reconcile: extra,
  };
}

/** Throws `corrupt` for anything that `writeProgress` did not write: starting over in silence would be a lie. */
export function readProgress(json: Json | null): { readonly progress: Progress; readonly extra: Json } {
  if (json === null) return { progress: NO_PROGRESS, extra: null };
  try {
    const { version, start, end, open, reconcile } = json as Record<string, Json>;
    if (version !== 1 || !Array.isArray(open)) throw new Error('unknown version');
    const windows = open.map((one: unknown): OpenWindow => {
      const [start, stop, saved] = one as [Json, Json, Json?];
      const care = readCare(saved);
      return {
        startNs: requireNs(start),
        endNs: requireNs(stop),
        ...(care === undefined ? {} : { care }),
      };
    });
    if (windows.some((window) => window.startNs > window.endNs))
      throw new Error('a window ends before it starts');
    const progress = { startNs: readNs(start), endNs: readNs(end), open: sortWindows(windows) };
    if ((progress.startNs === null) !== (progress.endNs === null)) throw new Error('half a span');
    return { progress, extra: reconcile ?? null };
  } catch (error) {
    throw unreadable(error);
  }
}

/** What is kept beside the progress. */
export function savedOf(extra: Json): {
  schedule?: Json;
  tail?: Json;
  countsTold?: Json;
  offset?: Json;
  strays?: Json;
  spoiled?: Json;
} {
  return (extra ?? {}) as ReturnType<typeof savedOf>;
}

export function unreadable(cause: unknown): ForwardError {
  return new ForwardError('corrupt', 'the progress kept in the journal cannot be read by this version', {
    cause,
    hint: 'run the version that wrote it, or restore the state directory from a copy',
  });
}

function readNs(value: Json | undefined): bigint | null {
  return value === null ? null : requireNs(value);
}

/** Only what BigInt.toString writes: BigInt itself also reads '', '0x1' and true. */
export function requireNs(value: Json | undefined): bigint {
  if (typeof value !== 'string' || !/^-?\d{1,20}$/.test(value)) throw new Error('no time in nanoseconds');
  return BigInt(value);
}

export function sortWindows<Span extends Window>(windows: readonly Span[]): Span[] {
  return windows.toSorted((a, b) =>
    a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : a.endNs < b.endNs ? -1 : 1,
  );
}

/**
 * A start in the future was worked out while a clock ran ahead: nothing was read from it, and what lies before it is still
 * to be read. `firstNs`: the start that the configuration gives by now, which may itself be a time to come.
 */
export function withoutFutureStart(progress: Progress, firstNs: bigint, nowNs: bigint): Progress {
  const { startNs } = progress;
  return startNs !== null && startNs > nowNs && startNs > firstNs ? NO_PROGRESS : progress;
}

/** The live window of this poll: from an overlap before the last end to the server's now, both on whole seconds. */
export function liveWindow(
  progress: Progress,
  firstStartNs: bigint,
  overlapNs: bigint,
  nowNs: bigint,
): Window {
  const endNs = floorTo(nowNs, NS_PER_SECOND);
  if (progress.endNs === null) return { startNs: min(floorTo(firstStartNs, NS_PER_SECOND), endNs), endNs };
  // A last end in the future came from a clock that ran ahead for a while: what it claimed is taken back, and read.
  const from = min(progress.endNs, endNs) - overlapNs;
  return { startNs: max(floorTo(from, NS_PER_SECOND), 0n), endNs };
}

/** One answer holds at most this many of the rows that a part of a split window is cut for: room for uneven spread. */
const ROWS_PER_PART = 900;
const PARTS_LIMIT = 64;

/** A window this narrow cannot be split: `unitNs` is the finest difference in time that the server honours. */
export function isIndivisible(window: Window, unitNs: bigint): boolean {
  return window.endNs - window.startNs <= 2n * unitNs;
}

/**
 * Cuts a window in time into parts that share their edges, so that no instant falls between two. `rows` is the best known
 * count of rows in it (null: unknown), `sample` some of their times. Where most of the sample lies close together, that
 * place is cut out alone: halving towards a burst would cost a request per bit of its time.
 */
export function splitWindow(
  window: Window,
  unitNs: bigint,
  rows: number | null,
  sample: readonly bigint[],
): Window[] {
  const parts = partsFor(rows ?? estimateRows(window, sample));
  const cuts = hotCuts(window, unitNs, sample) ?? evenCuts(window, unitNs, parts);
  return between(window, cuts);
}

/** Cuts a window into at most so many parts of one width, which share their edges. */
export function cutEvenly(window: Window, unitNs: bigint, parts: number): Window[] {
  return between(window, evenCuts(window, unitNs, parts));
}

function between(window: Window, cuts: readonly bigint[]): Window[] {
  const edges = [window.startNs, ...cuts, window.endNs];
  return edges.slice(1).map((endNs, index) => ({ startNs: edges[index] ?? window.startNs, endNs }));
}

function partsFor(rows: number | null): number {
  if (rows === null) return 2;
  return Math.min(Math.max(Math.ceil(rows / ROWS_PER_PART), 2), PARTS_LIMIT);
}

function evenCuts(window: Window, unitNs: bigint, parts: number): bigint[] {
  const width = window.endNs - window.startNs;
  const step = max(floorTo(width / BigInt(parts), unitNs), unitNs);
  const cuts: bigint[] = [];
  for (
    let cut = floorTo(window.startNs, unitNs) + step;
    cut < window.endNs && cuts.length < parts - 1;
    cut += step
  ) {
    cuts.push(cut);
  }
  return cuts;
}

/** How finely a window is looked over for a place that holds most of its rows. */
const CELLS = 64n;

/** The edges around a cell of time that holds at least half of the sample, one unit free before it. Null if none does. */
function hotCuts(window: Window, unitNs: bigint, sample: readonly bigint[]): bigint[] | null {
  const cellNs = max(floorTo((window.endNs - window.startNs) / CELLS, unitNs), unitNs);
  const counts = new Map<bigint, number>();
  for (const time of sample) {
    const cell = floorTo(time, cellNs);
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  let hot: bigint | null = null;
  for (const [cell, count] of counts) {
    if (count * 2 >= sample.length && count > 1 && (hot === null || count > (counts.get(hot) ?? 0)))
      hot = cell;
  }
  if (hot === null) return null;
  const cuts = [hot - unitNs, hot + cellNs].filter((cut) => cut > window.startNs && cut < window.endNs);
  return cuts.length === 0 ? null : cuts;
}

/** Rows in the window if they are as dense everywhere as in the sample: only a hint for the number of parts. */
function estimateRows(window: Window, sample: readonly bigint[]): number | null {
  if (sample.length < 2) return null;
  const first = sample.reduce(min);
  const last = sample.reduce(max);
  if (last <= first) return null;
  return Number((BigInt(sample.length) * (window.endNs - window.startNs)) / (last - first));
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
