import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Journal } from '../checkpoint/journal.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import type { LoadOptions } from '../config/load.ts';
import { loadParts } from '../config/parts.ts';
import { ForwardError, oneLine } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { startSimulator } from '../simulator/server.ts';
import { buildParts } from './build-parts.ts';
import type { BuiltParts } from './build-parts.ts';
import { openLog } from './log.ts';
import { openState } from './state.ts';
import type { Terminal } from './terminal.ts';

/** The configuration that a command works with. Errors as loadConfig gives them. */
export function openConfig(file: string, terminal: Terminal, options?: LoadOptions): Promise<Config> {
  return loadConfig(file, terminal.env, loadParts, options);
}

/** Runs `work` on the journal beside whatever daemon holds it, and lets go of it afterwards. */
export async function withJournal<T>(
  config: Config,
  terminal: Terminal,
  work: (journal: Journal) => Promise<T>,
): Promise<T> {
  const journal = await openGuestJournal(config, terminal);
  try {
    return await work(journal);
  } finally {
    await journal.close();
  }
}

/** The journal as somebody who works beside a daemon. Throws before the first run, which makes it. */
export async function openGuestJournal(config: Config, terminal: Terminal): Promise<Journal> {
  assertJournal(config);
  const { clock, env } = terminal;
  return openState(config, { clock, env, access: 'guest' });
}

/** Before the first run there is nothing to tell: no fault, and no reason to talk of files. */
export function assertJournal({ state, file }: Config): void {
  if (hasJournal(state)) return;
  throw new ForwardError('transient', 'no journal yet; start `auditferry run`', {
    hint: `state.dir of ${oneLine(file)} is ${oneLine(state.dir)}`,
  });
}

/** Whether a run has made the journal; also when it is lost since, which is another matter. */
export function hasJournal({ type, dir }: Config['state']): boolean {
  if (type === 'postgres') return true; // opening it tells
  return existsSync(join(dir, 'journal.db')) || existsSync(join(dir, 'journal.id'));
}

/** Runs `work` with the sources, sinks and formats of a configuration, the simulated Platform included where it names one. */
export async function withParts<T>(
  config: Config,
  terminal: Terminal,
  work: (parts: BuiltParts) => Promise<T>,
): Promise<T> {
  const log = openLog(config.log, terminal.err);
  const stopSimulator = await simulate(config, terminal, log);
  try {
    const parts = await buildParts(config, log);
    try {
      return await work(parts);
    } finally {
      await parts.close();
    }
  } finally {
    await stopSimulator();
  }
}

/** Starts the simulated Platform, unless a running daemon already does: then the address is taken, and answers. */
async function simulate(config: Config, terminal: Terminal, log: Log): Promise<() => Promise<void>> {
  if (config.simulator === null) return async () => {};
  try {
    const simulator = await startSimulator(config.simulator, terminal.clock);
    return () => simulator.close();
  } catch (error) {
    const cause = error instanceof ForwardError ? error.cause : undefined;
    if (cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE') {
      const { listen } = config.simulator;
      log.info(
        { listen },
        'something answers at the address of the simulated Platform already: that is used',
      );
      return async () => {};
    }
    throw error;
  }
}
