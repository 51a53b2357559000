import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Clock } from './clock.ts';

/** How long one turn of the event loop may be kept busy before requests, timers and signals have theirs. Milliseconds. */
const TURN_MS = 20;

/**
 * For work that is answered without waiting, and so could go on for ever within one turn of the event loop. Returns null
 * while there is time left in this turn, otherwise what to wait for.
 */
export function givingWay(clock: Clock): () => Promise<void> | null {
  let beganMs: number | null = null;
  return () => {
    if (beganMs === null) {
      beganMs = clock.monotonic();
      setImmediate(() => (beganMs = null)).unref();
      return null;
    }
    return clock.monotonic() - beganMs < TURN_MS ? null : nextTurn();
  };
}
