import type { Canonicalize, Product } from '../formats/format.ts';
import type { GivenNormalizeOptions } from '../formats/options.ts';
import type { CheckReport } from '../model/check.ts';
import type { ForwardError } from '../model/errors.ts';
import type { Clock } from '../model/clock.ts';
import type { OptionProblem } from '../model/option-problems.ts';
import type { PartSchema } from '../model/part.ts';
import type { EventIdentity } from '../model/event-id.ts';
import type { Coverage, Finding, Json, MalformedItem, NewEvent, Window } from '../model/event.ts';

/** What a source may ask of the journal. The journal itself sorts out which events are new. */
export interface HeldEvents {
  /** How many distinct ids of this source are known with a created_at in the window, wanted or filtered. */
  count(window: Window): Promise<number>;
  /**
   * The id under which each of these events is known, in their order, and null for one that is not. It may be another than
   * the event states: several events can share one (see docs/guarantees.md).
   */
  known(events: readonly EventIdentity[]): Promise<readonly (string | null)[]>;
  /** Up to `limit` known ids, as `known` gives them, with a created_at in the window that are not in `seen`. */
  missing(window: Window, seen: ReadonlySet<string>, limit: number): Promise<readonly string[]>;
}

/** What a source that is polled may ask of the loop that reads it. */
export interface Reader extends HeldEvents {
  /**
   * Asked before unreadable items are yielded as `malformed`. Null: they may be set aside. An error: nearly everything is unreadable for one
   * reason, and `elsewhere` said that other items can be read: what it was read from stays open. Throws where they cannot.
   */
  doubt(
    read: Pick<Harvest, 'events' | 'malformed'>,
    elsewhere: () => Promise<boolean>,
  ): Promise<ForwardError | null>;
}

/** One step of reading, committed as one transaction. `events` may repeat what is held: the journal drops repeats. */
export interface Harvest {
  /** Why it was read: to go on, because a count differed later, or because an operator asked for a past range. */
  readonly purpose: 'live' | 'reconcile' | 'backfill';
  readonly events: readonly NewEvent[];
  readonly malformed: readonly MalformedItem[];
  readonly coverage: readonly Coverage[];
  readonly findings: readonly Finding[];
  /** Replaces the source's resume state, and is true once this harvest is committed. Null leaves it as it is. */
  readonly progress: Json | null;
}

/** A harvest of a past range, and the windows of it that are still to be read once it is committed. */
export interface RangeHarvest extends Harvest {
  readonly open: readonly Window[];
  /** Those of them that fail however little is asked for, while the rest is read: the reading ends with an error when only they are left. */
  readonly aside?: readonly Trouble[];
}

/** A window that fails at the moment, while others are read. */
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
  /** Before it every window is finished. */
  readonly frontierNs: bigint | null;
  /** The end that the running (or last) poll aims at. */
  readonly targetNs: bigint | null;
  readonly openWindows: number;
  /** Closed windows that are due to be counted again. */
  readonly pendingReconcile: number;
  /** Server clock minus ours, milliseconds. */
  readonly clockSkewMs: number | null;
  /** What is wrong with the two clocks; null or absent while they agree. */
  readonly clock?: ClockDoubt | null;
  readonly requests: number;
  readonly overlapMs: number;
  /** When the credential expires, milliseconds since 1970; null or absent where nobody says. */
  readonly keyExpiresMs?: number | null;
  /** Open windows that fail at the moment; empty when all is well. They do not keep others from being read. */
  readonly troubles: readonly Trouble[];
  /**
   * Findings that hold as long as they are listed here: the loop records them, and acknowledges them once they are gone.
   * None when absent.
   */
  readonly standing?: readonly Finding[];
}

/** A difference between the Platform's clock and ours that an operator should end. Reading goes on meanwhile. */
export interface ClockDoubt {
  /** Whose clock it is: `apart` where that cannot be told. */
  readonly wrong: 'ours' | 'platform' | 'apart';
  readonly text: string;
  readonly hint: string;
}

/** What a source can tell about where its events come from. */
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
  /** Reads past windows without touching the progress: for backfill and repair. Yields under the same rules as `poll`. */
  read(windows: readonly Window[], signal: AbortSignal): AsyncIterable<RangeHarvest>;
  /**
   * How many events the server has in a window, filters not applied: `expected` only if its list holds exactly so many. Any
   * other number is its own count and no proof; null where it gives none that can be believed, or the window is too much for it.
   */
  count(window: Window, expected: number, signal: AbortSignal): Promise<number | null>;
  /**
   * Times as the events show them minus times as `read` and `count` take them, where polls found all to differ by as much.
   * `progress`: as kept in the journal.
   */
  offsetNs?(progress: Json | null): bigint;
  /** From when on everything is read, by the times that the events show; null while nothing was. `progress`: as kept in the journal. */
  startNs?(progress: Json | null): bigint | null;
  check(signal: AbortSignal): Promise<CheckReport>;
  state(): SourceState;
  /** What is known of the installation: the same object until something new is. */
  origin(): SourceOrigin;
  /** Whether a credential was replaced since it was used last: then a hold may end. `credential-guard.ts` looks at the secrets of the options. */
  credentialReplaced?(): boolean;
  close(): Promise<void>;
}

/** What every source is handed beside its own options. */
export interface SourceContext {
  /** The name in the configuration: the identity of its progress. */
  readonly name: string;
  /** A line for the operator, warning level. The source's name is added. */
  warn(message: string): void;
  readonly clock: Clock;
  readonly forwarderVersion: string;
}

/** How a source type enters the program: one of these per source, one line in registry.ts. */
export interface SourceDefinition<Options = unknown> {
  readonly type: string;
  readonly schema: PartSchema;
  /** What the schema cannot say, looked at before anything starts. */
  validate?(options: Options): readonly OptionProblem[];
  /** Options arrive validated, durations in milliseconds, sizes in bytes, secrets as Secret, paths absolute. */
  create(options: Options, context: SourceContext): Source;
  /** How long an event may still appear after its time, and is known by its id. Milliseconds. */
  horizonMs(options: Options): number;
  /** Reads items of such sources into the canonical form. `normalize`: the validated section of the configuration. */
  readonly createCanonicalize: (normalize: GivenNormalizeOptions) => Canonicalize;
}
