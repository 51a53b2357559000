import type { Clock } from '../model/clock.ts';
import { formatDuration } from '../model/units.ts';

/** Long work is reported this often. */
const SAY_EVERY_MS = 3_000;
/** An estimate above this means that work stands still for now: none is given. */
const LONGEST_LEFT_S = 7 * 86_400;

/** How fast a long piece of work goes, and how long it will still take. */
export interface Pace {
  /** Whether it is time to report again. `events`: done since the beginning. */
  isDue(events: number): boolean;
  /** Fields of a log line. `share`: the part of the work that is done; null if unknown. */
  say(events: number, share: number | null): { per_second: number; left?: string };
}

export function createPace(clock: Clock): Pace {
  const startedMs = clock.monotonic();
  let saidMs = startedMs;
  let said = 0;
  return {
    isDue: (events) => events > said && clock.monotonic() - saidMs >= SAY_EVERY_MS,
    say(events, share) {
      const nowMs = clock.monotonic();
      const perSecond = Math.round(((events - said) * 1000) / (nowMs - saidMs));
      [saidMs, said] = [nowMs, events];
      if (share === null || share <= 0 || share >= 1) return { per_second: perSecond };
      const leftS = Math.max(Math.round((((nowMs - startedMs) / 1000) * (1 - share)) / share), 1);
      if (leftS > LONGEST_LEFT_S) return { per_second: perSecond };
      return { per_second: perSecond, left: `about ${formatDuration(leftS * 1000)}` };
    },
  };
}
