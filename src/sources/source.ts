import type { CheckReport } from '../model/check.ts';
import type { Clock } from '../model/clock.ts';
import type { OptionProblem } from '../model/option-problems.ts';
import type { PartSchema } from '../model/part.ts';
import type { Coverage, Finding, Json, MalformedItem, NewEvent, Window } from '../model/event.ts';

/** What a source may ask of the journal: only counts. The journal itself sorts out which ids are new. */
export interface HeldEvents {
  /** How many distinct ids of this source are known with a created_at in the window, wanted or filtered. */
  count(window: Window): Promise<number>;
  /** Which of these ids are already known. */
  known(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Up to `limit` known ids with a created_at in the window that are not in `seen`. */
  missing(window: Window, seen: ReadonlySet<string>, limit: number): Promise<readonly string[]>;
}

/** One step of reading, committed as one transaction. `events` may repeat what is held: the journal drops repeats by id. */
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
}

/** A span that cannot be read now, while others are. It is tried again until it can. */
export interface Trouble {
  readonly window: Window;
  readonly reason: string;
  readonly hint?: string;
  /** When it first failed. Milliseconds since 1970. */
  readonly sinceMs: number;
}

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
  readonly requests: number;
  readonly overlapMs: number;
  /** Spans that fail while others are read; empty when there is none. */
  readonly troubles: readonly Trouble[];
}

/** What a source can tell about where its events come from. */
export interface SourceOrigin {
  /** Host of the installation. */
  readonly instance: string;
  readonly apiVersion: 'v1' | 'v2';
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
  poll(held: HeldEvents, progress: Json | null, signal: AbortSignal): AsyncIterable<Harvest>;
  /** Reads past windows without touching the progress: for backfill and repair. Yields under the same rules as `poll`. */
  read(windows: readonly Window[], signal: AbortSignal): AsyncIterable<RangeHarvest>;
  /** The server's own count of a window, filters not applied; null where it does not count. */
  count(window: Window, signal: AbortSignal): Promise<number | null>;
  check(signal: AbortSignal): Promise<CheckReport>;
  state(): SourceState;
  /** What is known of the installation: the same object until something new is. */
  origin(): SourceOrigin;
  /** Reads its credentials again from where they came from. Returns whether one changed. */
  refreshSecrets(): boolean;
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
export interface SourceDefinition<Options = never> {
  readonly type: string;
  readonly schema: PartSchema;
  /** What the schema cannot say, looked at before anything starts. */
  validate?(options: Options): readonly OptionProblem[];
  /** Options arrive validated, durations in milliseconds, sizes in bytes, secrets as Secret, paths absolute. */
  create(options: Options, context: SourceContext): Source;
}
