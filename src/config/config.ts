import type { Outcome, Severity } from '../formats/format.ts';
import type { NormalizeOptions } from '../formats/options.ts';
import type { Secret } from '../model/secret.ts';
import type { SimulatorOptions } from '../simulator/options.ts';

export type { Parts } from './schema.ts';

/** A whole configuration: validated, defaults filled in, durations in milliseconds, sizes in bytes, paths absolute. */
export interface Config {
  /** The file it came from, as it was named. */
  readonly file: string;
  /** The absolute folder of that file: what relative paths start from. */
  readonly folder: string;
  readonly state: {
    readonly type: 'sqlite' | 'postgres';
    /** Of `sqlite`. */
    readonly dir: string;
    /** Of `postgres`, and there with it. */
    readonly url?: Secret;
    readonly schema: string;
    /** Milliseconds. */
    readonly lease: number;
    /** How long an event stays after every sink is past it. Milliseconds. */
    readonly retention: number;
    /** Above this the journal takes no more events. Bytes. */
    readonly max_size: number;
  };
  readonly admin: {
    /** Null when it says "off". */
    readonly listen: { readonly host: string; readonly port: number } | null;
    readonly token?: Secret;
    /** Further host names that a request may address, beside the address listened on. */
    readonly allowed_hosts: readonly string[];
  };
  readonly log: {
    readonly level: LogLevel;
    readonly format: 'auto' | 'json' | 'pretty';
  };
  /** Null when the configuration has no such section. */
  readonly heartbeat: { readonly everyMs: number; readonly signingKey: Secret | null } | null;
  /** Milliseconds. */
  readonly shutdown_timeout: number;
  readonly normalize: NormalizeOptions;
  /** Null when the configuration has no such section. */
  readonly simulator: SimulatorOptions | null;
  /** By name; at least one. */
  readonly sources: ReadonlyMap<string, SourceConfig>;
  /** By name; at least one. */
  readonly sinks: ReadonlyMap<string, SinkConfig>;
  /** What is allowed but unwise, one line each with its position: for the log at each start. */
  readonly warnings: readonly string[];
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

export interface SourceConfig {
  readonly name: string;
  readonly type: string;
  /** When the daemon polls: every so many milliseconds, or by a cron expression. */
  readonly schedule: { readonly everyMs: number } | { readonly cron: string };
  /** As the definition's schema says. */
  readonly options: unknown;
}

export interface SinkConfig {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  /** As the format's schema says. */
  readonly formatOptions: unknown;
  readonly batch: { readonly maxEvents: number; readonly maxBytes: number; readonly maxWaitMs: number };
  readonly where: Where;
  /** Batches in flight at once. */
  readonly concurrent: number;
  /** Requests per second; null: no limit. */
  readonly rateLimit: number | null;
  /** What the receiver would drop or cut without a word; `Infinity` where nothing is known of it. */
  readonly limits: { readonly maxAgeMs: number; readonly maxBytes: number };
  /** What to do when a receiver refuses nearly everything for one reason. */
  readonly onMassRejection: 'hold' | 'dead_letter';
  /** As the definition's schema says. */
  readonly options: unknown;
}

/** Which events a sink takes; an empty list takes all. */
export interface Where {
  /** Globs over the event type: `*` any characters, `?` one. */
  readonly eventType: readonly string[];
  readonly status: readonly Outcome[];
  /** The least severity. */
  readonly severity: Severity;
}
