import type { CanonicalEvent, Canonicalize, Format, Origin, Outcome, Severity } from '../formats/format.ts';
import type { Seal } from '../formats/seal.ts';
import { SEVERITIES } from '../formats/severity.ts';
import { describe } from '../model/errors.ts';
import type { AuditEvent } from '../model/event.ts';
import { globsOf } from '../model/glob.ts';
import type { Item } from '../sinks/sink.ts';

/** Which events a sink takes; an empty list takes all. */
export interface Where {
  /** Globs over the event type. */
  readonly eventType: readonly string[];
  readonly status: readonly Outcome[];
  /** The least severity. */
  readonly severity: Severity;
}

export type Prepared =
  | { readonly kind: 'item'; readonly item: Item }
  /** The sink's `where` leaves it out: settled, and counted. */
  | { readonly kind: 'filtered' }
  /** A bug in the format: only this event may fail by it. */
  | { readonly kind: 'unrendered'; readonly reason: string };

export type Prepare = (event: AuditEvent, options?: { readonly evenFiltered: boolean }) => Prepared;

export function createPrepare(
  canonicalize: Canonicalize,
  format: Format,
  where: Where,
  originOf: (source: string) => Origin,
  /** Null where no heartbeat will tell of the events. */
  seal: Seal | null = null,
): Prepare {
  const wanted = compileWhere(where);
  return (event, options) => {
    try {
      const canonical = canonicalize(event);
      if (options?.evenFiltered !== true && !wanted(canonical)) return { kind: 'filtered' };
      const origin = originOf(event.source);
      const body = format.render(canonical, origin);
      const item = { canonical, origin, body, kind: format.kind };
      return { kind: 'item', item: seal === null ? item : { ...item, ...seal(body, canonical) } };
    } catch (error) {
      return {
        kind: 'unrendered',
        reason: `the event cannot be rendered as ${format.name}: ${describe(error)}`,
      };
    }
  };
}

function compileWhere(where: Where): (event: CanonicalEvent) => boolean {
  const type = globsOf(where.eventType);
  const statuses = new Set<Outcome>(where.status);
  const least = SEVERITIES.indexOf(where.severity);
  return (event) =>
    (where.eventType.length === 0 || type(event.classification.eventType)) &&
    (statuses.size === 0 || statuses.has(event.outcome)) &&
    SEVERITIES.indexOf(event.severity) >= least;
}

/** What events may take in memory beside their text, as a multiple of a batch's bytes: dense JSON takes far more than it is long. */
const WEIGHT_FACTOR = 4;

/** What an item takes of the bytes that a batch may hold. */
export function sizeInBatch({ body, canonical }: Item): number {
  return Math.max(Buffer.byteLength(body), (canonical.weight ?? 0) / WEIGHT_FACTOR);
}
