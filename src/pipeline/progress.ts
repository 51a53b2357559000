import type { Clock } from '../model/clock.ts';
import type { Source } from '../sources/source.ts';
import { enterState } from './status.ts';
import type { SourceStatus } from './status.ts';

/** Tracks whether reading makes progress, which readiness is measured by. A poll that reads nothing further is none. */
export interface Progress {
  /** Before each poll. After a failure, the state keeps showing it until something is read. */
  begin(): void;
  /** After each harvest that was committed. */
  committed(appended: number): void;
  /** After a whole poll. */
  finished(): void;
}

export function createProgress(status: SourceStatus, source: Pick<Source, 'state'>, clock: Clock): Progress {
  let reachedNs: bigint | null = null;
  const moved = (): void => {
    status.progressedMs = clock.monotonic();
    if (status.state !== 'working') enterState(status, 'working', clock.now());
  };
  status.progressedMs = clock.monotonic();
  return {
    begin() {
      const { state, reason, hint } = status;
      const failing = state === 'retrying' || state === 'held';
      if (!failing) enterState(status, 'working', clock.now());
      else enterState(status, state, clock.now(), { reason: reason ?? '', hint: hint ?? undefined });
    },
    committed(appended) {
      const { frontierNs } = source.state();
      const further = frontierNs !== null && (reachedNs === null || frontierNs > reachedNs);
      if (further) reachedNs = frontierNs;
      if (further || appended > 0) moved();
    },
    finished() {
      const { frontierNs, openWindows, troubles } = source.state();
      if (openWindows > 0 || troubles.length > 0) return;
      // A Platform whose clock stands still is polled up to the same moment every time, which is no progress.
      if (frontierNs !== null && status.caughtUp?.upToNs === frontierNs) return;
      status.caughtUp = { atMs: clock.monotonic(), upToNs: frontierNs };
      moved();
    },
  };
}
