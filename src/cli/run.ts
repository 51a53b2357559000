import type { Command } from 'commander';

import { openJournal } from '../checkpoint/sqlite/index.ts';
import type { Journal } from '../checkpoint/journal.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/config.ts';
import { allParts } from '../config/parts.ts';
import { formatDuration, parseDuration } from '../config/units.ts';
import { wallClock } from '../model/clock.ts';
import { ForwardError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { startDaemon } from '../pipeline/daemon.ts';
import type { Daemon, DaemonEnd } from '../pipeline/daemon.ts';
import { startSimulator } from '../simulator/server.ts';
import { buildParts } from './build-parts.ts';
import { EXIT } from './exit.ts';
import { openLog } from './log.ts';
import { version } from './version.ts';

interface RunOptions {
  readonly config: string;
  readonly once?: true;
  readonly patience: string;
  readonly json?: true;
}

/** `auditferry run`: the daemon, or with --once one pass over everything. */
export function registerRun(program: Command): void {
  program
    .command('run')
    .description('carry events from the sources to the sinks')
    .requiredOption('-c, --config <file>', 'the configuration file')
    .option('--once', 'catch up with now, deliver everything, and end')
    .option(
      '--patience <duration>',
      'with --once: give up on a source or sink that fails longer than this',
      '5m',
    )
    .option('--json', 'with --once: print the outcome as one JSON document')
    .action(async (options: RunOptions) => {
      process.exitCode = await run(options);
    });
}

async function run(options: RunOptions): Promise<number> {
  const patienceMs = parseDuration(options.patience);
  if (patienceMs === null)
    throw new ForwardError('config', `--patience ${options.patience}: expected a duration such as 5m`);
  const config = loadConfig(options.config, process.env, allParts);
  const log = openLog(config.log);
  for (const warning of config.warnings) log.warn({}, warning);
  const releasers: (() => Promise<void>)[] = [];
  try {
    const journal = await openJournal({
      dir: config.state.dir,
      maxBytes: config.state.max_size,
      clock: wallClock,
      access: 'writer',
      onWarn: (text: string) => log.warn({}, text),
    });
    releasers.push(() => journal.close());
    if (config.simulator !== null) {
      const simulator = await startSimulator(config.simulator);
      releasers.push(() => simulator.close());
      log.info({ url: simulator.url }, 'the simulated Platform answers');
    }
    const parts = buildParts(config, log);
    releasers.push(() => parts.close());
    const daemon = startDaemon({
      ...parts,
      journal,
      retentionMs: config.state.retention,
      forwarderVersion: version,
      clock: wallClock,
      log,
      patienceMs: options.once === true ? patienceMs : null,
    });
    const unlisten = listenForSignals(daemon, config.shutdown_timeout, log);
    const end = await daemon.done;
    unlisten();
    return await conclude(end, journal, log, options);
  } finally {
    for (const release of releasers.reverse()) await release();
  }
}

async function conclude(end: DaemonEnd, journal: Journal, log: Log, options: RunOptions): Promise<number> {
  const deadLetters = [...(await journal.deadLetterCounts())];
  const undelivered = [...end.undelivered].filter(([, count]) => count > 0n);
  const { headSeq } = await journal.size();
  if (options.json === true) {
    const report = {
      journal_head: Number(headSeq),
      failures: end.failures.map(({ name, error }) => ({ name, error: error.message })),
      undelivered: Object.fromEntries(undelivered.map(([name, count]) => [name, Number(count)])),
      dead_letters: Object.fromEntries(deadLetters),
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
  if (end.failures.length > 0) return EXIT.failed;
  if (options.once !== true) {
    log.info(
      { undelivered: Object.fromEntries(undelivered.map(([name, count]) => [name, Number(count)])) },
      'stopped; everything is saved',
    );
    return EXIT.done;
  }
  const dead = deadLetters.reduce((sum, [, count]) => sum + count, 0);
  log.info(
    { dead_letters: dead },
    dead === 0 ? 'caught up; every sink has every event' : 'caught up, but with dead letters',
  );
  return dead === 0 ? EXIT.done : EXIT.incomplete;
}

/** The first signal drains within the timeout, the second ends at once. Returns what takes the listeners away again. */
function listenForSignals(daemon: Daemon, timeoutMs: Config['shutdown_timeout'], log: Log): () => void {
  let timer: NodeJS.Timeout | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (timer !== null) {
      // The exit status must tell the truth: the process dies of the signal itself.
      process.removeListener(signal, onSignal);
      process.kill(process.pid, signal);
      return;
    }
    log.info(
      { signal, within: formatDuration(timeoutMs) },
      'stopping: reads no more, delivers what is at hand',
    );
    daemon.stop();
    timer = setTimeout(() => {
      log.warn(
        {},
        'the sinks did not take everything in time; what is left is in the journal for the next start',
      );
      daemon.abort();
    }, timeoutMs);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return () => {
    if (timer !== null) clearTimeout(timer);
    process.removeListener('SIGTERM', onSignal);
    process.removeListener('SIGINT', onSignal);
  };
}
