import { formatTime } from '../../model/time.ts';
import type { Item } from '../sink.ts';

/** Azure Monitor silently cuts a longer value. Bytes. */
export const VALUE_LIMIT_BYTES = 64 * 1024;

/**
 * One row: the columns that docs/sinks/sentinel.md declares. `TimeGenerated` is replaced by the receiver when it is older than two days,
 * so the time stands in `EventTime` as well. `id` is a reserved name.
 */
export function rowOf({ canonical, origin, body, kind }: Item): string {
  const time = JSON.stringify(sixDigits(formatTime(canonical.createdNs)));
  const columns = {
    EventId: canonical.id,
    EventType: canonical.classification.eventType,
    Outcome: canonical.outcome,
    Severity: canonical.severity,
    ActorId: canonical.actor.id,
    ActorEmail: canonical.actor.email,
    SourceAddress: canonical.ip,
    Instance: origin.instance,
  };
  const event = kind === 'json' ? body.toWellFormed() : JSON.stringify(body.toWellFormed());
  return `{"TimeGenerated":${time},"EventTime":${time},${JSON.stringify(columns).slice(1, -1)},"Event":${event}}`;
}

/** Azure reads no more digits of a second than seven, and some of its tables six. */
function sixDigits(time: string): string {
  return time.replace(/(\.\d{6})\d+/, '$1');
}
