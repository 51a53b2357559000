import type { AuditEvent, CoverageStatus, Finding, Json, Window } from '../model/event.ts';
import type { Harvest, HeldEvents } from '../sources/source.ts';
import type { Sharing } from './lease.ts';

export type { Duty, Lease, Replica } from './lease.ts';

/** Kind of the finding that says: events left the journal before this sink had them. Its owner is the sink. */
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
  /** How many of the new events state an id that is another event's of their source, and were given one of their own. */
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

/** An event as far as it can be looked at in bounded memory. */
export interface Glimpse extends Omit<AuditEvent, 'original'> {
  /** Size of what it says. */
  readonly bytes: number;
  /** Null where it is too large to be looked at. */
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
  /** What the receiver refused, as it was last sent; null where nothing was: of a source, and where the sink did not send it. */
  readonly sent: SentText | null;
  readonly reason: string;
  readonly attempts: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly state: 'open' | 'retrying' | 'discarded';
  /** Why an operator discarded it. */
  readonly discardReason: string | null;
}

/** An event as it stood in a request, at most SENT_KEPT_BYTES of it. */
export interface SentText {
  readonly text: string;
  /** Whether there was more. */
  readonly cut: boolean;
}

/** A dead letter as far as it can be looked at in bounded memory. */
export interface DeadLetterGlimpse extends Omit<DeadLetter, 'event' | 'bytes'> {
  readonly event: Omit<AuditEvent, 'original'> | null;
  /** Of its bytes, the first. */
  readonly content: Buffer;
  /** Size of all its bytes. */
  readonly size: number;
}

export interface RejectedEvent {
  readonly event: AuditEvent;
  readonly reason: string;
  readonly attempts: number;
  /** As it stood in the request that was refused; null or absent where it was not sent. */
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

/** Which findings are meant; what is left out does not matter. */
export interface FindingFilter {
  readonly unacknowledgedOnly: boolean;
  /** Names of sources and sinks. */
  readonly owners?: readonly string[];
  readonly kinds?: readonly string[];
  readonly exceptKinds?: readonly string[];
  /** About any time in this range; a finding that names no time may be about any. */
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

/** Work that a command left for whoever holds the journal: `backfill`, `replay`. `state` moves queued → running → done or failed. */
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

/** How many events the journal holds after a cursor: the one definition of "is there more". What was pruned is not there to come. */
export function eventsAfter(
  { headSeq, events }: Pick<JournalSize, 'headSeq' | 'events'>,
  cursor: bigint,
): number {
  return Math.max(Math.min(Number(headSeq - cursor), events), 0);
}

/** What a start makes of what the next heartbeat tells. */
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
  /** From the first to the last of their created_at; null when the journal does not know it any more. */
  readonly window: Window | null;
}

/** What a pruning leaves as long as there is room. Times are RFC 3339. */
export interface Spared {
  /** Events that a sink has not settled which was named to `prune` (to the hour), or at work, since then: it may come back. */
  readonly sinksSeenSince: string;
  /** Ids of events received since then, however old the events are: what a backfill brought may be read once more. */
  readonly idsReceivedSince: string;
}

/** An id of a window, with what the journal remembers of it also after its event was pruned. */
export interface KnownId {
  readonly id: string;
  /** Appended as an event; false when the source's filters left it out. */
  readonly kept: boolean;
  readonly createdNs: bigint;
  /** Null when it was left out. */
  readonly seq: bigint | null;
  /** SHA-256 in hex of the bytes first seen. */
  readonly hash: string;
}

/** One event that the walk along the chain found lost or changed. */
export interface ChainFault {
  readonly kind: 'lost' | 'changed';
  readonly seq: bigint;
  /** Null when nothing in the journal tells any more which event it was. */
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
  /** Every place where the chain does not hold, in order, each event by name; at most 10,000. */
  readonly faults: readonly ChainFault[];
  /** What else of the journal fails its checks, in words, one for each place; at most 100. */
  readonly damage: readonly string[];
}

/**
 * The durable log of events between the two loops, and the one place that progress is kept.
 *
 * Every method that writes is one transaction: after a crash either all or nothing of it is there, and once it resolves
 * it is on disk. An event is known by its source, its id, its time and its type for as long as the audit horizon reaches back. All methods are safe to call at once.
 * Errors: `transient` when the disk is full or busy (nothing was changed), `corrupt` when the content fails its checks.
 * Several processes may share a journal: each duty has one holder, and every write of a duty checks its lease in its own transaction.
 * A journal in one process's hands grants every lease at once.
 */
export interface Journal extends Sharing<Journal> {
  /** The source's last committed progress; null before the first. */
  progress(source: string): Promise<Json | null>;
  held(source: string): HeldEvents;
  /**
   * Commits a harvest: new events, malformed items as dead letters, coverage, findings, progress. A new event whose id is
   * another event's is kept under an id of its own, made from it; within a source that is a finding. `beside` names the
   * sources that go to the same receivers: an id that one of them has appended is another event's, too.
   */
  append(source: string, harvest: Harvest, beside?: readonly string[]): Promise<Appended>;

