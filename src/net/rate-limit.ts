import Bottleneck from 'bottleneck';

import { untilAborted } from '../model/abort.ts';
import type { Clock } from '../model/clock.ts';

/** Runs one request within the configured rate; rejects with the signal's reason when it aborts before the request's turn. */
export type Limit = <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>;

export interface Rate {
  readonly requestsPerSecond: number;
  /** Requests that may be under way at a time; absent: any number. */
  readonly concurrent?: number;
}

/** How often a request that waits for its turn looks at the clock. Milliseconds. */
const LOOK_MS = 1_000;

/**
 * Lets so many requests a second begin. An abort ends the wait for a turn at once, and nothing is sent when the turn comes;
 * a request that has begun ends by itself.
 */
export function createLimit(
  { requestsPerSecond, concurrent }: Rate,
  clock: Pick<Clock, 'now' | 'sleep'>,
): Limit {
  const fresh = (): Bottleneck =>
    new Bottleneck({ minTime: Math.ceil(1000 / requestsPerSecond), maxConcurrent: concurrent ?? null });
  let bottleneck = fresh();
  let seenMs = clock.now();

  /** Bottleneck waits by the wall clock: where that is set back by an hour, an old one would hold for an hour whatever waits in it. */
  function look(): void {
    const nowMs = clock.now();
    if (nowMs < seenMs) {
      void bottleneck.stop({ dropWaitingJobs: true });
      bottleneck = fresh();
    }
    seenMs = nowMs;
  }

  async function lookUntil(signal: AbortSignal): Promise<void> {
    for (;;) {
      await clock.sleep(LOOK_MS, signal);
      look();
    }
  }

  return async (work, signal) => {
    for (;;) {
      look();
      let begun = false;
      const waiting = new AbortController();
      const turn = bottleneck.schedule(() => {
        waiting.abort();
        signal.throwIfAborted();
        begun = true;
        return work();
      });
      lookUntil(waiting.signal).catch(() => {}); // it ends by being aborted
      try {
        return await untilAborted(turn, signal);
      } catch (error) {
        if (begun) return await turn;
        if (!(error instanceof Bottleneck.BottleneckError)) throw error; // dropped: it queues anew
      } finally {
        waiting.abort();
      }
    }
  };
}
