/** JSON as parsed; `unknown` at the edges would only move the casts elsewhere. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** An audit event as the journal keeps it. */
export interface AuditEvent {
  /** Place in the journal: grows with every event appended, over all sources, so that a sink needs one cursor. */
  readonly seq: bigint;
  /** The source's name in the configuration. */
  readonly source: string;
  /** The Platform's event id, or `sha256:…` of the bytes where the Platform sent none: the idempotency key everywhere. */
  readonly id: string;
  /** RFC 3339 exactly as the Platform sent it: Date would cut it to milliseconds. */
  readonly createdAt: string;
  /** createdAt in nanoseconds since 1970 where it is at hand, so that nobody has to read the time again. */
  readonly createdNs?: bigint;
  /** The event's own text, cut out of the response: numbers over 2^53 survive. */
  readonly original: string;
  /** The UTF-8 of `original` where it is at hand: its length is known without making the text. */
  readonly utf8?: Buffer;
  /** When the journal first had it. RFC 3339, milliseconds. */
  readonly receivedAt: string;
}

/** About how long an event is, without making its text: in bytes where they are at hand, else in UTF-16 units. */
export function sizeOf(event: Pick<AuditEvent, 'original' | 'utf8'>): number {
  return (event.utf8 ?? event.original).length;
}

/** An audit event on its way into the journal. */
export interface NewEvent {
  readonly id: string;
  readonly createdAt: string;
  /** createdAt in nanoseconds since 1970. */
  readonly createdNs: bigint;
  readonly original: string;
  /** The UTF-8 of `original` where it is at hand, so that nobody has to make it again. */
  readonly utf8?: Buffer;
  /** As sent; empty when the event has none. */
  readonly eventType: string;
  /** False when the source's filters leave it out: its id is remembered for the counts, the event is not kept. */
  readonly wanted: boolean;
}

/** An item of a response that cannot be read as an event: set aside with its bytes, never in the way of the rest. */
export interface MalformedItem {
  readonly reason: string;
  readonly bytes: Buffer;
}

/** A span of event time; both ends inclusive, in nanoseconds since 1970. */
export interface Window {
  readonly startNs: bigint;
  readonly endNs: bigint;
}

/**
 * What is known about a window.
 * - read      every page of it was read, and the count met where the server gave one
 * - verified  read, and a later count by the server agreed
 * - suspect   could not be read to agreement: shown until a later read agrees
 */
export type CoverageStatus = 'read' | 'verified' | 'suspect';

export interface Coverage extends Window {
  readonly status: CoverageStatus;
  /** The server's own count for the window, where it gave one. */
  readonly serverCount: number | null;
}

/** Something an operator has to know that no retry can fix. */
export interface Finding {
  /** `fewer_on_server`, `altered_event`, `gap`, `suspect_window`, `stray_row`, `unreadable_window`, … */
  readonly kind: string;
  readonly window?: Window;
  readonly eventId?: string;
  /** What tells it from others of its kind where neither the window nor the event does. */
  readonly subject?: string;
  /** One sentence: what was seen and what it may mean. */
  readonly summary: string;
  readonly detail?: Json;
}

/**
 * An event, read or stored, whose text is made from its bytes when it is asked for, and is garbage as soon as it was read: a page of texts
 * would live long enough to be copied by every collection.
 */
export function eventInPage<Fields extends object>(
  fields: Fields,
  utf8: Buffer,
): Fields & { readonly original: string; readonly utf8: Buffer } {
  return new EventInPage(fields, utf8) as EventInPage & Fields;
}

class EventInPage {
  readonly utf8: Buffer;

  constructor(fields: object, utf8: Buffer) {
    Object.assign(this, fields);
    this.utf8 = utf8;
  }

  get original(): string {
    return this.utf8.toString('utf8');
  }
}
