import type { RejectedEvent } from '../checkpoint/journal.ts';
import type { AuditEvent } from '../model/event.ts';
import type { Log } from '../model/log.ts';
import { sharedReason } from '../model/reason.ts';
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

/** Says how many events become dead letters, one line for each reason: a receiver may refuse them by the thousand. */
export function tellRejected(log: Log, rejected: readonly RejectedEvent[]): void {
  for (const group of Map.groupBy(rejected, ({ reason }) => sharedReason(reason)).values()) {
    const [first] = group;
    if (first === undefined) continue;
    const { event, reason } = first;
    if (reason.startsWith(TOO_OLD))
      log.warn({ events: group.length, reason }, 'events were too old for the sink');
    else log.warn({ events: group.length, reason, first_event_id: event.id }, 'events became dead letters');
  }
}