  /** The last settled seq of a sink; 0 for one never seen, so that a new sink receives what the journal still holds. */
  cursor(sink: string): Promise<bigint>;
  /**
   * By sink, how many events were pruned before it had them: its unacknowledged findings `pruned_before_delivery`, and what
   * its loop will pass when it begins next. Also of sinks that are not configured any more.
   */
  prunedUndelivered(): Promise<ReadonlyMap<string, number>>;
  /**
   * Where the loop of a sink starts. A cursor behind the oldest event kept passes what was pruned in the same transaction
   * that records the finding `pruned_before_delivery`; a sink never seen before gets its cursor there, and no finding. What `passed`
   * makes of the segment that is kept is kept from then on, in that transaction too; null: it stays.
   */
  begin(sink: string, passed?: Passed): Promise<Beginning>;
  /** Events in order with seq > after: at most `maxEvents`, and no more bytes of originals than `maxBytes` (but at least one). */
  read(
    after: bigint,
    limit: { readonly maxEvents: number; readonly maxBytes: number },
  ): Promise<readonly AuditEvent[]>;
  /**
   * Moves a sink's cursor forward and records what it refused. A cursor never moves back: a smaller `upTo` is an error.
   * Passing what was pruned records the finding, as in `begin`. With `segment`, that is kept from then on.
   */
  settle(sink: string, upTo: bigint, rejected: readonly RejectedEvent[], segment?: Json): Promise<void>;
  /** What was kept last for this sink, here or with `settle` or `settleRetried`: what its next heartbeat tells. Null before the first. */
  segment(sink: string): Promise<Json | null>;
  keepSegment(sink: string, segment: Json): Promise<void>;
  /** Resolves as soon as `read(after)` would find an event, or after `timeoutMs`; rejects when `signal` aborts. */
  waitForEvents(after: bigint, timeoutMs: number, signal: AbortSignal): Promise<void>;
  /**
   * The same, and also as soon as there is news: what a command may have left to be done, such as a job or dead letters to try
   * again. Another process's is heard of within a second or so, or within ten where it ended before it could leave word. Resolves with a number: given as `seen` the next time, no news
   * that came meanwhile is missed. Begin with 0. `after` null: events do not matter.
   */
  waitForNews(seen: number, after: bigint | null, timeoutMs: number, signal: AbortSignal): Promise<number>;
  /** Makes whoever waits for news look around. */
  tellNews(): Promise<void>;
  /** Newest first. With `originalBytes`, what an event says is left out where it is larger. */
  newest(limit: number, originalBytes?: number): Promise<readonly Glimpse[]>;
  /** The first event after a place, without what it says; null where there is none. */
  firstAfter(after: bigint): Promise<Glimpse | null>;
  /**
   * Events of a source by created_at (both inclusive), in seq order after `after`: for verify and replay. Fewer than `maxEvents` also where
   * they are large; none only where there are none.
   */
  readWindow(
    source: string | null,
    window: Window,
    after: bigint,
    maxEvents: number,
  ): Promise<readonly AuditEvent[]>;
  /** How many of the known ids in a window are of events that were left out, and of events that were pruned. */
  absentInWindow(
    source: string,
    window: Window,
  ): Promise<{ readonly leftOut: number; readonly pruned: number }>;
  /** All known ids in a window (wanted or filtered), in an order of the journal's own, from behind `after`; null: from the start. */
  idsInWindow(
    source: string,
    window: Window,
    after: Pick<KnownId, 'createdNs' | 'id'> | null,
    limit: number,
  ): Promise<readonly KnownId[]>;

