import type { StoredCoverage } from '../../checkpoint/journal.ts';
import type { Window } from '../../model/event.ts';

/** What each character of the bar says, worst first: a cell shows the worst of what is in it. */
const COVERAGE_SIGNS = { suspect: '!', pending: '·', read: '▒', verified: '█', before: ' ' } as const;

/**
 * A window of event time as a row of characters, oldest left. `before` is what lies before everything the journal knows:
 * nobody asked for it.
 */
export function coverageBar(spans: readonly StoredCoverage[], window: Window, cells: number): string {
  const lengthNs = window.endNs - window.startNs;
  const sorted = spans.toSorted((a, b) => (a.startNs < b.startNs ? -1 : 1));
  let bar = '';
  for (let cell = 0; cell < cells; cell += 1) {
    const startNs = window.startNs + (lengthNs * BigInt(cell)) / BigInt(cells);
    const endNs = window.startNs + (lengthNs * BigInt(cell + 1)) / BigInt(cells) - 1n;
    bar += COVERAGE_SIGNS[cellStatus(sorted, { startNs, endNs })];
  }
  return bar;
}

/** The end of what is covered without a gap from its beginning on, nanoseconds since 1970; null when nothing is. */
export function coveredUpTo(spans: readonly StoredCoverage[]): bigint | null {
  const sorted = spans.toSorted((a, b) => (a.startNs < b.startNs ? -1 : 1));
  let upToNs: bigint | null = null;
  for (const span of sorted) {
    if (upToNs !== null && span.startNs > upToNs + 1n) break;
    if (upToNs === null || span.endNs > upToNs) upToNs = span.endNs;
  }
  return upToNs;
}

function cellStatus(spans: readonly StoredCoverage[], cell: Window): keyof typeof COVERAGE_SIGNS {
  const [first] = spans;
  if (first === undefined || cell.endNs < first.startNs) return 'before';
  const inside = spans.filter((span) => span.startNs <= cell.endNs && span.endNs >= cell.startNs);
  if (inside.some((span) => span.status === 'suspect')) return 'suspect';
  let upToNs = first.startNs > cell.startNs ? first.startNs - 1n : cell.startNs - 1n;
  for (const span of inside) {
    if (span.startNs > upToNs + 1n) return 'pending';
    if (span.endNs > upToNs) upToNs = span.endNs;
  }
  if (upToNs < cell.endNs) return 'pending';
  return inside.every((span) => span.status === 'verified') ? 'verified' : 'read';
}
