import type { Config } from '../config/config.ts';
import { ForwardError } from '../model/errors.ts';

/** Throws `config` when one of these sinks writes events to where --json prints its one document: nobody could read either. */
export function assertFreeForDocument(config: Config, sinks: Iterable<string>): void {
  for (const name of sinks) {
    if (config.sinks.get(name)?.type !== 'stdout') continue;
    throw new ForwardError(
      'config',
      `the sink ${name} writes its events to standard output, where --json prints one document`,
      { hint: 'leave out --json, or use a sink of type file instead' },
    );
  }
}
