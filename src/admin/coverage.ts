import type { StoredCoverage } from '../checkpoint/journal.ts';
import type { CoverageStatus, Window } from '../model/event.ts';
import { formatTime, max, min } from '../model/time.ts';
import type { SourceState } from '../sources/source.ts';

/** `pending`: after the frontier, and not read yet. */
interface Interval {
  readonly start: string;
  readonly end: string;
  readonly status: CoverageStatus | 'pending';
  /** The server's own count, where it gave one for exactly this span. */
  readonly server_count: number | null;
  readonly read_at: string | null;
}

/** More than this are joined with neighbours of their own status, and then cut at the old end. */
const INTERVALS_LIMIT = 4_000;

interface Span extends Window {
  readonly status: Interval['status'];
  readonly serverCount: number | null;
  readonly readAt: string | null;
}

/** What a window of event time looks like: what the journal says of it, and what between them is still to be read. */
export function describeCoverage(
  stored: readonly StoredCoverage[],
  window: Window,
  state: SourceState,
): { readonly intervals: readonly Interval[]; readonly cut: boolean } {
  const clipped = stored
    .map((span): Span => ({
      ...span,
      startNs: max(span.startNs, window.startNs),
      endNs: min(span.endNs, window.endNs),
    }))
    .filter((span) => span.endNs >= span.startNs);
  const spans = [...clipped, ...pendingSpans(clipped, window, state)].toSorted((a, b) =>
    a.startNs < b.startNs ? -1 : 1,
  );
  const few = spans.length > INTERVALS_LIMIT ? joinNeighbours(spans) : spans;
  const kept = few.slice(-INTERVALS_LIMIT);
  return { intervals: kept.map(interval), cut: kept.length < few.length };
}

/** The parts between the frontier and the target of the poll that nothing covers. */
function pendingSpans(spans: readonly Span[], window: Window, state: SourceState): Span[] {
  const { frontierNs, targetNs } = state;
  if (frontierNs === null || targetNs === null) return [];
  const endNs = min(targetNs, window.endNs);
  const pending: Span[] = [];
  let atNs = max(frontierNs, window.startNs);
  const add = (untilNs: bigint): void => {
    if (untilNs > atNs) {
      pending.push({ startNs: atNs, endNs: untilNs, status: 'pending', serverCount: null, readAt: null });
    }
  };
  for (const span of spans.toSorted((a, b) => (a.startNs < b.startNs ? -1 : 1))) {
    if (span.endNs <= atNs) continue;
    if (span.startNs >= endNs) break;
    add(span.startNs);
    atNs = max(atNs, span.endNs);
  }
  add(endNs);
  return pending;
}

function joinNeighbours(spans: readonly Span[]): readonly Span[] {
  const joined: Span[] = [];
  for (const span of spans) {
    const last = joined.at(-1);
    if (last?.status === span.status && span.startNs <= last.endNs + 1n) {
      joined[joined.length - 1] = { ...last, endNs: max(last.endNs, span.endNs), serverCount: null };
    } else joined.push(span);
  }
  return joined;
}

function interval(span: Span): Interval {
  return {
    start: formatTime(span.startNs),
    end: formatTime(span.endNs),
    status: span.status,
    server_count: span.serverCount,
    read_at: span.readAt,
  };
}
