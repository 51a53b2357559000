import type { NewEvent, Window } from '../../model/event.ts';
import type { HeldEvents } from '../source.ts';
import { isOutside } from './outside.ts';
import type { Tail } from './tail.ts';

/**
 * Events new to the journal from a span that an earlier poll had read were late: by how much is what the tail learns. What was still open
 * then had not been read.
 */
export async function observeLate(
  tail: Tail,
  read: {
    readonly window: Window;
    readonly events: readonly NewEvent[];
    readonly beforeNs: bigint;
    readonly openBefore: readonly Window[];
    readonly nowMs: number;
  },
  offsetNs: bigint,
  held: HeldEvents,
): Promise<void> {
  const { window, beforeNs, openBefore, nowMs } = read;
  const events = read.events
    .filter(({ createdNs }) => !isOutside(createdNs, window, offsetNs))
    .map((event) => ({ event, listedNs: event.createdNs - offsetNs }));
  const wasOpen = (ns: bigint): boolean =>
    openBefore.some(({ startNs, endNs }) => ns >= startNs && ns <= endNs);
  const old = events.filter(({ listedNs }) => listedNs < beforeNs && !wasOpen(listedNs));
  const known = await held.known(old.map(({ event }) => event));
  const late = old
    .filter((_, index) => known[index] === null)
    .map(({ listedNs }) => nowMs - Number(listedNs / 1_000_000n));
  tail.observe(late, events.filter(({ listedNs }) => listedNs >= beforeNs).length);
}
