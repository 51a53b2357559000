import { ForwardError } from '../../model/errors.ts';
import { identityKey } from '../../model/event-id.ts';
import type { CoverageStatus, MalformedItem, Window } from '../../model/event.ts';
import { formatTime, floorTo, NS_PER_SECOND } from '../../model/time.ts';
import { PER_PAGE } from './care.ts';
import type { OpenWindow } from './care.ts';
import type { Client } from './client.ts';
import { cutByCount } from './cut-by-count.ts';
import { assertFiltered, isOutside } from './outside.ts';
import type { Page, ReadItem } from './wire.ts';
import { isIndivisible, splitWindow } from './split-window.ts';

/** What reading one window came to. A split window gives no items; its parts do. */
export interface WindowRead {
  readonly items: readonly ReadItem[];
  readonly malformed: readonly MalformedItem[];
  readonly outcome:
    | {
        readonly kind: 'done';
        readonly status: CoverageStatus;
        readonly serverCount: number | null;
        readonly miscount?: Miscount | undefined;
      }
    | { readonly kind: 'split'; readonly parts: readonly OpenWindow[] }
    /** An instant whose answer fails as a whole stays open. `rows`: all but so many were read; null: nothing was. */
    | { readonly kind: 'failed'; readonly rows: number | null };
}

/** The server counts more than it lists, even when it is asked again. */
export interface Miscount {
  readonly counted: number;
  readonly listed: number;
}

/** The finest unit of time that the server's filter honours: one second until it has to be probed. */
export interface Precision {
  unitNs: bigint;
  probed: boolean;
  /** The time to probe with: of those read, one with the most digits. */
  sampleNs?: bigint;
  /** Times as rows show them minus times as the filter takes them, if all differ by the same. */
  offsetNs?: bigint;
}

/** So many rows may be counted and not listed yet, because they arrive just then. */
const ON_THEIR_WAY = 10;
/** After so many passes over an instant that does not fit in one answer, the window is marked suspect. */
const PASSES_LIMIT = 40;
/** Passes in a row without a new id that end the reading of an instant, if the server's count is met, and if it gives none. */
const QUIET_WITH_COUNT = 1;
const QUIET_WITHOUT_COUNT = 10;
/** Between passes the page size changes by this share of it, through so many sizes. */
const PAGE_SHIFTS = 143;
const PAGE_SIZES_TRIED = 13;
/** After so many pages in a row with nothing new in this pass, the server ignores the page number. */
const STANDING_LIMIT = 3;
/** Pages of one pass: no real log has more rows in one instant. */
const PAGES_LIMIT = 2000;

/**
 * Reads one window. An answer that holds the whole window is one snapshot, which no insert, delete or reordering between
 * pages can spoil: so a window that does not fit is split in time until its parts do, and only an instant that cannot be
 * split is paged through. No order, total or last page is relied upon (see docs/guarantees.md).
 */
export async function readWindow(
  client: Client,
  window: OpenWindow,
  precision: Precision,
  signal: AbortSignal,
  perPage: number = PER_PAGE,
): Promise<WindowRead> {
  const counted = await cutByCount(client, window, precision.unitNs, perPage, signal);
  if (counted !== null) {
    const outcome =
      counted.kind === 'parts'
        ? ({ kind: 'split', parts: counted.parts } as const)
        : ({ kind: 'done', status: 'read', serverCount: 0 } as const);
    return { items: [], malformed: [], outcome };
  }
  const first = await client.page(window, 1, perPage, signal);
  const judged = await judge(client, window, first, perPage, signal);
  const items = judged.pages.flatMap((page) => page.items);
  const malformed = judged.pages.flatMap((page) => page.malformed);
  noteSample(precision, items);
  const offsetNs = precision.offsetNs ?? 0n;
  if (items.some(({ event }) => isOutside(event.createdNs, window, offsetNs)))
    await assertFiltered(client, items, signal);
  if (judged.status !== null) {
    const { status, serverCount, miscount } = judged;
    return { items, malformed, outcome: { kind: 'done', status, serverCount, miscount } };
  }
  if (isIndivisible(window, precision.unitNs)) await probePrecision(client, precision, signal, perPage);
  const sample = items
    .map((item) => item.event.createdNs - offsetNs)
    .filter((ns) => ns >= window.startNs && ns <= window.endNs);
  // Rows of the second around the window but none of the window itself: the filter is coarser than it looked, and cutting
  // further would only show the same rows again and again.
  const blurred = window.endNs - window.startNs <= NS_PER_SECOND && items.length > 0 && sample.length === 0;
  if (blurred || isIndivisible(window, precision.unitNs)) {
    const paged = await pageThrough(client, window, perPage, signal);
    return { ...paged, items: [...items, ...paged.items], malformed: [...malformed, ...paged.malformed] };
  }
  const total = first.totalCount;
  const parts = splitWindow(window, precision.unitNs, total, sample);
  // A part of what was counted just now is not counted again before it is read.
  const expected = total === null ? undefined : { rows: Math.ceil(total / parts.length), of: total };
  const counting = parts.map((part) => (expected === undefined ? part : { ...part, expected }));
  return { items: [], malformed: [], outcome: { kind: 'split', parts: counting } };
}

