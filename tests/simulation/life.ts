import type { Clock } from '../../src/model/clock.ts';
import type * as product from './product.ts';
import { vi } from 'vitest';

import type { Calls } from './calls.ts';
import { simulatedClock } from '../fakes/simulated-time.ts';

export type Product = typeof product;

/**
 * One life of the daemon, from its start to a crash or its end. Every seam asks it first: once it is dead, nothing that
 * the daemon started resolves any more, as if the process were gone.
 */
export interface Life {
  readonly clock: Clock;
  dead(): boolean;
  /** Ends it here and now. */
  crash(why: string): void;
  /** Why it died; null while it lives. */
  cause(): string | null;
  /** Resolves while alive, never once dead. */
  alive(): Promise<void>;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const HOUR = 3_600_000;

export function createLife(random: () => number, calls: Calls): Life {
  let cause: string | null = null;
  const clock = simulatedClock(random);
  const never = new Promise<never>(() => {});
  const alive = (): Promise<void> => (cause === null ? Promise.resolve() : never);
  const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    await alive();
    const how = calls.next('timer');
    if (how === 'crash') cause ??= 'at some moment';
    if (how?.startsWith('clock') === true)
      vi.setSystemTime(Date.now() + (how === 'clock back' ? -HOUR : HOUR));
    await alive();
    // As Node does: no timer is shorter than a millisecond, and none ends early.
    const length = how === 'early' ? 1 : how === 'late' ? ms + HOUR : ms;
    await clock.sleep(Math.max(Math.ceil(length), 1), signal).finally(alive);
    return alive();
  };
  return {
    clock: { ...clock, sleep },
    dead: () => cause !== null,
    crash: (why) => void (cause ??= why),
    cause: () => cause,
    alive,
    sleep,
  };
}
