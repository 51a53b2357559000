import type { Journal, KnownId } from '../checkpoint/journal.ts';
import { ForwardError } from '../model/errors.ts';
import type { AuditEvent, Json, NewEvent, Window } from '../model/event.ts';
import { isObject } from '../model/json.ts';
import { formatSize } from '../model/units.ts';
import type { Source } from '../sources/source.ts';
import { createReadingGuard } from './reading-guard.ts';
import { describeRevisions } from './revisions.ts';
import { NOTHING_REPLAYED, openLetters, readReplayProgress, replay, sendRead } from './replay.ts';
import type { ReplayContext, ReplayProgress } from './replay.ts';
import { readWindows, unknownPart, writeWindows } from './job-json.ts';

export interface BackfillContext extends ReplayContext {
  readonly sources: ReadonlyMap<string, Source>;
}

export interface BackfillParams {
  /** Null: every source. */
  readonly source: string | null;
  readonly windows: readonly Window[];
  /** The windows are sent again to this sink once they are read; null: sinks only get what is new. */
  readonly sink: string | null;
}

/** What a backfill has done, and what is left: kept with the job, so that a crash resumes. */
export interface BackfillProgress {
  readonly kind: 'backfill';
  readonly stage: 'read' | 'replay';
  /** Windows still to be read, by source. A source that is not there has not been begun. */
  readonly open: Readonly<Record<string, readonly Window[]>>;
  readonly events: number;
  readonly appended: number;
  readonly repeated: number;
  readonly filtered: number;
  readonly malformed: number;
  readonly revised: number;
  /** Share of the time range that is read, in [0, 1]. */
  readonly share: number;
  readonly replay: ReplayProgress;
}

export const NOTHING_READ: BackfillProgress = {
  kind: 'backfill',
  stage: 'read',
  open: {},
  events: 0,
  appended: 0,
  repeated: 0,
  filtered: 0,
  malformed: 0,
  revised: 0,
  share: 0,
  replay: NOTHING_REPLAYED,
};

const PAGE_IDS = 5_000;
/** Progress is saved at most this often: reading a second of it again after a crash repeats nothing in the journal. */
const SAVE_EVERY_MS = 1_000;

/**
 * Reads past windows into the journal without touching the live progress: every sink then gets what is new by itself.
 * `save` keeps the progress; what is done from there after a crash is the same again, since the journal drops repeats.
 */
export async function backfill(
  context: BackfillContext,
  params: BackfillParams,
  from: BackfillProgress,
  save: (progress: BackfillProgress) => Promise<void>,
  signal: AbortSignal,
): Promise<BackfillProgress> {
  let progress = from;
  let savedMs = context.clock.monotonic();
  const names = params.source === null ? [...context.sources.keys()] : [params.source];
  const { sink } = params;
  if (progress.stage === 'read') {
    const letters = sink === null ? null : await openLetters(context.journal, sink);
    for (const name of names) {
      const source = context.sources.get(name);
      if (source === undefined) throw unknownPart('source', name);
      const open = progress.open[name] ?? params.windows;
      if (open.length === 0) continue;
      await assertSpace(context.journal);
      const guard = createReadingGuard(name, context.journal);
      for await (const harvest of source.read(open, signal)) {
        await guard.assertReadable(harvest);
        const { purpose, events, malformed, coverage, findings } = harvest;
        const read = { purpose, events, malformed, coverage, findings, progress: null };
        const result = await context.journal.append(name, read, [...context.sources.keys()]);
        const revisions = describeRevisions(result.revised);
        if (revisions.length > 0) await context.journal.addFindings(name, revisions);
        const left = { ...progress.open, [name]: harvest.open };
        progress = {
          ...progress,
          open: left,
          events: progress.events + events.length,
          appended: progress.appended + result.appended,
          repeated: progress.repeated + result.repeated,
          filtered: progress.filtered + result.filtered,
          malformed: progress.malformed + malformed.length,
          revised: progress.revised + result.revised.length,
          share: shareOf(names, params.windows, left),
        };
        if (sink !== null && letters !== null) {
          const gone = await prunedAmong(context, name, events);
          const to = { sink, force: false };
          const sent = await sendRead(context, to, progress.replay, gone, letters, signal);
          progress = { ...progress, replay: sent };
        }
        if (context.clock.monotonic() - savedMs >= SAVE_EVERY_MS) {
          await save(progress);
          savedMs = context.clock.monotonic();
        }
        await assertSpace(context.journal);
      }
      progress = { ...progress, open: { ...progress.open, [name]: [] } };
      await save(progress);
    }
    progress = { ...progress, stage: 'replay', share: 1 };
    await save(progress);
  }
  if (sink === null) return progress;
  for (const window of params.windows.slice(progress.replay.windows)) {
    const one = { sink, source: params.source, window, ids: null, force: false };
    const keep = async (replayed: ReplayProgress): Promise<void> => save({ ...progress, replay: replayed });
    const replayed = await replay(context, one, progress.replay, keep, signal);
    progress = { ...progress, replay: { ...replayed, windows: replayed.windows + 1, after: 0n, bucket: 0 } };
    await save(progress);
  }
  return progress;
}

