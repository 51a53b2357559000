import type { Clock } from '../../model/clock.ts';
import type { Log } from '../../model/log.ts';
import { TRANSIENT } from '../backoff.ts';
import { retrying } from '../retry.ts';

export interface Patience {
  readonly clock: Clock;
  readonly log: Log;
  /** A failure that lasts longer is thrown. Milliseconds. */
  readonly patienceMs: number;
}

/** Repeats a question until it is answered. Throws what waiting cannot fix at once, and `transient` when patience ends. */
export function withPatience<T>(patience: Patience, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  const { clock, log, patienceMs } = patience;
  return retrying(
    {
      clock,
      log,
      patienceMs,
      backoff: TRANSIENT,
      next: () => 'it is asked again',
      ends: ({ kind }) => kind !== 'transient',
    },
    ask,
    signal,
  );
}
