import type { Coverage, Finding, Window } from '../../model/event.ts';
import { formatTime, msToNs } from '../../model/time.ts';
import type { WindowRead } from './read-window.ts';

/** What of a read window is recorded as covered. */
export function coverageOf(window: Window, read: WindowRead): Coverage[] {
  if (read.outcome.kind !== 'done') return [];
  return [{ ...window, status: read.outcome.status, serverCount: read.outcome.serverCount }];
}

export function suspectFindings(window: Window, read: WindowRead): Finding[] {
  if (read.outcome.kind !== 'done' || read.outcome.status !== 'suspect') return [];
  return [
    {
      kind: 'suspect_window',
      window,
      summary: `${formatTime(window.startNs)} to ${formatTime(window.endNs)} could not be read to agreement with the Platform's own count; it is read again on the reconcile schedule`,
    },
  ];
}

/** Time that the Platform may have purged before we came back to read it. */
export function gapFinding(endNs: bigint | null, nowMs: number, horizonMs: number): Finding | null {
  const reachNs = msToNs(nowMs - horizonMs);
  if (endNs === null || endNs >= reachNs) return null;
  return {
    kind: 'gap',
    window: { startNs: endNs, endNs: reachNs },
    summary: `nothing was read between ${formatTime(endNs)} and now, longer than the audit horizon: events before ${formatTime(reachNs)} may be gone on the Platform`,
  };
}
