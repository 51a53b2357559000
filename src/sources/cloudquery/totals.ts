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
  /** The list of the window was seen to hold `listed` rows while the Platform counted `counted`, and it was asked twice. */
  doubt(window: Window, counted: number, listed: number): void;
  /** What an operator has to be told, once. */
  takeFindings(): Finding[];
  /** Whether nothing is listed past the end; some servers show their last page again. Null until it was looked at. */
  pagesEnd(): boolean | null;
  learnPagesEnd(end: boolean): void;
  /** Whether it was told, kept with the progress so that a restart does not tell it again. */
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

/** The client for reading windows: counts that cannot be believed are absent. */
export function withCredibleCounts(client: Client, totals: Totals): Client {
  return {
    ...client,
    page: async (...asked) => {
      const page = await client.page(...asked);
      return totals.credible() ? page : { ...page, totalCount: null };
    },
  };
}

/** How many rows a window lists, against a number. `unknown`: the server does not answer so far down the list. */
export interface Length {
  readonly is: 'exactly' | 'more' | 'fewer' | 'unknown';
  /** The Platform's own count, where it gives one that can be believed. */
  readonly counted: number | null;
}

/**
 * Compares the list of a window with a number of rows by one small page of the list itself. Its size does not divide the
 * number, so a list of exactly so many rows ends within that page: every row of it that should be there is, and the page is
 * not full. That holds in any order, and needs no total.
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
  // A page so far down may be the last one again: only together with the count it says where the list ends.
  if (totals.pagesEnd() === false)
    return counted() === rows && page.rows === rows % size ? { is: 'exactly', counted: rows } : UNKNOWN;
  if (totals.credible() && contradicts(page, skipped, size)) {
    // A row may have come between the list and the count of one answer: only what is said twice is held against the counts.
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

/** The smallest page that a list of so many rows does not fill at its end. */
function pageSizeFor(rows: number): number {
  let size = 2;
  while (rows > 0 && rows % size === 0) size += 1;
  return size;
}

/** Whether the count of an answer cannot be that of its list, of which `skipped` rows lie before the page. */
function contradicts({ totalCount, rows }: Page, skipped: number, size: number): boolean {
  if (totalCount === null) return false;
  const atLeast = rows > 0 ? skipped + rows : 0;
  const atMost = rows < size ? skipped + rows : Infinity;
  return totalCount < atLeast || totalCount > atMost;
}

/** A page of the list, or null where the server refuses it or gives another one. */
async function pageAt(
  client: Client,
  window: Window,
  number: number,
  size: number,
  signal: AbortSignal,
): Promise<Page | null> {
  try {
    const page = await client.page(window, number, size, signal);
    // Some say the rows of the page for its size.
    const honoured = page.pageSize === null || page.pageSize === size || page.pageSize === page.rows;
    return honoured && page.rows <= size ? page : null;
  } catch (error) {
    signal.throwIfAborted();
    // Some servers have no pages so far down. Where nothing works at all, the read that follows says so.
    if (number > 1 && error instanceof ForwardError) return null;
    throw error;
  }
}

/**
 * How many rows a window has: `expected` where its list holds exactly so many, whatever the Platform counts. Otherwise its own
 * count, which says how far apart they are and proves nothing; null where that cannot be believed.
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
