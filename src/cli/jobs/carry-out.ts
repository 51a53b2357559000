import type { Duty, Job, Journal, Lease } from '../../checkpoint/journal.ts';
import type { Config } from '../../config/config.ts';
import { ForwardError } from '../../model/errors.ts';
import type { Json } from '../../model/event.ts';
import { asObject } from '../../model/json.ts';
import type { JsonObject } from '../../model/json.ts';
import { heartbeatsOf } from '../../pipeline/heartbeat.ts';
import { runJob } from '../../pipeline/jobs.ts';
import type { JobContext } from '../../pipeline/jobs.ts';
import { createOutlet } from '../../pipeline/outlet.ts';
import { createPrepare } from '../../pipeline/prepare.ts';
import type { ReplaySink } from '../../pipeline/replay.ts';
import { sinkStatus } from '../../pipeline/status.ts';
import type { BuiltParts } from '../build-parts.ts';
import { openLog } from '../log.ts';
import { withProgress } from '../progress.ts';
import { openReached } from './reach.ts';
import { openGuestJournal, withParts } from '../session.ts';
import { openState, runningOn } from '../state.ts';
import type { Terminal } from '../terminal.ts';

/** How a job ended. `left`: the person at the terminal wanted no more; the job stays in the journal. */
export interface JobEnd {
  readonly job: number;
  readonly state: 'done' | 'failed' | 'left';
  readonly progress: JsonObject;
  /** Who did it. */
  readonly by: 'daemon' | 'command';
}

/** Makes a line of a job's progress and how long it has been watched, in milliseconds. */
export type Show = (progress: JobEnd['progress'], elapsedMs: number) => string;

type Told = (progress: JobEnd['progress'], elapsedMs: number) => void;

const LOOK_EVERY_MS = 1_000;
/** Without a daemon nobody waits for ever: what fails longer is left for the next run. */
const PATIENCE_MS = 300_000;
/** A daemon hears of a job at once, or looks for one within ten seconds: one that does not begin in this time does other jobs first, or cannot. */
const REMARK_AFTER_MS = 15_000;

/**
 * Has a job done: by the running daemons when there are any, otherwise here, where it needs what it reaches. `show` says how far it is. A
 * job of the same kind and parameters that was left unfinished is taken up again instead of a new one.
 */
export async function carryOut(
  config: Config,
  terminal: Terminal,
  kind: 'backfill' | 'replay',
  params: Json,
  show: Show,
): Promise<JobEnd> {
  const holder = await runningOn(config, terminal);
  if (holder === null) {
    const reached = await openReached(config, kind, asObject(params), terminal);
    return withProgress(terminal, 'starting', (tell, beside) =>
      carryOutHere(config, reached, beside, kind, params, (progress, elapsedMs) =>
        tell(show(progress, elapsedMs)),
      ),
    );
  }
  const journal = await openGuestJournal(config, terminal);
  try {
    const id = await sameJob(journal, kind, params);
    terminal.err.write(`the running daemon (${holder}) does this: job ${id}\n`);
    return await withProgress(terminal, `waiting for job ${id}`, (tell, beside) =>
      follow(journal, id, beside, (progress, elapsedMs) => tell(show(progress, elapsedMs))),
    );
  } finally {
    await journal.close();
  }
}

async function sameJob(journal: Journal, kind: string, params: Json): Promise<bigint> {
  const text = JSON.stringify(params);
  const waiting = await journal.jobs(['queued', 'running']);
  const same = waiting.find((job) => job.kind === kind && JSON.stringify(job.params) === text);
  return same?.id ?? journal.addJob(kind, params);
}

async function jobOf(journal: Journal, id: bigint): Promise<Job> {
  const all = await journal.jobs(['queued', 'running', 'done', 'failed', 'cancelled']);
  const job = all.find((one) => one.id === id);
  if (job === undefined) throw new ForwardError('config', `job ${id} is not in the journal any more`);
  return job;
}

