import { vi } from 'vitest';

import type { Clock } from '../../src/model/clock.ts';

const realImmediate = setImmediate;
/**
 * Every timer of the process under our control: product code and its libraries wait in simulated time. Who calls `dropTimers` may set the
 * clock back by `backMs` in all.
 */
export function startSimulatedTime(startMs: number, backMs = 0): void {
  vi.useFakeTimers({
    now: startMs - backMs,
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
  vi.advanceTimersByTime(backMs);
}

/** Takes every timer away, as the end of a process does. `vi.clearAllTimers` alone also takes the time back to its start. */
export function dropTimers(): void {
  const nowMs = Date.now();
  vi.clearAllTimers();
  // A started millisecond is over then: time never goes back.
  vi.advanceTimersByTime(nowMs - Date.now() + 1);
}

export function stopSimulatedTime(): void {
  vi.useRealTimers();
}

/** Runs the work to its end, jumping from timer to timer; each step lets all promises settle first. */
export async function elapse<T>(work: Promise<T>): Promise<T> {
  let over = false;
  const watched = work.finally(() => {
    over = true;
  });
  watched.catch(() => {});
  for (;;) {
    await new Promise<void>((resolve) => realImmediate(resolve));
    if (over) return watched;
    if (vi.getTimerCount() > 0) await vi.advanceTimersToNextTimerAsync();
  }
}

/** A clock over the simulated timers; `random` in [0, 1). */
export function simulatedClock(random: () => number): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    random,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason as Error);
        const timer = setTimeout(() => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        }, ms);
        const onAbort = (): void => {
          clearTimeout(timer);
          reject(signal?.reason as Error);
        };
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
  };
}
