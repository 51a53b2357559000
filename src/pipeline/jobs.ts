import type { Job, Lease } from '../checkpoint/journal.ts';
import { asForwardError, describe, ForwardError, isLeaseLost, UnexpectedError } from '../model/errors.ts';
import type { Json } from '../model/event.ts';
import { isObject } from '../model/json.ts';
import { backfill, readBackfillProgress, writeBackfillProgress } from './backfill.ts';
import type { BackfillContext, BackfillParams } from './backfill.ts';
import { steady } from './backoff.ts';
import { readWindow, readWindows, unreadable } from './job-json.ts';
import { countPruned, readReplayProgress, replay, writeReplayProgress } from './replay.ts';
import type { ReplayParams } from './replay.ts';
import { createRetry, endsLoop } from './retry.ts';
import type { RetryOptions } from './retry.ts';
import { enterState, faultsIn } from './status.ts';
import type { LoopStatus } from './status.ts';

/** What jobs work on. One context serves all of them, one job at a time. */
export interface JobContext extends BackfillContext {
  /** Null: try for ever. Otherwise a failure that lasts longer is thrown, and the job waits for the next run. Milliseconds. */
  readonly patienceMs: number | null;
  /** Told each progress once it is saved. */
  readonly onProgress?: (progress: Json) => void;
  /** Shows what the work waits for. */
  readonly status?: LoopStatus;
  /** Whether a sink that is not among `sinks` is served by another replica, or will be: its jobs are done there. */
  readonly isElsewhere?: (sink: string) => boolean;
}

/** A daemon without jobs looks for new ones this often, even without news of one. */
const IDLE_MS = 30_000;
const AGAIN_MS = 1_000;
/** While another replica does a job, which may end in the middle of it, this often. */
const OTHERS_MS = 5_000;
/** Unexpected errors in a row after which a job fails: one that always meets them must not keep the others waiting. */
const UNEXPECTED_LIMIT = 5;

/**
 * Does the jobs that commands left in the journal, one at a time, those first that a crash left running; none that another replica does.
 * Returns when `signal` aborts, or with `untilNone` when there are none left. A job that cannot be done is marked as failed and never
 * stops the rest.
 */
