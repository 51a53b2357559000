import type { Canonicalize, CanonicalEvent } from '../formats/format.ts';
import type { Clock } from '../model/clock.ts';
import type { AuditEvent } from '../model/event.ts';
import { sizeInBatch } from './prepare.ts';
import type { Prepare, Prepared } from './prepare.ts';

/**
 * What is rendered ahead for all sinks together, shared evenly. Where it does not hold a batch of the first sink for each of the others, they
 * fall behind at once, and every event is read again for each. Bytes.
 */
const AHEAD_BYTES = 16 * 1024 * 1024;
/** About what each takes beside its document: an event that a sink does not want has none. Bytes. */
const BESIDE_BYTES = 512;
/** What a sink has not come for by then it renders itself: an event may have become too old for it meanwhile. Milliseconds. */
const AHEAD_MS = 5_000;

interface Ahead {
  readonly seq: bigint;
  readonly prepared: Prepared;
  readonly bytes: number;
  readonly atMs: number;
}

/** Where a sink is. */
interface Place {
  readonly own: Prepare;
  /** The event after those that are prepared for it; null until it has asked for one. */
  next: bigint | null;
  /** The one that it asked for last: what no batch had room for is asked for again. */
  last: Ahead | null;
  /** In order, without a hole. */
  readonly ahead: Ahead[];
  bytes: number;
}

export interface Together {
  /** To be given to all sinks: an event is read once for those that stand at it. */
  readonly canonicalize: Canonicalize;
  /** A sink that takes part, by what prepares events for it, until it leaves. */
  join(own: Prepare): { readonly prepare: Prepare; readonly leave: () => void };
}

/**
 * The first sink that comes to an event has it rendered for all sinks whose next one it is. What was read of it is garbage then, instead of
 * being kept for the others as objects, which would be copied by every collection; their documents are bytes. A sink that is behind, or
 * held up, renders for itself.
 */
export function renderTogether(canonicalize: Canonicalize, clock: Pick<Clock, 'monotonic'>): Together {
  const places = new Set<Place>();
  let read: { readonly event: AuditEvent; readonly canonical: CanonicalEvent } | null = null;

  function take(place: Place, seq: bigint): Prepared | null {
    const isIt = (one: Ahead | null | undefined): one is Ahead =>
      one?.seq === seq && clock.monotonic() - one.atMs < AHEAD_MS;
    if (isIt(place.last)) return place.last.prepared;
    const next = place.ahead.shift();
    if (!isIt(next)) return null;
    place.bytes -= next.bytes;
    place.last = next;
    return next.prepared;
  }

  function renderFor({ own }: Place, event: AuditEvent): Ahead {
    const prepared = own(event);
    const bytes = BESIDE_BYTES + (prepared.kind === 'item' ? sizeInBatch(prepared.item) : 0);
    return { seq: event.seq, prepared, bytes, atMs: clock.monotonic() };
  }

  function render(place: Place, event: AuditEvent): Prepared {
    place.ahead.length = 0;
    place.bytes = 0;
    place.last = renderFor(place, event);
    place.next = event.seq + 1n;
    const room = AHEAD_BYTES / places.size;
    for (const other of places) {
      if (other.next !== event.seq || other.bytes >= room) continue;
      const ahead = renderFor(other, event);
      other.ahead.push(ahead);
      other.bytes += ahead.bytes;
      other.next = event.seq + 1n;
    }
    read = null;
    return place.last.prepared;
  }

  return {
    canonicalize: (event) => {
      if (read?.event !== event) read = { event, canonical: canonicalize(event) };
      return read.canonical;
    },
    join: (own) => {
      const place: Place = { own, next: null, last: null, ahead: [], bytes: 0 };
      places.add(place);
      return {
        prepare: (event, options) =>
          options === undefined ? (take(place, event.seq) ?? render(place, event)) : own(event, options),
        leave: () => void places.delete(place),
      };
    },
  };
}
