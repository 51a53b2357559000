import type { Command } from 'commander';

import { READINESS_LIMITS } from '../../admin/options.ts';
import { startTelemetry } from '../../admin/telemetry.ts';
import type { Journal } from '../../checkpoint/journal.ts';
import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/load.ts';
import { loadParts } from '../../config/parts.ts';
import { formatDuration, parseDuration } from '../../model/units.ts';
import { wallClock } from '../../model/clock.ts';
import { describe, ForwardError, oneLine } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { endWithin } from '../ending.ts';
import { droppedLogLines, openLog } from '../log.ts';
import { relieving } from '../memory.ts';
import { takeConfigArgument, withConfigFile } from '../report.ts';
import { conclude } from './outcome.ts';
import { buildParts } from '../build-parts.ts';
import { startService } from './service.ts';
import type { Service } from './service.ts';
import { assertFreeForDocument } from '../standard-output.ts';
import { openState } from '../state.ts';
import { logVerdict } from './verdict-log.ts';
import { version } from '../version.ts';

interface RunOptions {
  readonly config: string;
  readonly once?: true;
  readonly patience: string;
  readonly json?: true;
}

/** `auditferry run`: the daemon, or with --once one pass over everything. */
export function registerRun(program: Command): void {
  takeConfigArgument(withConfigFile(program.command('run')))
    .summary('the daemon: carry events from the sources to the sinks')
    .description('carry events from the sources to the sinks')
    .option('--once', 'catch up with now, deliver everything, and end')
    .option(
      '--patience <duration>',
      'with --once: give up on a source or sink that fails longer than this',
      '5m',
    )
    .option('--json', 'print the outcome as one JSON document at the end')
    .action(async (_file: unknown, options: RunOptions, command: Command) => {
      assertOnce(options, command);
      process.exitCode = await run(options);
    });
}

/** A daemon never gives up, so an option about giving up needs --once. */
function assertOnce(options: RunOptions, command: Command): void {
  if (options.once === true || command.getOptionValueSource('patience') !== 'cli') return;
  throw new ForwardError('config', '--patience goes with --once only: a daemon gives nothing up', {
    hint: 'add --once, or leave out --patience',
  });
}

async function run(options: RunOptions): Promise<number> {
  const patienceMs = parseDuration(options.patience);
  if (patienceMs === null) {
    throw new ForwardError(
      'config',
      `--patience ${oneLine(options.patience)}: expected a duration such as 5m`,
    );
  }
  const config = await loadConfig(options.config, process.env, loadParts);
  if (options.json === true) assertFreeForDocument(config, config.sinks.keys());
  const log = openLog(config.log);
  for (const warning of config.warnings) log.warn({}, warning);
  const releasers: (() => Promise<void>)[] = [];
  try {
    const onWarn = (text: string): void => log.warn({}, text);
    let inForce = (): Config => config; // a reload changes it under an open journal
    const journal = relieving(
      await openState(config, {
        clock: wallClock,
        env: process.env,
        access: 'writer',
        onWarn,
        configuration: () => inForce(),
      }),
    );
    releasers.push(() => journal.close());
    const telemetry = await startTelemetry(process.env, { version, warn: onWarn });
    releasers.push(() => telemetry.shutdown());
    if (config.simulator !== null) {
      const { startSimulator } = await import('../../simulator/server.ts');
      const simulator = await startSimulator(config.simulator);
      releasers.push(() => simulator.close());
      log.info({ url: simulator.url }, 'the simulated Platform answers');
    }
    const parts = await buildParts(config, log);
    const service = startService(config, parts, journal, log, options.once === true ? patienceMs : null);
    inForce = () => service.config();
    releasers.push(() => service.abort()); // whatever comes: the journal is closed under nobody
    const unlisten = listenForSignals(service, log);
    const close = await listenForAdmin(config, journal, service, log);
    releasers.push(close);
    const looking = { journal, clock: wallClock, view: () => service.view() };
    const ended = new AbortController();
    const watching = options.once === true ? null : logVerdict(looking, log, ended.signal);
    const end = await service.done;
    ended.abort(new Error('ended'));
    await watching;
    unlisten();
    endAfter(service, log);
    return await conclude(end, options, looking, log, process.stdout);
  } finally {
    for (const release of releasers.reverse()) await release();
  }
}

/** The status page and its neighbours, for as long as the daemon runs. Returns what closes them. */
async function listenForAdmin(
  config: Config,
  journal: Journal,
  service: Service,
  log: Log,
): Promise<() => Promise<void>> {
  const { listen } = config.admin;
  if (listen === null) return async () => {};
  const { startAdmin } = await import('../../admin/server.ts');
  const admin = await startAdmin({
    listen,
    get token() {
      return service.config().admin.token;
    },
    get allowedHosts() {
      return service.config().admin.allowed_hosts;
    },
    journal,
    clock: wallClock,
    log,
    version,
    limits: READINESS_LIMITS,
    droppedLogLines,
    view: () => service.view(),
    reload: () => service.reload(),
  });
  log.info({ url: admin.url }, 'the status page');
  return () => admin.close();
}

/** From now on the process ends within the configured time, whatever keeps it. */
function endAfter(service: Service, log: Log): void {
  endWithin(service.config().shutdown_timeout, (text) => log.error({}, text));
}

/** The first signal drains within the timeout, the second ends at once; SIGHUP reloads. Returns what takes the listeners away. */
function listenForSignals(service: Service, log: Log): () => void {
  let stopping = false;
  const onStop = (signal: NodeJS.Signals): void => {
    if (stopping) {
      // The exit status must tell the truth: the process dies of the signal itself.
      process.removeListener(signal, onStop);
      process.kill(process.pid, signal);
      return;
    }
    stopping = true;
    log.info(
      { signal, within: formatDuration(service.config().shutdown_timeout) },
      'stopping: no more reading; delivering what is in flight',
    );
    endAfter(service, log);
    service.stop();
  };
  const onReload = (): void => {
    service.reload().catch((error: unknown) => log.error({ error: describe(error) }, 'the reload failed'));
  };
  process.on('SIGTERM', onStop);
  process.on('SIGINT', onStop);
  process.on('SIGHUP', onReload);
  return () => {
    process.removeListener('SIGTERM', onStop);
    process.removeListener('SIGINT', onStop);
    process.removeListener('SIGHUP', onReload);
  };
}
