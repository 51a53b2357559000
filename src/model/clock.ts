import { setTimeout as delay } from 'node:timers/promises';

/** Time and chance as the two loops see them, so that a simulation can own both. */
export interface Clock {
  /** Milliseconds since 1970, from the wall clock: may jump. */
  now(): number;
  /** Milliseconds from an arbitrary start that never runs backwards: for measuring how long something took. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** In [0, 1). */
  random(): number;
}

export const wallClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    for (let left = ms; ; left -= TIMER_LIMIT_MS) {
      await delay(Math.min(left, TIMER_LIMIT_MS), undefined, { signal }).catch((error: unknown) => {
        signal?.throwIfAborted();
        throw error;
      });
      if (left <= TIMER_LIMIT_MS) return;
    }
  },
  random: () => Math.random(),
};

/** A timer set for longer than 25 days fires at once: such sleeps are cut into pieces. */
const TIMER_LIMIT_MS = 2 ** 31 - 1;
