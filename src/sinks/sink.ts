import type { CanonicalEvent, Origin } from '../formats/format.ts';
import type { Heartbeat } from '../formats/heartbeat.ts';
import type { CheckReport } from '../model/check.ts';
import type { Clock } from '../model/clock.ts';
import type { Window } from '../model/event.ts';
import type { OptionProblem } from '../model/option-problems.ts';
import type { PartSchema } from '../model/part.ts';
import type { Limit } from '../net/rate-limit.ts';

/** One event, rendered for this sink. */
export interface Item {
  readonly canonical: CanonicalEvent;
  readonly origin: Origin;
  /** The rendered document: one line, no line break inside. */
  readonly body: string;
  /** The UTF-8 of `body`, where it has been made. Use it where bytes are needed: `body` makes the text anew at each access. */
  readonly utf8?: Buffer;
  /** `json` when body is a JSON object, `text` otherwise. */
  readonly kind: 'json' | 'text';
  /** Of its seal, which a heartbeat tells; absent without heartbeats. */
  readonly digest?: string;
  /** Set if this is a heartbeat and no audit event: the receiver must be able to tell the two apart. */
  readonly heartbeat?: Heartbeat;
}

/** Bytes of an item's document in UTF-8. */
export function bytesOf(item: Item): number {
  return item.utf8?.length ?? Buffer.byteLength(item.body);
}

export interface Batch {
  /** In journal order, never more than the sink's configured limits, unless one item alone is larger. */
  readonly items: readonly Item[];
  /** 1 on the first try of exactly these items. From the second on, the receiver may already hold some of them. */
  readonly attempt: number;
}

/** What became of one item. */
export type Fate =
  | { readonly outcome: 'delivered' }
  /** The receiver already had it. Settled, but counted separately. */
  | { readonly outcome: 'duplicate' }
  /** Not taken, or unknown: the deliver loop sends it again. `unanswered`: it may have been taken. */
  | { readonly outcome: 'retry'; readonly reason: string; readonly unanswered?: boolean }
  /** The receiver will never take it: dead letter, with the receiver's own words. */
  | { readonly outcome: 'rejected'; readonly reason: string };

export interface Receipt {
  /** One fate per item, in the batch's order. */
  readonly fates: readonly Fate[];
  /** The receiver asks for no further request before this. Milliseconds. */
  readonly retryAfterMs?: number;
  /** The receiver is near its limit: the loop sends less at a time for a while. */
  readonly slowDown?: boolean;
  /** Noteworthy but harmless, for the log (said once): "12 documents went to the failure store". */
  readonly notice?: string;
}

/**
 * - confirmed  the receiver says it has stored or queued the event (and we wait for that)
 * - sent       the bytes left and the connection closed cleanly, but the protocol knows no receipt
 */
export type DeliveryClass = 'confirmed' | 'sent';

/** Most ids in one call of `holds`, unless the sink sets `idsAtOnce`. */
export const IDS_AT_ONCE = 1000;

/**
 * A place that events go to.
 *
 * `send` resolves with the fate of every item; splitting a request that is too large, isolating the item that a receiver
 * names, and waiting for an acknowledgement happen inside it. It throws a ForwardError when it cannot tell any item's
 * fate: `transient` (nothing or something may have been taken, try the same again), `denied` (credentials, certificate,
 * permission, wrong index or URL). It never retries on its own, never drops, and rejects promptly when `signal` aborts.
 * An empty batch resolves with no fates and touches no network. The loop may call it for several batches at once when
 * `concurrent` allows.
 */
export interface Sink {
  readonly delivery: DeliveryClass;
  /** Whether it needs more of each event than a `LightEvent` holds. If not, the rest is parsed again when something asks for it. */
  readonly wholeEvents?: boolean;
  send(batch: Batch, signal: AbortSignal): Promise<Receipt>;
  /**
   * How many batches beyond `concurrent` may be in flight now: sent, with the receiver's answer still to come. Even so the sink sends at
   * most `concurrent` batches at a time, in the order of the calls. Absent: none.
   */
  ahead?(): number;
  /** The most that `ahead` ever says; absent: none. */
  readonly aheadAtMost?: number;
  /** An item as a request carries it, without the frame around all of them; null if it is too large to be sent. Absent: its body. */
  asSent?(item: Item): string | null;
  /** Looks at everything that `send` will need, for real: reachable, TLS, credentials, index, sizes. Sends no event. */
  check(signal: AbortSignal): Promise<CheckReport>;
  /**
   * Asks the receiver which of these event ids it holds, with how many copies. Absent where the protocol cannot be asked.
   * At most `idsAtOnce` ids a call. All of them were created in the window `within`, for a receiver that is searched by time.
   */
  holds?(ids: readonly string[], signal: AbortSignal, within?: Window): Promise<ReadonlyMap<string, number>>;
  /** Most ids in one call of `holds`; absent: `IDS_AT_ONCE`. Set higher where each call reads everything that was written. */
  readonly idsAtOnce?: number;
  /** Whether a credential was replaced since the sink used it last: then a hold may end. `credential-guard.ts` adds this to every sink. */
  credentialReplaced?(): boolean;
  /** Lets go of connections and files. Safe to call twice and without `send`. */
  close(): Promise<void>;
}

/** What every sink gets besides its own options. */
export interface SinkContext {
  /** The name in the configuration: the identity of its cursor. */
  readonly name: string;
  /** A line for the operator, warning level. The sink's name is added. */
  warn(message: string): void;
  readonly clock: Clock;
  readonly forwarderVersion: string;
  /** For credentials that the sink obtains, such as tokens: `known` lists those that must not show in what it tells. */
  conceal?(known: () => readonly string[]): void;
  /** For credentials that are no secrets of its options, such as certificate files: `isReplaced` says whether one is new since the last call. */
  watchCredential?(isReplaced: () => boolean): void;
  /** Batches that may be sent at a time; above 1 their order is not kept. Absent: 1. */
  readonly concurrent?: number;
  /** The rate of requests to the receiver, which may be several for a batch (`request-limit.ts`). Absent: no limit. */
  readonly limit?: Limit;
}

/** Limits beyond which a receiver answers with success and then drops an event, cuts it or changes its time. */
export interface KnownLimits {
  /** Its name, for people. */
  readonly receiver: string;
  /** Milliseconds. */
  readonly maxAgeMs?: number;
  /** Of one document. */
  readonly maxBytes?: number;
}

/** A sink type, listed in registry.ts. */
export interface SinkDefinition<Options = unknown> {
  readonly type: string;
  readonly schema: PartSchema;
  /** Default format name, and which ones make no sense here. */
  readonly defaultFormat: string;
  /** Limits of a batch unless the operator sets others: receivers differ. */
  readonly defaultBatch: {
    readonly maxEvents: number;
    readonly maxBytes: number;
    readonly maxWaitMs: number;
  };
  /** Checks what the schema cannot express, before anything starts. */
  validate?(options: Options): readonly OptionProblem[];
  /** Used where the operator sets neither max_event_age nor max_event_bytes; null where nothing is known of the receiver. */
  knownLimits?(options: Options): KnownLimits | null;
  /** A thing that only one sink may use, such as a file: always in the same words, and the key in the configuration that names it. */
  claims?(options: Options): { readonly path: string; readonly thing: string };
  /** Options arrive validated, durations in milliseconds, sizes in bytes, secrets as Secret, paths absolute. */
  create(options: Options, context: SinkContext): Sink;
}
