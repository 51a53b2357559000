import type { Clock } from '../model/clock.ts';
import { asForwardError, endsProgram, isLeaseLost } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { backoffFor, createFaultLog, waitMs } from './retry.ts';
import { enterFault } from './status.ts';
import type { LoopStatus } from './status.ts';

interface Asking {
  readonly clock: Clock;
  readonly log: Log;
  readonly status: LoopStatus;
  /** Null: for ever. Milliseconds. */
  readonly patienceMs: number | null;
}

/** Repeats what is asked of the journal for as long as it fails: the disk is full, or another process holds it. */
export async function untilDone<T>(
  { clock, log, status, patienceMs }: Asking,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const faults = createFaultLog(log, clock, () => 'the journal is asked again');
  for (let failures = 1; ; failures += 1) {
    try {
      const done = await work();
      faults.recovered();
      return done;
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asForwardError(thrown);
      if (endsProgram(error) || isLeaseLost(error)) throw error;
      const wait = waitMs(backoffFor(error.kind), failures, error.retryAfterMs, clock.random());
      faults.failed(error, wait);
      if (patienceMs !== null && faults.failingForMs() + wait > patienceMs) throw error;
      enterFault(status, error, clock.now(), wait);
      await clock.sleep(wait, signal);
    }
  }
}
