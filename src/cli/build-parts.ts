import type { Config, SinkConfig, SourceConfig } from '../config/config.ts';
import type { Canonicalize, Format } from '../formats/format.ts';
import { formats } from '../formats/registry.ts';
import { wallClock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { SinkPart, SourcePart } from '../pipeline/daemon.ts';
import { createOriginOf } from '../pipeline/origin.ts';
import type { OriginOf } from '../pipeline/origin.ts';
import { createLimit } from '../net/rate-limit.ts';
import { guardSink } from '../sinks/credential-guard.ts';
import { loadSink } from '../sinks/registry.ts';
import { guardSource } from '../sources/credential-guard.ts';
import { sources } from '../sources/registry.ts';
import type { SourceDefinition } from '../sources/source.ts';
import { version } from './version.ts';

export interface BuiltParts {
  readonly sources: ReadonlyMap<string, SourcePart>;
  readonly sinks: ReadonlyMap<string, SinkPart>;
  readonly canonicalize: Canonicalize;
  readonly originOf: OriginOf;
  close(): Promise<void>;
}

/** Makes the sources, sinks and formats that a configuration names. Touches no network. */
export async function buildParts(
  config: Config,
  log: Log,
  known: readonly SourceDefinition[] = sources,
): Promise<BuiltParts> {
  const normalize = config.normalize;
  const builtSources = new Map<string, SourcePart>();
  for (const { name, type, schedule, options } of config.sources.values()) {
    const definition = guardSource(find(known, (entry) => entry.type === type));
    const warn = (text: string): void => log.warn({ source: name }, text);
    const source = definition.create(options, {
      name,
      warn,
      clock: wallClock,
      forwarderVersion: version,
    });
    builtSources.set(name, { source, schedule, auditHorizonMs: definition.horizonMs(options) });
  }
  const builtSinks = new Map<string, SinkPart>();
  for (const sinkConfig of config.sinks.values()) {
    const { name, type, rateLimit, concurrent } = sinkConfig;
    const definition = guardSink(await loadSink(type));
    const warn = (text: string): void => log.warn({ sink: name }, text);
    const sink = definition.create(sinkConfig.options, {
      name,
      warn,
      clock: wallClock,
      forwarderVersion: version,
      concurrent,
      ...(rateLimit === null ? {} : { limit: createLimit({ requestsPerSecond: rateLimit }, wallClock) }),
    });
    builtSinks.set(name, { ...sinkConfig, sink, format: buildFormat(sinkConfig) });
  }
  return {
    sources: builtSources,
    sinks: builtSinks,
    canonicalize: canonicalizeOf(config, known),
    originOf: createOriginOf(builtSources, {
      forwarderVersion: version,
      labels: normalize.labels,
      ...(normalize.instance === undefined ? {} : { instance: normalize.instance }),
    }),
    async close() {
      for (const { source } of builtSources.values()) await source.close();
      for (const { sink } of builtSinks.values()) await sink.close();
    },
  };
}

/** How long the ids of a source's events are kept. Milliseconds. */
export function horizonOf({ type, options }: Pick<SourceConfig, 'type' | 'options'>): number {
  return find(sources, (entry) => entry.type === type).horizonMs(options);
}

/**
 * How events are read, by the type of their source: once for all sources of a type. What is left of a source that has left the configuration
 * is read as those of the first.
 */
export function canonicalizeOf(
  { sources: configured, normalize }: Pick<Config, 'sources' | 'normalize'>,
  known: readonly SourceDefinition[] = sources,
): Canonicalize {
  const byType = new Map<string, Canonicalize>();
  const bySource = new Map<string, Canonicalize>();
  for (const { name, type } of configured.values()) {
    const definition = find(known, (entry) => entry.type === type);
    const its = byType.get(type) ?? definition.createCanonicalize(normalize);
    byType.set(type, its);
    bySource.set(name, its);
  }
  const [first] = bySource.values();
  return (event) => {
    const its = bySource.get(event.source) ?? first;
    if (its === undefined) throw new Error('an event without any source');
    return its(event);
  };
}

/** The format of a sink, with that sink's options. */
export function buildFormat(sink: SinkConfig): Format {
  return find(formats, (entry) => entry.name === sink.format).create(formatOptionsOf(sink));
}

/** A document must name the data stream that it goes to: the stream's own name decides. */
function formatOptionsOf({ format, formatOptions, options }: SinkConfig): unknown {
  const { data_stream: stream } = options as { data_stream?: string };
  const named = /^logs-([^-]+)-([^-].*)$/.exec(stream ?? '');
  if (format !== 'ecs' || named === null) return formatOptions;
  return { ...(formatOptions as object), dataset: named[1], namespace: named[2] };
}

function find<T>(list: readonly T[], matches: (entry: T) => boolean): T {
  const found = list.find(matches);
  if (found === undefined) throw new Error('a part that the schema allows is not in its registry');
  return found;
}
