import type { Canonicalize, Product } from '../formats/format.ts';
import type { GivenNormalizeOptions } from '../formats/options.ts';
import type { CheckReport } from '../model/check.ts';
import type { ForwardError } from '../model/errors.ts';
import type { Clock } from '../model/clock.ts';
import type { OptionProblem } from '../model/option-problems.ts';
import type { PartSchema } from '../model/part.ts';
import type { EventIdentity } from '../model/event-id.ts';
import type { Coverage, Finding, Json, MalformedItem, NewEvent, Window } from '../model/event.ts';

/** What a source may ask of the journal, which itself decides which events are new. */
export interface HeldEvents {
  /** How many distinct ids of this source are known with a created_at in the window, filtered ones included. */
  count(window: Window): Promise<number>;
  /**
   * The id under which each of these events is known, in their order; null if it is not known. It may differ from the id that
   * the event states, since several events can state the same (see docs/guarantees.md).
   */
  known(events: readonly EventIdentity[]): Promise<readonly (string | null)[]>;
  /** Up to `limit` known ids, as `known` gives them, with a created_at in the window that are not in `seen`. */
  missing(window: Window, seen: ReadonlySet<string>, limit: number): Promise<readonly string[]>;
}

/** What a source that is polled may ask of the loop that reads it. */
export interface Reader extends HeldEvents {
  /**
   * To be asked before unreadable items are yielded as `malformed`. Null: yield them. An error: nearly everything is unreadable for one reason
   * while items elsewhere can be read, so the window must stay open. Throws if nothing can be read `elsewhere` either.
   */
  doubt(
    read: Pick<Harvest, 'events' | 'malformed'>,
    elsewhere: () => Promise<boolean>,
  ): Promise<ForwardError | null>;
}

/** One step of reading, committed as one transaction. `events` may repeat what is held: the journal drops repeats. */
export interface Harvest {
  /** Why it was read: as the newest, because a later count differed, or because an operator asked for a past range. */
  readonly purpose: 'live' | 'reconcile' | 'backfill';
  readonly events: readonly NewEvent[];
  readonly malformed: readonly MalformedItem[];
  readonly coverage: readonly Coverage[];
  readonly findings: readonly Finding[];
  /** The source's progress once this harvest is committed. Null: as before. */
  readonly progress: Json | null;
}

/** A harvest of a past range, and the windows of it that are still to be read once it is committed. */
export interface RangeHarvest extends Harvest {
  readonly open: readonly Window[];
  /** The open windows that fail however little is asked for. Once only these are left, the reading ends with an error. */
  readonly aside?: readonly Trouble[];
}

/** A window that fails while others are read. */
export interface Trouble {
  readonly window: Window;
  /** What happened, as one sentence. */
  readonly reason: string;
  readonly hint?: string;
  /** Since when it fails, milliseconds since 1970. */
  readonly sinceMs: number;
  /** When it is tried again, milliseconds since 1970; absent: with the next poll. */
  readonly nextTryMs?: number;
}

/** Kinds of findings that hold for a while: see `SourceState.standing`. */
export const STANDING_KINDS: readonly string[] = ['unreadable_window', 'unreadable_row', 'times_differ'];

/** Live figures of a source, for status and metrics. Times in nanoseconds since 1970; null while unknown. */
export interface SourceState {
  /** The frontier: before it every window is finished. */
  readonly frontierNs: bigint | null;
  /** The end up to which the running or last poll reads. */
  readonly targetNs: bigint | null;
  readonly openWindows: number;
  /** Closed windows that are due to be counted again. */
  readonly pendingReconcile: number;
  /** Server clock minus ours, milliseconds. */
  readonly clockSkewMs: number | null;
  /** How the two clocks differ; null or absent while they agree. */
  readonly clock?: ClockDoubt | null;
  readonly requests: number;
  readonly overlapMs: number;
  /** When the credential expires, milliseconds since 1970; null or absent if unknown. */
  readonly keyExpiresMs?: number | null;
  /** Open windows that fail while others are read. */
  readonly troubles: readonly Trouble[];
  /**
   * Findings that hold as long as they are listed here: the loop records them, and acknowledges them once they are gone.
   * Absent: none.
   */
  readonly standing?: readonly Finding[];
}

/** A difference between the Platform's clock and ours that an operator should end. Reading goes on meanwhile. */
export interface ClockDoubt {
  /** Whose clock is wrong; `apart` if that is unknown. */
  readonly wrong: 'ours' | 'platform' | 'apart';
  readonly text: string;
  readonly hint: string;
}

/** What a source knows about where its events come from. */
export interface SourceOrigin {
  readonly product: Product;
  /** Host of the installation. */
  readonly instance: string;
  readonly apiVersion: string;
  readonly platformVersion?: string;
  readonly tenantId?: string;
}

export interface Source {
  /**
   * Yields what is new to the journal. Each harvest may be committed alone, and must be committed before the next is
   * asked for. Never retries past its own request policy, never sleeps between polls (the daemon schedules), rejects
   * promptly with the signal's reason when `signal` aborts, and throws a ForwardError otherwise.
   * `progress` is the last committed one, null on the very first run; a value it cannot read is `corrupt`.
   */
  poll(held: Reader, progress: Json | null, signal: AbortSignal): AsyncIterable<Harvest>;
  /** Reads past windows without touching the progress, for backfill and repair, under the same rules as `poll`. */
  read(windows: readonly Window[], signal: AbortSignal): AsyncIterable<RangeHarvest>;
  /**
   * How many events the server has in a window, filters not applied: `expected` only if its list holds exactly so many. Any other
   * number is the server's own count and proves nothing; null if it gives none that is credible, or cannot answer for the window.
   */
  count(window: Window, expected: number, signal: AbortSignal): Promise<number | null>;
  /**
   * Times as events show them minus times as `read` and `count` take them, if polls found that all differ by the same.
   * `progress`: as kept in the journal.
   */
  offsetNs?(progress: Json | null): bigint;
  /** Since when everything was read, by the times that events show; null before the first poll. `progress`: as kept in the journal. */
  startNs?(progress: Json | null): bigint | null;
  check(signal: AbortSignal): Promise<CheckReport>;
  state(): SourceState;
  /** What is known of the installation: the same object until that changes. */
  origin(): SourceOrigin;
  /** Whether a credential was replaced since it was used last: then a hold may end. `credential-guard.ts` looks at the secrets of the options. */
  credentialReplaced?(): boolean;
  close(): Promise<void>;
}

/** What every source gets besides its own options. */
export interface SourceContext {
  /** The name in the configuration: the identity of its progress. */
  readonly name: string;
  /** A line for the operator, warning level. The source's name is added. */
  warn(message: string): void;
  readonly clock: Clock;
  readonly forwarderVersion: string;
}

/** A source type, listed in registry.ts. */
export interface SourceDefinition<Options = unknown> {
  readonly type: string;
  readonly schema: PartSchema;
  /** Checks what the schema cannot express, before anything starts. */
  validate?(options: Options): readonly OptionProblem[];
  /** Options arrive validated, durations in milliseconds, sizes in bytes, secrets as Secret, paths absolute. */
  create(options: Options, context: SourceContext): Source;
  /** For how long after its time an event may still appear; its id is known as long. Milliseconds. */
  horizonMs(options: Options): number;
  /** Makes canonical events of this type's items. `normalize`: that section of the configuration, validated. */
  readonly createCanonicalize: (normalize: GivenNormalizeOptions) => Canonicalize;
}
