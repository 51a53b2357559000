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

/** How often the clock is looked at while a request waits for its turn. Milliseconds. */
const LOOK_MS = 1_000;

/**
 * Lets so many requests a second begin. An abort ends the wait for a turn at once, and nothing is sent when the turn comes;
 * a request that has begun ends by itself.
 */
export function createLimit({ requestsPerSecond, concurrent }: Rate, clock: Pick<Clock, 'now'>): Limit {
  const fresh = (): Bottleneck =>
    new Bottleneck({ minTime: Math.ceil(1000 / requestsPerSecond), maxConcurrent: concurrent ?? null });
  let bottleneck = fresh();
  let seenMs = clock.now();
  const underWay = new Set<Promise<unknown>>();
  let waiting = 0;
  let watch: NodeJS.Timeout | undefined;

  /** Bottleneck waits by the wall clock: where that is set back by an hour, an old one would hold for an hour whatever waits in it. */
  function look(): void {
    const nowMs = clock.now();
    if (nowMs < seenMs) {
      void bottleneck.stop({ dropWaitingJobs: true });
      bottleneck = fresh();
      // They count there, too, until they end.
      for (const one of underWay) bottleneck.schedule(() => one).catch(() => {});
    }
    seenMs = nowMs;
  }

  /** Resolves with the request once it has begun. */
  async function takeTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<{ request: Promise<T> }> {
    for (;;) {
      look();
      let request: Promise<T> | undefined;
      const begun = Promise.withResolvers<{ request: Promise<T> }>();
      bottleneck
        .schedule(async () => {
          signal.throwIfAborted();
          const own = work();
          request = own;
          begun.resolve({ request: own });
          underWay.add(own);
          await own.finally(() => underWay.delete(own));
        })
        .catch((error: unknown) => begun.reject(error));
      try {
        return await untilAborted(begun.promise, signal);
      } catch (error) {
        if (request !== undefined) return { request };
        if (!(error instanceof Bottleneck.BottleneckError)) throw error; // dropped: it queues anew
      }
    }
  }

  return async (work, signal) => {
    waiting += 1;
    watch ??= setInterval(look, LOOK_MS);
    const { request } = await takeTurn(work, signal).finally(() => {
      waiting -= 1;
      if (waiting > 0) return;
      clearInterval(watch);
      watch = undefined;
    });
    return request;
  };
}
