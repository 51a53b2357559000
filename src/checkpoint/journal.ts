import type { AuditEvent, CoverageStatus, Finding, Json, Window } from '../model/event.ts';
import type { Harvest, HeldEvents } from '../sources/source.ts';
import type { Sharing } from './lease.ts';

export type { Duty, Lease, Replica } from './lease.ts';

/** Kind of the finding that events were pruned before a sink had them. Its owner is the sink. */
export const PRUNED_BEFORE_DELIVERY = 'pruned_before_delivery';

/** What `append` made of a harvest. */
export interface Appended {
  /** New to the journal and kept. */
  readonly appended: number;
  /** Already known. */
  readonly repeated: number;
  /** New ids that the source's filters left out. */
  readonly filtered: number;
  readonly malformed: number;
  /** Events that came again with other bytes; the first bytes stay. */
  readonly revised: readonly Revision[];
  /** New events that state the id of another event of their source, and were given an id made from them. */
  readonly shared: number;
}

export interface Revision {
  readonly id: string;
  readonly createdAt: string;
  /** SHA-256 in hex of the bytes held and of the bytes seen now. */
  readonly heldHash: string;
  readonly seenHash: string;
  /** The bytes held; null when the event was pruned or never kept. */
  readonly held: string | null;
  readonly seen: string;
}

/** An event for display, in bounded memory. */
export interface Glimpse extends Omit<AuditEvent, 'original'> {
  /** Size of the original. */
  readonly bytes: number;
  /** Null if it is too large. */
  readonly original: string | null;
}

/** An event that a sink refused for good, or an item that a source could not read. Holds its own copy of the bytes. */
export interface DeadLetter {
  readonly id: bigint;
  /** `sink` name or `source` name, by `side`. */
  readonly owner: string;
  readonly side: 'sink' | 'source';
  /** The event; null for a source's malformed item. */
  readonly event: AuditEvent | null;
  /** The very bytes. */
  readonly bytes: Buffer;
  /** What was sent last and refused; null for a source's item, and for an event that was not sent. */
  readonly sent: SentText | null;
  readonly reason: string;
  readonly attempts: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly state: 'open' | 'retrying' | 'discarded';
  /** Why an operator discarded it. */
  readonly discardReason: string | null;
}

/** The document of an event as it was sent, at most SENT_KEPT_BYTES of it. */
export interface SentText {
  readonly text: string;
  /** Whether there was more. */
  readonly cut: boolean;
}

/** A dead letter for display, in bounded memory. */
export interface DeadLetterGlimpse extends Omit<DeadLetter, 'event' | 'bytes'> {
  readonly event: Omit<AuditEvent, 'original'> | null;
  /** The first of its bytes. */
  readonly content: Buffer;
  /** Size of all its bytes. */
  readonly size: number;
}

export interface RejectedEvent {
  readonly event: AuditEvent;
  readonly reason: string;
  readonly attempts: number;
  /** The document in the request that was refused; null or absent if it was not sent. */
  readonly sent?: string | null;
}

export interface DeadLetterFilter {
  readonly owner?: string;
  readonly states?: readonly DeadLetter['state'][];
  readonly ids?: readonly bigint[];
  /** Only ids greater than this, for paging. */
  readonly after?: bigint;
  readonly limit: number;
}

export interface StoredFinding extends Finding {
  readonly id: bigint;
  /** The source that it is about, or the sink. */
  readonly source: string;
  readonly firstAt: string;
  readonly lastAt: string;
  /** How often it was seen. */
  readonly seen: number;
  readonly acknowledgedAt: string | null;
  readonly acknowledgement: string | null;
}

/** Selects findings. A member that is absent does not restrict them. */
export interface FindingFilter {
  readonly unacknowledgedOnly: boolean;
  /** Names of sources and sinks. */
  readonly owners?: readonly string[];
  readonly kinds?: readonly string[];
  readonly exceptKinds?: readonly string[];
  /** Findings about a time in this range, and those that name no time. */
  readonly about?: Window;
  readonly ids?: readonly bigint[];
}

export interface FindingCount {
  readonly source: string;
  readonly kind: string;
  readonly count: number;
}

export interface StoredCoverage extends Window {
  readonly status: CoverageStatus;
  readonly serverCount: number | null;
  readonly readAt: string;
}

