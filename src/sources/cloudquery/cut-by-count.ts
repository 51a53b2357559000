import { widthOf } from './care.ts';
import type { Expected, OpenWindow } from './care.ts';
import type { Client } from './client.ts';
import { cutEvenly } from './split-window.ts';

/** A window of which nothing is known is counted first where it is wider than this: most narrower ones fit in one answer. */
const WIDE_NS = 6n * 3_600_000_000_000n;
/** The share of a page that the parts of a window are cut for: room for uneven spread. */
const PAGE_SHARE = 0.9;
const PAGE_SHARE_MOST = 0.95;
/** A window of more pages than this is cut coarsely, and its parts are counted: events are not spread evenly over days. */
const PAGES_AT_ONCE = 20;
const COARSE_PARTS = 8;
const PARTS_LIMIT = 64;

/** What a small page told of a window that is likely to hold more than a large one; null: read it as it is. */
export type Counted =
  | { readonly kind: 'parts'; readonly parts: readonly OpenWindow[] }
  /** There is nothing in it, by the list as well. */
  | { readonly kind: 'empty' };

/**
 * Counts a window that most likely does not fit in one answer, and cuts it, before a page is fetched in vain. The Platform's count only
 * decides on the number of parts: each of them is read and judged like any window.
 */
export async function cutByCount(
  client: Client,
  window: OpenWindow,
  unitNs: bigint,
  perPage: number,
  signal: AbortSignal,
): Promise<Counted | null> {
  const { care, expected } = window;
  const isLikely = expected === undefined ? widthOf(window) > WIDE_NS : expected.rows > perPage;
  if (care !== undefined || !isLikely) return null;
  const page = await client.page(window, 1, 1, signal);
  const total = page.totalCount;
  if (total === 0 && page.rows === 0) return { kind: 'empty' };
  if (total === null || page.rows === 0 || total <= perPage) return null;
  // A part with as many rows as the whole had: all rows lie close together, or the count means nothing.
  if (expected !== undefined && total >= expected.of) return null;
  const parts = cutEvenly(window, unitNs, partsFor(total / (perPage * PAGE_SHARE)));
  if (parts.length < 2) return null;
  const share: Expected = { rows: Math.ceil(total / parts.length), of: total };
  return { kind: 'parts', parts: parts.map((part) => ({ ...part, expected: share })) };
}

function partsFor(pages: number): number {
  // Rounded, if the parts then leave some room in their pages.
  if (pages <= PAGES_AT_ONCE)
    return Math.max(Math.round(pages), Math.ceil((pages * PAGE_SHARE) / PAGE_SHARE_MOST));
  return Math.min(Math.max(Math.ceil(pages / PAGES_AT_ONCE), COARSE_PARTS), PARTS_LIMIT);
}
