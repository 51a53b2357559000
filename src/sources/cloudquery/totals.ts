import { ForwardError } from '../../model/errors.ts';
import type { Finding, Window } from '../../model/event.ts';
import { formatTime } from '../../model/time.ts';
import type { Client } from './client.ts';
import type { Page } from './wire.ts';

/**
 * Whether the Platform's own counts can be believed. They are taken for true until one is seen to differ from the list, and
 * from then on, until a restart, for absent: an API may cap them, estimate them, or count something else, and a count that was
 * wrong once says nothing the next time.
 */
export interface Totals {
  credible(): boolean;
  /** The Platform counted `counted` rows twice while its list of the window holds `listed`. */
  doubt(window: Window, counted: number, listed: number): void;
  /** Findings for the operator, each once. */
  takeFindings(): Finding[];
  /** Whether pages after the end are empty: some servers repeat their last page. Null until it is known. */
  pagesEnd(): boolean | null;
  learnPagesEnd(end: boolean): void;
  /** Whether the finding was made. The progress keeps it, so that a restart does not make it again. */
  told(): boolean;
  restoreTold(saved: boolean): void;
}

/** The same words each time: they are about the Platform, not about a window, and stay acknowledged. */
const SUMMARY =
  'the total_count of the Platform is not the number of rows that it lists, so it is not relied on: windows are read and counted by their rows alone (hint: see whether a proxy or cache changes the answers; otherwise report it to CloudQuery and acknowledge this, nothing is lost by it)';

export function createTotals(): Totals {
  let doubted = false;
  let told = false;
  let end: boolean | null = null;
  let untold: Finding[] = [];
  return {
    credible: () => !doubted,
    doubt({ startNs, endNs }, counted, listed) {
      if (doubted) return;
      doubted = true;
      if (told) return;
      told = true;
      const detail = { from: formatTime(startNs), to: formatTime(endNs), counted, listed };
      untold = [{ kind: 'counts_not_credible', summary: SUMMARY, detail }];
    },
    takeFindings() {
      const findings = untold;
      untold = [];
      return findings;
    },
    pagesEnd: () => end,
    learnPagesEnd: (seen) => void (end = seen),
    told: () => told,
    restoreTold: (saved) => void (told ||= saved),
  };
}

/** The same client without counts once they cannot be believed. */
export function withCredibleCounts(client: Client, totals: Totals): Client {
  return {
    ...client,
    page: async (...asked) => {
      const page = await client.page(...asked);
      return totals.credible() ? page : { ...page, totalCount: null };
    },
  };
}

/** How the number of rows that a window lists compares with a given one. `unknown`: the server has no answer for so late a page. */
export interface Length {
  readonly is: 'exactly' | 'more' | 'fewer' | 'unknown';
  /** The Platform's own count, if it gives a credible one. */
  readonly counted: number | null;
}

/**
 * Compares the length of a window's list with a number of rows, by one small page of the list. The page size does not divide the
 * number, so a list of exactly that length ends within the page: it holds the rest of the rows and is not full. That works in any
 * order, and needs no total.
 */
export async function compareLength(
  client: Client,
  window: Window,
  rows: number,
  totals: Totals,
  signal: AbortSignal,
): Promise<Length> {
  const size = pageSizeFor(rows);
  const skipped = rows - (rows % size);
  const number = skipped / size + 1;
  const ask = (): Promise<Page | null> => pageAt(client, window, number, size, signal);
  let page = await ask();
  if (page === null) return UNKNOWN;
  if (totals.pagesEnd() === null && page.rows > 0 && page.rows < size) {
    const next = await pageAt(client, window, number + 1, size, signal);
    totals.learnPagesEnd(next === null || next.rows === 0);
  }
  const counted = (): number | null => (totals.credible() ? (page?.totalCount ?? null) : null);
  // This may be the last page repeated: only together with the count it tells where the list ends.
  if (totals.pagesEnd() === false)
    return counted() === rows && page.rows === rows % size ? { is: 'exactly', counted: rows } : UNKNOWN;
  if (totals.credible() && contradicts(page, skipped, size)) {
    // A row may have arrived between list and count of one answer: only a second contradiction discredits the counts.
    page = await ask();
    if (page === null) return UNKNOWN;
    if (contradicts(page, skipped, size)) totals.doubt(window, page.totalCount ?? 0, skipped + page.rows);
  }
  const difference = page.rows - (rows % size);
  return {
    is: difference > 0 ? 'more' : difference < 0 ? 'fewer' : 'exactly',
    counted: counted(),
  };
}

const UNKNOWN: Length = { is: 'unknown', counted: null };

/** The smallest page size that does not divide `rows`: then the last page is not full. */
function pageSizeFor(rows: number): number {
  let size = 2;
  while (rows > 0 && rows % size === 0) size += 1;
  return size;
}

/** Whether an answer's count contradicts its list, which has `skipped` rows before this page. */
function contradicts({ totalCount, rows }: Page, skipped: number, size: number): boolean {
  if (totalCount === null) return false;
  const atLeast = rows > 0 ? skipped + rows : 0;
  const atMost = rows < size ? skipped + rows : Infinity;
  return totalCount < atLeast || totalCount > atMost;
}

/** A page of the list; null if the server refuses it or gives another one. */
async function pageAt(
  client: Client,
  window: Window,
  number: number,
  size: number,
  signal: AbortSignal,
): Promise<Page | null> {
  try {
    const page = await client.page(window, number, size, signal);
    // Some servers state the number of rows as the page size.
    const honoured = page.pageSize === null || page.pageSize === size || page.pageSize === page.rows;
    return honoured && page.rows <= size ? page : null;
  } catch (error) {
    signal.throwIfAborted();
    // Some servers have no page so late. If nothing works at all, the read that follows reports it.
    if (number > 1 && error instanceof ForwardError) return null;
    throw error;
  }
}

/**
 * How many rows a window has: `expected` if its list holds exactly so many, whatever the Platform counts. Otherwise the Platform's
 * count, which shows the difference but proves nothing; null if it cannot be believed.
 */
export async function countRows(
  client: Client,
  window: Window,
  expected: number,
  totals: Totals,
  signal: AbortSignal,
): Promise<number | null> {
  const { is, counted } = await compareLength(client, window, expected, totals, signal);
  if (is === 'exactly') return expected;
  return counted === expected ? null : counted;
}