interface Judgement {
  readonly pages: readonly Page[];
  /** Null: the window holds more than one answer. */
  readonly status: CoverageStatus | null;
  readonly serverCount: number | null;
  readonly miscount?: Miscount | undefined;
}

/**
 * Decides whether the first page is the whole window. If it cannot prove that alone (no count, a count above the rows shown, or
 * a page that may be cut), it asks for the second page. A page may be cut if the server's stated page size equals the rows it
 * gave: it may cap pages there, or merely count what it gave.
 */
async function judge(
  client: Client,
  window: Window,
  first: Page,
  perPage: number,
  signal: AbortSignal,
): Promise<Judgement> {
  const total = first.totalCount;
  const full = first.rows >= perPage;
  const cut = full || first.rows >= (first.pageSize ?? perPage);
  const one = { pages: [first], serverCount: total };
  if (total === null ? full : cut && total > first.rows) return { ...one, status: null };
  if (total !== null ? !cut && total <= first.rows : first.rows === 0) return { ...one, status: 'read' };
  const second = await client.page(window, 2, perPage, signal);
  await assertMoved(client, window, [first, second], cut, perPage, signal);
  const both = { pages: [first, second], serverCount: total };
  if (second.rows > 0) return { ...both, status: null };
  if (total === null || total <= first.rows) return { ...both, status: 'read' };
  // The server counts more than it lists: rows came or went between its two queries, or its counts are worth nothing.
  const again = await client.page(window, 1, perPage, signal);
  const counted = again.totalCount;
  const listed = again.rows;
  const ahead = counted !== null && counted > listed;
  if (ahead && listed >= (again.pageSize ?? perPage)) return { ...both, status: null };
  // A few rows may be arriving just now. Whether such counts are right shows once the window is closed.
  const miscount = ahead && counted > 2 * listed + ON_THEIR_WAY ? { counted, listed } : undefined;
  return { pages: [first, again], status: 'read', serverCount: ahead ? null : counted, miscount };
}

/** Fewer rows than this may be the same on two pages by chance, where equal times are shuffled. */
const CHANCE_LIMIT = 20;

/** Throws if the server ignores `page`: every pass would look finished after one page, or every window too full. */
async function assertMoved(
  client: Client,
  window: Window,
  [first, second]: readonly [Page, Page],
  cut: boolean,
  perPage: number,
  signal: AbortSignal,
): Promise<void> {
  const seen = new Set(first.items.map((item) => identityKey(item.event)));
  // A shorter page is another page: if the server shuffles rows, all of a short last page may have been seen before.
  const stands = (page: Page): boolean =>
    page.items.length > 0 &&
    page.rows >= first.rows &&
    page.items.every((item) => seen.has(identityKey(item.event)));
  if (!stands(second)) return;
  if (cut && first.rows < CHANCE_LIMIT) {
    for (let number = 3; number < 3 + STANDING_LIMIT; number += 1) {
      if (!stands(await client.page(window, number, perPage, signal))) return;
    }
  }
  throw samePage(window);
}

function samePage(window: Window): ForwardError {
  return new ForwardError(
    'denied',
    `the Platform gives the same page again and again for ${show(window)}: it does not honour the page number`,
    {
      hint: 'see whether a proxy or cache drops the query; nothing is marked as read meanwhile',
    },
  );
}

/**
 * Finds the finest unit that the server's time filter honours, by asking for a known row with windows of each unit: the first one
 * that returns a row of that time and none from outside. Called once, when seconds are too coarse.
 */
