import type { Clock } from '../model/clock.ts';

/** How long a smaller limit that a receiver taught us holds: it may have been a passing configuration. */
const LEARNED_FOR_MS = 3_600_000;

/** The largest request that a receiver takes, as configured and as learned. Bytes before compression. */
export class SizeLimit {
  readonly #configured: number;
  readonly #clock: Clock;
  #learned: { readonly bytes: number; readonly untilMs: number } | null = null;

  constructor(configuredBytes: number, clock: Clock) {
    this.#configured = configuredBytes;
    this.#clock = clock;
  }

  bytes(): number {
    const learned = this.#learned;
    if (learned === null || this.#clock.monotonic() >= learned.untilMs) return this.#configured;
    return Math.min(learned.bytes, this.#configured);
  }

  /** A request of this size was refused: from now on at most half of it, until the lesson is an hour old. */
  refused(bytes: number): void {
    const half = Math.max(1, Math.floor(bytes / 2));
    this.#learned = {
      bytes: Math.min(half, this.bytes()),
      untilMs: this.#clock.monotonic() + LEARNED_FOR_MS,
    };
  }
}

/**
 * Cuts a list into consecutive runs that each weigh at most `limit`; an element that alone weighs more stands alone.
 * `weigh` gives bytes, separators included.
 */
export function runsWithin<T>(
  list: readonly T[],
  limit: number,
  weigh: (element: T) => number,
): readonly (readonly T[])[] {
  const runs: T[][] = [];
  let run: T[] = [];
  let weight = 0;
  for (const element of list) {
    const own = weigh(element);
    if (run.length > 0 && weight + own > limit) {
      runs.push(run);
      run = [];
      weight = 0;
    }
    run.push(element);
    weight += own;
  }
  if (run.length > 0) runs.push(run);
  return runs;
}

/** Two halves of about equal weight, in order, both non-empty. Needs at least two elements. */
export function halves<T>(
  list: readonly T[],
  weigh: (element: T) => number,
): readonly [readonly T[], readonly T[]] {
  const half = list.reduce((sum, element) => sum + weigh(element), 0) / 2;
  let weight = 0;
  let cut = 0;
  while (cut < list.length - 1 && (cut === 0 || weight + weigh(list[cut] as T) <= half)) {
    weight += weigh(list[cut] as T);
    cut += 1;
  }
  return [list.slice(0, cut), list.slice(cut)];
}
