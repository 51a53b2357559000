import type { AdminView, ReloadOutcome } from '../../admin/options.ts';
import type { Journal } from '../../checkpoint/journal.ts';
import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/load.ts';
import { configErrorLines } from '../../config/problems.ts';
import { loadParts } from '../../config/parts.ts';
import { wallClock } from '../../model/clock.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import { startDaemon } from '../../pipeline/daemon.ts';
import type { Daemon, DaemonEnd } from '../../pipeline/daemon.ts';
import { createStatus, goOnFrom } from '../../pipeline/status.ts';
import { viewOf } from './admin-view.ts';
import { buildParts } from '../build-parts.ts';
import type { BuiltParts } from '../build-parts.ts';
import { drainMs } from '../ending.ts';
import type { ProgramLog } from '../log.ts';
import { giveMemoryBack } from '../memory.ts';

/** The daemon over its whole life: a reload puts another configuration over the same journal, cursors stay. */
export interface Service {
  /** Resolves once the service has ended for good. */
  readonly done: Promise<DaemonEnd>;
  view(): AdminView;
  /** The configuration that was accepted last, also while the loops still change over to it: what says who may use the status page. */
  config(): Config;
  /** Reads the configuration file again. A bad one is refused, and the old one goes on. */
  reload(): Promise<ReloadOutcome>;
  /** Reads no more, delivers what is at hand within the configured time, then ends. */
  stop(): void;
  /** Ends at once. Resolves when nothing uses the journal any more. */
  abort(): Promise<void>;
}

interface Session {
  readonly config: Config;
  readonly parts: BuiltParts;
  readonly daemon: Daemon;
}

export function startService(
  first: Config,
  parts: BuiltParts,
  journal: Journal,
  log: ProgramLog,
  patienceMs: number | null,
): Service {
  let accepted = first;
  /** What every loop that ended had counted, by name. */
  const earlier = createStatus(wallClock.now());
  const requestsBefore = new Map<string, number>();
  let session = open(first, parts);
  let successor = null as { config: Config; parts: BuiltParts } | null; // closures below set it: no narrowing to null
  let stopping = false;

  function open(config: Config, parts: BuiltParts): Session {
    const retentionMs = config.state.retention;
    const { heartbeat } = config;
    const daemon = startDaemon({
      ...parts,
      journal,
      retentionMs,
      heartbeat,
      clock: wallClock,
      log,
      patienceMs,
      giveMemoryBack,
    });
    goOnFrom(earlier, daemon.status);
    return { config, parts, daemon };
  }

  /** Counters belong to the process: the next session goes on from what this one counted. */
  function keepCounters({ daemon: { status }, parts }: Session): void {
    for (const [name, its] of status.sources) earlier.sources.set(name, its);
    for (const [name, its] of status.sinks) earlier.sinks.set(name, its);
    for (const [name, { source }] of parts.sources) {
      requestsBefore.set(name, (requestsBefore.get(name) ?? 0) + source.state().requests);
    }
  }

  /** What is still busy when the time is up is stopped; what was in flight is sent again. */
  function endWithin(daemon: Daemon, timeoutMs: number, text: string): void {
    const timer = setTimeout(() => {
      log.warn({}, text);
      daemon.abort();
    }, timeoutMs);
    void daemon.done.finally(() => clearTimeout(timer));
  }

  const done = (async (): Promise<DaemonEnd> => {
    for (;;) {
      const end = await session.daemon.done;
      await session.parts.close();
      if (successor === null || stopping || end.failures.length > 0) {
        await successor?.parts.close();
        return end;
      }
      keepCounters(session);
      session = open(successor.config, successor.parts);
      successor = null;
      log.info({}, 'the new configuration is in force');
    }
  })();

  return {
    done,
    view: () => viewOf(session.config, session.parts, session.daemon.status, requestsBefore),
    config: () => accepted,
    stop() {
      stopping = true;
      session.daemon.stop();
      endWithin(
        session.daemon,
        drainMs(session.config.shutdown_timeout),
        'the sinks did not take everything in time; what is left is in the journal for the next start',
      );
    },
    async abort() {
      stopping = true;
      session.daemon.abort();
      await done.catch(() => {}); // told to those who wait for the end
    },
    async reload() {
      if (stopping) return refuse(['the program is stopping']);
      const replaced = successor;
      try {
        const config = await loadConfig(first.file, process.env, loadParts);
        const fixed = changesThatNeedARestart(first, config);
        if (fixed.length > 0)
          return refuse(fixed.map((key) => `${key} takes effect only at a start: restart auditferry`));
        successor = { config, parts: await buildParts(config, log) };
        accepted = config;
      } catch (error) {
        if (!(error instanceof ForwardError)) throw error;
        return refuse(error.kind === 'config' ? configErrorLines(error) : [describe(error)]);
      }
      log.configure(accepted.log);
      for (const warning of accepted.warnings) log.warn({}, warning);
      // The loops are on their way out for an earlier reload, which never came into force.
      if (replaced !== null) {
        await replaced.parts.close();
        return { ok: true, lines: [] };
      }
      const { daemon, config } = session;
      daemon.halt();
      endWithin(
        daemon,
        config.shutdown_timeout,
        'a sink was still busy at the reload; what was in flight is sent again',
      );
      return { ok: true, lines: [] };
    },
  };

  function refuse(lines: readonly string[]): ReloadOutcome {
    for (const line of lines) log.error({}, line);
    log.error({}, 'the new configuration is refused; the old one stays in force');
    return { ok: false, lines };
  }
}

/** Keys whose meaning is taken up once, at the start. */
function changesThatNeedARestart(before: Config, after: Config): string[] {
  const fixed: [string, (config: Config) => unknown][] = [
    ['state.type', (config) => config.state.type],
    ['state.dir', (config) => config.state.dir],
    ['state.url', (config) => withoutPassword(config.state.url?.reveal())],
    ['state.schema', (config) => config.state.schema],
    ['state.lease', (config) => config.state.lease],
    ['state.max_size', (config) => config.state.max_size],
    ['admin.listen', (config) => config.admin.listen],
    ['simulator', (config) => config.simulator],
  ];
  return fixed
    .filter(([, read]) => JSON.stringify(read(before)) !== JSON.stringify(read(after)))
    .map(([key]) => key);
}

/** A password is read again for each connection: that another one is written is no change. */
function withoutPassword(address: string | undefined): string | undefined {
  const url = address === undefined ? null : URL.parse(address);
  if (url === null) return address;
  url.password = '';
  url.searchParams.delete('password');
  return url.href;
}
