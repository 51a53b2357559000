import type { Clock } from '../model/clock.ts';
import { ForwardError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { createFaultLog, TRANSIENT, waitMs } from './retry.ts';

export interface Patience {
  readonly clock: Clock;
  readonly log: Log;
  /** A failure that lasts longer is thrown. Milliseconds. */
  readonly patienceMs: number;
}

/** Repeats a question until it is answered. Throws what waiting cannot fix at once, and `transient` when patience ends. */
export async function withPatience<T>(
  { clock, log, patienceMs }: Patience,
  signal: AbortSignal,
  ask: () => Promise<T>,
): Promise<T> {
  const faults = createFaultLog(log, clock, () => 'it is asked again');
  for (let failures = 1; ; failures += 1) {
    try {
      const answer = await ask();
      faults.recovered();
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ForwardError) || error.kind !== 'transient') throw error;
      const wait = waitMs(TRANSIENT, failures, error.retryAfterMs, clock.random());
      faults.failed(error, wait);
      if (faults.failingForMs() + wait > patienceMs) throw error;
      await clock.sleep(wait, signal);
    }
  }
}