async function follow(journal: Journal, id: bigint, terminal: Terminal, told: Told): Promise<JobEnd> {
  const { clock, signal } = terminal;
  const startedMs = clock.monotonic();
  let remarked = false;
  for (;;) {
    const job = await jobOf(journal, id);
    const progress = asObject(job.progress);
    const elapsedMs = clock.monotonic() - startedMs;
    if (job.state === 'done') return { job: Number(id), state: 'done', progress, by: 'daemon' };
    if (job.state === 'failed' || job.state === 'cancelled')
      return { job: Number(id), state: 'failed', progress, by: 'daemon' };
    if (job.state === 'running') told(progress, elapsedMs);
    if (job.state === 'queued' && elapsedMs > REMARK_AFTER_MS && !remarked) {
      remarked = true;
      terminal.err.write('it has not begun yet: the daemon does one job at a time; its log says more\n');
    }
    try {
      await clock.sleep(LOOK_EVERY_MS, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      terminal.err.write(`not waiting any longer: the daemon continues job ${id}\n`);
      return { job: Number(id), state: 'left', progress, by: 'daemon' };
    }
  }
}

/** `whole` is what other replicas compare with theirs: more than the job reaches. */
async function carryOutHere(
  whole: Config,
  config: Config,
  terminal: Terminal,
  kind: string,
  params: Json,
  told: Told,
): Promise<JobEnd> {
  const { clock, signal } = terminal;
  const journal = await openState(config, {
    clock,
    env: terminal.env,
    access: 'writer',
    configuration: () => whole,
  });
  try {
    return await withParts(config, terminal, async (parts) => {
      const id = await sameJob(journal, kind, params);
      const leases = await claimAll(journal, id, params, signal);
      const context = {
        ...jobContext(config, parts, journal.under(...leases), terminal),
        onProgress: throttled(told, terminal),
      };
      const either = AbortSignal.any([signal, ...leases.map(({ lost }) => lost)]);
      try {
        const state = await runJob(context, await jobOf(journal, id), either);
        return {
          job: Number(id),
          state,
          progress: asObject((await jobOf(journal, id)).progress),
          by: 'command',
        };
      } catch (error) {
        const left = `job ${id} stays in the journal: the same command, or the next daemon, continues it\n`;
        terminal.err.write(left);
        if (!signal.aborted) throw error;
        const { progress } = await jobOf(journal, id);
        return { job: Number(id), state: 'left', progress: asObject(progress), by: 'command' };
      }
    });
  } finally {
    await journal.close();
  }
}

/** The job is this command's, and so is the sink that it sends to. */
async function claimAll(
  journal: Journal,
  id: bigint,
  params: Json,
  signal: AbortSignal,
): Promise<readonly Lease[]> {
  const sink = asObject(params)['sink'];
  const duties: Duty[] = [`job:${id}`, ...(typeof sink === 'string' ? [`sink:${sink}` as const] : [])];
  return Promise.all(duties.map((duty) => journal.claim(duty, signal)));
}

/** At most one look at the progress a second. */
function throttled(told: Told, { clock }: Terminal): (progress: Json) => void {
  const startedMs = clock.monotonic();
  let shownMs = startedMs;
  return (progress) => {
    const nowMs = clock.monotonic();
    if (nowMs - shownMs < LOOK_EVERY_MS) return;
    shownMs = nowMs;
    told(asObject(progress), nowMs - startedMs);
  };
}

function jobContext(config: Config, parts: BuiltParts, journal: Journal, terminal: Terminal): JobContext {
  const { clock } = terminal;
  const log = openLog(config.log, terminal.err);
  const sinks = new Map<string, ReplaySink>();
  for (const [name, part] of parts.sinks) {
    const sinkLog = log.child({ sink: name });
    const { heartbeat } = config;
    const heartbeats = heartbeatsOf({ ...parts, heartbeat, journal, clock }, name, part.format, sinkLog);
    const outlet = createOutlet({
      ...part,
      clock,
      log: sinkLog,
      status: sinkStatus(name, part.sink.delivery, clock.now()),
      patienceMs: PATIENCE_MS,
    });
    const prepare = createPrepare(parts.canonicalize, part.format, part.where, parts.originOf, {
      limits: part.limits,
      clock,
      seal: heartbeats.seal,
    });
    sinks.set(name, { sink: part.sink, outlet, prepare, heartbeats, batch: part.batch });
  }
  const sources = new Map([...parts.sources].map(([name, { source }]) => [name, source]));
  return { journal, sources, sinks, clock, log, patienceMs: PATIENCE_MS };
}
