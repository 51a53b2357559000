import type { ForwardError } from '../../model/errors.ts';
import type { Json, Window } from '../../model/event.ts';
import type { Hide } from '../../model/hide.ts';
import { isObject } from '../../model/json.ts';
import { floorTo, max, min } from '../../model/time.ts';
import { isTooLarge } from '../../net/http.ts';
import { isAboutPages } from './client.ts';

/** A window still to be read. `care`: how, if it failed as a whole. */
export interface OpenWindow extends Window {
  readonly care?: Care;
  /** The count expected in a part of a window that was cut by its count. Not kept over a restart. */
  readonly expected?: Expected;
}

export interface Expected {
  /** As many rows as it holds if they are spread evenly. */
  readonly rows: number;
  /** Rows of the window that it was cut from. */
  readonly of: number;
}

/**
 * How to read a window that failed as a whole although the Platform answers other requests: in slices, from its newest end.
 * Slices get narrower while they fail and wider while they succeed. A slice that fails at its narrowest is set aside as a
 * window of its own, and tried again later.
 */
export interface Care {
  /** Width of the next slice. */
  readonly stepNs: bigint;
  /** The widest slice that could be read: the width to go on with after a slice was set aside. */
  readonly goodNs: bigint;
  readonly perPage: number;
  /** How many slices to read before one wider than `goodNs` is tried, and how many of them are left. */
  readonly patience: number;
  readonly patienceLeft: number;
  /** A slice of it failed and became a window of its own, and nothing of this one was read since. */
  readonly parted: boolean;
  /** Slices set aside in a row, with nothing read between them. */
  readonly row: number;
  /** The narrowest slice; zero: as narrow as the server's filter allows. */
  readonly floorNs: bigint;
  /** How often it was set aside; zero while it is narrowed for the first time. */
  readonly failures: number;
  /** Set aside until this time, milliseconds since 1970; zero: to be read now. */
  readonly notBeforeMs: number;
  readonly sinceMs: number;
  /** Why it failed; empty if it has not failed yet. */
  readonly reason: string;
  readonly hint: string | null;
  /** How many rows could not be read while all others were; null: nothing of it was read. */
  readonly rows: number | null;
}

/** Page sizes from the API's maximum to one row. Each divides the one before, so a page consists of whole smaller pages. */
export const PAGE_SIZES = [1000, 500, 250, 125, 25, 5, 1] as const;
export const PER_PAGE = PAGE_SIZES[0];

const NARROWER = 4n;
const WIDER = 2n;
const PATIENCE_LIMIT = 64;
/** Two failing slices in a row may share one bad row on their edge; more are a span that fails. */
const ROW_OF_A_SPAN = 2;
/** By how much the slices grow that are set aside within a failing span: a span of any length takes few requests. */
const SPAN_GROWTH = 16n;
/** Where slices of one width could be read, so many of that width are set aside before wider ones: a wider one may fail for its width. */
const ROW_AS_WIDE = 8;
/** With so many windows set aside, slices are narrowed to a minute at least, then an hour: the list must stay short. */
const CROWDED = [
  { places: 128, floorNs: 3_600_000_000_000n },
  { places: 64, floorNs: 60_000_000_000n },
] as const;
const RETRY_BASE_MS = 10_000;
const RETRY_CAP_MS = 600_000;
/** The longest pause while one window is set aside. Each further one adds as much, so that in all one is tried about this often. */
const RETRY_EVERY_MS = 180_000;

/** Whether slices are set aside without narrowing them: what lies beside them failed as well, so it is no single row. */
function isInSpan({ parted, row, failures }: Care): boolean {
  return parted || row >= (failures > 0 ? 1 : ROW_OF_A_SPAN);
}

const FRESH = {
  goodNs: 0n,
  patience: 1,
  patienceLeft: 1,
  parted: false,
  row: 0,
  floorNs: 0n,
  failures: 0,
  notBeforeMs: 0,
  rows: null,
} as const;

