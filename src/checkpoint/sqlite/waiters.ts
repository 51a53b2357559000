import type { Clock } from '../../model/clock.ts';

interface Waiter {
  readonly after: bigint;
  readonly wake: () => void;
}

/**
 * Those who wait for events. An append in this process wakes them at once; one by another process is seen when the
 * timeout has passed and the caller reads again. `hasMore` is true when a read after that seq finds something.
 */
export function waiters(clock: Clock, hasMore: (after: bigint) => boolean) {
  const waiting = new Set<Waiter>();
  const wakeWhere = (due: (waiter: Waiter) => boolean): void => {
    for (const waiter of waiting) if (due(waiter)) waiter.wake();
  };
  return {
    wait: async (after: bigint, timeoutMs: number, signal: AbortSignal): Promise<void> => {
      signal.throwIfAborted();
      if (hasMore(after)) return;
      const woken = Promise.withResolvers<void>();
      const waiter = { after, wake: woken.resolve };
      const sleeping = new AbortController();
      const onAbort = (): void => sleeping.abort(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      waiting.add(waiter);
      try {
        await Promise.race([woken.promise, clock.sleep(timeoutMs, sleeping.signal)]);
      } finally {
        waiting.delete(waiter);
        signal.removeEventListener('abort', onAbort);
        sleeping.abort();
      }
    },
    appended: (): void => wakeWhere((waiter) => hasMore(waiter.after)),
    wakeAll: (): void => wakeWhere(() => true),
  };
}
