import type { Finding } from '../../model/event.ts';
import { formatTime } from '../../model/time.ts';
import type { Trouble } from '../source.ts';
import type { OpenWindow } from './care.ts';
import { isAside } from './care.ts';

/** Failed so often, with pauses between, a place is reported as one that cannot be read. */
const FAILURES_TO_REPORT = 2;

/** The windows that fail at the moment while others are read. */
export function troublesOf(open: readonly OpenWindow[]): Trouble[] {
  return open.flatMap(({ startNs, endNs, care }) =>
    care === undefined || care.reason === ''
      ? []
      : [
          {
            window: { startNs, endNs },
            reason: care.reason,
            ...(care.hint === null ? {} : { hint: care.hint }),
            sinceMs: care.sinceMs,
            ...(care.notBeforeMs === 0 ? {} : { nextTryMs: care.notBeforeMs }),
          },
        ],
  );
}

/** What cannot be read however little is asked for: said as long as it is so. */
export function unreadableFindings(open: readonly OpenWindow[]): Finding[] {
  return open.flatMap((window): Finding[] => {
    const { startNs, endNs, care } = window;
    if (care === undefined || !isAside(window) || care.failures < FAILURES_TO_REPORT) return [];
    const rows = care.rows === null ? '' : `${care.rows} ${care.rows === 1 ? 'row' : 'rows'} of `;
    return [
      {
        kind: care.rows === null ? 'unreadable_window' : 'unreadable_row',
        window: { startNs, endNs },
        summary: `${rows}${formatTime(startNs)} to ${formatTime(endNs)} cannot be read, however little is asked for at once (${care.reason}); everything else is read, and this is tried again and again`,
        ...(care.hint === null ? {} : { detail: { hint: care.hint } }),
      },
    ];
  });
}
