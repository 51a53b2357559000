import type { Clock } from '../model/clock.ts';

const LOOK_EVERY_MS = 10_000;
/** So many events are work that leaves memory behind. */
const WORTH_EVENTS = 500;

/**
 * Calls `whenIdle` once after each spell of work, until `signal` aborts: memory that much reading and sending took would otherwise stay
 * with a process that then does next to nothing for days. `moved`: events read and delivered so far, a number that only grows.
 */
export async function watchIdle(
  moved: () => number,
  whenIdle: () => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const look = idleLook(moved, whenIdle);
  while (!signal.aborted) {
    look();
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {}); // aborted: it ends
  }
}

/** One look, to be repeated: the process is idle when nothing moved since the look before. */
export function idleLook(moved: () => number, whenIdle: () => void): () => void {
  let last = 0;
  let worked = 0;
  return () => {
    const now = moved();
    worked += now - last;
    const isIdle = now === last;
    last = now;
    if (!isIdle || worked < WORTH_EVENTS) return;
    worked = 0;
    whenIdle();
  };
}
