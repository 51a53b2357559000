import type { RejectedEvent } from '../checkpoint/journal.ts';
import type { Log } from '../model/log.ts';
import { TOO_OLD } from './verdict.ts';

/** Says which events become dead letters; a backfill meets too old ones by the thousand, which are told together. */
export function tellRejected(log: Log, rejected: readonly RejectedEvent[]): void {
  const tooOld = rejected.filter(isTooOld);
  for (const { event, reason } of rejected.filter((one) => !isTooOld(one)))
    log.warn({ event_id: event.id, reason }, 'an event became a dead letter');
  if (tooOld[0] !== undefined)
    log.warn({ events: tooOld.length, reason: tooOld[0].reason }, 'events were too old for the sink');
}

function isTooOld({ reason }: RejectedEvent): boolean {
  return reason.startsWith(TOO_OLD);
}
