import { Writable } from 'node:stream';

import type { Config } from '../config/config.ts';
import { ForwardError } from '../model/errors.ts';
import type { Output } from './terminal.ts';

/**
 * A slow reader is waited for, so that what it has not read does not pile up in memory. One that leaves ends the wait; what that means is
 * for ending.ts to say, so this listens to no error.
 */
export async function writeWaiting(out: Output, text: string): Promise<void> {
  if (out.write(text) !== false || !(out instanceof Writable)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  out.once('drain', resolve).once('close', resolve);
  await promise;
  out.off('drain', resolve).off('close', resolve);
}

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