/** The window failed as a whole: from now on it is read with care. */
export function beginCare(
  window: Window,
  error: ForwardError,
  perPage: number,
  unitNs: bigint,
  nowMs: number,
): OpenWindow {
  const width = widthOf(window);
  const aboutPages = isAboutPages(error);
  const care: Care = {
    ...FRESH,
    stepNs: aboutPages ? width : max(width / NARROWER, 2n * unitNs),
    perPage: aboutPages ? smallerPage(perPage) : perPage,
    sinceMs: nowMs,
    ...saidOf(error),
  };
  return { ...spanOf(window), care };
}

/** A window that has not failed, read with care from the start: in slices and pages of a size known to work. */
export function careFrom(window: Window, widthNs: bigint, perPage: number, nowMs: number): OpenWindow {
  const care = { ...FRESH, stepNs: widthNs, goodNs: widthNs, perPage, patience: 8, patienceLeft: 8 };
  return { ...spanOf(window), care: { ...care, sinceMs: nowMs, reason: '', hint: null } };
}

/** The next slice of a window that is read with care: from its newest end, or from its oldest if it was set aside an odd number of times. */
export function nextSlice(window: OpenWindow, unitNs: bigint): Window {
  const { startNs, endNs, care } = window;
  if (care === undefined || care.stepNs >= endNs - startNs) return spanOf(window);
  const step = max(care.stepNs, unitNs);
  if (isFromStart(care)) {
    const cut = floorTo(startNs + max(step, 2n * unitNs), unitNs);
    return { startNs, endNs: cut < endNs ? cut : endNs };
  }
  // Cuts are multiples of the filter's unit, so that no row is lost when the server rounds the bounds.
  const cut = floorTo(endNs - step, unitNs);
  return { startNs: cut > startNs ? cut : startNs, endNs };
}

function isFromStart(care: Care): boolean {
  return care.failures % 2 === 1;
}

/** What is left of the window after a slice was read, with wider slices and larger pages; null if nothing is. */
export function afterRead(window: OpenWindow, slice: Window): OpenWindow | null {
  const { care } = window;
  const rest = restOf(window, slice);
  if (care === undefined || rest === null) return null;
  const grows = care.patienceLeft <= 1 || care.stepNs < care.goodNs;
  return {
    ...rest,
    care: {
      ...care,
      goodNs: max(care.goodNs, widthOf(slice)),
      stepNs: grows ? care.stepNs * WIDER : care.stepNs,
      perPage: grows ? largerPage(care.perPage) : care.perPage,
      patienceLeft: grows ? care.patience : care.patienceLeft - 1,
      parted: false,
      row: 0,
      floorNs: 0n,
    },
  };
}

/**
 * The open windows that replace `window` after `slice` failed: with smaller pages or a narrower slice. Null if the slice is too
 * narrow to cut. If slices of this width were read before, the cause lies within this one: then the rest becomes a window of
 * its own, listed first, which goes on as before.
 */
export function afterFailure(
  window: OpenWindow,
  slice: Window,
  error: ForwardError,
  unitNs: bigint,
): OpenWindow[] | null {
  const { care } = window;
  if (care === undefined) return null;
  const said = saidOf(error);
  if (isAboutPages(error) && care.perPage > 1)
    return [{ ...window, care: { ...care, ...said, perPage: smallerPage(care.perPage) } }];
  const width = widthOf(slice);
  const floorNs = max(2n * unitNs, care.floorNs);
  if (width < floorNs + unitNs || isInSpan(care)) return null;
  const grew = care.goodNs > 0n && width > care.goodNs;
  const patience = grew ? Math.min(care.patience * 2, PATIENCE_LIMIT) : care.patience;
  const stepNs = max(grew ? care.goodNs : width / NARROWER, floorNs);
  const narrower = { ...care, ...said, stepNs, patience, patienceLeft: patience };
  const rest = restOf(window, slice);
  if (rest === null || grew || care.goodNs === 0n || care.row > 0) return [{ ...window, care: narrower }];
  return [
    { ...rest, care: { ...care, parted: true } },
    { ...slice, care: narrower },
  ];
}

/**
 * Sets aside a slice that failed and is not cut any further, as a window of its own, joined with those set aside next to it.
 * The rest of `window` goes on with slices as wide as before, or ever wider within a failing span. Returns all open windows.
 */
