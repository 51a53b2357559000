import { hash } from 'node:crypto';

import type { Journal, KnownId, Revision } from '../../checkpoint/journal.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import { identityKey } from '../../model/event-id.ts';
import type { Finding, NewEvent, Window } from '../../model/event.ts';
import { isOnlyMoved } from '../../model/moved-time.ts';
import { formatTime, NS_PER_SECOND } from '../../model/time.ts';
import type { RangeHarvest, Source, Trouble } from '../../sources/source.ts';
import { withPatience } from './patience.ts';
import type { Patience } from './patience.ts';
import { describeRevisions } from '../revisions.ts';
import { bucketsOf, clip, cutWindow, gapsIn, overlaps } from './buckets.ts';
import { addName, nameList } from './result.ts';
import type { BucketProof, SourceProof } from './result.ts';

export interface PlatformContext extends Patience {
  readonly name: string;
  readonly source: Shown;
  readonly journal: Journal;
  /** Events created after this may still be on their way. Nanoseconds since 1970. */
  readonly youngNs: bigint;
  /** Before this the Platform may have let events go. Nanoseconds since 1970. */
  readonly horizonNs: bigint;
  /** Before this nothing was promised. Nanoseconds since 1970; null where everything is. */
  readonly startNs: bigint | null;
  /** Windows about which a finding that events are gone was acknowledged. */
  readonly explained: readonly Window[];
  /** Read everything, also where the counts agree. */
  readonly deep: boolean;
  /** Told how many more events of the range were looked at. */
  readonly advance: (events: number) => void;
}

/** Where counts differ, windows are cut until one holds no more than this, and then read. */
const LEAF_ROWS = 5_000;
const PARTS_LIMIT = 32;
const PAGE_IDS = 5_000;
const PAGE_EVENTS = 500;
/** A server may cut bounds to whole seconds: what is read reaches this far beyond what is judged. */
const MARGIN_NS = NS_PER_SECOND;
/** What failed alone is asked for again after this. */
const ASK_AGAIN_MS = 2_000;

/** The source, asked for windows of the times that its events show. */
type Shown = Pick<Source, 'count' | 'read' | 'origin'>;

function asShown(source: Source, offsetNs: bigint): Shown {
  const listed = ({ startNs, endNs }: Window): Window => ({
    startNs: startNs - offsetNs,
    endNs: endNs - offsetNs,
  });
  return {
    count: (window, expected, signal) => source.count(listed(window), expected, signal),
    read: (windows, signal) => source.read(windows.map(listed), signal),
    origin: () => source.origin(),
  };
}

/**
 * Compares what the Platform shows with what the journal knows, bucket by bucket: first the counts, and where these differ (or
 * there are none) the ids and the bytes. Never throws for a Platform that cannot be asked: `failure` says so.
 */
export async function provePlatform(
  asked: Omit<PlatformContext, 'source' | 'startNs'> & { readonly source: Source },
  range: Window,
  signal: AbortSignal,
): Promise<SourceProof> {
  const { source, journal, name } = asked;
  const progress = await journal.progress(name);
  const context = {
    ...asked,
    source: asShown(source, source.offsetNs?.(progress) ?? 0n),
    startNs: source.startNs?.(progress) ?? null,
  };
  const proof = emptyProof(context);
  proof.coverage = clip(await context.journal.coverage(context.name, range), range);
  proof.unread = gapsIn(proof.coverage, {
    startNs: range.startNs,
    endNs: range.endNs < context.youngNs ? range.endNs : context.youngNs,
  });
  proof.unreadable = (await context.journal.deadLetterCounts('source')).get(context.name) ?? 0;
  for (const bucket of bucketsOf(range)) {
    asked.advance(proof.buckets.at(-1)?.journal ?? 0);
    const tally = await emptyBucket(context, bucket);
    proof.buckets.push(tally);
    if (proof.failure !== null) continue;
    try {
      await compare(context, bucket, tally, proof, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ForwardError) || error.kind === 'corrupt') throw error;
      tally.method = 'failed';
      tally.platform = null;
      proof.failure = describe(error);
    }
  }
  for (const bucket of proof.buckets) {
    const absent = await journal.absentInWindow(name, bucket);
    proof.leftOut += absent.leftOut;
    proof.pruned += absent.pruned;
  }
  return proof;
}

function emptyProof({ name, source }: PlatformContext): SourceProof {
  const lists = { missing: nameList, gone: nameList, altered: nameList, noted: nameList };
  return {
    name,
    instance: source.origin().instance,
    failure: null,
    counts: null,
    buckets: [],
    missing: lists.missing(),
    gone: lists.gone(),
    altered: lists.altered(),
    noted: lists.noted(),
    missingIn: [],
    unsure: [],
    unshown: [],
    beforeStart: 0,
    explained: 0,
    expired: 0,
    leftOut: 0,
    pruned: 0,
    unreadable: 0,
    coverage: [],
    unread: [],
  };
}

