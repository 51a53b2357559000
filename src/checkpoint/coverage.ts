import type { CoverageStatus, Window } from '../model/event.ts';
import { NS_PER_SECOND } from '../model/time.ts';
import { countOrNull, integer, text, word, type Row } from './columns.ts';
import type { StoredCoverage } from './journal.ts';

/** Neighbours are joined while the joined span is no longer than this: polls every few seconds must not fill the disk. */
const JOINED_SPAN_MAX_NS = 3600n * NS_PER_SECOND;
/** The same for what was read in one go: nor must a first read of years, or one that a wrong clock sent far back. */
const JOINED_RUN_MAX_NS = 24n * JOINED_SPAN_MAX_NS;
const ONE_GO_MS = 3_600_000;

const STATUSES: readonly CoverageStatus[] = ['read', 'verified', 'suspect'];

/**
 * Lays a span over those it overlaps or touches (ascending, disjoint): it replaces what it covers, joins a neighbour of
 * its own status, and cuts the others, which lose their count, since nobody knows how much of it lay in the part cut off.
 */
export function laid(touching: readonly StoredCoverage[], added: StoredCoverage): readonly StoredCoverage[] {
  let middle = added;
  const beside: StoredCoverage[] = [];
  for (const span of touching) {
    const covered = span.startNs >= added.startNs && span.endNs <= added.endNs;
    if (covered) continue;
    const both = joined(span, middle);
    if (both !== null) middle = both;
    else beside.push(...remainders(span, added));
  }
  return [...beside, middle];
}

/** One span for two, or null when they may not be joined. The counts add up only where the two share no instant. */
function joined(left: StoredCoverage, right: StoredCoverage): StoredCoverage | null {
  const startNs = left.startNs < right.startNs ? left.startNs : right.startNs;
  const endNs = left.endNs > right.endNs ? left.endNs : right.endNs;
  const inOneGo = Math.abs(Date.parse(left.readAt) - Date.parse(right.readAt)) < ONE_GO_MS;
  const longest = inOneGo ? JOINED_RUN_MAX_NS : JOINED_SPAN_MAX_NS;
  if (left.status !== right.status || endNs - startNs > longest) return null;
  const apart = left.endNs < right.startNs || right.endNs < left.startNs;
  const known = apart && left.serverCount !== null && right.serverCount !== null;
  const serverCount = known ? Number(left.serverCount) + Number(right.serverCount) : null;
  // The older of the two times: no part of the span was read earlier than it says.
  const readAt = left.readAt < right.readAt ? left.readAt : right.readAt;
  return { startNs, endNs, status: left.status, serverCount, readAt };
}

/** What is left of a span beside a window. */
export function remainders(span: StoredCoverage, over: Window): readonly StoredCoverage[] {
  if (span.endNs < over.startNs || span.startNs > over.endNs) return [span];
  const parts: StoredCoverage[] = [];
  if (span.startNs < over.startNs) parts.push({ ...span, endNs: over.startNs - 1n, serverCount: null });
  if (span.endNs > over.endNs) parts.push({ ...span, startNs: over.endNs + 1n, serverCount: null });
  return parts;
}

/** A row of `coverage`. */
export function spanOf(row: Row): StoredCoverage {
  return {
    startNs: integer(row, 'start_ns'),
    endNs: integer(row, 'end_ns'),
    status: word(row, 'status', STATUSES),
    serverCount: countOrNull(row, 'server_count'),
    readAt: text(row, 'read_at'),
  };
}
