import type { Clock } from '../model/clock.ts';

const LOOK_EVERY_MS = 10_000;

/** Looks around now and then until `signal` aborts. */
export async function lookAround(look: () => void, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    look();
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {}); // aborted: it ends
  }
}

/** So many events are work that leaves memory behind. */
const WORTH_EVENTS = 500;

/**
 * Asked now and then; `giveBack` is called once after each spell of work: what reading and sending much took would otherwise stay with
 * a process that does next to nothing for days. `moved`: events read and settled so far, a number that only grows.
 */
export function createRest(moved: () => number, giveBack: () => void): () => void {
  let last = 0;
  let worked = 0;
  return () => {
    const now = moved();
    worked += now - last;
    const isQuiet = now === last;
    last = now;
    if (!isQuiet || worked < WORTH_EVENTS) return;
    worked = 0;
    giveBack();
  };
}
