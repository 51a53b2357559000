import type { Clock } from '../model/clock.ts';
import { asForwardError, endsProgram, isLeaseLost } from '../model/errors.ts';
import type { ErrorKind, ForwardError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { backoffFor, waitMs } from './backoff.ts';
import type { Backoff } from './backoff.ts';
import { createFaultLog } from './fault-log.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Null: tried for ever. Otherwise a failure that lasts longer is thrown; 0 throws each. Milliseconds. */
  readonly patienceMs: number | null;
  /** What comes after the wait, for the log: "the poll is repeated". */
  readonly next: (kind: ErrorKind) => string;
  /** What no waiting can fix is thrown as it came. Absent: what ends the program, and a lost lease. */
  readonly ends?: (error: ForwardError) => boolean;
  /** Absent: by the kind of the failure. */
  readonly backoff?: Backoff;
  /** Told each failure and the wait that follows, to count and show it. */
  readonly shown?: (error: ForwardError, waitMs: number) => void;
  /** Whether the credential was replaced: then a hold ends before its wait does. */
  readonly replaced?: () => boolean;
}

/**
 * How every loop meets its failures: kinds decide (model/errors.ts), and this is where they are said, shown, counted and waited for. Only the
 * quick repeats of a single request to the Platform are its client's own, and a Splunk indexer that is down rests while another one takes over.
 */
export interface Retry {
  /** Meets a failure and waits. Throws what no waiting can fix, what outlasts patience, and the signal's reason once it aborts. */
  failed(thrown: unknown, signal: AbortSignal): Promise<void>;
  /** The same where others wait too (gate.ts): returns the wait instead. `failures`: how many in a row. Milliseconds. */
  meet(error: ForwardError, failures: number): number;
  succeeded(): void;
  /** How many in a row. */
  failures(): number;
  /** Milliseconds since the first in a row; 0 when there is none. */
  failingForMs(): number;
}

export function createRetry(options: RetryOptions): Retry {
  const { clock, log, patienceMs, next, ends = endsLoop, replaced } = options;
  const faults = createFaultLog(log, clock, next);
  let failures = 0;

  function meet(error: ForwardError, inARow: number): number {
    const wait = waitMs(
      options.backoff ?? backoffFor(error.kind),
      inARow,
      error.retryAfterMs,
      clock.random(),
    );
    faults.failed(error, wait);
    options.shown?.(error, wait);
    if (patienceMs !== null && (error.lasting || faults.failingForMs() + wait > patienceMs)) throw error;
    return wait;
  }

  return {
    meet,
    async failed(thrown, signal) {
      signal.throwIfAborted();
      const error = asForwardError(thrown);
      if (ends(error)) throw thrown;
      failures += 1;
      const wait = meet(error, failures);
      if (error.kind === 'denied' && replaced !== undefined) await hold(wait, replaced, clock, signal);
      else await clock.sleep(wait, signal);
    },
    succeeded() {
      failures = 0;
      faults.recovered();
    },
    failures: () => failures,
    failingForMs: () => faults.failingForMs(),
  };
}

/** Repeats work until it succeeds; rejects as `Retry.failed` does. */
export async function retrying<T>(
  options: RetryOptions,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const retry = createRetry(options);
  for (;;) {
    try {
      const done = await work();
      retry.succeeded();
      return done;
    } catch (thrown) {
      await retry.failed(thrown, signal);
    }
  }
}

/** What a loop hands on: to the end of the program, or to who claims its duty again (duty.ts). */
export function endsLoop(error: ForwardError): boolean {
  return endsProgram(error) || isLeaseLost(error);
}

/** While a hold lasts, how often to look whether it is over. */
const LOOK_MS = 2_000;

/**
 * Waits; looks now and then whether the hold is over, and returns whether it ended before the wait. Never at once: what holds again must not
 * become a hot loop.
 */
export async function hold(
  ms: number,
  isOver: () => boolean,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const until = clock.monotonic() + ms;
  while (clock.monotonic() < until) {
    await clock.sleep(Math.min(LOOK_MS, until - clock.monotonic()), signal);
    if (isOver()) return true;
  }
  return false;
}
