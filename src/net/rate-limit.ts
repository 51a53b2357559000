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

/**
 * Lets so many requests a second begin. An abort ends the wait for a turn at once, and nothing is sent when the turn comes;
 * a request that has begun ends by itself.
 */
export function createLimit({ requestsPerSecond, concurrent }: Rate, clock: Pick<Clock, 'now'>): Limit {
  const fresh = (): Bottleneck =>
    new Bottleneck({ minTime: Math.ceil(1000 / requestsPerSecond), maxConcurrent: concurrent ?? null });
  let bottleneck = fresh();
  let limitedMs = clock.now();
  return async (work, signal) => {
    // Bottleneck waits by the wall clock: where that is set back by an hour, an old one would hold requests for an hour.
    if (clock.now() < limitedMs) bottleneck = fresh();
    limitedMs = clock.now();
    let begun = false;
    const turn = bottleneck.schedule(() => {
      signal.throwIfAborted();
      begun = true;
      return work();
    });
    try {
      return await untilAborted(turn, signal);
    } catch (error) {
      if (begun) return await turn;
      throw error;
    }
  };
}
