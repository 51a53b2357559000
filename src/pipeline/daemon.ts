import { eventsAfter } from '../checkpoint/journal.ts';
import type { Journal } from '../checkpoint/journal.ts';
import type { Canonicalize, Format } from '../formats/format.ts';
import type { Clock } from '../model/clock.ts';
import { asForwardError, describe, endsProgram } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Source } from '../sources/source.ts';
import { HOLD } from './backoff.ts';
import { collect } from './collect.ts';
import { deliver } from './deliver.ts';
import { onDuty } from './duty.ts';
import type { OnDuty } from './duty.ts';
import { heartbeatsOf } from './heartbeat.ts';
import type { HeartbeatConfig } from './heartbeat.ts';
import { watchIdle } from './idle.ts';
import { workOff } from './jobs.ts';
import { createOutlet } from './outlet.ts';
import type { OriginOf } from './origin.ts';
import { createPrepare } from './prepare.ts';
import type { EventLimits, Where } from './prepare.ts';
import { renderTogether } from './render-together.ts';
import type { ReplaySink } from './replay.ts';
import { createRetry } from './retry.ts';
import type { PollSchedule } from './schedule.ts';
import { createStatus, enterState, faultsIn, sinkStatus, sourceStatus } from './status.ts';
import type { LoopStatus, Status } from './status.ts';
import { keepUp } from './upkeep.ts';
import type { UpkeepParts } from './upkeep.ts';

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
  readonly limits?: EventLimits;
  /** Requests per second, which the sink keeps to; null: no limit. */
  readonly rateLimit: number | null;
  readonly onMassRejection: 'hold' | 'dead_letter';
}

export interface DaemonParts {
  readonly journal: Journal;
  readonly sources: ReadonlyMap<string, SourcePart>;
  readonly sinks: ReadonlyMap<string, SinkPart>;
  readonly canonicalize: Canonicalize;
  readonly originOf: OriginOf;
  /** How long events stay in the journal after every sink is past them. Milliseconds. */
  readonly retentionMs: number;
  /** Absent or null: no heartbeats. */
  readonly heartbeat?: HeartbeatConfig | null;
  readonly clock: Clock;
  readonly log: Log;
  /** Null: run until stopped. Otherwise catch up once; whatever fails longer than this is given up. Milliseconds. */
  readonly patienceMs: number | null;
  /** Called once there is nothing to do after much was done. */
  readonly giveMemoryBack?: () => void;
}

/** How a run ended. Nothing is ever lost by it: what is not delivered is in the journal, or still with the Platform. */
export interface DaemonEnd {
  /** What a loop could not get past, by name; empty when all ended well. */
  readonly failures: readonly { readonly name: string; readonly error: Error }[];
  /** Events in the journal that a sink has not settled yet, by sink. */
  readonly undelivered: ReadonlyMap<string, bigint>;
  /** True when it was stopped before everything was read and delivered. Without patience there is always more to read. */
  readonly interrupted: boolean;
}

export interface Daemon {
  readonly status: Status;
  readonly done: Promise<DaemonEnd>;
  /** Reads no more, drains what the journal holds into the sinks, then ends. */
  stop(): void;
  /** Reads no more and sends nothing new, but waits for what is being sent: for a successor over the same journal. */
  halt(): void;
  /** Ends at once: what is in flight is sent again by the next run. */
  abort(): void;
}

/** A loop that does not heed an abort for so long is left behind: the program ends all the same. */
const ABORT_GRACE_MS = 2_000;

