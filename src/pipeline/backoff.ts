import type { ErrorKind } from '../model/errors.ts';

/** How long to wait after the nth failure in a row. Milliseconds. */
export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
  /** The least share of the wait: 0 is full jitter. */
  readonly floorShare: number;
}

/** Full jitter without end: everyone who waits for the same receiver comes back at another moment. */
export const TRANSIENT: Backoff = { baseMs: 1_000, capMs: 60_000, floorShare: 0 };
/** A hold: nothing will change by itself soon, so a slow probe. */
export const HOLD: Backoff = { baseMs: 5_000, capMs: 300_000, floorShare: 0.5 };

/** Jitter over a Retry-After goes upwards only: coming back early is what was asked not to happen. */
const RETRY_AFTER_JITTER = 0.2;

/** The same wait each time. */
export function steady(ms: number): Backoff {
  return { baseMs: ms, capMs: ms, floorShare: 1 };
}

/** The wait before the next try, milliseconds. `failures` counts from 1; `floorMs` is the receiver's Retry-After. */
export function waitMs(
  backoff: Backoff,
  failures: number,
  floorMs: number | undefined,
  random: number,
): number {
  const most = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(failures - 1, 30));
  const jittered = most * (backoff.floorShare + (1 - backoff.floorShare) * random);
  const floor = (floorMs ?? 0) * (1 + RETRY_AFTER_JITTER * random);
  return Math.ceil(Math.max(jittered, floor));
}

export function backoffFor(kind: ErrorKind): Backoff {
  return kind === 'denied' ? HOLD : TRANSIENT;
}
