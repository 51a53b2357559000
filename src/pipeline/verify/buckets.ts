import type { StoredCoverage } from '../../checkpoint/journal.ts';
import type { Window } from '../../model/event.ts';
import { floorTo, NS_PER_SECOND } from '../../model/time.ts';

/** A range is looked at in at most this many parts, so that its table can be read and its cost is bounded. */
const BUCKETS_LIMIT = 100n;

const MINUTE_NS = 60n * NS_PER_SECOND;
const HOUR_NS = 60n * MINUTE_NS;
const DAY_NS = 24n * HOUR_NS;
/** Widths that people read well: each bucket begins at a multiple of its width since 1970 (UTC). */
const WIDTHS_NS = [
  MINUTE_NS,
  5n * MINUTE_NS,
  15n * MINUTE_NS,
  HOUR_NS,
  3n * HOUR_NS,
  6n * HOUR_NS,
  12n * HOUR_NS,
  DAY_NS,
  7n * DAY_NS,
  30n * DAY_NS,
  365n * DAY_NS,
];

/** Cuts a range into buckets that share no instant and leave none out. The first and the last may be shorter. */
export function bucketsOf(range: Window): Window[] {
  const span = range.endNs - range.startNs;
  const width = WIDTHS_NS.find((one) => span / one < BUCKETS_LIMIT) ?? floorTo(span, DAY_NS);
  const buckets: Window[] = [];
  for (let startNs = range.startNs; startNs <= range.endNs;) {
    const next = floorTo(startNs, width) + width;
    buckets.push({ startNs, endNs: next - 1n < range.endNs ? next - 1n : range.endNs });
    startNs = next;
  }
  return buckets;
}

/** Cuts a window into parts that share no instant, on whole seconds: a server may cut times down to them. */
export function cutWindow(window: Window, parts: number): Window[] {
  const width = window.endNs - window.startNs + 1n;
  const even = floorTo(width / BigInt(parts), NS_PER_SECOND);
  const step = even > NS_PER_SECOND ? even : NS_PER_SECOND;
  const cut: Window[] = [];
  for (let startNs = window.startNs; startNs <= window.endNs;) {
    const next = floorTo(startNs, NS_PER_SECOND) + step;
    const last = cut.length === parts - 1 || next > window.endNs;
    cut.push({ startNs, endNs: last ? window.endNs : next - 1n });
    startNs = last ? window.endNs + 1n : next;
  }
  return cut;
}

/** The spans of coverage inside a range, cut to it, in order. */
export function clip(spans: readonly StoredCoverage[], range: Window): StoredCoverage[] {
  return spans
    .filter((span) => span.endNs >= range.startNs && span.startNs <= range.endNs)
    .map((span) => ({
      ...span,
      startNs: span.startNs > range.startNs ? span.startNs : range.startNs,
      endNs: span.endNs < range.endNs ? span.endNs : range.endNs,
    }));
}

/** What spans (in order) leave open of a range. */
export function gapsIn(spans: readonly Window[], range: Window): Window[] {
  const gaps: Window[] = [];
  let at = range.startNs;
  for (const span of spans) {
    if (span.startNs > at) gaps.push({ startNs: at, endNs: span.startNs - 1n });
    if (span.endNs >= at) at = span.endNs + 1n;
  }
  if (at <= range.endNs) gaps.push({ startNs: at, endNs: range.endNs });
  return gaps;
}

export function overlaps(one: Window, other: Window): boolean {
  return one.startNs <= other.endNs && other.startNs <= one.endNs;
}