export async function probePrecision(
  client: Client,
  precision: Precision,
  signal: AbortSignal,
  perPage: number,
): Promise<void> {
  if (precision.probed || precision.sampleNs === undefined) return;
  const offsetNs = precision.offsetNs ?? 0n;
  const time = precision.sampleNs - offsetNs;
  for (const unitNs of UNITS.filter((unit) => unit >= digitsOf(time))) {
    const startNs = floorTo(time, unitNs);
    const window = { startNs, endNs: startNs + unitNs };
    const page = await client.page(window, 1, perPage, signal);
    const times = page.items.map(({ event }) => event.createdNs - offsetNs);
    const inside = times.some((ns) => ns >= window.startNs && ns <= window.endNs);
    // A server that truncates the bounds to this unit also shows the rest of the last unit, but nothing beyond it.
    const beside = times.some((ns) => ns < window.startNs || ns >= window.endNs + unitNs);
    if (!inside || beside) continue;
    // At the end of a second, a server that truncates to seconds answers the same: another row has to tell.
    const secondNs = floorTo(startNs, NS_PER_SECOND) + NS_PER_SECOND;
    if (window.endNs === secondNs) return;
    // So does one with no other row in this second, unless the window after the row shows the row again.
    const after = { startNs: window.endNs + unitNs, endNs: secondNs };
    const later = after.startNs < secondNs ? (await client.page(after, 1, perPage, signal)).items : [];
    if (later.some(({ event }) => event.createdNs - offsetNs < after.startNs - unitNs)) continue;
    precision.unitNs = unitNs;
    break;
  }
  precision.probed = true;
}

const UNITS = [1n, 1_000n, 1_000_000n];

/** The unit of a time's last digit that is not zero, in steps of a thousand: this time cannot tell whether the server drops finer digits. */
function digitsOf(time: bigint): bigint {
  const ns = Number(time % NS_PER_SECOND);
  if (ns === 0) return NS_PER_SECOND;
  if (ns % 1_000_000 === 0) return 1_000_000n;
  return ns % 1_000 === 0 ? 1_000n : 1n;
}

/** Remembers the last of the times with the most digits. */
function noteSample(precision: Precision, items: readonly ReadItem[]): void {
  if (precision.probed) return;
  for (const { event } of items) {
    const best = precision.sampleNs;
    if (best === undefined || digitsOf(event.createdNs) <= digitsOf(best))
      precision.sampleNs = event.createdNs;
  }
}

/**
 * Reads an instant with more rows than one answer holds: pages through it repeatedly until passes agree and the server's count
 * is met, since a server may order equal times differently in each answer. The page size varies, so that a row is not at the
 * same page edge each time.
 */
export async function pageThrough(
  client: Client,
  window: Window,
  perPage: number,
  signal: AbortSignal,
): Promise<WindowRead> {
  const shift = Math.ceil(perPage / PAGE_SHIFTS);
  const found = new Map<string, ReadItem>();
  const malformed = new Map<string, MalformedItem>();
  let quiet = 0;
  let total: number | null = null;
  for (let pass = 0; pass < PASSES_LIMIT; pass += 1) {
    const before = found.size + malformed.size;
    const size = Math.max(perPage - shift * (pass % PAGE_SIZES_TRIED), 1);
    const seen = await onePass(client, window, size, found, malformed, signal);
    total = seen.total;
    quiet = found.size + malformed.size === before && pass > 0 ? quiet + 1 : 0;
    const met = total !== null && found.size + malformed.size >= total;
    if (quiet >= QUIET_WITHOUT_COUNT || (met && quiet >= QUIET_WITH_COUNT)) {
      return {
        items: [...found.values()],
        malformed: [...malformed.values()],
        outcome: { kind: 'done', status: met || total === null ? 'read' : 'suspect', serverCount: total },
      };
    }
  }
  return {
    items: [...found.values()],
    malformed: [...malformed.values()],
    outcome: { kind: 'done', status: 'suspect', serverCount: total },
  };
}

async function onePass(
  client: Client,
  window: Window,
  perPage: number,
  found: Map<string, ReadItem>,
  malformed: Map<string, MalformedItem>,
  signal: AbortSignal,
): Promise<{ readonly total: number | null }> {
  let total: number | null = null;
  let standing = 0;
  const inThisPass = new Set<string>();
  for (let number = 1; number <= PAGES_LIMIT; number += 1) {
    const page = await client.page(window, number, perPage, signal);
    total = page.totalCount ?? total;
    if (page.rows === 0) break;
    const before = inThisPass.size;
    for (const item of page.malformed) inThisPass.add(`malformed ${item.bytes.toString('base64')}`);
    for (const item of page.items) {
      const key = identityKey(item.event);
      inThisPass.add(key);
      found.set(key, item);
    }
    for (const item of page.malformed) malformed.set(item.bytes.toString('base64'), item);
    standing = inThisPass.size === before ? standing + 1 : 0;
    if (standing >= STANDING_LIMIT) throw samePage(window);
  }
  return { total };
}

function show(window: Window): string {
  return `${formatTime(window.startNs)} to ${formatTime(window.endNs)}`;
}
