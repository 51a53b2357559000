import Bottleneck from 'bottleneck';

import type { Journal } from '../checkpoint/journal.ts';
import type { Canonicalize, Format, Origin } from '../formats/format.ts';
import type { Clock } from '../model/clock.ts';
import { describe, ForwardError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { msToNs } from '../model/time.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Source } from '../sources/source.ts';
import { collect } from './collect.ts';
import { deliver } from './deliver.ts';
import { createOutlet } from './outlet.ts';
import type { Outlet } from './outlet.ts';
import { createPrepare } from './prepare.ts';
import type { Prepare, Where } from './prepare.ts';
import type { PollSchedule } from './schedule.ts';
import { createStatus, sinkStatus, sourceStatus } from './status.ts';
import type { Status } from './status.ts';

export interface SourcePart {
  readonly source: Source;
  readonly schedule: PollSchedule;
  readonly auditHorizonMs: number;
}

export interface SinkPart {
  readonly sink: Sink;
  readonly format: Format;
  readonly batch: { readonly maxEvents: number; readonly maxBytes: number; readonly maxWaitMs: number };
  readonly where: Where;
  readonly concurrent: number;
  /** Requests per second; null: no limit. */
  readonly rateLimit: number | null;
  readonly onMassRejection: 'hold' | 'dead_letter';
}

export interface DaemonParts {
  readonly journal: Journal;
  readonly sources: ReadonlyMap<string, SourcePart>;
  readonly sinks: ReadonlyMap<string, SinkPart>;
  readonly canonicalize: Canonicalize;
  readonly labels: Readonly<Record<string, string>>;
  readonly forwarderVersion: string;
  /** How long events stay in the journal after every sink is past them. Milliseconds. */
  readonly retentionMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Null: run until stopped. Otherwise catch up once; whatever fails longer than this is given up. Milliseconds. */
  readonly patienceMs: number | null;
}

/** How a run ended. Nothing is ever lost by it: what is not delivered is in the journal, or still with the Platform. */
export interface DaemonEnd {
  /** What a loop could not get past, by name; empty when all ended well. */
  readonly failures: readonly { readonly name: string; readonly error: Error }[];
  /** Events in the journal that a sink has not settled yet, by sink. */
  readonly undelivered: ReadonlyMap<string, bigint>;
}

export interface Daemon {
  readonly status: Status;
  readonly done: Promise<DaemonEnd>;
  /** Reads no more, drains what the journal holds into the sinks, then ends. */
  stop(): void;
  /** Ends at once: what is in flight is sent again by the next run. */
  abort(): void;
}

const UPKEEP_EVERY_MS = 600_000;
/** Ids outlive their horizon by this much, for windows that begin before it. */
const ID_MARGIN_MS = 86_400_000;

/** Starts a collect loop per source and a deliver loop per sink over one journal. Neither kind knows the other. */
export function startDaemon(parts: DaemonParts): Daemon {
  const { clock, log, journal } = parts;
  const status = createStatus(clock.now());
  const collecting = new AbortController();
  const running = new AbortController();
  const failures: { name: string; error: Error }[] = [];
  let finishing = false;

  const guarded = async (name: string, work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      failures.push({ name, error: failure });
      log.error(
        { name, error: describe(failure) },
        isPatience(failure, parts) ? 'given up for this run; everything is kept' : 'stopping',
      );
      if (!isPatience(failure, parts)) abort();
    }
  };
  const abort = (): void => {
    finishing = true;
    collecting.abort(new Error('stopped'));
    running.abort(new Error('stopped'));
  };

  const collectors = [...parts.sources].map(([name, part]) => {
    const its = sourceStatus(name, clock.now());
    status.sources.set(name, its);
    const context = {
      name,
      ...part,
      journal,
      clock,
      log: log.child({ source: name }),
      status: its,
      patienceMs: parts.patienceMs,
    };
    return guarded(name, collect(context, collecting.signal));
  });
  const collected = Promise.all(collectors).then(() => {
    finishing = true;
  });
  const outlets = new Map<string, { outlet: Outlet; prepare: Prepare }>();
  const deliverers = [...parts.sinks].map(([name, part]) => {
    const its = sinkStatus(name, part.sink.delivery, clock.now());
    status.sinks.set(name, its);
    const sinkLog = log.child({ sink: name });
    const outlet = createOutlet({
      ...part,
      clock,
      log: sinkLog,
      status: its,
      limit: limiter(part.rateLimit),
      patienceMs: parts.patienceMs,
    });
    const prepare = createPrepare(parts.canonicalize, part.format, part.where, (source) =>
      originOf(parts, source),
    );
    outlets.set(name, { outlet, prepare });
    const context = {
      name,
      journal,
      outlet,
      prepare,
      batch: part.batch,
      concurrent: part.concurrent,
      clock,
      log: sinkLog,
      status: its,
    };
    return guarded(name, deliver({ ...context, finishing: () => finishing }, running.signal));
  });
  const upkeepEnd = new AbortController();
  const upkeep = guarded('journal', keepUp(parts, AbortSignal.any([running.signal, upkeepEnd.signal])));

  const done = (async (): Promise<DaemonEnd> => {
    await Promise.all([collected, ...deliverers]);
    upkeepEnd.abort(new Error('ended'));
    await upkeep;
    const { headSeq } = await journal.size();
    const undelivered = [...parts.sinks.keys()].map(
      async (name) => [name, headSeq - (await journal.cursor(name))] as const,
    );
    return { failures, undelivered: new Map(await Promise.all(undelivered)) };
  })();

  return {
    status,
    done,
    stop() {
      status.stopping = true;
      finishing = true;
      collecting.abort(new Error('stopped'));
    },
    abort,
  };
}

/** A passing failure ends a loop only when patience was limited; the other loops go on. */
function isPatience(error: Error, parts: DaemonParts): boolean {
  return (
    parts.patienceMs !== null &&
    error instanceof ForwardError &&
    (error.kind === 'transient' || error.kind === 'denied')
  );
}

function originOf(parts: DaemonParts, source: string): Origin {
  // A source that has left the configuration may still have events in the journal.
  const origin = parts.sources.get(source)?.source.origin() ?? {
    instance: source,
    apiVersion: 'v2' as const,
  };
  return { ...origin, forwarderVersion: parts.forwarderVersion, labels: parts.labels };
}

function limiter(requestsPerSecond: number | null): <T>(work: () => Promise<T>) => Promise<T> {
  if (requestsPerSecond === null) return (work) => work();
  const bottleneck = new Bottleneck({ minTime: Math.ceil(1000 / requestsPerSecond) });
  return (work) => bottleneck.schedule(work);
}

/** Lets go of events that every sink is past and that are older than the retention. */
async function keepUp(parts: DaemonParts, signal: AbortSignal): Promise<void> {
  const { journal, clock, log } = parts;
  const horizonMs = Math.max(
    parts.retentionMs,
    ...[...parts.sources.values()].map((part) => part.auditHorizonMs),
  );
  while (!signal.aborted) {
    const before = new Date(clock.now() - parts.retentionMs).toISOString();
    try {
      const pruned = await journal.prune(
        [...parts.sinks.keys()],
        before,
        msToNs(clock.now() - horizonMs - ID_MARGIN_MS),
      );
      if (pruned > 0) log.info({ events: pruned }, 'pruned events that every sink has');
    } catch (error) {
      if (!(error instanceof ForwardError) || error.kind !== 'transient') throw error;
      log.warn({ error: describe(error) }, 'the journal could not be pruned; it is tried again later');
    }
    await clock.sleep(UPKEEP_EVERY_MS, signal).catch(() => {});
  }
}