async function emptyBucket({ journal, name }: PlatformContext, bucket: Window): Promise<BucketProof> {
  const held = await journal.held(name).count(bucket);
  const none = { missing: 0, gone: 0, altered: 0, pending: 0 };
  return { ...bucket, platform: null, journal: held, method: 'failed', ...none };
}

async function compare(
  context: PlatformContext,
  window: Window,
  tally: BucketProof,
  proof: SourceProof,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const ours = await context.journal.held(context.name).count(window);
  const server = await withPatience(context, signal, () => context.source.count(window, ours, signal));
  proof.counts = proof.counts === true || server !== null;
  if (tally.method === 'failed') tally.method = 'counted';
  // Equal counts of what no poll has read prove nothing: one event too few and one too many look the same.
  const believed = server === 0 || !proof.unread.some((gap) => overlaps(gap, window));
  if (!context.deep && server === ours && believed) {
    tally.platform = (tally.platform ?? 0) + server;
    return;
  }
  const rows = Math.max(server ?? 0, ours);
  if (rows > LEAF_ROWS && window.endNs - window.startNs > 2n * NS_PER_SECOND) {
    const parts = Math.min(Math.ceil((2 * rows) / LEAF_ROWS), PARTS_LIMIT);
    for (const part of cutWindow(window, parts)) await compare(context, part, tally, proof, signal);
    return;
  }
  tally.method = 'read';
  await compareIds(context, window, tally, proof, signal);
}

/** What one reading of a window came to. */
interface Reading {
  /** Ids of the journal that were seen, also in the margin. */
  readonly seen: Set<string>;
  /** Inside the window and not known when they were read. */
  readonly unknown: NewEvent[];
  /** Known with other bytes, by the journal's id. */
  readonly changed: Map<string, NewEvent>;
  shown: number;
  sure: boolean;
  /** What failed although the rest could be read. */
  aside: readonly Trouble[];
}

/**
 * The journal is asked before the Platform for what may be gone, and after it for what may be missing, so that events which
 * a daemon appends meanwhile are never named.
 */
async function compareIds(
  context: PlatformContext,
  window: Window,
  tally: BucketProof,
  proof: SourceProof,
  signal: AbortSignal,
): Promise<void> {
  const held = await knownIds(context, window);
  const reading = await withPatience(context, signal, () => readWindow(context, window, held, signal));
  tally.platform = (tally.platform ?? 0) + reading.shown;
  if (!reading.sure) proof.unsure.push(window);
  for (const { window: part, reason } of reading.aside) proof.unshown.push({ ...part, reason });
  await judgeMissing(context, window, reading, tally, proof);
  if (reading.sure) judgeGone(context, held, reading, tally, proof);
  await judgeChanged(context, window, held, reading, tally, proof);
}

async function knownIds(context: PlatformContext, window: Window): Promise<ReadonlyMap<string, KnownId>> {
  const known = new Map<string, KnownId>();
  for (let last: KnownId | null = null; ;) {
    const page: readonly KnownId[] = await context.journal.idsInWindow(context.name, window, last, PAGE_IDS);
    for (const one of page) known.set(one.id, one);
    last = page.at(-1) ?? null;
    if (last === null || page.length < PAGE_IDS) return known;
  }
}

async function readWindow(
  context: PlatformContext,
  window: Window,
  held: ReadonlyMap<string, KnownId>,
  signal: AbortSignal,
): Promise<Reading> {
  const reading: Reading = {
    seen: new Set(),
    unknown: [],
    changed: new Map(),
    shown: 0,
    sure: true,
    aside: [],
  };
  const read = new Set<string>();
  const wide = { startNs: window.startNs - MARGIN_NS, endNs: window.endNs + MARGIN_NS };
  for await (const harvest of readTwice(context, wide, reading, signal)) {
    if (harvest.coverage.some((span) => span.status === 'suspect')) reading.sure = false;
    const ids = await context.journal.held(context.name).known(harvest.events);
    for (const [index, event] of harvest.events.entries()) {
      if (read.has(identityKey(event))) continue;
      read.add(identityKey(event));
      const id = ids[index] ?? null;
      const inside = event.createdNs >= window.startNs && event.createdNs <= window.endNs;
      if (inside) reading.shown += 1;
      if (id === null && inside) reading.unknown.push(event);
      if (id === null || reading.seen.has(id)) continue;
      reading.seen.add(id);
      const known = held.get(id);
      if (known === undefined || known.hash === hash('sha256', event.original)) continue;
      const isHeld = (text: string): boolean => known.hash === hash('sha256', text);
      if (!isOnlyMoved(event.original, event.createdNs, isHeld)) reading.changed.set(id, event);
    }
  }
  return reading;
}