export interface EventTypeCount {
  readonly source: string;
  readonly eventType: string;
  readonly count: number;
  /** Least and greatest createdAt seen, as nanoseconds since 1970. */
  readonly firstNs: bigint;
  readonly lastNs: bigint;
}

/** Work that a command leaves for the daemon: `backfill`, `replay`. `state` goes from queued to running, then done, failed or cancelled. */
export interface Job {
  readonly id: bigint;
  readonly kind: string;
  readonly params: Json;
  readonly state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly progress: Json;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface JournalSize {
  readonly usedBytes: number;
  readonly limitBytes: number;
  readonly events: number;
  /** Seq of the oldest event kept and of the newest ever appended; 0 while empty. */
  readonly oldestSeq: bigint;
  readonly headSeq: bigint;
}

/** How many events the journal holds after a cursor. Pruned events do not count. Everything that asks "is there more?" asks this. */
export function eventsAfter(
  { headSeq, events }: Pick<JournalSize, 'headSeq' | 'events'>,
  cursor: bigint,
): number {
  return Math.max(Math.min(Number(headSeq - cursor), events), 0);
}

/** What to keep as a sink's segment when its loop starts, from the segment kept so far. Null: as it is. */
export type Passed = (beginning: Beginning, segment: Json | null) => Json | null;

/** Where a sink begins when its loop starts. */
export interface Beginning {
  /** The sink goes on after this event. */
  readonly seq: bigint;
  /** True for a sink never seen before: it starts with what the journal holds. */
  readonly isNew: boolean;
  /** Events pruned before this sink had them: before a new sink came, or while it was away. Null when there are none. */
  readonly pruned: PrunedEvents | null;
}

/** A run of events that is no longer in the journal. */
export interface PrunedEvents {
  readonly fromSeq: bigint;
  readonly toSeq: bigint;
  readonly events: number;
  /** From the first to the last created_at; null if the journal no longer knows. */
  readonly window: Window | null;
}

/** What pruning keeps while there is room. Times are RFC 3339. */
export interface Spared {
  /**
   * Keep what a sink has not settled yet if it was active since this time: it moved its cursor, or `prune` named it (noted to the hour).
   * A sink that was removed from the configuration may come back.
   */
  readonly sinksSeenSince: string;
  /** Keep the ids of events received since this time, however old the events are: a backfill may be repeated. */
  readonly idsReceivedSince: string;
}

/** A known id. The journal remembers all of this even after the event was pruned. */
export interface KnownId {
  readonly id: string;
  /** False if the source's filters left the event out. */
  readonly kept: boolean;
  readonly createdNs: bigint;
  /** Null if it was left out. */
  readonly seq: bigint | null;
  /** SHA-256 in hex of the bytes first seen. */
  readonly hash: string;
}

/** An event that the check of the chain found lost or changed. */
export interface ChainFault {
  readonly kind: 'lost' | 'changed';
  readonly seq: bigint;
  /** Null if the journal no longer tells which event it was. */
  readonly source: string | null;
  readonly id: string | null;
  readonly reason: string;
}

export interface ChainReport {
  readonly intact: boolean;
  readonly checked: number;
  /** Hash of the newest event, hex. */
  readonly head: string;
  /** Where the chain breaks first. */
  readonly brokenAt: { readonly seq: bigint; readonly id: string; readonly reason: string } | null;
  /** Events between oldest and head that are not there although nothing pruned them. */
  readonly missing: readonly bigint[];
  /** Every event at which the chain does not hold, in order; at most 10,000. */
  readonly faults: readonly ChainFault[];
  /** What else fails its checks, one sentence for each place; at most 100. */
  readonly damage: readonly string[];
}

/**
 * The durable log of events between the two loops, and the one place that keeps progress.
 *
 * Every method that writes is one transaction: after a crash all or nothing of it is there, and once it resolves it is on disk. An event
 * is known by source, id, time and type, for as long as the audit horizon. Methods may be called concurrently.
 * Errors: `transient` when the disk is full or busy (nothing was changed), `corrupt` when the content fails its checks.
 * Several processes may share a journal: each duty has one holder, and every write checks the lease of its duty in the same transaction.
 * A journal that belongs to one process grants every lease at once.
 */
export interface Journal extends Sharing<Journal> {
  /** The source's last committed progress; null before the first. */
  progress(source: string): Promise<Json | null>;
  held(source: string): HeldEvents;
  /**
   * Commits a harvest: new events, malformed items as dead letters, coverage, findings, progress. A new event that states another
   * event's id is kept under an id made from its content; if both are of one source, that is a finding. `beside` names the sources
   * that go to the same receivers: an id that one of them has appended counts as another event's, too.
   */
  append(source: string, harvest: Harvest, beside?: readonly string[]): Promise<Appended>;

