import type { CanonicalEvent, Canonicalize, Format, Origin, Outcome, Severity } from '../formats/format.ts';
import { LightEvent } from '../formats/light-event.ts';
import type { Seal } from '../formats/seal.ts';
import { SEVERITIES } from '../formats/severity.ts';
import type { Clock } from '../model/clock.ts';
import { describe } from '../model/errors.ts';
import type { AuditEvent } from '../model/event.ts';
import { globsOf } from '../model/glob.ts';
import { textRoom } from '../model/text-room.ts';
import { nsToMs } from '../model/time.ts';
import { formatDuration } from '../model/units.ts';
import { bytesOf } from '../sinks/sink.ts';
import type { Item } from '../sinks/sink.ts';
import { RenderedItem } from './rendered-item.ts';
import { TOO_OLD } from './verdict.ts';

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
  /** Not sent: a fault of ours, which must cost this one event its way and not the others theirs, or a limit of the sink. */
  | { readonly kind: 'unrendered'; readonly reason: string };

export type Prepare = (event: AuditEvent, options?: PrepareOptions) => Prepared;

export interface PrepareOptions {
  readonly evenFiltered: boolean;
  /** As it would have been sent before it became too old. */
  readonly evenTooOld?: boolean;
}

/** What a receiver would drop or cut without a word. `Infinity` where nothing is known of it. */
export interface EventLimits {
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}

const NO_LIMITS: EventLimits = { maxAgeMs: Infinity, maxBytes: Infinity };

/** What a sink asks for beyond its format. */
export interface SinkTerms {
  readonly limits?: EventLimits | undefined;
  readonly clock?: Pick<Clock, 'now'>;
  /** Null where no heartbeat will tell of the events. */
  readonly seal?: Seal | null;
  /** See Sink.wholeEvents. */
  readonly wholeEvents?: boolean | undefined;
}

export function createPrepare(
  canonicalize: Canonicalize,
  format: Format,
  where: Where,
  originOf: (source: string) => Origin,
  { limits = NO_LIMITS, clock = { now: () => 0 }, seal = null, wholeEvents = false }: SinkTerms = {},
): Prepare {
  const wanted = compileWhere(where);
  const place = textRoom();
  return (event, options) => {
    try {
      const canonical = canonicalize(event);
      if (options?.evenFiltered !== true && !wanted(canonical)) return { kind: 'filtered' };
      const ageMs = clock.now() - nsToMs(canonical.createdNs);
      if (ageMs > limits.maxAgeMs && options?.evenTooOld !== true)
        return { kind: 'unrendered', reason: tooOld(canonical, limits.maxAgeMs) };
      const origin = originOf(event.source);
      const body = format.render(canonical, origin);
      // A body that is the event as it came (`raw` with `redact: false`) had nothing taken out, whatever the reading found.
      const whole = body === canonical.verbatim ? { ...canonical, redactions: 0, trimmed: 0 } : canonical;
      const kept = wholeEvents ? whole : new LightEvent(whole, () => canonicalize(event));
      const sealed: { readonly body: string; readonly digest?: string } =
        seal === null ? { body } : seal(body, canonical);
      const item = new RenderedItem(kept, origin, format.kind, place(sealed.body), sealed.digest);
      const bytes = item.utf8.length;
      if (bytes > limits.maxBytes) {
        const reason = `the document takes ${bytes} bytes, max_event_bytes allows ${limits.maxBytes}`;
        return { kind: 'unrendered', reason };
      }
      return { kind: 'item', item };
    } catch (error) {
      return {
        kind: 'unrendered',
        reason: `the event cannot be rendered as ${format.name}: ${describe(error)}`,
      };
    }
  };
}

function tooOld({ createdAt }: CanonicalEvent, maxAgeMs: number): string {
  return `${TOO_OLD}it is of ${createdAt}, and max_event_age is ${formatDuration(maxAgeMs)}`;
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
export function sizeInBatch(item: Item): number {
  return Math.max(bytesOf(item), (item.canonical.weight ?? 0) / WEIGHT_FACTOR);
}
