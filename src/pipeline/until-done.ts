import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { retrying } from './retry.ts';
import { faultsIn } from './status.ts';
import type { LoopStatus } from './status.ts';

interface Asking {
  readonly clock: Clock;
  readonly log: Log;
  readonly status: LoopStatus;
  /** Null: for ever. Milliseconds. */
  readonly patienceMs: number | null;
}

/** Repeats what is asked of the journal for as long as it fails: the disk is full, or another process holds it. */
export function untilDone<T>(asking: Asking, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const { clock, log, status, patienceMs } = asking;
  return retrying(
    {
      clock,
      log,
      patienceMs,
      next: () => 'the journal is asked again',
      shown: faultsIn(status, clock),
    },
    work,
    signal,
  );
}
