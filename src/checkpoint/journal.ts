import type { AuditEvent, CoverageStatus, Finding, Json, Window } from '../model/event.ts';
import type { Harvest, HeldEvents } from '../sources/source.ts';

/** What `append` made of a harvest. */
export interface Appended {
  /** New to the journal and kept. */
  readonly appended: number;
  /** Already known by id. */
  readonly repeated: number;
  /** New ids that the source's filters left out. */
  readonly filtered: number;
  readonly malformed: number;
  /** Ids that came again with other bytes; the first bytes stay. */
  readonly revised: readonly Revision[];
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
  readonly reason: string;
  readonly attempts: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly state: 'open' | 'retrying' | 'discarded';
  /** Why an operator discarded it. */
  readonly discardReason: string | null;
}

export interface RejectedEvent {
  readonly event: AuditEvent;
  readonly reason: string;
  readonly attempts: number;
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
}

/**
 * The durable log of events between the two loops, and the one place that progress is kept.
 *
 * Every method that writes is one transaction: after a crash either all or nothing of it is there, and once it resolves
 * it is on disk. Ids are unique per source for as long as the audit horizon reaches back. All methods are safe to call at once.
 * Errors: `transient` when the disk is full or busy (nothing was changed), `corrupt` when the content fails its checks.
 * Nothing here supposes a single process beyond what `open` locks: an implementation on a shared database fences by lease.
 */
export interface Journal {
  /** The source's last committed progress; null before the first. */
  progress(source: string): Promise<Json | null>;
  held(source: string): HeldEvents;
  /** Commits a harvest: events with new ids, malformed items as dead letters, coverage, findings, progress. */
  append(source: string, harvest: Harvest): Promise<Appended>;

  /** The last settled seq of a sink; 0 for one never seen, so that a new sink receives what the journal still holds. */
  cursor(sink: string): Promise<bigint>;
  /** Events in order with seq > after: at most `maxEvents`, and no more bytes of originals than `maxBytes` (but at least one). */
  read(
    after: bigint,
    limit: { readonly maxEvents: number; readonly maxBytes: number },
  ): Promise<readonly AuditEvent[]>;
  /** Moves a sink's cursor forward and records what it refused. A cursor never moves back: a smaller `upTo` is an error. */
  settle(sink: string, upTo: bigint, rejected: readonly RejectedEvent[]): Promise<void>;
  /** Resolves as soon as an event with a greater seq exists, or after `timeoutMs`; rejects when `signal` aborts. */
  waitForEvents(after: bigint, timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** Newest first. */
  newest(limit: number): Promise<readonly AuditEvent[]>;
  /** Events of a source by created_at (both inclusive), in seq order after `after`: for verify and replay. */
  readWindow(
    source: string | null,
    window: Window,
    after: bigint,
    maxEvents: number,
  ): Promise<readonly AuditEvent[]>;
  /** All known ids in a window (wanted or filtered), ascending, greater than `afterId`. */
  idsInWindow(source: string, window: Window, afterId: string, limit: number): Promise<readonly KnownId[]>;

  /** Records what a sink refused while old events were sent to it again. Its cursor stays where it is. */
  addDeadLetters(sink: string, rejected: readonly RejectedEvent[]): Promise<void>;
  deadLetters(filter: DeadLetterFilter): Promise<readonly DeadLetter[]>;
  /** Open and retrying ones, per owner; with `side` only those of sources, or of sinks. */
  deadLetterCounts(side?: DeadLetter['side']): Promise<ReadonlyMap<string, number>>;
  /** Marks open dead letters of sinks for another try by their deliver loop. Returns how many. */
  retryDeadLetters(filter: DeadLetterFilter): Promise<number>;
  /** Settles a try: delivered ones are gone; refused ones are open again with the new reason and one more attempt. */
  settleRetried(
    delivered: readonly bigint[],
    refused: readonly { readonly id: bigint; readonly reason: string }[],
  ): Promise<void>;
  /** Keeps the row and its bytes as evidence, out of the counts. Returns how many. */
  discardDeadLetters(filter: DeadLetterFilter, reason: string): Promise<number>;

  coverage(source: string, window: Window): Promise<readonly StoredCoverage[]>;
  /** `owner`: the name of a source or a sink. */
  addFindings(owner: string, findings: readonly Finding[]): Promise<void>;
  /** Newest first. */
  findings(filter: FindingFilter & { readonly limit: number }): Promise<readonly StoredFinding[]>;
  /** How many there are, however many. */
  findingCounts(filter: FindingFilter): Promise<readonly FindingCount[]>;
  acknowledge(ids: readonly bigint[], note: string): Promise<number>;
  eventTypes(): Promise<readonly EventTypeCount[]>;

  addJob(kind: string, params: Json): Promise<bigint>;
  jobs(states: readonly Job['state'][]): Promise<readonly Job[]>;
  updateJob(id: bigint, state: Job['state'], progress: Json): Promise<void>;

  size(): Promise<JournalSize>;
  /**
   * Removes events that are older than `beforeReceived` (RFC 3339) and settled by every sink named, and ids with a
   * created_at before `idsBeforeNs`. Returns how many events went.
   */
  prune(sinks: readonly string[], beforeReceived: string, idsBeforeNs: bigint): Promise<number>;
  verifyChain(signal: AbortSignal): Promise<ChainReport>;
  /** Random, made with the journal: names this installation. */
  readonly installationId: string;
  close(): Promise<void>;
}
