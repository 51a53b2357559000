import type { Clock } from '../../model/clock.ts';
import type { ForwardError } from '../../model/errors.ts';
import type { Window } from '../../model/event.ts';
import { NS_PER_SECOND } from '../../model/time.ts';
import { afterFailure, afterRead, beginCare, careFrom, PER_PAGE, setAside, widthOf } from './care.ts';
import type { OpenWindow } from './care.ts';
import { mayAskForLess } from './client.ts';
import type { Client } from './client.ts';
import { isolate } from './isolate.ts';
import { EPOCH } from './outside.ts';
import { probePrecision } from './read-window.ts';
import type { Precision, WindowRead } from './read-window.ts';

/**
 * How much this Platform can be asked for at once, as failures have shown, so that not every window has to fail first. It is
 * forgotten after a while, and then more is tried again.
 */
export interface Usual {
  widthNs: bigint | null;
  perPage: number;
  untilMs: number;
  /** Tries of windows read with care that failed since one succeeded. */
  failing: number;
}

/** How to handle the failure of a single window. Without it, a failure ends the reading of all. */
export interface Adapting {
  readonly clock: Clock;
  readonly usual: Usual;
  /** Before this the journal has forgotten ids, so repeats would be kept: what was read of a window there is not read again. */
  readonly knownFromNs: bigint;
  /** What reading with care may cost before the rest is left to the next poll; null: no limit. */
  readonly allowance: Allowance | null;
  /**
   * Judges unreadable items of what was read. An error: nearly all are unreadable, so the window is set aside. Null: they are single ones.
   * Throws if nothing else can be read either. Absent: none are judged.
   */
  readonly doubt?: (read: WindowRead) => Promise<ForwardError | null>;
}

export interface Allowance {
  readonly failures: number;
  readonly ms: number;
}

export const AS_MUCH_AS_CAN_BE: Readonly<Usual> = {
  widthNs: null,
  perPage: PER_PAGE,
  untilMs: 0,
  failing: 0,
};

const USUAL_FOR_MS = 600_000;
/** In narrower slices it is a row that fails, not the width. */
const USUAL_WIDTH_MIN_NS = 60n * NS_PER_SECOND;
/** From this patience on, wider slices have failed twice while narrower ones were read: that is no single row. */
const PATIENCE_OF_WIDTH = 4;

/**
 * After so many failed tries in a row, one window is narrowed until it can be read. Otherwise, if all windows fail, as when a page is
 * too much for the server, wide ones would be tried for ever, and none would show what the server can answer.
 */
export const FOLLOW_AFTER = 8;

/** Every so many tries of an unreadable window, its rows are tried one by one again. */
const LOOK_AGAIN_EVERY = 8;

/** Forgets what was learned too long ago, or before the clock was set back. */
export function refreshUsual(usual: Usual, nowMs: number): void {
  const { failing } = usual;
  if (nowMs >= usual.untilMs || usual.untilMs - nowMs > USUAL_FOR_MS)
    Object.assign(usual, AS_MUCH_AS_CAN_BE, { failing });
}

/** Learns from a slice that was read of a window that had failed as a whole. */
export function learnFrom(usual: Usual, { care }: OpenWindow, clock: Clock): void {
  if (care === undefined) return;
  if (care.perPage < usual.perPage) learnPage(usual, care.perPage, clock);
  if (care.patience < PATIENCE_OF_WIDTH || care.goodNs < USUAL_WIDTH_MIN_NS) return;
  if (usual.widthNs === null || usual.widthNs < care.goodNs) usual.untilMs = clock.now() + USUAL_FOR_MS;
  usual.widthNs = care.goodNs;
}

function learnPage(usual: Usual, perPage: number, clock: Clock): void {
  usual.perPage = perPage;
  usual.untilMs = clock.now() + USUAL_FOR_MS;
}

/** A window that is wider than what works is read with care from the start. */
export function asUsual(window: OpenWindow, usual: Usual, nowMs: number): OpenWindow {
  const { widthNs } = usual;
  if (widthNs === null || window.care !== undefined || widthOf(window) <= widthNs) return window;
  return careFrom(window, widthNs, usual.perPage, nowMs);
}

/**
 * Tells a failing window from a failing Platform: returns if the Platform answers a small request elsewhere, and otherwise
 * throws the failure, which the loop handles. It asks for the newest second, and if that fails, for one in which no event can be.
 */
export async function assertAnswering(
  client: Client,
  failure: ForwardError,
  newestNs: bigint,
  signal: AbortSignal,
): Promise<void> {
  const newest = { startNs: newestNs - NS_PER_SECOND, endNs: newestNs };
  for (const window of [newest, EPOCH]) {
    try {
      await client.page(window, 1, 1, signal, true);
      return;
    } catch (error) {
      if (!mayAskForLess(error)) throw error;
    }
  }
  throw failure;
}

