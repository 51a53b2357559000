import { ForwardError } from '../../model/errors.ts';
import { identityKey } from '../../model/event-id.ts';
import type { CoverageStatus, MalformedItem, Window } from '../../model/event.ts';
import { formatTime, floorTo, NS_PER_SECOND } from '../../model/time.ts';
import { isTimeout, isTooLarge } from '../../net/http.ts';
import type { Client } from './client.ts';
import type { Page, ReadItem } from './wire.ts';
import { isIndivisible, splitWindow } from './windows.ts';

/** What reading one window came to. A window that was split gives no items: its parts do. */
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
    | { readonly kind: 'split'; readonly parts: readonly Window[] };
}

/** The whole list was seen, and the server counts more, also when it is asked again. */
export interface Miscount {
  readonly counted: number;
  readonly listed: number;
}

/** The finest difference in time that the server's filter honours; starts at one second and is probed when needed. */
export interface Precision {
  unitNs: bigint;
  probed: boolean;
}

/** The most that the API gives in one answer. */
const PER_PAGE = 1000;
/** Rows that a server may count before it lists them. */
const ON_THEIR_WAY = 10;
/** Passes over an instant that does not fit in one answer, before the window is marked suspect. */
const PASSES_LIMIT = 40;
/** Passes in a row without a new id that settle an instant where the server's count is met, and where there is none. */
const QUIET_WITH_COUNT = 1;
const QUIET_WITHOUT_COUNT = 10;
/** Pages in a row that show nothing but what the same pass had: the server does not turn pages. */
const STANDING_LIMIT = 3;
/** Pages of one pass; more rows than that in one instant is not a log any more. */
const PAGES_LIMIT = 2000;
/** How far a row may lie outside its window: a server may cut the bounds, or the times it shows, to whole seconds. */
const TOLERANCE_NS = NS_PER_SECOND;
/** A window wider than this is split when the server cannot answer it in time. */
const SPLIT_ON_TIMEOUT_NS = 3600n * NS_PER_SECOND;

/**
 * Reads one window. An answer that holds the whole window is one snapshot, which no insert, delete or reordering between
 * pages can spoil: so a window that does not fit is split in time until its parts do, and only an instant that cannot be
 * split is paged through. No order, total or last page is relied upon (see docs/guarantees.md).
 */
export async function readWindow(
  client: Client,
  window: Window,
  precision: Precision,
  signal: AbortSignal,
): Promise<WindowRead> {
  let first: Page;
  try {
    first = await readPageOf(client, window, 1, PER_PAGE, signal);
  } catch (error) {
    const tooSlow = isTimeout(error) && window.endNs - window.startNs > SPLIT_ON_TIMEOUT_NS;
    const tooLarge = isTooLarge(error) && !isIndivisible(window, precision.unitNs);
    if (!tooSlow && !tooLarge) throw error;
    return {
      items: [],
      malformed: [],
      outcome: { kind: 'split', parts: splitWindow(window, precision.unitNs, null, []) },
    };
  }
  const judged = await judge(client, window, first, signal);
  const items = judged.pages.flatMap((page) => page.items);
  const malformed = judged.pages.flatMap((page) => page.malformed);
  if (judged.status !== null) {
    const { status, serverCount, miscount } = judged;
    return { items, malformed, outcome: { kind: 'done', status, serverCount, miscount } };
  }
  if (isIndivisible(window, precision.unitNs)) await probePrecision(client, items, precision, signal);
  const sample = items
    .map((item) => item.event.createdNs)
    .filter((ns) => ns >= window.startNs && ns <= window.endNs);
  // Rows of the second around the window but none of the window itself: the filter is coarser than it looked, and cutting
  // further would only show the same rows again and again.
  const blurred = window.endNs - window.startNs <= TOLERANCE_NS && items.length > 0 && sample.length === 0;
  if (blurred || isIndivisible(window, precision.unitNs)) {
    const paged = await pageThrough(client, window, signal);
    return { ...paged, items: [...items, ...paged.items], malformed: [...malformed, ...paged.malformed] };
  }
  const parts = splitWindow(window, precision.unitNs, first.totalCount, sample);
  return { items: [], malformed: [], outcome: { kind: 'split', parts } };
}

interface Judgement {
  readonly pages: readonly Page[];
  /** Null: the window holds more than one answer. */
  readonly status: CoverageStatus | null;
  readonly serverCount: number | null;
  readonly miscount?: Miscount | undefined;
}

/**
 * Whether the first page is the whole window. Where it cannot prove that alone (no count, a page exactly full, a count above
 * what is shown), the second page is asked for as well.
 */