export function setAside(
  open: readonly OpenWindow[],
  window: OpenWindow,
  slice: Window,
  outcome: { readonly error: ForwardError; readonly rows: number | null },
  nowMs: number,
): OpenWindow[] {
  const { care } = window;
  if (care === undefined) return [...open];
  const { error, rows } = outcome;
  const failures = care.failures + 1;
  const places = open.filter((one) => one !== window && isAside(one)).length;
  const capMs = Math.min(RETRY_EVERY_MS * (places + 1), RETRY_CAP_MS);
  const backoffMs = Math.min(RETRY_BASE_MS * 2 ** Math.min(failures - 1, 20), capMs);
  const pauseMs = Math.max(backoffMs, Math.min(error.retryAfterMs ?? 0, RETRY_CAP_MS));
  let aside: OpenWindow = {
    ...spanOf(slice),
    care: { ...care, ...saidOf(error), failures, notBeforeMs: nowMs + pauseMs, rows },
  };
  const others: OpenWindow[] = [];
  for (const other of open.filter((one) => one !== window)) {
    if ((care.row > 0 || care.parted) && isAside(other) && touches(other, aside))
      aside = joined(aside, other);
    else others.push(other);
  }
  const rest = restOf(window, slice);
  if (rest === null) return [...others, aside];
  const beside = others.filter(isAside).length;
  const crowded = CROWDED.find((limit) => beside >= limit.places)?.floorNs ?? 0n;
  const going: Care = { ...care, row: care.row + 1, floorNs: max(care.floorNs, crowded) };
  const asBefore = care.goodNs > 0n && (!isInSpan(going) || (care.parted && going.row < ROW_AS_WIDE));
  const stepNs = asBefore ? care.goodNs : widthOf(slice) * SPAN_GROWTH;
  return [...others, aside, { ...rest, care: { ...going, stepNs, patience: 1, patienceLeft: 1 } }];
}

/**
 * The window to read with care next: the one with the widest next slice, or with `follow` the narrowest, to finish it; the newest of
 * equals. Null: all that is left is set aside.
 */
export function nextCareful(open: readonly OpenWindow[], follow = false): OpenWindow | null {
  let best: OpenWindow | null = null;
  for (const window of open) {
    if (window.care === undefined || isAside(window)) continue;
    if (best === null || (follow ? promise(window) <= promise(best) : promise(window) >= promise(best)))
      best = window;
  }
  return best;
}

function promise(window: OpenWindow): bigint {
  const width = widthOf(window);
  const stepNs = window.care?.stepNs ?? width;
  return stepNs < width ? stepNs : width;
}

/** A window that was set aside and is due is tried again: as a whole, or in slices of the width known to work. */
export function resumed(window: OpenWindow, widthNs: bigint | null, nowMs: number): OpenWindow {
  const { care } = window;
  if (care === undefined || !isAside(window) || !isDue(care, nowMs)) return window;
  const width = widthOf(window);
  const stepNs = widthNs !== null && widthNs < width ? widthNs : width;
  return {
    ...window,
    care: { ...care, notBeforeMs: 0, goodNs: 0n, stepNs, floorNs: 0n, parted: false, row: 0 },
  };
}

/** Makes every window that was set aside due now: one of them could be read again, and the others may have failed for the same reason. */
export function allDue(open: readonly OpenWindow[], nowMs: number): OpenWindow[] {
  return open.map((window) =>
    window.care === undefined || !isAside(window)
      ? window
      : { ...window, care: { ...window.care, notBeforeMs: Math.min(window.care.notBeforeMs, nowMs) } },
  );
}

export function isAside(window: OpenWindow): boolean {
  return window.care !== undefined && window.care.notBeforeMs > 0;
}

/** A pause longer than any is: the clock was set back, and the window must not wait for it. */
function isDue(care: Care, nowMs: number): boolean {
  return nowMs >= care.notBeforeMs || care.notBeforeMs - nowMs > RETRY_CAP_MS;
}

