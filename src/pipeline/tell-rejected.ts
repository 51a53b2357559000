import type { RejectedEvent } from '../checkpoint/journal.ts';
import type { Log } from '../model/log.ts';
import { sharedReason } from '../model/reason.ts';
import { TOO_OLD } from './verdict.ts';

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
