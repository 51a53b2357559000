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
 * What this Platform can be asked for at once, as far as failures have shown: so that not every window has to fail first. It is
 * forgotten after a while, and more is tried again.
 */
export interface Usual {
  widthNs: bigint | null;
  perPage: number;
  untilMs: number;
  /** Careful tries that failed since anything was read. */
  failing: number;
}

/** How failures of single windows are met. Without it, one failure is everybody's. */
export interface Adapting {
  readonly clock: Clock;
  readonly usual: Usual;
  /** Before this the journal no longer knows by id what it holds: what was read of a window there is not read again. */
  readonly knownFromNs: bigint;
  /** What reading with care may take before the rest is left to the next time; null: it is read to its end. */
  readonly allowance: Allowance | null;
  /**
   * Why the unreadable items of what was read should stay where they are: the window is set aside then. Null where they are single ones.
   * Throws where nothing else can be read either. Absent: they are taken as they come.
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
/** Narrower than this it is a row that fails, not the width. */
const USUAL_WIDTH_MIN_NS = 60n * NS_PER_SECOND;
/** Wider slices failed twice where these were read, which a single row does not make happen. */
const PATIENCE_OF_WIDTH = 4;

/**
 * So many careful tries fail in a row before one window is followed to its end: where all of them fail alike, as when a page is too
 * much for the server, the wide ones would come first for ever, and none would show what can be asked for.
 */
export const FOLLOW_AFTER = 8;

/** So many tries of what cannot be read pass before its rows are tried one by one again. */
const LOOK_AGAIN_EVERY = 8;

/** Forgets what was learned too long ago. */
export function refreshUsual(usual: Usual, nowMs: number): void {
  const { failing } = usual;
  if (nowMs >= usual.untilMs || usual.untilMs - nowMs > USUAL_FOR_MS)
    Object.assign(usual, AS_MUCH_AS_CAN_BE, { failing });
}

/** A slice was read of a window that had failed as a whole. */
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

/** Windows that are wider than what works are read with care from the start. */
export function asUsual(window: OpenWindow, usual: Usual, nowMs: number): OpenWindow {
  const { widthNs } = usual;
  if (widthNs === null || window.care !== undefined || widthOf(window) <= widthNs) return window;
  return careFrom(window, widthNs, usual.perPage, nowMs);
}

/**
 * Tells a window that fails from a Platform that does: returns when the Platform answers something small elsewhere, and
 * throws the failure otherwise, which is then everybody's and the loop's. The newest second, and where that is the one
 * that fails, a second where nothing can be.
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

/** A sample of rows shows whether they can be read. */
const SAMPLE_ROWS = 20;
/** So many that cannot be read, and no more that can, are no accident. */
const SAMPLE_ENOUGH = 10;
const SAMPLE_WIDTH_NS = 60n * NS_PER_SECOND;
const SAMPLE_WIDER = 8n;

/**
 * Tells a window whose items cannot be read from a log that cannot: whether of the newest rows at least as many can be read as cannot. It
 * looks ever further back until it has seen enough.
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
      // What fails shows nothing, and a wider window may be answered.
    }
    if (startNs === log.startNs) return false;
  }
}

/** A window most of whose items cannot be read although others can be: it is set aside, and what can be read of it is kept. */
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
  /** All open windows: the failed one asked for with less, or partly set aside. */
  readonly open: readonly OpenWindow[];
  readonly read: WindowRead;
}

/** What a failed window becomes: how it is asked for next, or set aside, with what could be read of it. */
export async function askForLess(
  client: Client,
  open: readonly OpenWindow[],
  failed: { readonly window: OpenWindow; readonly part: Window; readonly error: ForwardError },
  adapting: Pick<Adapting, 'clock' | 'usual' | 'knownFromNs'> & {
    readonly precision: Precision;
    /** Throws when the Platform fails for all by now. */
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
  // What had no readable row is seldom looked through row by row again: that takes many requests.
  const looked = failures > 0 && rows === null && failures % LOOK_AGAIN_EVERY !== 0;
  if (widthOf(part) > 3n * precision.unitNs || looked) return aside(nothing, error, null);
  try {
    const isolated = await isolate(client, part, error, signal);
    if (isolated.error !== null) {
      const again = rows !== null && part.endNs < adapting.knownFromNs;
      return aside(again ? nothing : isolated.read, isolated.error, isolated.rows);
    }
    // It was the page and not the width: the rest is asked for whole again.
    learnPage(usual, isolated.perPage, clock);
    const wide = { ...window, care: { ...window.care, stepNs: widthOf(window), perPage: isolated.perPage } };
    const rest = afterRead(wide, part);
    return { open: rest === null ? others : [...others, rest], read: isolated.read };
  } catch (thrown) {
    if (!mayAskForLess(thrown)) throw thrown;
    return aside(nothing, thrown, null);
  }
}
