import type { Config } from '../../config/config.ts';
import { isWithin } from '../../config/paths.ts';
import type { Json } from '../../model/event.ts';
import { Secret } from '../../model/secret.ts';
import { openConfig } from '../session.ts';
import type { Terminal } from '../terminal.ts';

/**
 * The configuration for a job that is done here, from one that was read for its journal alone: only the secrets of what the job reaches
 * have to be there, and it holds no other sink. A replay reads no source, but an event says where it comes from. Throws `config` as
 * `openConfig` does.
 */
export async function openReached(
  config: Config,
  kind: 'backfill' | 'replay',
  params: { readonly [key: string]: Json },
  terminal: Terminal,
): Promise<Config> {
  const { source, sink } = params;
  const isReached = (name: string): boolean => name === sink;
  const isRead = (name: string): boolean => kind === 'backfill' && (source === null || source === name);
  const reached = [
    ...[...config.sinks.keys()].filter(isReached).map((name) => `sinks.${name}`),
    ...[...config.sources.keys()].filter(isRead).map((name) => `sources.${name}`),
  ];
  const unreached = [
    'admin',
    ...(typeof sink === 'string' ? [] : ['heartbeat']),
    ...[...config.sinks.keys()].map((name) => `sinks.${name}`),
    ...[...config.sources].flatMap(([name, { options }]) =>
      secretsOf(options).map((key) => `sources.${name}.${key}`),
    ),
    // A name may hold a dot, so that one sink looks like a part of another.
  ].filter((place) => !reached.some((one) => isWithin(one, place) || isWithin(place, one)));
  const opened = await openConfig(config.file, terminal, { unreached });
  return { ...opened, sinks: new Map([...opened.sinks].filter(([name]) => isReached(name))) };
}

/** The keys of options that are secrets. */
function secretsOf(options: unknown): string[] {
  return Object.entries(options as object).flatMap(([key, value]) => (value instanceof Secret ? [key] : []));
}