/** What could not be read while all else could is asked for once more, and then left: it must not keep the rest from being compared. */
async function* readTwice(
  { source, clock }: PlatformContext,
  wide: Window,
  reading: Reading,
  signal: AbortSignal,
): AsyncGenerator<RangeHarvest> {
  let windows: readonly Window[] = [wide];
  for (let again = true; ; again = false) {
    let last: RangeHarvest | null = null;
    try {
      for await (const harvest of source.read(windows, signal)) {
        last = harvest;
        yield harvest;
      }
      reading.aside = [];
      return;
    } catch (error) {
      const aside = last?.aside ?? [];
      if (aside.length === 0 || aside.length < (last?.open.length ?? 0)) throw error;
      reading.aside = aside;
      if (!again) return;
      windows = aside.map(({ window }) => window);
      await clock.sleep(ASK_AGAIN_MS, signal);
    }
  }
}

async function judgeMissing(
  context: PlatformContext,
  window: Window,
  reading: Reading,
  tally: BucketProof,
  proof: SourceProof,
): Promise<void> {
  const known = await context.journal.held(context.name).known(reading.unknown);
  const missing = reading.unknown.filter((_, index) => known[index] === null);
  for (const event of missing) {
    if (event.createdNs > context.youngNs) {
      tally.pending += 1;
      continue;
    }
    const at = { startNs: event.createdNs, endNs: event.createdNs };
    const promised = context.startNs === null || event.createdNs >= context.startNs;
    if (!promised && !proof.coverage.some((span) => overlaps(span, at))) {
      proof.beforeStart += 1;
      continue;
    }
    if (proof.missingIn.at(-1) !== window) proof.missingIn.push(window);
    tally.missing += 1;
    addName(proof.missing, { source: context.name, id: event.id, createdAt: event.createdAt });
  }
}

function judgeGone(
  context: PlatformContext,
  held: ReadonlyMap<string, KnownId>,
  reading: Reading,
  tally: BucketProof,
  proof: SourceProof,
): void {
  for (const { id, createdNs } of held.values()) {
    if (reading.seen.has(id) || createdNs > context.youngNs) continue;
    const at = { startNs: createdNs, endNs: createdNs };
    if (createdNs < context.horizonNs) proof.expired += 1;
    else if (context.explained.some((window) => overlaps(window, at))) proof.explained += 1;
    else if (reading.aside.some(({ window }) => overlaps(window, at)))
      continue; // nobody can tell
    else {
      tally.gone += 1;
      addName(proof.gone, { source: context.name, id, createdAt: formatTime(createdNs) });
    }
  }
}

async function judgeChanged(
  context: PlatformContext,
  window: Window,
  held: ReadonlyMap<string, KnownId>,
  reading: Reading,
  tally: BucketProof,
  proof: SourceProof,
): Promise<void> {
  if (reading.changed.size === 0) return;
  const originals = await originalsOf(context, window, new Set(reading.changed.keys()));
  for (const [id, event] of reading.changed) {
    const heldHash = held.get(id)?.hash ?? '';
    const seenHash = hash('sha256', event.original);
    const original = originals.get(id) ?? null;
    const revision: Revision = {
      id,
      createdAt: event.createdAt,
      heldHash,
      seenHash,
      held: original,
      seen: event.original,
    };
    const finding = describeChange(revision);
    const fields = (finding?.detail as { fields: string[] | null } | undefined)?.fields ?? null;
    const named = {
      source: context.name,
      id,
      createdAt: event.createdAt,
      heldHash,
      seenHash,
      fields,
    };
    if (finding?.kind === 'user_changed' || original === null) addName(proof.noted, named);
    else {
      tally.altered += 1;
      addName(proof.altered, named);
    }
  }
}

/** Null where the bytes held are not even JSON any more: that they differ is all there is to say. */
function describeChange(revision: Revision): Finding | null {
  try {
    return describeRevisions([revision])[0] ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The bytes that the journal holds of these ids, as far as they are not pruned. */
async function originalsOf(
  { journal, name }: PlatformContext,
  window: Window,
  ids: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  const originals = new Map<string, string>();
  for (let after = 0n; originals.size < ids.size;) {
    const page = await journal.readWindow(name, window, after, PAGE_EVENTS);
    for (const event of page) if (ids.has(event.id)) originals.set(event.id, event.original);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.seq;
  }
  return originals;
}
