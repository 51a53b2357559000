import type { Clock } from '../model/clock.ts';

interface Waiter {
  /** Null: waits for no event. */
  readonly after: bigint | null;
  readonly wake: () => void;
}

export interface WaitersOptions {
  readonly clock: Clock;
  /** Whether there are events after that seq. */
  readonly hasMore: (after: bigint) => boolean;
  /** What `othersVersion` returned at the start. */
  readonly version: bigint | null;
  /** A number that changes with each commit of another process; null once that is unknown. */
  readonly othersVersion: () => bigint | null | Promise<bigint | null>;
  /** How often to look whether another process wrote something, while a caller waits for that. Milliseconds. */
  readonly lookEveryMs: () => number;
}

/**
 * The callers that wait for events, and those that wait for news: work that a command left, of this process or another. All share one
 * timer. News is numbered, so that a caller that was not waiting when it came does not miss it.
 */
export function waiters({ clock, hasMore, othersVersion, lookEveryMs, ...start }: WaitersOptions) {
  const waiting = new Set<Waiter>();
  let news = 0;
  let { version } = start;
  let listeners = 0;
  let looking: AbortController | null = null;

  const wakeWhere = (due: (waiter: Waiter) => boolean): void => {
    for (const waiter of waiting) if (due(waiter)) waiter.wake();
  };
  const tell = (): void => {
    news += 1;
    wakeWhere(() => true);
  };

  /** An error here must not look like a failed append, which is committed: the waiter is woken, and its next call meets the error. */
  function mayHaveMore(after: bigint): boolean {
    try {
      return hasMore(after);
    } catch {
      return true;
    }
  }

  /** A disk error is ignored here: the next call of the journal meets it, and its caller reports it. */
  function versionNow(): bigint | null | Promise<bigint | null> {
    try {
      const now = othersVersion();
      return now instanceof Promise ? now.catch(() => version) : now;
    } catch {
      return version;
    }
  }

  /** Wakes everybody if another process wrote. Returns false once that is unknown. */
  function take(now: bigint | null): boolean {
    if (now === null) return false;
    if (now !== version) tell();
    version = now;
    return true;
  }

  async function keepLooking(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const asked = versionNow();
      const now = asked instanceof Promise ? await asked : asked; // without a turn where nobody has to be asked
      if (!take(now)) return;
      await clock.sleep(lookEveryMs(), signal).catch(() => {}); // aborted: nobody listens any more
    }
  }

  async function wait(
    after: bigint | null,
    isDue: () => boolean,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    if (isDue()) return;
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
  }

  return {
    wait: (after: bigint, timeoutMs: number, signal: AbortSignal): Promise<void> =>
      wait(after, () => hasMore(after), timeoutMs, signal),
    waitForNews: async (
      seen: number,
      after: bigint | null,
      timeoutMs: number,
      signal: AbortSignal,
    ): Promise<number> => {
      listeners += 1;
      if (looking === null) {
        looking = new AbortController();
        void keepLooking(looking.signal);
      }
      try {
        const isDue = (): boolean => news !== seen || (after !== null && hasMore(after));
        await wait(after, isDue, timeoutMs, signal);
        return news;
      } finally {
        listeners -= 1;
        if (listeners === 0) {
          looking.abort();
          looking = null;
        }
      }
    },
    appended: (): void => wakeWhere(({ after }) => after !== null && mayHaveMore(after)),
    tell,
    /** Looks at once whether another process wrote, for a journal that answers at once. */
    look: (): void => {
      const now = versionNow();
      if (!(now instanceof Promise)) take(now);
    },
    wakeAll: (): void => wakeWhere(() => true),
  };
}
