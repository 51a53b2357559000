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
  /** Holds it as a stopped process is held: whatever was to happen happens once it is let go on. */
  freeze(): void;
  thaw(): void;
  /** Resolves while alive, once it is not frozen; never once dead. */
  alive(): Promise<void>;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const HOUR = 3_600_000;

/** `skewMs`: how far its clock on the wall is ahead. */
export function createLife(random: () => number, calls: Calls, skewMs = 0): Life {
  let cause: string | null = null;
  let ice: PromiseWithResolvers<void> | null = null;
  const simulated = simulatedClock(random);
  const clock: Clock = { ...simulated, now: () => simulated.now() + skewMs };
  const never = new Promise<never>(() => {});
  const alive = async (): Promise<void> => {
    while (ice !== null) await ice.promise;
    if (cause !== null) await never;
  };
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
    freeze: () => void (ice ??= Promise.withResolvers()),
    thaw: () => {
      ice?.resolve();
      ice = null;
    },
    cause: () => cause,
    alive,
    sleep,
  };
}