  /** The last settled seq of a sink; 0 for one never seen, so that a new sink receives what the journal still holds. */
  cursor(sink: string): Promise<bigint>;
  /**
   * By sink, how many events were pruned before it had them: from its unacknowledged findings `pruned_before_delivery`, and what its
   * cursor will skip when its loop begins next. Includes sinks that are no longer configured.
   */
  prunedUndelivered(): Promise<ReadonlyMap<string, number>>;
  /**
   * Where the loop of a sink starts. If its cursor is behind the oldest event kept, one transaction moves it past what was pruned and
   * records the finding `pruned_before_delivery`. A new sink starts at the oldest event, without a finding. What `passed` returns is
   * kept as the sink's segment in the same transaction; null leaves the segment as it is.
   */
  begin(sink: string, passed?: Passed): Promise<Beginning>;
  /** Events in order with seq > after: at most `maxEvents`, and no more bytes of originals than `maxBytes` (but at least one). */
  read(
    after: bigint,
    limit: { readonly maxEvents: number; readonly maxBytes: number },
  ): Promise<readonly AuditEvent[]>;
  /**
   * Moves a sink's cursor forward and records what it refused. A cursor never moves back: a smaller `upTo` is an error.
   * Moving past what was pruned records the finding, as in `begin`. `segment` replaces the sink's segment.
   */
  moveCursor(sink: string, upTo: bigint, rejected: readonly RejectedEvent[], segment?: Json): Promise<void>;
  /** The segment that was kept last for this sink: what its next heartbeat tells. Null before the first. */
  segment(sink: string): Promise<Json | null>;
  keepSegment(sink: string, segment: Json): Promise<void>;
  /** Resolves as soon as `read(after)` would find an event, or after `timeoutMs`; rejects when `signal` aborts. */
  waitForEvents(after: bigint, timeoutMs: number, signal: AbortSignal): Promise<void>;
  /**
   * The same, and also as soon as there is news: work that a command left, such as a job or dead letters to retry. News of another process
   * arrives within about a second, or ten if that process ended too early to tell. Resolves with a number to pass as `seen` next time, so
   * that no news is missed between two calls; begin with 0. With `after` null only news counts.
   */
  waitForNews(seen: number, after: bigint | null, timeoutMs: number, signal: AbortSignal): Promise<number>;
  /** Wakes every `waitForNews`. */
  tellNews(): Promise<void>;
  /** Newest first. Originals larger than `originalBytes` are left out. */
  newest(limit: number, originalBytes?: number): Promise<readonly Glimpse[]>;
  /** The first event after a seq, without its original; null if there is none. */
  firstAfter(after: bigint): Promise<Glimpse | null>;
  /**
   * Events of a source (null: of all) by created_at, both ends inclusive, in seq order after `after`: for verify and replay. Large events
   * make the answer shorter than `maxEvents`; it is empty only if there are none.
   */
  readWindow(
    source: string | null,
    window: Window,
    after: bigint,
    maxEvents: number,
  ): Promise<readonly AuditEvent[]>;
  /** How many of the known ids in a window belong to events that the filters left out, and to events that were pruned. */
  absentInWindow(
    source: string,
    window: Window,
  ): Promise<{ readonly leftOut: number; readonly pruned: number }>;
  /** Known ids in a window, filtered ones included, in an order that the journal chooses, after `after`; null: from the start. */
  idsInWindow(
    source: string,
    window: Window,
    after: Pick<KnownId, 'createdNs' | 'id'> | null,
    limit: number,
  ): Promise<readonly KnownId[]>;