async function judge(client: Client, window: Window, first: Page, signal: AbortSignal): Promise<Judgement> {
  const total = first.totalCount;
  const full = first.rows >= (first.pageSize ?? PER_PAGE);
  const one = { pages: [first], serverCount: total };
  if (full && (total === null || total > first.rows)) return { ...one, status: null };
  if (total !== null ? !full && total <= first.rows : first.rows === 0) return { ...one, status: 'read' };
  const second = await readPageOf(client, window, 2, PER_PAGE, signal);
  assertMoved(first, second, full, window);
  const both = { pages: [first, second], serverCount: total };
  if (second.rows > 0) return { ...both, status: null };
  if (total === null || total <= first.rows) return { ...both, status: 'read' };
  // The server counts more than it lists: rows came or went between its two queries, or its counts are worth nothing.
  const again = await readPageOf(client, window, 1, PER_PAGE, signal);
  const counted = again.totalCount;
  const listed = again.rows;
  const ahead = counted !== null && counted > listed;
  if (ahead && listed >= (again.pageSize ?? PER_PAGE)) return { ...both, status: null };
  // A few rows may be on their way into the list: whether these counts are right shows when the window is closed.
  const miscount = ahead && counted > 2 * listed + ON_THEIR_WAY ? { counted, listed } : undefined;
  return { pages: [first, again], status: 'read', serverCount: ahead ? null : counted, miscount };
}

async function readPageOf(
  client: Client,
  window: Window,
  page: number,
  perPage: number,
  signal: AbortSignal,
): Promise<Page> {
  const answer = await client.page(window, page, perPage, signal);
  for (const { event } of answer.items) {
    if (event.createdNs < window.startNs - TOLERANCE_NS || event.createdNs > window.endNs + TOLERANCE_NS) {
      throw new ForwardError(
        'denied',
        `the Platform answered the window ${show(window)} with an event of ${formatTime(event.createdNs)}: it does not honour the time filter`,
        { hint: 'see whether a proxy drops the query; nothing is marked as read meanwhile' },
      );
    }
  }
  return answer;
}

/** Fewer rows than this may be the same on two pages by chance, where equal times are shuffled. */
const CHANCE_LIMIT = 20;

/** A server that ignores `page` would make every pass look finished after one page. */
function assertMoved(first: Page, second: Page, full: boolean, window: Window): void {
  if (second.items.length === 0 || (full && first.rows < CHANCE_LIMIT)) return;
  const seen = new Set(first.items.map((item) => identityKey(item.event)));
  if (second.items.every((item) => seen.has(identityKey(item.event)))) throw samePage(window);
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
 * Finds the finest time filter that the server honours, by asking for one row at its own instant: the first unit whose
 * window gives a row of that instant back, and none from beside it. Called once, when seconds are too coarse.
 */
async function probePrecision(
  client: Client,
  items: readonly ReadItem[],
  precision: Precision,
  signal: AbortSignal,
): Promise<void> {
  if (precision.probed) return;
  const time = finest(items);
  if (time === null) return;
  for (const unitNs of UNITS.filter((unit) => unit >= digitsOf(time))) {
    const startNs = floorTo(time, unitNs);
    const window = { startNs, endNs: startNs + unitNs };
    const page = await client.page(window, 1, PER_PAGE, signal);
    const times = page.items.map(({ event }) => event.createdNs);
    const inside = times.some((ns) => ns >= window.startNs && ns <= window.endNs);
    // A server that cuts the bounds to this very unit shows what lies in the unit of the end as well, and nothing further.
    const beside = times.some((ns) => ns < window.startNs || ns >= window.endNs + unitNs);
    if (inside && !beside) {
      precision.unitNs = unitNs;
      break;
    }
  }
  precision.probed = true;
}

const UNITS = [1n, 1_000n, 1_000_000n];

/** The unit of a time's last digit that is not zero, in steps of a thousand: finer than that the server may be cutting. */
function digitsOf(time: bigint): bigint {
  return UNITS.findLast((unit) => time % (unit * 1000n) !== 0n && time % unit === 0n) ?? NS_PER_SECOND;
}

/** Of the times of the items, one with the most digits; null when there are no items. */
function finest(items: readonly ReadItem[]): bigint | null {
  let best: bigint | null = null;
  for (const { event } of items) {
    if (best === null || digitsOf(event.createdNs) < digitsOf(best)) best = event.createdNs;
  }
  return best;
}

/**
 * An instant with more rows than one answer holds: pages through it again and again until passes agree and the server's
 * count is met, since a server without a tie-break shuffles equal times between requests. The page size varies, so that
 * a row does not sit on the same page edge each time.
 */
async function pageThrough(client: Client, window: Window, signal: AbortSignal): Promise<WindowRead> {
  const found = new Map<string, ReadItem>();
  const malformed = new Map<string, MalformedItem>();
  let quiet = 0;
  let total: number | null = null;
  for (let pass = 0; pass < PASSES_LIMIT; pass += 1) {
    const before = found.size + malformed.size;
    const seen = await onePass(client, window, PER_PAGE - 7 * (pass % 13), found, malformed, signal);
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
    const page = await readPageOf(client, window, number, perPage, signal);
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
