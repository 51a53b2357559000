import type { Json, Window } from '../../model/event.ts';
import { without } from './care.ts';
import { requireNs, sortWindows } from './progress.ts';

/**
 * A span that was read to its end and holds items that cannot be read: they are dead letters. It is read again now and then, so that these
 * resolve soon after the Platform shows the items in order, although no count of rows tells of it.
 */
export interface Spoiled extends Window {
  /** How often it was read again in vain. */
  readonly tries: number;
  /** Milliseconds since 1970. */
  readonly dueMs: number;
}

const BASE_MS = 60_000;
const CAP_MS = 600_000;
/** With more spans each is read less often: in all about once in so long. */
const EVERY_MS = 60_000;
/** Later ones wait for the daily count, which reads what differs. */
const SPANS_LIMIT = 50;
/** Spans that touch are one, up to this width. */
const WIDTH_LIMIT_NS = 3_600_000_000_000n;

/** What a window that was read to its end, with or without unreadable items, makes of the spans. */
export function afterReading(
  spans: readonly Spoiled[],
  window: Window,
  hasUnreadable: boolean,
  nowMs: number,
): readonly Spoiled[] {
  if (spans.length === 0 && !hasUnreadable) return spans;
  const before = spans.filter((span) => span.startNs < window.endNs && span.endNs > window.startNs);
  const rest = spans.flatMap((span) => without(span, [window]).map((part) => ({ ...span, ...part })));
  if (!hasUnreadable) return rest;
  const tries = Math.max(-1, ...before.map((span) => span.tries)) + 1;
  const capMs = Math.max(CAP_MS, EVERY_MS * rest.length);
  const dueMs = nowMs + Math.min(BASE_MS * 2 ** Math.min(tries, 20), capMs);
  const { startNs, endNs } = window;
  const all = sortWindows([...rest, { startNs, endNs, tries, dueMs }]);
  return joined(all).slice(-SPANS_LIMIT);
}

function joined(sorted: readonly Spoiled[]): Spoiled[] {
  const spans: Spoiled[] = [];
  for (const span of sorted) {
    const last = spans.at(-1);
    if (last === undefined || span.startNs > last.endNs || span.endNs - last.startNs > WIDTH_LIMIT_NS)
      spans.push(span);
    else {
      const [tries, dueMs] = [Math.max(last.tries, span.tries), Math.max(last.dueMs, span.dueMs)];
      spans[spans.length - 1] = { startNs: last.startNs, endNs: span.endNs, tries, dueMs };
    }
  }
  return spans;
}

/** The spans without what lies before a time: there the journal no longer knows what it had. */
export function since<Span extends Window>(spans: readonly Span[], fromNs: bigint): readonly Span[] {
  return spans
    .filter(({ endNs }) => endNs > fromNs)
    .map((span) => (span.startNs < fromNs ? { ...span, startNs: fromNs } : span));
}

/** The spans to read now. A clock that was set back must not put them off for as long. */
export function dueOf(spans: readonly Spoiled[], nowMs: number): Window[] {
  const farMs = nowMs + Math.max(CAP_MS, EVERY_MS * spans.length);
  return spans.filter(({ dueMs }) => dueMs <= nowMs || dueMs > farMs);
}

export function writeSpoiled(spans: readonly Spoiled[]): Json {
  return spans.map(({ startNs, endNs, tries, dueMs }) => [
    startNs.toString(),
    endNs.toString(),
    tries,
    dueMs,
  ]);
}

/** None for anything that `writeSpoiled` did not write: the daily count finds what is left of them. */
export function readSpoiled(json: Json | undefined): readonly Spoiled[] {
  if (!Array.isArray(json)) return [];
  try {
    return json.map((one: unknown) => {
      const [start, end, tries, dueMs] = one as Json[];
      if (!isFigure(tries) || !isFigure(dueMs)) throw new Error('no figure');
      return { startNs: requireNs(start), endNs: requireNs(end), tries, dueMs };
    });
  } catch {
    return [];
  }
}

function isFigure(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
