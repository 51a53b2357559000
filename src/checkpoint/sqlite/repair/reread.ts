import type { Window } from '../../../model/event.ts';
import { NS_PER_SECOND } from '../../../model/time.ts';
import type { StoredCoverage } from '../../journal.ts';

/** Lost events that lie closer to one another are read again in one window. */
const JOINED_NS = 3600n * NS_PER_SECOND;

/** What has to be read again of one source. */
export interface Reread {
  /** The Platform may still have it. */
  readonly again: readonly Window[];
  /** It keeps nothing that old. */
  readonly never: readonly Window[];
}

/** Adds the time of a lost event to windows in order of time. */
export function addInstant(windows: { startNs: bigint; endNs: bigint }[], ns: bigint): void {
  const last = windows.at(-1);
  if (last !== undefined && ns >= last.startNs && ns - last.endNs <= JOINED_NS) {
    if (ns > last.endNs) last.endNs = ns;
  } else windows.push({ startNs: ns, endNs: ns });
}

/** What lies between spans of coverage, from one time to another. */
export function gapsIn(spans: readonly StoredCoverage[], from: bigint, to: bigint): Window[] {
  const gaps: Window[] = [];
  let at = from;
  for (const { startNs, endNs } of spans.toSorted((a, b) => (a.startNs < b.startNs ? -1 : 1))) {
    if (startNs > at) gaps.push({ startNs: at, endNs: startNs < to ? startNs : to });
    if (endNs >= at) at = endNs + 1n;
    if (at > to) return gaps;
  }
  return [...gaps, { startNs: at, endNs: to }];
}

/** Joins windows that touch, and tells what is too old to be read again. */
export function planReread(windows: readonly Window[], horizonNs: bigint): Reread {
  const joined: { startNs: bigint; endNs: bigint }[] = [];
  for (const { startNs, endNs } of windows.toSorted((a, b) => (a.startNs < b.startNs ? -1 : 1))) {
    const last = joined.at(-1);
    if (last === undefined || startNs > last.endNs + 1n) joined.push({ startNs, endNs });
    else if (endNs > last.endNs) last.endNs = endNs;
  }
  const before = horizonNs - 1n;
  return {
    again: joined
      .filter(({ endNs }) => endNs >= horizonNs)
      .map(({ startNs, endNs }) => ({ startNs: startNs > horizonNs ? startNs : horizonNs, endNs })),
    never: joined
      .filter(({ startNs }) => startNs < horizonNs)
      .map(({ startNs, endNs }) => ({ startNs, endNs: endNs < before ? endNs : before })),
  };
}
