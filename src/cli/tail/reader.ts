import { letterPages } from '../../checkpoint/journal.ts';
import type { Journal } from '../../checkpoint/journal.ts';
import type { CanonicalEvent } from '../../formats/format.ts';
import type { AuditEvent } from '../../model/event.ts';
import { createPrepare } from '../../pipeline/prepare.ts';
import type { BuiltParts } from '../build-parts.ts';
import type { Match } from './match.ts';

/** An event to print. */
export interface Found {
  readonly event: AuditEvent;
  readonly canonical: CanonicalEvent;
  /** Why the sink that is followed refused it; null when it did not, and where no sink is followed. */
  readonly refused: string | null;
}

export interface Reader {
  /** The newest so many that are meant, oldest first; `next` goes on behind them. */
  newest(limit: number): Promise<readonly Found[]>;
  /** What has come since. */
  next(): AsyncIterable<Found>;
  /** Where to wait for more: a seq, or null where only the cursor of a sink matters. */
  after(): bigint | null;
}

/** How far back `newest` looks for what is meant. Events. */
const REACH_EVENTS = 10_000n;
const PAGE = { maxEvents: 500, maxBytes: 8 * 2 ** 20 };

/**
 * Reads the journal in order: all of it as it was appended, or for a sink up to its cursor, less what its `where` leaves out.
 */
export function createReader(journal: Journal, parts: BuiltParts, sink: string | null, match: Match): Reader {
  let at = 0n;
  const refusals = createRefusals(journal, sink);
  const takes = sink === null ? () => true : takenBy(parts, sink);

  async function* next(): AsyncIterable<Found> {
    const end = await endOf(journal, sink);
    if (end > at) await refusals.read();
    while (at < end) {
      const events = await journal.read(at, PAGE);
      for (const event of events) {
        if (event.seq > end) break;
        at = event.seq;
        const canonical = match(event);
        if (canonical !== null && takes(event)) yield { event, canonical, refused: refusals.of(event) };
      }
      if (events.length === 0) return;
    }
  }

  return {
    async newest(limit) {
      const end = await endOf(journal, sink);
      const reach = limit === 0 ? 0n : REACH_EVENTS;
      at = end > reach ? end - reach : 0n;
      const found: Found[] = [];
      for await (const one of next()) {
        found.push(one);
        if (found.length > limit) found.shift();
      }
      return found;
    },
    next,
    after: () => (sink === null ? at : null),
  };
}

async function endOf(journal: Journal, sink: string | null): Promise<bigint> {
  return sink === null ? (await journal.size()).headSeq : journal.cursor(sink);
}

/** Whether the `where` of a sink takes an event. */
function takenBy(parts: BuiltParts, sink: string): (event: AuditEvent) => boolean {
  const part = parts.sinks.get(sink);
  if (part === undefined) throw new Error(`the sink ${sink} is configured but was not built`);
  const prepare = createPrepare(parts.canonicalize, part.format, part.where, parts.originOf);
  return (event) => prepare(event).kind !== 'filtered';
}

/** What a sink refused for good, by event. */
function createRefusals(
  journal: Journal,
  sink: string | null,
): { read(): Promise<void>; of(event: AuditEvent): string | null } {
  const reasons = new Map<string, string>();
  let after = 0n;
  const key = ({ source, id }: Pick<AuditEvent, 'source' | 'id'>): string => JSON.stringify([source, id]);
  return {
    async read() {
      if (sink === null) return;
      for await (const letters of letterPages(journal, { owner: sink }, after))
        for (const { id, side, event, reason } of letters) {
          after = id;
          if (side === 'sink' && event !== null) reasons.set(key(event), reason);
        }
    },
    of: (event) => reasons.get(key(event)) ?? null,
  };
}
