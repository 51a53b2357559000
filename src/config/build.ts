import type { Outcome, Severity } from '../formats/format.ts';
import type { NormalizeOptions } from '../formats/options.ts';
import type { Secret } from '../model/secret.ts';
import type { SinkDefinition } from '../sinks/sink.ts';
import type { SimulatorOptions } from '../simulator/options.ts';
import type { Config, LogLevel, SinkConfig, SourceConfig } from './config.ts';
import { parseListen } from './validate.ts';

/** How often a source is polled that says neither poll_interval nor schedule. */
const DEFAULT_POLL_INTERVAL_MS = 15_000;

/** The data as the assembled schema leaves it: checked, converted, defaults filled in. */
interface Validated {
  readonly state: Config['state'];
  readonly admin: {
    readonly listen: string;
    readonly token?: Secret;
    readonly allowed_hosts: readonly string[];
  };
  readonly log: { readonly level: LogLevel; readonly format: Config['log']['format'] };
  readonly heartbeat?: { readonly every: number; readonly signing_key?: Secret };
  readonly shutdown_timeout: number;
  readonly normalize: NormalizeOptions;
  readonly simulator?: SimulatorOptions;
  readonly sources: Readonly<Record<string, ValidatedSource>>;
  readonly sinks: Readonly<Record<string, ValidatedSink>>;
}

interface ValidatedSource {
  readonly type: string;
  readonly poll_interval?: number;
  readonly schedule?: string;
}

interface ValidatedSink {
  readonly type: string;
  readonly format: string;
  readonly format_options: unknown;
  readonly batch: { readonly max_events: number; readonly max_bytes: number; readonly max_wait: number };
  readonly where: {
    readonly event_type: readonly string[];
    readonly status: readonly Outcome[];
    readonly severity: Severity;
  };
  readonly concurrent: number;
  readonly rate_limit?: number;
  readonly max_event_age?: number;
  readonly max_event_bytes?: number;
  readonly on_mass_rejection: 'hold' | 'dead_letter';
}

/** The typed configuration from data that has passed the assembled schema of these sinks, among others. */
export function buildConfig(
  data: unknown,
  origin: Pick<Config, 'file' | 'folder' | 'warnings'>,
  definitions: readonly SinkDefinition[],
): Config {
  const valid = data as Validated;
  const { token } = valid.admin;
  return {
    ...origin,
    state: valid.state,
    admin: {
      listen: parseListen(valid.admin.listen),
      ...(token === undefined ? {} : { token }),
      allowed_hosts: valid.admin.allowed_hosts,
    },
    log: valid.log,
    heartbeat:
      valid.heartbeat === undefined
        ? null
        : { everyMs: valid.heartbeat.every, signingKey: valid.heartbeat.signing_key ?? null },
    shutdown_timeout: valid.shutdown_timeout,
    normalize: valid.normalize,
    simulator: valid.simulator ?? null,
    sources: new Map(
      Object.entries(valid.sources).map(([name, source]) => [name, buildSource(name, source)]),
    ),
    sinks: new Map(
      Object.entries(valid.sinks).map(([name, sink]) => [name, buildSink(name, sink, definitions)]),
    ),
  };
}

function buildSource(name: string, source: ValidatedSource): SourceConfig {
  const { type, ...options } = source;
  const schedule =
    source.schedule === undefined
      ? { everyMs: source.poll_interval ?? DEFAULT_POLL_INTERVAL_MS }
      : { cron: source.schedule };
  return { name, type, schedule, options };
}

function buildSink(name: string, sink: ValidatedSink, definitions: readonly SinkDefinition[]): SinkConfig {
  const {
    type,
    format,
    format_options,
    batch,
    where,
    concurrent,
    rate_limit,
    max_event_age,
    max_event_bytes,
    on_mass_rejection,
    ...options
  } = sink;
  const definition = definitions.find((one) => one.type === type);
  const known = definition?.knownLimits?.(options) ?? null;
  return {
    name,
    type,
    format,
    formatOptions: format_options,
    batch: { maxEvents: batch.max_events, maxBytes: batch.max_bytes, maxWaitMs: batch.max_wait },
    where: { eventType: where.event_type, status: where.status, severity: where.severity },
    concurrent,
    rateLimit: rate_limit ?? null,
    limits: {
      maxAgeMs: max_event_age ?? known?.maxAgeMs ?? Infinity,
      maxBytes: max_event_bytes ?? known?.maxBytes ?? Infinity,
    },
    onMassRejection: on_mass_rejection,
    options,
  };
}
