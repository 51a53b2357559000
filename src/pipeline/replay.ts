import { letterPages } from '../checkpoint/journal.ts';
import type { DeadLetter, Journal, Lease, RejectedEvent } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import type { AuditEvent, Json, Window } from '../model/event.ts';
import { isObject } from '../model/json.ts';
import type { Log } from '../model/log.ts';
import { parseTime } from '../model/time.ts';
import type { Item, Sink } from '../sinks/sink.ts';
import type { Heartbeats } from './heartbeat.ts';
import type { Outlet } from './outlet.ts';
import { sizeInBatch } from './prepare.ts';
import type { Prepare } from './prepare.ts';
import { rejectionsOf, tellRejected } from './rejections.ts';
import { again, sentOf } from './segment.ts';
import type { Sent } from './segment.ts';
import { bucketsOf } from './verify/buckets.ts';
import { unknownPart } from './job-json.ts';

/** A sink as a job sends to it: through the same outlet as the deliver loop, so that both heed one backoff and one rate. */
export interface ReplaySink {
  readonly sink: Sink;
  readonly outlet: Outlet;
  readonly prepare: Prepare;
  /** Of the deliver loop: a dead letter that is taken now is an event that a heartbeat has to name. */
  readonly heartbeats: Pick<Heartbeats, 'record'>;
  readonly batch: { readonly maxEvents: number; readonly maxBytes: number };
  /** Of the replica that serves the sink; absent where no other can. */
  readonly lease?: Lease;
}

