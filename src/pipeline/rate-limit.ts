import Bottleneck from 'bottleneck';

import { untilAborted } from '../model/abort.ts';
import type { Limit } from '../sinks/sink.ts';

/**
 * Lets so many requests a second begin. An abort ends the wait for a turn at once, and nothing is sent when the turn comes;
 * a request that has begun ends by itself.
 */
export function createLimit(requestsPerSecond: number): Limit {
  const fresh = (): Bottleneck => new Bottleneck({ minTime: Math.ceil(1000 / requestsPerSecond) });
  let bottleneck = fresh();
  let limitedMs = Date.now();
  return async (work, signal) => {
    // Bottleneck waits by Date.now: where that is set back by an hour, an old one would hold requests for an hour.
    if (Date.now() < limitedMs) bottleneck = fresh();
    limitedMs = Date.now();
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
