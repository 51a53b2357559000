import type { Window } from '../../model/event.ts';
import { floorTo, max, min } from '../../model/time.ts';

/**
 * Splits a window in time into parts that share their edges, so that no instant falls between two. `rows` is the best known
 * count of rows in it (null: unknown), `sample` the times of some of them. If half of the sample lies close together, that
 * burst becomes a part of its own: halving the window again and again to reach it would cost dozens of requests.
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

/** Rows that a part is meant to hold. One answer holds 1000: the rest is room for rows that are spread unevenly. */
const ROWS_PER_PART = 900;
const PARTS_LIMIT = 64;

/** Whether a window is too narrow to be split. `unitNs`: the finest difference in time that the server's filter honours. */
export function isIndivisible(window: Window, unitNs: bigint): boolean {
  return window.endNs - window.startNs <= 2n * unitNs;
}

/** Cuts a window into at most `parts` parts of equal width, which share their edges. */
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

/** Cells into which a window is divided to find a burst. */
const CELLS = 64n;

/** The edges of the cell that holds at least half of the sample, the first moved back by one unit. Null if there is none. */
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

/** Rows in the window if all of it is as dense as the sample: only a hint for the number of parts. */
function estimateRows(window: Window, sample: readonly bigint[]): number | null {
  if (sample.length < 2) return null;
  const first = sample.reduce(min);
  const last = sample.reduce(max);
  if (last <= first) return null;
  return Number((BigInt(sample.length) * (window.endNs - window.startNs)) / (last - first));
}