export async function workOff(
  context: JobContext,
  { untilNone }: { readonly untilNone: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, status } = context;
  const looking = {
    clock,
    log,
    backoff: steady(AGAIN_MS),
    next: () => 'the jobs are looked at again',
  };
  const retry = createRetry({
    ...looking,
    patienceMs: null,
    ends: (error) => context.patienceMs !== null || endsLoop(error), // a job has been patient before
    ...showing(context),
  });
  const others = createRetry({ ...looking, patienceMs: context.patienceMs });
  let news = 0;
  if (status !== undefined) enterState(status, 'working', clock.now());
  try {
    for (;;) {
      try {
        const next = await takeJob(context);
        if (status !== undefined) enterState(status, next.taken === null ? 'idle' : 'working', clock.now());
        if (next.taken !== null) await runTaken(context, next.taken, signal);
        else if (untilNone && next.others === 0) return;
        else if (untilNone) throw elsewhere(next.others);
        else
          news = await context.journal.waitForNews(news, null, next.others > 0 ? OTHERS_MS : IDLE_MS, signal);
        retry.succeeded();
        others.succeeded();
      } catch (thrown) {
        if (isLeaseLost(thrown) && !signal.aborted) continue;
        await (thrown instanceof ElsewhereError ? others : retry).failed(thrown, signal);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

interface Taken {
  readonly job: Job;
  /** Of the job, and of the sink that it sends to: the replica that serves the sink does the job. */
  readonly leases: readonly Lease[];
}

/** The next job that is nobody else's; `others`: how many there are that other replicas do, or will. */
async function takeJob(
  context: JobContext,
): Promise<{ readonly taken: Taken | null; readonly others: number }> {
  const { journal } = context;
  const open = [...(await journal.jobs(['running'])), ...(await journal.jobs(['queued']))];
  let others = 0;
  for (const { id, params } of open) {
    const name = isObject(params) && typeof params['sink'] === 'string' ? params['sink'] : null;
    const sink = name === null ? undefined : context.sinks.get(name);
    // One that is being handed over would interrupt the job at once, again and again.
    const isLeaving = [sink?.lease?.lost, sink?.lease?.wanted].some((signal) => signal?.aborted === true);
    const isServed = sink !== undefined && !isLeaving;
    const isMine = name === null || isServed || (!isLeaving && context.isElsewhere?.(name) !== true);
    const lease = isMine ? await journal.tryClaim(`job:${id}`) : null;
    // Its last holder may have finished it meanwhile.
    const job =
      lease === null ? undefined : (await journal.jobs(['running', 'queued'])).find((one) => one.id === id);
    if (lease !== null && job !== undefined)
      return { taken: { job, leases: [lease, ...(sink?.lease === undefined ? [] : [sink.lease])] }, others };
    await lease?.release();
    if (lease === null) others += 1;
  }
  return { taken: null, others };
}

async function runTaken(context: JobContext, { job, leases }: Taken, signal: AbortSignal): Promise<void> {
  const ends = leases.flatMap(({ lost, wanted }) => [lost, wanted]);
  try {
    await runJob(
      { ...context, journal: context.journal.under(...leases) },
      job,
      AbortSignal.any([signal, ...ends]),
    );
  } finally {
    await leases[0]?.release();
  }
}

class ElsewhereError extends ForwardError {}

/** A single run that leaves jobs undone has not done its work. */
function elsewhere(jobs: number): ForwardError {
  const [count, are] = jobs === 1 ? ['a job is', 'it'] : [`${jobs} jobs are`, 'them'];
  return new ElsewhereError(
    'transient',
    `${count} for another replica to do, or for a sink that is not served yet`,
    {
      hint: `the replica that serves the sink does ${are}; auditferry status shows who that is`,
    },
  );
}

/**
 * Does one job from where its progress says. Returns its end state. Rejects when `signal` aborts or patience ends: then the
 * job stays in the journal and goes on with the next run. Throws `corrupt` as it comes.
 */
export async function runJob(context: JobContext, job: Job, signal: AbortSignal): Promise<'done' | 'failed'> {
  const { journal, clock } = context;
  const log = context.log.child({ job: Number(job.id), kind: job.kind });
  const retry = createRetry({
    clock,
    log,
    patienceMs: context.patienceMs,
    next: () => 'the job is tried again',
    ends: ({ kind }) => kind === 'corrupt',
    ...showing(context),
  });
  let progress = job.progress;
  const save = async (next: Json): Promise<void> => {
    progress = next;
    await journal.updateJob(job.id, 'running', next);
    retry.succeeded();
    if (context.status !== undefined) enterState(context.status, 'working', clock.now());
    context.onProgress?.(next);
  };
  log.info({}, job.state === 'queued' ? 'a job begins' : 'a job resumes where it was left');
  for (;;) {
    try {
      await journal.updateJob(job.id, 'running', progress);
      const end = await step({ ...context, log }, job, progress, save, signal);
      await journal.updateJob(job.id, 'done', end);
      log.info({}, 'a job is done');
      return 'done';
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asForwardError(thrown);
      const hopeless = error instanceof UnexpectedError && retry.failures() >= UNEXPECTED_LIMIT;
      if (hopeless || error.kind === 'config' || error.kind === 'rejected') {
        await journal.updateJob(job.id, 'failed', failed(progress, error));
        log.error({ error: describe(error) }, 'a job failed');
        return 'failed';
      }
      await retry.failed(error, signal);
    }
  }
}

/** Shows what the work waits for. */
function showing({ status, clock }: JobContext): Pick<RetryOptions, 'shown'> {
  return status === undefined ? {} : { shown: faultsIn(status, clock) };
}

async function step(
  context: JobContext,
  job: Job,
  progress: Json,
  save: (progress: Json) => Promise<void>,
  signal: AbortSignal,
): Promise<Json> {
  switch (job.kind) {
    case 'backfill': {
      const params = readBackfillParams(job.params);
      const from = readBackfillProgress(progress);
      const keep = (next: typeof from): Promise<void> => save(writeBackfillProgress(next));
      return writeBackfillProgress(await backfill(context, params, from, keep, signal));
    }
    case 'replay': {
      const params = readReplayParams(job.params);
      const from = readReplayProgress(progress);
      const keep = (next: typeof from): Promise<void> => save(writeReplayProgress(next));
      const end = await replay(context, params, from, keep, signal);
      // Of events that were named by their ids, whoever named them knows.
      if (params.ids !== null) return writeReplayProgress(end);
      const sources = params.source === null ? [...context.sources.keys()] : [params.source];
      const pruned = await countPruned(context.journal, sources, params.window, signal);
      return writeReplayProgress({ ...end, pruned });
    }
    default:
      throw unreadable();
  }
}

/** The progress of a job that failed keeps what was done, and why it ended: for the command that waits for it. */
function failed(progress: Json, error: unknown): Json {
  return { ...(isObject(progress) ? progress : {}), error: describe(error) };
}

function readBackfillParams(json: Json): BackfillParams {
  if (!isObject(json)) throw unreadable();
  return { source: name(json['source']), sink: name(json['sink']), windows: readWindows(json['windows']) };
}

function readReplayParams(json: Json): ReplayParams {
  const sink = isObject(json) ? name(json['sink']) : null;
  if (!isObject(json) || sink === null) throw unreadable();
  const ids = json['ids'] ?? null;
  if (ids !== null && !Array.isArray(ids)) throw unreadable();
  return {
    sink,
    source: name(json['source']),
    window: readWindow(json['window']),
    ids: ids === null ? null : (ids as readonly Json[]).map(String),
    force: json['force'] === true,
  };
}

function name(json: Json | undefined): string | null {
  if (json === null || json === undefined) return null;
  if (typeof json !== 'string') throw unreadable();
  return json;
}