  /** Records what a sink refused while old events were sent to it again. Its cursor stays where it is. */
  addDeadLetters(sink: string, rejected: readonly RejectedEvent[]): Promise<void>;
  /** In the order of their ids. Large ones make the answer shorter than the limit; it is empty only if there are none. */
  deadLetters(filter: DeadLetterFilter): Promise<readonly DeadLetter[]>;
  /** The same with only the first `contentBytes` of what each holds, and of what was sent. */
  glanceAtDeadLetters(filter: DeadLetterFilter, contentBytes: number): Promise<readonly DeadLetterGlimpse[]>;
  /** Open and retrying ones, per owner. `side`: only of sources, or only of sinks. `reason`: only those whose reason begins with it. */
  deadLetterCounts(side?: DeadLetter['side'], reason?: string): Promise<ReadonlyMap<string, number>>;
  /** Marks open dead letters of sinks for another try by their deliver loop. Returns how many. */
  retryDeadLetters(filter: DeadLetterFilter): Promise<number>;
  /**
   * Records the retry of dead letters: delivered ones are removed, refused ones are open again with the new reason and one more attempt.
   * `kept` replaces the sink's segment.
   */
  recordRetried(
    delivered: readonly bigint[],
    refused: readonly { readonly id: bigint; readonly reason: string; readonly sent?: string | null }[],
    kept?: { readonly sink: string; readonly segment: Json },
  ): Promise<void>;
  /** Keeps rows and bytes as evidence, but no longer counts them. Returns how many. */
  discardDeadLetters(filter: DeadLetterFilter, reason: string): Promise<number>;

  coverage(source: string, window: Window): Promise<readonly StoredCoverage[]>;
  /** `owner`: the name of a source or a sink. */
  addFindings(owner: string, findings: readonly Finding[]): Promise<void>;
  /** Newest first. With `after`, for paging: those with a greater id, in the order of ids. */
  findings(
    filter: FindingFilter & { readonly after?: bigint; readonly limit: number },
  ): Promise<readonly StoredFinding[]>;
  /** Counts all, by owner and kind. */
  findingCounts(filter: FindingFilter): Promise<readonly FindingCount[]>;
  acknowledge(ids: readonly bigint[], note: string): Promise<number>;
  /** Removes acknowledged findings that were last seen before a time (RFC 3339). Returns how many. */
  pruneFindings(lastSeenBefore: string): Promise<number>;
  eventTypes(): Promise<readonly EventTypeCount[]>;

  addJob(kind: string, params: Json): Promise<bigint>;
  jobs(states: readonly Job['state'][]): Promise<readonly Job[]>;
  updateJob(id: bigint, state: Job['state'], progress: Json): Promise<void>;

  size(): Promise<JournalSize>;
  /**
   * Removes events that were received before `beforeReceived` (RFC 3339) and settled by every sink named, and ids with a created_at
   * before `idsBeforeNs` whose event is gone. Returns how many events were removed.
   */
  prune(
    sinks: readonly string[],
    beforeReceived: string,
    idsBeforeNs: bigint,
    spared?: Spared,
  ): Promise<number>;
  /** Also checks what the chain does not cover, as far as this process can. `onChecked` gets how many events were checked since its last call. */
  verifyChain(signal: AbortSignal, onChecked?: (events: number) => void): Promise<ChainReport>;
  /** The newest event's seq and its hash in hex, which depends on every event before it. */
  head(): Promise<{ readonly seq: bigint; readonly hash: string }>;
  /** Random, made with the journal: names this installation. */
  readonly installationId: string;
  close(): Promise<void>;
}

const PAGE_LETTERS = 1_000;

/** The dead letters that a filter selects, in pages, in the order of their ids, without what they hold. */
export async function* letterPages(
  journal: Pick<Journal, 'glanceAtDeadLetters'>,
  filter: Omit<DeadLetterFilter, 'after' | 'limit'>,
  from = 0n,
): AsyncGenerator<readonly DeadLetterGlimpse[], undefined> {
  for (let after = from; ;) {
    const page = await journal.glanceAtDeadLetters({ ...filter, after, limit: PAGE_LETTERS }, 0);
    const last = page.at(-1);
    if (last === undefined) return undefined;
    yield page;
    after = last.id;
  }
}
