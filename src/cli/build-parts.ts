import type { Config } from '../config/config.ts';
import { createCanonicalize } from '../formats/canonical.ts';
import type { NormalizeOptions } from '../formats/options.ts';
import type { Canonicalize } from '../formats/format.ts';
import { formats } from '../formats/registry.ts';
import { wallClock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { SinkPart, SourcePart } from '../pipeline/daemon.ts';
import { sinks } from '../sinks/registry.ts';
import { sources } from '../sources/registry.ts';
import { version } from './version.ts';

export interface BuiltParts {
  readonly sources: ReadonlyMap<string, SourcePart>;
  readonly sinks: ReadonlyMap<string, SinkPart>;
  readonly canonicalize: Canonicalize;
  readonly labels: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Makes the sources, sinks and formats that a configuration names. Touches no network. */
export function buildParts(config: Config, log: Log): BuiltParts {
  const normalize = config.normalize as NormalizeOptions;
  const builtSources = new Map<string, SourcePart>();
  for (const { name, type, schedule, options } of config.sources.values()) {
    const definition = find(sources, (entry) => entry.type === type);
    const warn = (text: string): void => log.warn({ source: name }, text);
    const source = definition.create(options as never, {
      name,
      warn,
      clock: wallClock,
      forwarderVersion: version,
    });
    const { audit_horizon: auditHorizonMs } = options as { audit_horizon: number };
    builtSources.set(name, { source, schedule, auditHorizonMs });
  }
  const builtSinks = new Map<string, SinkPart>();
  for (const sinkConfig of config.sinks.values()) {
    const { name, type } = sinkConfig;
    const definition = find(sinks, (entry) => entry.type === type);
    const warn = (text: string): void => log.warn({ sink: name }, text);
    const sink = definition.create(sinkConfig.options as never, {
      name,
      warn,
      clock: wallClock,
      forwarderVersion: version,
    });
    const format = find(formats, (entry) => entry.name === sinkConfig.format).create(
      sinkConfig.formatOptions as never,
    );
    builtSinks.set(name, { ...sinkConfig, sink, format });
  }
  return {
    sources: builtSources,
    sinks: builtSinks,
    canonicalize: createCanonicalize(normalize),
    labels: normalize.labels ?? {},
    async close() {
      for (const { source } of builtSources.values()) await source.close();
      for (const { sink } of builtSinks.values()) await sink.close();
    },
  };
}

function find<T>(list: readonly T[], matches: (entry: T) => boolean): T {
  const found = list.find(matches);
  if (found === undefined) throw new Error('a part that the schema allows is not in its registry');
  return found;
}
