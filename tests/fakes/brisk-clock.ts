import { wallClock } from '../../src/model/clock.ts';
import type { Clock } from '../../src/model/clock.ts';

const HASTE = 5;

/** A syslog sink listens for a while before it closes its side: real time, whose seconds pass in a fifth of it. */
export const briskClock: Clock = {
  ...wallClock,
  monotonic: () => wallClock.monotonic() * HASTE,
  sleep: (ms, signal) => wallClock.sleep(ms / HASTE, signal),
};

/** The same, but a peer seems to answer at once however busy the machine is: the short sleeps by which its answer is timed never end. */
export const lenientClock: Clock = {
  ...briskClock,
  sleep: (ms, signal) => briskClock.sleep(ms === 50 ? 600_000 : ms, signal),
};
