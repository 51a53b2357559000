import type { RejectedEvent } from '../checkpoint/journal.ts';
import type { AuditEvent } from '../model/event.ts';
import type { Log } from '../model/log.ts';
import type { Refusal } from './outlet.ts';
import { TOO_OLD } from './verdict.ts';

/** What receivers refused of the events that were tried, as dead letters keep it. */
export function rejectionsOf(refusals: readonly Refusal[], tried: readonly AuditEvent[]): RejectedEvent[] {
  if (refusals.length === 0) return [];
  const bySeq = new Map(tried.map((event) => [event.seq, event]));
  return refusals.flatMap(({ item, reason, attempts, sent }) => {
    const event = bySeq.get(item.canonical.seq);
    return event === undefined ? [] : [{ event, reason, attempts, sent }];
  });
}

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