/** The parts of a window outside of `others`, sharing their edges. */
export function without(window: Window, others: readonly Window[]): Window[] {
  let parts: Window[] = [spanOf(window)];
  for (const { startNs, endNs } of others) {
    parts = parts.flatMap((part) => {
      if (endNs <= part.startNs || startNs >= part.endNs) return [part];
      const sides = [
        { startNs: part.startNs, endNs: startNs },
        { startNs: endNs, endNs: part.endNs },
      ];
      return sides.filter((side) => side.startNs < side.endNs);
    });
  }
  return parts;
}

/** Pages grow again, since one may have failed by chance. What is known to be too large (`Usual.perPage`) still limits them. */
function largerPage(perPage: number): number {
  return PAGE_SIZES.findLast((size) => size > perPage) ?? PER_PAGE;
}

function smallerPage(perPage: number): number {
  return PAGE_SIZES.find((size) => size < perPage) ?? 1;
}

export function widthOf(window: Window): bigint {
  return window.endNs - window.startNs;
}

function spanOf({ startNs, endNs }: Window): Window {
  return { startNs, endNs };
}

function saidOf(error: ForwardError): { readonly reason: string; readonly hint: string | null } {
  const hint = isTooLarge(error)
    ? 'raise max_response_size of the source, and the memory of the process if that is what limits it'
    : (error.hint ?? null);
  return { reason: error.message, hint };
}

/** What is left of a window without a slice at one of its ends. */
function restOf(window: Window, slice: Window): Window | null {
  if (slice.startNs > window.startNs) return { startNs: window.startNs, endNs: slice.startNs };
  if (slice.endNs < window.endNs) return { startNs: slice.endNs, endNs: window.endNs };
  return null;
}

function touches(one: Window, other: Window): boolean {
  return one.startNs <= other.endNs && other.startNs <= one.endNs;
}

function joined(one: OpenWindow, other: OpenWindow): OpenWindow {
  const [care, older] = [one.care, other.care];
  if (care === undefined || older === undefined) return one;
  const rows = care.rows === null || older.rows === null ? null : Math.max(care.rows, older.rows);
  return {
    startNs: min(one.startNs, other.startNs),
    endNs: max(one.endNs, other.endNs),
    care: { ...care, rows, sinceMs: Math.min(care.sinceMs, older.sinceMs) },
  };
}

/** Kept with an open window in the progress, so that a restart knows what fails and for how long. */
export function writeCare(care: Care, hide: Hide): Json {
  return {
    ...care,
    reason: hide(care.reason),
    hint: care.hint === null ? null : hide(care.hint),
    stepNs: care.stepNs.toString(),
    goodNs: care.goodNs.toString(),
    floorNs: care.floorNs.toString(),
  };
}

const SPANS = ['stepNs', 'goodNs', 'floorNs'] as const;
const FIGURES = ['patience', 'patienceLeft', 'row', 'failures', 'notBeforeMs', 'sinceMs'] as const;

/** Undefined for anything that `writeCare` did not write: then the window is read like any other, which loses nothing. */
export function readCare(json: Json | undefined): Care | undefined {
  if (!isObject(json)) return undefined;
  const saved = json;
  const isFigure = (value: Json | undefined): value is number =>
    typeof value === 'number' && Number.isFinite(value) && value >= 0;
  const whole =
    SPANS.every((key) => typeof saved[key] === 'string' && /^\d{1,20}$/.test(saved[key])) &&
    FIGURES.every((key) => isFigure(saved[key])) &&
    PAGE_SIZES.some((size) => size === saved['perPage']) &&
    (saved['rows'] === null || isFigure(saved['rows'])) &&
    (saved['hint'] === null || typeof saved['hint'] === 'string') &&
    typeof saved['parted'] === 'boolean' &&
    typeof saved['reason'] === 'string';
  if (!whole) return undefined;
  const ns = (key: (typeof SPANS)[number]): bigint => BigInt(saved[key] as string);
  return {
    ...(saved as unknown as Care),
    stepNs: ns('stepNs'),
    goodNs: ns('goodNs'),
    floorNs: ns('floorNs'),
  };
}
