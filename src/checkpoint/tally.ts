import type { Finding, NewEvent } from '../model/event.ts';
import { oneLine } from '../model/errors.ts';

/** An event type is a label from outside: longer ones are cut for the statistics only. Characters. */
const EVENT_TYPE_MAX_LENGTH = 200;
/** Names so many of the events that share an id; how often it was seen tells the rest. */
const SHARED_NAMED = 10;

/** An event that was given an id of its own. */
export interface SharedId {
  readonly event: NewEvent;
  readonly id: string;
}

/** How many events of a type a harvest brought, and the times of the first and the last. */
export interface TypeTally {
  count: number;
  firstNs: bigint;
  lastNs: bigint;
}

export function countEvent(types: Map<string, TypeTally>, event: NewEvent): void {
  const type = oneLine(event.eventType, EVENT_TYPE_MAX_LENGTH);
  const tally = types.get(type);
  if (tally === undefined) {
    types.set(type, { count: 1, firstNs: event.createdNs, lastNs: event.createdNs });
    return;
  }
  tally.count++;
  if (event.createdNs < tally.firstNs) tally.firstNs = event.createdNs;
  if (event.createdNs > tally.lastNs) tally.lastNs = event.createdNs;
}

/** One finding for a source, with the same words each time. */
export function movedFinding(moved: number): Finding[] {
  if (moved === 0) return [];
  return [
    {
      kind: 'times_moved',
      summary:
        'the Platform shows events in another time zone than before, which it may have corrected: they are known as the same ones and not delivered again; sinks have them with the time of before',
      detail: { events: moved },
    },
  ];
}

/** One finding for a source, with the same words each time, so that one that was acknowledged stays so. */
export function sharedFinding(shared: readonly SharedId[]): Finding[] {
  if (shared.length === 0) return [];
  const named = shared.slice(0, SHARED_NAMED).map(({ event, id }) => ({
    id: oneLine(event.id),
    kept_as: oneLine(id),
    created_at: event.createdAt,
    event_type: oneLine(event.eventType, EVENT_TYPE_MAX_LENGTH),
  }));
  return [
    {
      kind: 'shared_id',
      summary:
        'the Platform gives the same id to different events: each of them is kept, all but the first under the id with a hash added',
      detail: { events: shared.length, named },
    },
  ];
}
