import { ForwardError } from '../../model/errors.ts';
import type { HttpResponse } from '../../net/http.ts';

/** How many answers must agree before a later server time is believed. */
const SAMPLES = 3;

export interface ServerClock {
  observe(headers: HttpResponse['headers'], sentMs: number, receivedMs: number): void;
  /** The server's time in milliseconds since 1970, as far as it can be known; ours while no answer named one. */
  now(): number;
  /** Server minus ours; null before the first answer with a Date. */
  skewMs(): number | null;
}

/**
 * The Platform's clock, learned from the Date of its answers: windows end by it, not by ours. Of the last few answers the
 * earliest reading counts, so that one answer from a host whose clock runs ahead cannot move the frontier over events
 * that are still to come.
 */
export function createServerClock(now: () => number): ServerClock {
  let skews: number[] = [];
  const skew = (): number | null => (skews.length === 0 ? null : Math.min(...skews));
  return {
    observe(headers, sentMs, receivedMs) {
      const text = headers['date'];
      const date = typeof text === 'string' ? Date.parse(text) : NaN;
      if (Number.isNaN(date)) return;
      // Date has whole seconds and was written at some moment between sending and receiving: the early end is the safe one.
      skews = [...skews, date - receivedMs].slice(-SAMPLES);
      if (receivedMs < sentMs) skews = skews.slice(-1); // our own clock was set back meanwhile: older readings mean nothing
    },
    now: () => now() + (skew() ?? 0),
    skewMs: skew,
  };
}

/** Before 2017 there was no audit log to read: a clock that says so is not set. */
const EARLIEST_MS = Date.UTC(2017, 0, 1);

/** Throws `transient` when neither clock can be right: reading by it would mark windows as finished that are not. */
export function assertPlausible(nowMs: number): void {
  if (nowMs >= EARLIEST_MS) return;
  throw new ForwardError(
    'transient',
    `the clock says ${new Date(nowMs).toISOString()}, which cannot be right`,
    {
      hint: 'set the clock of this machine; nothing is read until then',
    },
  );
}