/** Rows in a sample that shows whether rows can be read. */
const SAMPLE_ROWS = 20;
/** So many unreadable rows, and no more readable ones, are no accident. */
const SAMPLE_ENOUGH = 10;
const SAMPLE_WIDTH_NS = 60n * NS_PER_SECOND;
const SAMPLE_WIDER = 8n;

/**
 * Tells a window with unreadable items from an unreadable log: returns whether at least half of a sample of the newest rows can be read.
 * It looks ever further back until it has seen enough.
 */
export async function showsReadableRows(client: Client, log: Window, signal: AbortSignal): Promise<boolean> {
  const { endNs } = log;
  for (let widthNs = SAMPLE_WIDTH_NS; ; widthNs *= SAMPLE_WIDER) {
    const startNs = endNs - widthNs > log.startNs ? endNs - widthNs : log.startNs;
    try {
      const { items, malformed } = await client.page({ startNs, endNs }, 1, SAMPLE_ROWS, signal, true);
      if (items.length > 0 && items.length >= malformed.length) return true;
      if (malformed.length >= SAMPLE_ENOUGH) return false;
    } catch (error) {
      if (!mayAskForLess(error)) throw error;
      // This failure shows nothing, and a wider window may be answered.
    }
    if (startNs === log.startNs) return false;
  }
}

/** Sets aside a window with mostly unreadable items while others can be read. Its readable items are kept. */
export function leaveUnreadable(
  open: readonly OpenWindow[],
  found: {
    readonly window: OpenWindow;
    readonly part: Window;
    readonly read: WindowRead;
    readonly error: ForwardError;
  },
  { clock, usual, knownFromNs }: Pick<Adapting, 'clock' | 'usual' | 'knownFromNs'>,
): Less {
  const { window, part, read, error } = found;
  const careful: OpenWindow =
    window.care === undefined ? careFrom(window, widthOf(window), usual.perPage, clock.now()) : window;
  const beside = open.map((other) => (other === window ? careful : other));
  const rows = read.malformed.length;
  const again = (careful.care?.failures ?? 0) > 0 && part.endNs < knownFromNs;
  return {
    open: setAside(beside, careful, part, { error, rows }, clock.now()),
    read: { items: again ? [] : read.items, malformed: [], outcome: { kind: 'failed', rows } },
  };
}

export interface Less {
  /** All open windows, the failed one narrowed or partly set aside. */
  readonly open: readonly OpenWindow[];
  readonly read: WindowRead;
}

/** Decides how a failed window is asked for next, or sets it aside, and reads what can be read of it. */
export async function askForLess(
  client: Client,
  open: readonly OpenWindow[],
  failed: { readonly window: OpenWindow; readonly part: Window; readonly error: ForwardError },
  adapting: Pick<Adapting, 'clock' | 'usual' | 'knownFromNs'> & {
    readonly precision: Precision;
    /** Throws if the Platform fails for every request by now. */
    confirm(): Promise<void>;
  },
  signal: AbortSignal,
): Promise<Less> {
  const { window, part, error } = failed;
  const { clock, usual, precision } = adapting;
  const others = open.filter((other) => other !== window);
  const nothing: WindowRead = { items: [], malformed: [], outcome: { kind: 'failed', rows: null } };
  const again = (...next: OpenWindow[]) => ({ open: [...others, ...next], read: nothing });
  const aside = (read: WindowRead, why: ForwardError, rows: number | null) => ({
    open: setAside(open, window, part, { error: why, rows }, clock.now()),
    read,
  });
  if (window.care === undefined)
    return again(beginCare(window, error, usual.perPage, precision.unitNs, clock.now()));
  let narrower = afterFailure(window, part, error, precision.unitNs);
  if (narrower === null && window.care.floorNs === 0n && !precision.probed) {
    await probePrecision(client, precision, signal, usual.perPage).catch((thrown: unknown) => {
      if (!mayAskForLess(thrown)) throw thrown;
    });
    narrower = afterFailure(window, part, error, precision.unitNs);
  }
  if (narrower !== null) return again(...narrower);
  await adapting.confirm();
  const { failures, rows } = window.care;
  // A window without a readable row is seldom tried row by row again, which takes many requests.
  const looked = failures > 0 && rows === null && failures % LOOK_AGAIN_EVERY !== 0;
  if (widthOf(part) > 3n * precision.unitNs || looked) return aside(nothing, error, null);
  try {
    const isolated = await isolate(client, part, error, signal);
    if (isolated.error !== null) {
      const again = rows !== null && part.endNs < adapting.knownFromNs;
      return aside(again ? nothing : isolated.read, isolated.error, isolated.rows);
    }
    // The page was too large, not the width: the rest is read in one slice again.
    learnPage(usual, isolated.perPage, clock);
    const wide = { ...window, care: { ...window.care, stepNs: widthOf(window), perPage: isolated.perPage } };
    const rest = afterRead(wide, part);
    return { open: rest === null ? others : [...others, rest], read: isolated.read };
  } catch (thrown) {
    if (!mayAskForLess(thrown)) throw thrown;
    return aside(nothing, thrown, null);
  }
}