  /** Records what a sink refused while old events were sent to it again. Its cursor stays where it is. */
  addDeadLetters(sink: string, rejected: readonly RejectedEvent[]): Promise<void>;
  /** In the order of their ids. Fewer than the limit also where they are large; none only where there are none. */
  deadLetters(filter: DeadLetterFilter): Promise<readonly DeadLetter[]>;
  /** The same without what they hold and what was sent, but for the first `contentBytes` of each. */
  glanceAtDeadLetters(filter: DeadLetterFilter, contentBytes: number): Promise<readonly DeadLetterGlimpse[]>;
  /** Open and retrying ones, per owner; with `side` only those of sources, or of sinks, with `reason` those whose reason begins so. */
  deadLetterCounts(side?: DeadLetter['side'], reason?: string): Promise<ReadonlyMap<string, number>>;
  /** Marks open dead letters of sinks for another try by their deliver loop. Returns how many. */
  retryDeadLetters(filter: DeadLetterFilter): Promise<number>;
  /**
   * Settles a try: delivered ones are gone; refused ones are open again with the new reason and one more attempt. `kept` is what
   * `segment` gives from then on.
   */
  settleRetried(
    delivered: readonly bigint[],
    refused: readonly { readonly id: bigint; readonly reason: string; readonly sent?: string | null }[],
    kept?: { readonly sink: string; readonly segment: Json },
  ): Promise<void>;
  /** Keeps the row and its bytes as evidence, out of the counts. Returns how many. */
  discardDeadLetters(filter: DeadLetterFilter, reason: string): Promise<number>;

  coverage(source: string, window: Window): Promise<readonly StoredCoverage[]>;
  /** `owner`: the name of a source or a sink. */
  addFindings(owner: string, findings: readonly Finding[]): Promise<void>;
  /** Newest first; with `after`, in the order of their ids, only greater ones: for paging. */
  findings(
    filter: FindingFilter & { readonly after?: bigint; readonly limit: number },
  ): Promise<readonly StoredFinding[]>;
  /** How many there are, however many. */
  findingCounts(filter: FindingFilter): Promise<readonly FindingCount[]>;
  acknowledge(ids: readonly bigint[], note: string): Promise<number>;
  /** Forgets acknowledged findings that were seen last before a time (RFC 3339). Returns how many. */
  pruneFindings(lastSeenBefore: string): Promise<number>;
  eventTypes(): Promise<readonly EventTypeCount[]>;

  addJob(kind: string, params: Json): Promise<bigint>;
  jobs(states: readonly Job['state'][]): Promise<readonly Job[]>;
  updateJob(id: bigint, state: Job['state'], progress: Json): Promise<void>;

  size(): Promise<JournalSize>;
  /**
   * Removes events that are older than `beforeReceived` (RFC 3339) and settled by every sink named, and ids with a
   * created_at before `idsBeforeNs` whose event went. Returns how many events went.
   */
  prune(
    sinks: readonly string[],
    beforeReceived: string,
    idsBeforeNs: bigint,
    spared?: Spared,
  ): Promise<number>;
  /** Also checks what the chain does not cover, as far as this process can. `onChecked` is told how many more events were checked. */
  verifyChain(signal: AbortSignal, onChecked?: (events: number) => void): Promise<ChainReport>;
  /** The newest event's seq, and its hash in hex, on which all before it depend. */
  head(): Promise<{ readonly seq: bigint; readonly hash: string }>;
  /** Random, made with the journal: names this installation. */
  readonly installationId: string;
  close(): Promise<void>;
}

const PAGE_LETTERS = 1_000;

/** The dead letters that a filter means, in the order of their ids, in pages, without what they hold. */
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