export interface ReplayContext {
  readonly journal: Journal;
  readonly sinks: ReadonlyMap<string, ReplaySink>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ReplayParams {
  readonly sink: string;
  /** Null: every source. */
  readonly source: string | null;
  readonly window: Window;
  /** Only these; null: all. */
  readonly ids: readonly string[] | null;
  /** Also what the receiver proves to hold. */
  readonly force: boolean;
}

/** What a replay has done and where it goes on: kept with the job. */
export interface ReplayProgress {
  /** Windows finished, buckets of the current one finished, and the last seq settled in the current bucket. */
  readonly windows: number;
  readonly bucket: number;
  readonly after: bigint;
  readonly looked: number;
  readonly sent: number;
  /** Not sent: the receiver holds it. */
  readonly present: number;
  readonly refused: number;
  readonly filtered: number;
  /** Not sent: the deliver loop has not come to it yet, and will. */
  readonly pending: number;
  /** Not sent: no longer in the journal, which knows of them. Counted at the end. */
  readonly pruned: number;
  /** Share of the window's time that is done, in [0, 1]. */
  readonly share: number;
}

export const NOTHING_REPLAYED: ReplayProgress = {
  windows: 0,
  bucket: 0,
  after: 0n,
  looked: 0,
  sent: 0,
  present: 0,
  refused: 0,
  filtered: 0,
  pending: 0,
  pruned: 0,
  share: 0,
};

/** Events read at once, and the contract's limit of ids in one question. */
const PAGE_EVENTS = 1_000;

/**
 * Sends events of the journal to one sink again, through today's mapping. The cursor stays where it is. What is refused becomes
 * a dead letter, and a dead letter that is taken now is gone. After a crash at most one page is sent twice, under the same ids.
 */
export async function replay(
  context: ReplayContext,
  params: ReplayParams,
  from: ReplayProgress,
  save: (progress: ReplayProgress) => Promise<void>,
  signal: AbortSignal,
): Promise<ReplayProgress> {
  const { journal } = context;
  const sink = context.sinks.get(params.sink);
  if (sink === undefined) throw unknownPart('sink', params.sink);
  const wanted = params.ids === null ? null : new Set(params.ids);
  const letters = await openLetters(journal, params.sink);
  const buckets = bucketsOf(params.window);
  let progress = from;
  for (const bucket of buckets.slice(from.bucket)) {
    for (;;) {
      signal.throwIfAborted();
      const page = await journal.readWindow(params.source, bucket, progress.after, PAGE_EVENTS);
      const last = page.at(-1);
      if (last === undefined) break;
      const events = wanted === null ? page : page.filter((event) => wanted.has(event.id));
      const done = await sendPage(context, params, sink, events, letters, signal);
      progress = { ...added(progress, done), after: last.seq };
      await save(progress);
    }
    const finished = progress.bucket + 1;
    progress = { ...progress, bucket: finished, after: 0n, share: finished / buckets.length };
  }
  await save(progress);
  return progress;
}

/** How many events of a replay's range have left the journal, as far as it still knows of them. */
export async function countPruned(
  journal: Pick<Journal, 'absentInWindow'>,
  sources: readonly string[],
  window: Window,
  signal: AbortSignal,
): Promise<number> {
  let pruned = 0;
  for (const bucket of bucketsOf(window)) {
    for (const source of sources) {
      signal.throwIfAborted();
      pruned += (await journal.absentInWindow(source, bucket)).pruned;
    }
  }
  return pruned;
}

/** Sends events that the journal holds no more, as somebody read them just now. `letters` of the sink, as `openLetters` gives them. */
export async function sendRead(
  context: ReplayContext,
  params: Pick<ReplayParams, 'sink' | 'force'>,
  from: ReplayProgress,
  events: readonly AuditEvent[],
  letters: ReadonlyMap<string, bigint>,
  signal: AbortSignal,
): Promise<ReplayProgress> {
  const sink = context.sinks.get(params.sink);
  if (sink === undefined) throw unknownPart('sink', params.sink);
  let progress = from;
  for (let at = 0; at < events.length; at += PAGE_EVENTS) {
    const page = events.slice(at, at + PAGE_EVENTS);
    progress = added(progress, await sendPage(context, params, sink, page, letters, signal));
  }
  return progress;
}

/** Undefined when one of the times cannot be read. */
function spanOf(events: readonly AuditEvent[]): Window | undefined {
  const times = events.map(({ createdAt }) => parseTime(createdAt)).filter((time) => time !== null);
  const sorted = times.toSorted((a, b) => (a < b ? -1 : 1));
  const [startNs, endNs] = [sorted[0], sorted.at(-1)];
  if (startNs === undefined || endNs === undefined || times.length < events.length) return undefined;
  return { startNs, endNs };
}

type Counts = Pick<ReplayProgress, 'looked' | 'sent' | 'present' | 'refused' | 'filtered' | 'pending'>;

async function sendPage(
  context: ReplayContext,
  params: Pick<ReplayParams, 'sink' | 'force'>,
  { sink, outlet, prepare, heartbeats, batch }: ReplaySink,
  events: readonly AuditEvent[],
  letters: ReadonlyMap<string, bigint>,
  signal: AbortSignal,
): Promise<Counts> {
  const { journal } = context;
  const cursor = await journal.cursor(params.sink);
  const settled = events.filter((event) => event.seq <= cursor);
  const held =
    params.force || sink.holds === undefined || settled.length === 0
      ? new Map<string, number>()
      : await sink.holds(
          settled.map((event) => event.id),
          signal,
          spanOf(settled),
        );
  const absent = settled.filter((event) => (held.get(event.id) ?? 0) === 0);
  const tried: Tried[] = [];
  const rejected: RejectedEvent[] = [];
  const unanswered: Sent[] = [];
  let filtered = 0;
  /** One at a time: only one batch of a page is in memory. */
  function* items(): Generator<Item> {
    for (const event of absent) {
      const prepared = prepare(event);
      if (prepared.kind === 'filtered') filtered += 1;
      else if (prepared.kind === 'unrendered') rejected.push({ event, reason: prepared.reason, attempts: 1 });
      else {
        tried.push({ event, digest: prepared.item.digest ?? '' });
        yield prepared.item;
      }
    }
  }
  let refused = 0;
  for (const part of batchesOf(items(), batch, outlet)) {
    const refusals = await outlet.settle(part, signal);
    refused += refusals.length;
    rejected.push(...rejectionsOf(refusals, absent));
    for (const refusal of refusals) if (refusal.unanswered) unanswered.push(sentOf(refusal.item));
  }
  if (rejected.length > 0) await journal.addDeadLetters(params.sink, rejected);
  tellRejected(context.log.child({ sink: params.sink }), rejected);
  const taken = takenLetters(tried, rejected, letters);
  if (taken.length + unanswered.length > 0) {
    const settled = taken.map(({ letter }) => letter);
    const write = (segment?: Json): Promise<void> =>
      journal.recordRetried(settled, [], segment === undefined ? undefined : { sink: params.sink, segment });
    await heartbeats.record(
      () => again(taken, unanswered),
      write,
      (work) => work(),
    );
  }
  return {
    looked: events.length,
    sent: tried.length - refused,
    present: settled.length - absent.length,
    refused: rejected.length,
    filtered,
    pending: events.length - settled.length,
  };
}

/** Within the sink's limits, and less while the receiver asks for it. */
function* batchesOf(
  items: Iterable<Item>,
  limit: ReplaySink['batch'],
  outlet: Outlet,
): Generator<readonly Item[]> {
  let batch: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeInBatch(item);
    const share = outlet.share();
    const full = batch.length >= Math.max(Math.floor(limit.maxEvents * share), 1);
    if (batch.length > 0 && (full || bytes + size > limit.maxBytes * share)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** The sink's dead letters that wait, by event. */
export async function openLetters(journal: Journal, owner: string): Promise<ReadonlyMap<string, bigint>> {
  const letters = new Map<string, bigint>();
  const states: DeadLetter['state'][] = ['open', 'retrying'];
  for await (const page of letterPages(journal, { owner, states }))
    for (const { id, event } of page) if (event !== null) letters.set(keyOf(event.source, event.id), id);
  return letters;
}

/** An event that was sent, without its text: only one batch of a page is in memory. */
interface Tried {
  readonly event: AuditEvent;
  readonly digest: string;
}

/** Dead letters that the receiver took now, as a heartbeat tells of them. */
function takenLetters(
  tried: readonly Tried[],
  rejected: readonly RejectedEvent[],
  letters: ReadonlyMap<string, bigint>,
): readonly (Sent & { readonly letter: bigint })[] {
  if (letters.size === 0) return [];
  const refused = new Set(rejected.map(({ event }) => keyOf(event.source, event.id)));
  return tried.flatMap(({ event, digest }) => {
    const key = keyOf(event.source, event.id);
    const letter = letters.get(key);
    return letter === undefined || refused.has(key) ? [] : [{ letter, seq: Number(event.seq), digest }];
  });
}

function keyOf(source: string, id: string): string {
  return `${source}\n${id}`;
}

function added(progress: ReplayProgress, counts: Counts): ReplayProgress {
  return {
    ...progress,
    looked: progress.looked + counts.looked,
    sent: progress.sent + counts.sent,
    present: progress.present + counts.present,
    refused: progress.refused + counts.refused,
    filtered: progress.filtered + counts.filtered,
    pending: progress.pending + counts.pending,
  };
}

export function writeReplayProgress(progress: ReplayProgress): Json {
  return { kind: 'replay', ...progress, after: progress.after.toString() };
}

/** From nothing for a job that was never begun. */
export function readReplayProgress(json: Json): ReplayProgress {
  if (!isObject(json)) return NOTHING_REPLAYED;
  const number = (key: string): number => (typeof json[key] === 'number' ? json[key] : 0);
  const after = json['after'];
  return {
    windows: number('windows'),
    bucket: number('bucket'),
    after: typeof after === 'string' && /^\d{1,19}$/.test(after) ? BigInt(after) : 0n,
    looked: number('looked'),
    sent: number('sent'),
    present: number('present'),
    refused: number('refused'),
    filtered: number('filtered'),
    pending: number('pending'),
    pruned: number('pruned'),
    share: number('share'),
  };
}
