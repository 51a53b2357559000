import { setImmediate as turn } from 'node:timers/promises';

import type { Clock } from '../../src/model/clock.ts';

export interface TestClock extends Clock {
  /** Everything slept so far, milliseconds, in the order asked for. */
  readonly slept: readonly number[];
  advance(ms: number): void;
}

/**
 * A clock that never waits: `sleep` moves the time on and gives the event loop one turn, so that loopback servers get
 * their share. Starts at a whole second, because the date form of Retry-After knows no fraction.
 */
export function testClock(startMs = Date.parse('2026-01-02T04:00:00Z')): TestClock {
  let now = startMs;
  const slept: number[] = [];
  return {
    slept,
    advance: (ms) => {
      now += ms;
    },
    now: () => now,
    monotonic: () => now - startMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      slept.push(ms);
      now += ms;
      await turn();
      signal?.throwIfAborted();
    },
    random: () => 0.5,
  };
}
