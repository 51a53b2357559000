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
  /** Whether it was told, kept with the progress so that a restart does not tell it again. */
  told(): boolean;
  restoreTold(saved: boolean): void;
}

/** The same words each time: they are about the Platform, not about a window, and stay acknowledged. */
const SUMMARY =
  'the total_count of the Platform is not the number of rows that it lists, so it is not relied on: closed windows are counted by their rows, with two requests each instead of one (hint: see whether a proxy or cache changes the answers; otherwise report it to CloudQuery and acknowledge this, nothing is lost by it)';

export function createTotals(): Totals {
  let doubted = false;
  let told = false;
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
 * Compares the list of a window with a number of rows, by the list itself: it holds exactly so many where it has a row at
 * that place and none after it. `shortcut`: a count of that very number, on the page past the end, stands in for the row at
 * the place. Nothing here depends on an order: whatever it is, a list of n rows has no row n + 1.
 */
export async function compareLength(
  client: Client,
  window: Window,
  rows: number,
  totals: Totals,
  shortcut: boolean,
  signal: AbortSignal,
): Promise<Length> {
  const at = (place: number): Promise<Page | null> => rowAt(client, window, place, signal);
  const past = await at(rows + 1);
  if (past === null) return { is: 'unknown', counted: null };
  const counted = (page: Page): number | null => (totals.credible() ? page.totalCount : null);
  if (past.rows > 0) {
    if (rows > 0 && (counted(past) ?? Infinity) <= rows) {
      const before = await at(rows);
      // Two rows one after the other, and both answers count fewer. A server that shows its last page again shows one row twice.
      const low = before === null ? null : counted(before);
      if (low !== null && low <= rows && idOf(before) !== idOf(past)) totals.doubt(window, low, rows + 1);
    }
    return { is: 'more', counted: counted(past) };
  }
  if (shortcut && counted(past) === rows) return { is: 'exactly', counted: rows };
  const last = rows === 0 ? past : await at(rows);
  if (last === null) return { is: 'unknown', counted: null };
  if (rows > 0 && last.rows === 0) return { is: 'fewer', counted: counted(last) };
  const said = counted(last);
  if (said === null || said === rows) return { is: 'exactly', counted: said };
  // A row may have come between the two answers; otherwise the list and the count of one Platform contradict one another.
  const again = await at(rows + 1);
  if (again === null) return { is: 'unknown', counted: null };
  if (again.rows > 0) return { is: 'more', counted: said };
  totals.doubt(window, said, rows);
  return { is: 'exactly', counted: null };
}

function idOf(page: Page | null): string | undefined {
  return page?.items[0]?.event.id;
}

/** The page that holds one row of the window, or none past its end; null where the server refuses it or gives other pages. */
async function rowAt(
  client: Client,
  window: Window,
  place: number,
  signal: AbortSignal,
): Promise<Page | null> {
  try {
    const page = await client.page(window, place, 1, signal);
    return page.rows > 1 || (page.pageSize !== null && page.pageSize !== 1) ? null : page;
  } catch (error) {
    signal.throwIfAborted();
    // Some servers have no pages past the last one, or none so deep. If nothing works at all, the read that follows says so.
    if (place > 1 && error instanceof ForwardError) return null;
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
  const { is, counted } = await compareLength(client, window, expected, totals, false, signal);
  if (is === 'exactly') return expected;
  return counted === expected ? null : counted;
}
