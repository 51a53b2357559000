import type { Journal } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import { sizeOf } from '../model/event.ts';
import type { AuditEvent } from '../model/event.ts';
import type { Log } from '../model/log.ts';
import type { Outlet } from './outlet.ts';
import type { SinkStatus } from './status.ts';
import { untilDone } from './until-done.ts';

interface Reading {
  readonly journal: Journal;
  readonly outlet: Pick<Outlet, 'share'>;
  readonly batch: { readonly maxEvents: number; readonly maxBytes: number; readonly maxWaitMs: number };
  readonly clock: Clock;
  readonly log: Log;
  readonly status: SinkStatus;
  readonly patienceMs: number | null;
  readonly finishing: () => boolean;
}

export interface ReadAhead {
  /** Events after a place for one batch, in order; with `waitForMore`, when there are only a few, those that come within `maxWaitMs` too. */
  read(position: bigint, waitForMore: boolean, signal: AbortSignal): Promise<readonly AuditEvent[]>;
  /** The batch ends at `position`: what was read beyond it is for the next one. */
  keep(position: bigint, events: readonly AuditEvent[]): void;
}

/**
 * Reads each event of the journal once. How much of what was read fits a batch is known only when it is rendered, which may make it several
 * times as large.
 */
export function readAhead(context: Reading): ReadAhead {
  const { journal, batch, clock } = context;
  let kept: readonly AuditEvent[] = [];
  let keptAfter: bigint | null = null;

  const roomBeside = (events: readonly AuditEvent[], maxEvents: number) => ({
    maxEvents: maxEvents - events.length,
    maxBytes: batch.maxBytes - events.reduce((sum, event) => sum + sizeOf(event), 0),
  });

  /** What comes behind `events`, within what they leave of the batch. Nothing when they fill it, or when what came between is pruned. */
  async function more(
    position: bigint,
    events: readonly AuditEvent[],
    maxEvents: number,
    signal: AbortSignal,
  ): Promise<readonly AuditEvent[]> {
    const last = events.at(-1)?.seq;
    const room = roomBeside(events, maxEvents);
    if (last !== undefined && (room.maxEvents <= 0 || room.maxBytes <= 0)) return [];
    const found = await untilDone(context, () => journal.read(last ?? position, room), signal);
    const isHole = last !== undefined && found[0] !== undefined && found[0].seq !== last + 1n;
    return isHole ? [] : found;
  }

  return {
    async read(position, waitForMore, signal) {
      const maxEvents = Math.max(Math.floor(batch.maxEvents * context.outlet.share()), 1);
      const events = keptAfter === position ? kept.slice(0, maxEvents) : [];
      events.push(...(await more(position, events, maxEvents, signal)));
      const until = clock.monotonic() + batch.maxWaitMs;
      while (waitForMore && events.length > 0 && events.length < maxEvents && !context.finishing()) {
        const left = until - clock.monotonic();
        if (left <= 0 || roomBeside(events, maxEvents).maxBytes <= 0) break;
        const last = events.at(-1)?.seq ?? position;
        await untilDone(context, () => journal.waitForEvents(last, left, signal), signal);
        const found = await more(position, events, maxEvents, signal);
        if (found.length === 0) break;
        events.push(...found);
      }
      return events;
    },
    keep(position, events) {
      keptAfter = position;
      kept = events;
    },
  };
}