/** Starts a collect loop per source and a deliver loop per sink over one journal. Neither kind knows the other. */
export function startDaemon(parts: DaemonParts): Daemon {
  const { clock, log, journal } = parts;
  const status = createStatus(clock.now());
  const collecting = new AbortController();
  const running = new AbortController();
  const failures: { name: string; error: Error }[] = [];
  const over = new AbortController();
  const leftBehind = new Promise<void>((resolve) => {
    const wait = (): void => void clock.sleep(ABORT_GRACE_MS, over.signal).then(resolve, () => {});
    running.signal.addEventListener('abort', wait, { once: true });
  });
  const halting = new AbortController();
  /** What another replica does is nothing to wait for then. */
  const stopping = new AbortController();
  let finishing = false;
  let stopped = false;
  let readAll = false;

  /**
   * Runs a loop to its end. What no waiting can fix ends the run; with patience, a failure ends the loop. Whatever else a
   * loop throws is its own fault: it begins again after a pause, and the others never notice.
   */
  const guarded = async (
    name: string,
    its: LoopStatus,
    signal: AbortSignal,
    loop: () => Promise<void>,
  ): Promise<void> => {
    const retry = createRetry({
      clock,
      log: log.child({ loop: name }),
      patienceMs: null,
      backoff: HOLD,
      next: () => 'the loop begins again',
      ends: () => false,
      shown: faultsIn(its, clock),
    });
    for (;;) {
      const beganMs = clock.monotonic();
      try {
        return await Promise.race([loop(), leftBehind]);
      } catch (thrown) {
        const error = asForwardError(thrown);
        if (endsProgram(error) || parts.patienceMs !== null) {
          failures.push({ name, error });
          const text = endsProgram(error) ? 'stopping' : 'given up for this run; everything is kept';
          log.error({ name, error: describe(error) }, text);
          return endsProgram(error) ? abort() : undefined;
        }
        if (signal.aborted) {
          if (thrown !== signal.reason) log.warn({ loop: name, error: describe(error) }, 'failed at its end');
          return enterState(its, 'stopped', clock.now());
        }
        if (clock.monotonic() - beganMs >= HOLD.capMs) retry.succeeded();
        await retry.failed(error, signal).catch(() => {}); // it rejects only when the signal aborts
        if (signal.aborted) return enterState(its, 'stopped', clock.now());
      }
    }
  };
  /** They wait for events that may not come any more. */
  const tellSinks = (): void => void journal.tellNews().catch(() => {}); // a journal that is closed has nobody waiting
  /** Other replicas deliver what is at hand: then nothing is drained here, and they need not wait. */
  const leaveToOthers = async (): Promise<void> => {
    const all = await journal.replicas().catch(() => []); // a journal that cannot be asked has its own failure
    if (!all.some(({ alive, self }) => alive && !self)) return;
    halting.abort(new Error('halted'));
    tellSinks();
  };
  const abort = (): void => {
    finishing = true;
    stopping.abort(new Error('stopped'));
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
      beside: [...parts.sources.keys()],
      clock,
      log: log.child({ source: name }),
      status: its,
      patienceMs: parts.patienceMs,
    };
    return guarded(name, its, collecting.signal, () =>
      onDuty(
        { ...context, ending: collecting.signal },
        `source:${name}`,
        collecting.signal,
        ({ signal, wanted, ...on }) =>
          collect({ ...context, journal: on.journal }, AbortSignal.any([signal, wanted])),
      ),
    );
  });
  const together = renderTogether(parts.canonicalize, clock);
  /** The sinks that this process serves now. */
  const serving = new Map<string, ReplaySink>();
  const deliverers = [...parts.sinks].map(([name, part]) => {
    const its = sinkStatus(name, part.sink.delivery, clock.now());
    status.sinks.set(name, its);
    const sinkLog = log.child({ sink: name });
    const outlet = createOutlet({
      ...part,
      clock,
      log: sinkLog,
      status: its,
      patienceMs: parts.patienceMs,
      halting: halting.signal,
    });
    const context = {
      name,
      journal,
      outlet,
      batch: part.batch,
      concurrent: part.concurrent,
      ahead: () => part.sink.ahead?.() ?? 0,
      aheadAtMost: part.sink.aheadAtMost ?? 0,
      clock,
      log: sinkLog,
      status: its,
      patienceMs: parts.patienceMs,
      finishing: () => finishing,
    };
    const serve = async ({ journal, lease, signal, wanted }: OnDuty): Promise<void> => {
      const heartbeats = heartbeatsOf({ ...parts, journal }, name, part.format, sinkLog);
      const own = createPrepare(together.canonicalize, part.format, part.where, parts.originOf, {
        limits: part.limits,
        clock,
        seal: heartbeats.seal,
        wholeEvents: part.sink.wholeEvents,
      });
      const { prepare, leave } = together.join(own);
      serving.set(name, { sink: part.sink, outlet, prepare: own, heartbeats, batch: part.batch, lease });
      try {
        const nothingNew = AbortSignal.any([halting.signal, wanted]);
        await deliver({ ...context, journal, prepare, heartbeats, halting: nothingNew }, signal);
      } finally {
        leave();
        serving.delete(name);
      }
    };
    const until = AbortSignal.any([running.signal, halting.signal]);
    return guarded(name, its, until, () =>
      onDuty({ ...context, ending: stopping.signal }, `sink:${name}`, running.signal, serve),
    );
  });
  const jobs = {
    journal,
    sources: new Map([...parts.sources].map(([name, { source }]) => [name, source])),
    sinks: serving,
    isElsewhere: (name: string) => parts.sinks.has(name),
    clock,
    log,
    status: status.own.jobs,
    patienceMs: parts.patienceMs,
  };
  const once = parts.patienceMs !== null;
  const working = guarded('jobs', status.own.jobs, collecting.signal, () =>
    workOff(jobs, { untilNone: once }, collecting.signal),
  );
  // What jobs append has to be delivered as well: nothing is finished before they are.
  const collected = Promise.all([...collectors, working]).then(() => {
    readAll = !collecting.signal.aborted;
    finishing = true;
    tellSinks();
  });
  const moved = (): number =>
    [...status.sources.values()].reduce((sum, { appended }) => sum + appended, 0) +
    [...status.sinks.values()].reduce((sum, { delivered }) => sum + delivered, 0);
  const upkeepEnd = new AbortController();
  const upkeepSignal = AbortSignal.any([running.signal, upkeepEnd.signal]);
  const upkeepParts = { ...upkeepOf(parts), status: status.own.upkeep };
  const upkeep = guarded('upkeep', status.own.upkeep, upkeepSignal, () =>
    onDuty(
      { ...upkeepParts, ending: upkeepSignal, patienceMs: null },
      'upkeep',
      upkeepSignal,
      ({ signal, wanted, ...on }) =>
        keepUp({ ...upkeepParts, journal: on.journal }, AbortSignal.any([signal, wanted])),
    ),
  );
  const watching = watchIdle(moved, parts.giveMemoryBack ?? (() => {}), clock, upkeepSignal);

  const done = (async (): Promise<DaemonEnd> => {
    await Promise.all([collected, ...deliverers]);
    upkeepEnd.abort(new Error('ended'));
    await Promise.all([upkeep, watching]);
    over.abort(new Error('ended'));
    const undelivered = await countUndelivered(parts, failures);
    const isBehind = [...undelivered.values()].some((count) => count > 0n);
    return { failures, undelivered, interrupted: stopped && (!readAll || isBehind) };
  })();

  return {
    status,
    done,
    stop() {
      stopped = true;
      status.stopping = true;
      finishing = true;
      stopping.abort(new Error('stopped'));
      collecting.abort(new Error('stopped'));
      tellSinks();
      void leaveToOthers();
    },
    halt() {
      stopped = true;
      halting.abort(new Error('halted'));
      finishing = true;
      stopping.abort(new Error('halted'));
      collecting.abort(new Error('stopped'));
      tellSinks();
    },
    abort() {
      stopped = true;
      abort();
    },
  };
}

/** A journal that cannot tell any more has its own failure, which must not hide the one that ended the run. */
async function countUndelivered(
  { journal, sinks }: DaemonParts,
  failures: { name: string; error: Error }[],
): Promise<ReadonlyMap<string, bigint>> {
  try {
    const size = await journal.size();
    const counts = [...sinks.keys()].map(
      async (name) => [name, BigInt(eventsAfter(size, await journal.cursor(name)))] as const,
    );
    return new Map(await Promise.all(counts));
  } catch (error) {
    failures.push({ name: 'journal', error: asForwardError(error) });
    return new Map();
  }
}

function upkeepOf(parts: DaemonParts): Omit<UpkeepParts, 'status'> {
  const horizons = [...parts.sources.values()].map((part) => part.auditHorizonMs);
  return { ...parts, sinks: [...parts.sinks.keys()], horizonMs: Math.max(parts.retentionMs, ...horizons) };
}
