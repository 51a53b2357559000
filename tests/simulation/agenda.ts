/** What the world does at its own times, beside the daemon's timers: one timer is set, for the next entry. */
export interface Agenda {
  /** `atMs` on the monotonic clock. */
  add(atMs: number, run: () => void): void;
  /** Sets the timer again after all timers were taken away. */
  arm(): void;
  /** Forgets everything that is still to come. */
  clear(): void;
  /** Timers that are the agenda's own: 0 or 1. */
  timers(): number;
}

/** A timer cannot be set for longer than about 24 days; one that fires early finds nothing due and is set again. */
const TIMER_MAX_MS = 2 ** 30;

export function createAgenda(): Agenda {
  let entries: { readonly atMs: number; readonly run: () => void }[] = [];
  let timer: NodeJS.Timeout | null = null;

  function arm(): void {
    if (timer !== null) clearTimeout(timer);
    const next = entries[0];
    timer =
      next === undefined
        ? null
        : setTimeout(fire, Math.min(Math.max(next.atMs - performance.now(), 0), TIMER_MAX_MS));
  }

  function fire(): void {
    const due = entries.filter(({ atMs }) => atMs <= performance.now());
    entries = entries.filter((entry) => !due.includes(entry));
    arm();
    for (const { run } of due) run();
  }

  return {
    add(atMs, run) {
      entries = [...entries, { atMs, run }].toSorted((a, b) => a.atMs - b.atMs);
      arm();
    },
    arm,
    clear() {
      entries = [];
      arm();
    },
    timers: () => (timer === null ? 0 : 1),
  };
}