/** Those that the journal knows and holds no more: a sink that lacks them can get them from this reading only. */
async function prunedAmong(
  { journal, clock }: BackfillContext,
  source: string,
  events: readonly NewEvent[],
): Promise<AuditEvent[]> {
  const times = events.map(({ createdNs }) => createdNs).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const [startNs, endNs] = [times[0], times.at(-1)];
  if (startNs === undefined || endNs === undefined) return [];
  const size = await journal.size();
  const lastPruned = size.headSeq - BigInt(size.events);
  const seqs = new Map<string, bigint>();
  for (let last: KnownId | null = null; ;) {
    const page: readonly KnownId[] = await journal.idsInWindow(source, { startNs, endNs }, last, PAGE_IDS);
    for (const { id, seq } of page) if (seq !== null && seq <= lastPruned) seqs.set(id, seq);
    last = page.at(-1) ?? null;
    if (last === null || page.length < PAGE_IDS) break;
  }
  const receivedAt = new Date(clock.now()).toISOString();
  const byId = new Map(events.map((event) => [event.id, event])); // a reading may show an event twice
  return [...byId.values()].flatMap(({ id, createdAt, original }) => {
    const seq = seqs.get(id);
    return seq === undefined ? [] : [{ seq, source, id, createdAt, original, receivedAt }];
  });
}

/** Backpressure: the job waits and goes on by itself once the sinks have made room. */
async function assertSpace(journal: Journal): Promise<void> {
  const { usedBytes, limitBytes } = await journal.size();
  if (usedBytes < limitBytes) return;
  throw new ForwardError(
    'transient',
    `the journal is full (${formatSize(usedBytes)} of ${formatSize(limitBytes)})`,
    {
      hint: 'fix the sink that is behind, or raise state.max_size; the Platform keeps the events meanwhile',
    },
  );
}

function shareOf(
  names: readonly string[],
  windows: readonly Window[],
  open: BackfillProgress['open'],
): number {
  const whole = width(windows) * BigInt(names.length);
  const left = names.reduce((sum, name) => sum + width(open[name] ?? windows), 0n);
  return whole === 0n ? 1 : Number(((whole - left) * 10_000n) / whole) / 10_000;
}

/** Parts share their edges, so this is a little more than the time they span: good enough for a progress line. */
function width(windows: readonly Window[]): bigint {
  return windows.reduce((sum, { startNs, endNs }) => sum + (endNs - startNs), 0n);
}

export function writeBackfillProgress(progress: BackfillProgress): Json {
  const { replay: replayed, open, ...rest } = progress;
  return {
    ...rest,
    open: Object.fromEntries(Object.entries(open).map(([name, windows]) => [name, writeWindows(windows)])),
    replay: { ...replayed, after: replayed.after.toString() },
  };
}

/** From nothing for a job that was never begun. */
export function readBackfillProgress(json: Json): BackfillProgress {
  if (!isObject(json) || json['kind'] !== 'backfill') return NOTHING_READ;
  const open = isObject(json['open']) ? json['open'] : {};
  const number = (key: string): number => (typeof json[key] === 'number' ? json[key] : 0);
  return {
    kind: 'backfill',
    stage: json['stage'] === 'replay' ? 'replay' : 'read',
    open: Object.fromEntries(Object.entries(open).map(([name, windows]) => [name, readWindows(windows)])),
    events: number('events'),
    appended: number('appended'),
    repeated: number('repeated'),
    filtered: number('filtered'),
    malformed: number('malformed'),
    revised: number('revised'),
    share: number('share'),
    replay: readReplayProgress(json['replay'] ?? null),
  };
}
