import { NS_PER_SECOND } from '../../model/time.ts';
import type { Coverage, CoverageStatus } from '../../model/event.ts';
import type { Journal, StoredCoverage } from '../journal.ts';
import { countOrNull, int64, integer, text, word, type Row } from './columns.ts';
import type { Store } from './store.ts';

/** Neighbours are joined while the joined span is no longer than this: polls every few seconds must not fill the disk. */
const JOINED_SPAN_MAX_NS = 3600n * NS_PER_SECOND;
/** The same for what was read in one go: nor must a first read of years, or one that a wrong clock sent far back. */
const JOINED_RUN_MAX_NS = 24n * JOINED_SPAN_MAX_NS;
const ONE_GO_MS = 3_600_000;

const STATUSES: readonly CoverageStatus[] = ['read', 'verified', 'suspect'];

export function coverage(store: Store): {
  methods: Pick<Journal, 'coverage'>;
  cover: (source: string, added: Coverage, at: string) => void;
} {
  const columns = 'start_ns, end_ns, status, server_count, read_at';
  const findTouching = store.prepare(
    `SELECT ${columns} FROM coverage WHERE source = ? AND start_ns <= ? AND end_ns >= ? ORDER BY start_ns`,
  );
  const remove = store.prepare('DELETE FROM coverage WHERE source = ? AND start_ns = ?');
  const insert = store.prepare('INSERT INTO coverage VALUES (?, ?, ?, ?, ?, ?)');

  return {
    methods: {
      coverage: async (source, { startNs, endNs }) =>
        store.read(() => findTouching.all(source, int64(endNs), int64(startNs)).map(stored)),
    },
    cover: (source, added, at) => {
      if (added.endNs < added.startNs) {
        throw new Error(`a window that ends before it starts: ${added.startNs} to ${added.endNs}`);
      }
      const touching = findTouching.all(source, added.endNs + 1n, added.startNs - 1n).map(stored);
      for (const span of touching) remove.run(source, span.startNs);
      for (const span of laid(touching, { ...added, readAt: at })) {
        insert.run(source, span.startNs, span.endNs, span.status, span.serverCount, span.readAt);
      }
    },
  };
}

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

function remainders(span: StoredCoverage, over: StoredCoverage): readonly StoredCoverage[] {
  if (span.endNs < over.startNs || span.startNs > over.endNs) return [span];
  const parts: StoredCoverage[] = [];
  if (span.startNs < over.startNs) parts.push({ ...span, endNs: over.startNs - 1n, serverCount: null });
  if (span.endNs > over.endNs) parts.push({ ...span, startNs: over.endNs + 1n, serverCount: null });
  return parts;
}

function stored(row: Row): StoredCoverage {
  return {
    startNs: integer(row, 'start_ns'),
    endNs: integer(row, 'end_ns'),
    status: word(row, 'status', STATUSES),
    serverCount: countOrNull(row, 'server_count'),
    readAt: text(row, 'read_at'),
  };
}
