import type { Appended, Journal } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import { ForwardError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { span } from '../model/trace.ts';
import { formatTime, nsToMs } from '../model/time.ts';
import { formatSize } from '../model/units.ts';
import type { Harvest, Source, Trouble } from '../sources/source.ts';
import { createPace } from './pace.ts';
import { createProgress } from './progress.ts';
import type { Progress } from './progress.ts';
import { createReadingGuard } from './reading-guard.ts';
import type { ReadingGuard } from './reading-guard.ts';
import { describeRevisions } from './revisions.ts';
import { createRetry, endsLoop } from './retry.ts';
import { untilNextPollMs } from './schedule.ts';
import type { PollSchedule } from './schedule.ts';
import { createStanding } from './standing-findings.ts';
import type { Standing } from './standing-findings.ts';
import { countRetry, enterState, faultsIn, turned } from './status.ts';
import type { SourceStatus } from './status.ts';

export interface CollectContext {
  readonly name: string;
  readonly source: Source;
  readonly journal: Journal;
  /** The sources whose events go to the same sinks, this one among them. */
  readonly beside: readonly string[];
  readonly schedule: PollSchedule;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: SourceStatus;
  /** Null: poll for ever. Otherwise catch up once and return; a failure that lasts longer is thrown. Milliseconds. */
  readonly patienceMs: number | null;
}

/** While the journal is full, how often to look whether a sink has made room. */
const SPACE_CHECK_MS = 2_000;
/** A window whose next try is due is not waited for less than this. */
const NEXT_TRY_MIN_MS = 1_000;

/**
 * The first of the two loops: source to journal. Every harvest is one transaction; after any failure the next poll starts
 * from what the journal holds. Windows that fail while others are read keep nothing waiting: they are tried again when they
 * are due. Returns when `signal` aborts, or when `patienceMs` is set and everything is read. Throws what no waiting can fix:
 * `corrupt` and `config`.
 */
export async function collect(context: CollectContext, signal: AbortSignal): Promise<void> {
  const { clock, source, status } = context;
  const showFault = faultsIn(status, clock);
  const retry = createRetry({
    clock,
    log: context.log,
    patienceMs: context.patienceMs,
    next: (kind) => (kind === 'denied' ? 'the Platform is probed again' : 'the poll is repeated'),
    ends: (error) => endsLoop(error) || error instanceof OutOfPatience,
    shown: (error, waitMs) => {
      countRetry(status, error);
      showFault(error, waitMs);
    },
    replaced: () => source.credentialReplaced?.() === true,
  });
  const guard = createReadingGuard(context.name, context.journal);
  const standing = createStanding(context.name, context.journal, context.log);
  const progress = createProgress(status, source, clock);
  let troubledMs: number | null = null;
  try {
    for (;;) {
      try {
        signal.throwIfAborted();
        progress.begin();
        await waitForSpace(context, signal);
        await span('poll', { source: context.name }, () =>
          pollOnce(context, guard, standing, progress, signal),
        );
        retry.succeeded();
        enterState(status, 'idle', clock.now());
        const { openWindows, pendingReconcile, troubles } = source.state();
        const waiting = troubles.filter(({ nextTryMs }) => nextTryMs !== undefined).length;
        troubledMs = troubles.length === 0 ? null : (troubledMs ?? clock.monotonic());
        if (openWindows > waiting || pendingReconcile > 0) continue;
        if (context.patienceMs !== null) {
          if (troubledMs === null) return;
          assertPatience(troubles, context.patienceMs - (clock.monotonic() - troubledMs));
        }
        await clock.sleep(untilNextMs(context, troubles), signal);
      } catch (error) {
        await retry.failed(error, signal);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    enterState(status, 'stopped', clock.now());
  }
}

/** Until the next poll, or until a window that fails is to be tried again. */
function untilNextMs({ schedule, clock }: CollectContext, troubles: readonly Trouble[]): number {
  const tries = troubles.map(({ nextTryMs = Infinity }) =>
    Math.max(nextTryMs - clock.now(), NEXT_TRY_MIN_MS),
  );
  return Math.min(untilNextPollMs(schedule, clock), ...tries);
}

/** Thrown past the reaction to failures: the poll itself went well. */
class OutOfPatience extends ForwardError {}

/** A single run that leaves something unread has not done its work. */
function assertPatience([first, ...more]: readonly Trouble[], leftMs: number): void {
  if (first === undefined || leftMs > 0) return;
  const { startNs, endNs } = first.window;
  const others = more.length === 0 ? '' : ` (and ${more.length} more windows)`;
  throw new OutOfPatience(
    'transient',
    `${formatTime(startNs)} to ${formatTime(endNs)}${others} could not be read: ${first.reason}`,
    { hint: first.hint },
  );
}

/** One poll, committed harvest by harvest. */
async function pollOnce(
  context: CollectContext,
  guard: ReadingGuard,
  standing: Standing,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const { source, journal, name, clock, log, status } = context;
  const saved = await journal.progress(name);
  let appended = 0;
  const pace = createPace(clock);
  let firstNs: bigint | null = null;
  const reader = { ...journal.held(name), doubt: guard.doubt };
  for await (const harvest of source.poll(reader, saved, signal)) {
    // Whatever the source asked about is known by now: this is for what it did not.
    await guard.assertReadable(harvest);
    const result = await journal.append(name, harvest, context.beside);
    count(status, harvest, result, clock.now());
    progress.committed(result.appended);
    await noteRevisions(context, result);
    await standing.keep(source.state().standing ?? []);
    standing.say(harvest.findings);
    if (result.shared > 0)
      log.warn(
        { finding: 'shared_id', events: result.shared },
        'different events state the same id; all are kept',
      );
    appended += result.appended;
    if (harvest.purpose === 'reconcile' && result.appended > 0) {
      log.info({ events: result.appended }, 'found events that had become visible late');
    }
    const { frontierNs, targetNs, openWindows } = source.state();
    firstNs ??= frontierNs;
    if (pace.isDue(appended)) {
      const going = pace.say(appended, shareOf(firstNs, frontierNs, targetNs));
      const upTo = frontierNs === null ? null : formatTime(frontierNs);
      log.info({ events: appended, ...going, read_up_to: upTo, open_windows: openWindows }, 'catching up');
    }
    // A poll that finds nothing asks once: there may be hundreds of sources.
    if (harvest.events.length + harvest.malformed.length > 0) await waitForSpace(context, signal);
  }
  await standing.keep(source.state().standing ?? []);
  status.polls += 1;
  status.lastPollMs = clock.now();
  progress.finished();
  if (appended > 0) log.info({ events: appended }, 'read new events');
}

/** How much of the time that was to be read has been read. */
function shareOf(firstNs: bigint | null, frontierNs: bigint | null, targetNs: bigint | null): number | null {
  if (firstNs === null || frontierNs === null || targetNs === null || targetNs <= firstNs) return null;
  return Number(frontierNs - firstNs) / Number(targetNs - firstNs);
}

function count(status: SourceStatus, harvest: Harvest, result: Appended, nowMs: number): void {
  turned(status, nowMs);
  status.appended += result.appended;
  status.repeated += result.repeated;
  status.filtered += result.filtered;
  status.malformed += result.malformed;
  status.revised += result.revised.length;
  status.findings += harvest.findings.length + (result.shared > 0 ? 1 : 0);
  if (harvest.purpose === 'reconcile') status.reconciled += result.appended;
  const newest = harvest.events.reduce(
    (latest, event) => (event.createdNs > latest ? event.createdNs : latest),
    0n,
  );
  // While catching up the age of the newest event says how far behind we are, not how late events become visible.
  if (result.appended > 0 && harvest.purpose === 'live' && status.polls > 0)
    status.visibilityLagMs = Math.max(nowMs - nsToMs(newest), 0);
}

async function noteRevisions(context: CollectContext, result: Appended): Promise<void> {
  const findings = describeRevisions(result.revised);
  if (findings.length > 0) await context.journal.addFindings(context.name, findings);
}

/** Backpressure: while the journal is full nothing is asked for. The Platform keeps the events meanwhile. */
async function waitForSpace(context: CollectContext, signal: AbortSignal): Promise<void> {
  const { journal, clock, log, status } = context;
  let said = false;
  const sinceMs = clock.monotonic();
  for (;;) {
    const { usedBytes, limitBytes, events } = await journal.size();
    if (usedBytes < limitBytes) {
      if (!said) return;
      log.info({}, 'the journal has room again; polling resumes');
      return enterState(status, 'working', clock.now());
    }
    const [fullOf, hint] =
      events > 0
        ? [
            'polling waits until the sinks have caught up',
            'fix the sink that is behind, or raise state.max_size',
          ]
        : [
            'no event is left in it, only the ids, coverage, findings and dead letters that must stay; polling waits',
            'raise state.max_size, or shorten audit_horizon of the sources',
          ];
    const reason = `the journal is full (${formatSize(usedBytes)} of ${formatSize(limitBytes)}): ${fullOf}; the Platform keeps the events`;
    if (!said) log.warn({ used_bytes: usedBytes, limit_bytes: limitBytes }, reason);
    said = true;
    if (context.patienceMs !== null && clock.monotonic() - sinceMs >= context.patienceMs)
      throw new ForwardError('transient', reason, { hint });
    enterState(status, 'waiting_for_space', clock.now(), {
      reason,
      hint,
    });
    await clock.sleep(SPACE_CHECK_MS, signal);
  }
}
