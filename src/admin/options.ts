import type { Journal } from '../checkpoint/journal.ts';
import type { EventSummary } from '../formats/title.ts';
import type { Clock } from '../model/clock.ts';
import type { AuditEvent, Json } from '../model/event.ts';
import type { Log } from '../model/log.ts';
import type { Secret } from '../model/secret.ts';
import type { Status } from '../pipeline/status.ts';
import type { Source } from '../sources/source.ts';

/** A source as the listener needs to know it. */
export interface SourceView {
  readonly source: Pick<Source, 'state' | 'origin'>;
  /** When the poll after a moment is due; both in milliseconds since 1970. A cron expression may leave days between two. */
  nextPollMs(fromMs: number): number;
}

/** A sink as its configuration describes it. */
export interface SinkView {
  readonly type: string;
  readonly delivery: 'confirmed' | 'sent';
  readonly format: string;
  readonly batch: { readonly maxEvents: number; readonly maxBytes: number; readonly maxWaitMs: number };
  readonly concurrent: number;
  /** Requests per second; null: no limit. */
  readonly rateLimit: number | null;
}

/** One event as a format renders it. */
export interface Rendered {
  readonly text: string;
  readonly kind: 'json' | 'text';
}

/** An event, read for showing: nothing in it is secret. */
export interface Understood {
  readonly summary: EventSummary;
  /** All that the event says, as JSON text, after redaction. */
  readonly text: string;
}

/** What a sink makes of an event, as it is configured now. */
export type SinkRendering =
  | { readonly kind: 'sent'; readonly format: string; readonly rendered: Rendered }
  /** The sink's `where` leaves it out. */
  | { readonly kind: 'filtered' }
  | { readonly kind: 'unrendered'; readonly reason: string };

/** What the daemon is made of now: asked for anew at each request, so that a reload may change it. */
export interface AdminView {
  /** Null when no daemon runs: a guest looks at the journal. */
  readonly status: Status | null;
  readonly sources: ReadonlyMap<string, SourceView>;
  readonly sinks: ReadonlyMap<string, SinkView>;
  /** With defaults filled in, and every secret masked. */
  readonly effectiveConfig: Json;
  /** Names that `preview` takes. */
  readonly formats: readonly string[];
  /** Renders an event of the journal; `format` is one of `formats`. May throw. */
  preview(event: AuditEvent, format: string): Rendered;
  /** Reads an event of the journal. Never throws. */
  understand(event: AuditEvent): Understood;
  /** Null where there is no sink of that name. */
  renderFor(sink: string, event: AuditEvent): SinkRendering | null;
  /** The interval of `heartbeat:`; null: no sink gets one. */
  readonly heartbeatMs: number | null;
}

/** From when on the readiness check says no. */
export interface ReadinessLimits {
  /** How much longer than its schedule explains a loop may go without reading or settling anything. Milliseconds. */
  readonly stalledAfterMs: number;
  /** The share of its limit that the journal may fill, in (0, 1]. */
  readonly journalShare: number;
}

export const READINESS_LIMITS: ReadinessLimits = {
  // Within five minutes an alarm must see it, whatever the reason: that leaves two for the poll interval.
  stalledAfterMs: 180_000,
  journalShare: 1,
};

export interface StatusOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly version: string;
  readonly limits: ReadinessLimits;
  view(): AdminView;
  /** Lines of the log that nobody took. */
  readonly droppedLogLines?: (() => number) | undefined;
}

export interface AdminOptions extends StatusOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Without it the listener changes nothing. Asked for at each request, as the hosts are: a reload may change both. */
  readonly token?: Secret | undefined;
  /** Host names, beside the address listened on, that a request may be addressed to. */
  readonly allowedHosts: readonly string[];
  readonly log: Log;
  /** Reads the configuration again; a bad one is refused with the lines that say why. */
  readonly reload?: (() => Promise<ReloadOutcome>) | undefined;
}

export interface ReloadOutcome {
  readonly ok: boolean;
  readonly lines: readonly string[];
}
