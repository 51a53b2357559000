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
  /** Null: retries for ever. Otherwise a failure that lasts longer is thrown; with 0, every failure. Milliseconds. */
  readonly patienceMs: number | null;
  /** What happens after the wait, for the log: "the poll is repeated". */
  readonly next: (kind: ErrorKind) => string;
  /** Which errors are thrown at once, since no wait can fix them. Absent: those that end the program, and a lost lease. */
  readonly ends?: (error: ForwardError) => boolean;
  /** Absent: chosen by the kind of the error. */
  readonly backoff?: Backoff;
  /** Called with each failure and the wait that follows, to count and show it. */
  readonly shown?: (error: ForwardError, waitMs: number) => void;
  /** Whether the credential was replaced: then a hold ends before its wait does. */
  readonly replaced?: () => boolean;
}

/**
 * How every loop handles failures: by the kind of the error (model/errors.ts), each is logged, shown, counted and waited for here. The only
 * other retries are the quick ones of a single request to the Platform, in its client, and the pause of a Splunk indexer that is down.
 */
export interface Retry {
  /** Handles a failure and waits. Throws errors that no wait can fix or that outlast the patience, and the signal's reason once it aborts. */
  failed(thrown: unknown, signal: AbortSignal): Promise<void>;
  /** The same without waiting, for lanes that wait together (gate.ts): returns the wait. `failures`: in a row. Milliseconds. */
  meet(error: ForwardError, failures: number): number;
  succeeded(): void;
  /** Failures in a row. */
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

/** Repeats `work` until it succeeds; throws as `Retry.failed` does. */
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

/** Errors that end a loop: those that end the program, and a lost lease, after which duty.ts claims the duty again. */
export function endsLoop(error: ForwardError): boolean {
  return endsProgram(error) || isLeaseLost(error);
}

/** How often a hold looks whether it is over. */
const LOOK_MS = 2_000;

/**
 * Waits, and returns true if `isOver` ended the wait early. It asks after a first pause only: a hold that is over and begins again at once
 * must not become a hot loop.
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
