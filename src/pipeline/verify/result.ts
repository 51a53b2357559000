import type { ChainReport, StoredCoverage, StoredFinding } from '../../checkpoint/journal.ts';
import type { Window } from '../../model/event.ts';
import type { DeliveryClass } from '../../sinks/sink.ts';
import type { Verdict } from '../verdict.ts';

/** Events that are named one by one; above it only their number is known. */
const NAMED_LIMIT = 10_000;

/** Events by name, as many as are named, and how many there are in all. */
export interface NameList<Named> {
  readonly named: Named[];
  total: number;
}

export interface NamedEvent {
  readonly source: string;
  readonly id: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** The same id with other bytes on the Platform than in the journal. */
export interface ChangedEvent extends NamedEvent {
  /** SHA-256 in hex. */
  readonly heldHash: string;
  readonly seenHash: string;
  /** Paths that differ; null when the held bytes are pruned and nobody can tell. */
  readonly fields: readonly string[] | null;
}

export interface RepeatedEvent extends NamedEvent {
  readonly copies: number;
}

export interface BucketProof extends Window {
  /** The Platform's count, or where the bucket was read, the distinct ids it showed. Null when it could not be asked. */
  platform: number | null;
  /** Ids that the journal knows. */
  journal: number;
  method: 'counted' | 'read' | 'failed';
  missing: number;
  gone: number;
  altered: number;
  /** Too young to be judged. */
  pending: number;
}

export interface UnshownWindow extends Window {
  readonly reason: string;
}

/** Platform against journal, for one source. */
export interface SourceProof {
  readonly name: string;
  /** Host of the installation. */
  readonly instance: string;
  /** Why the Platform could not be asked about all of it; null when it could. */
  failure: string | null;
  /** Whether the Platform counts; null when it was not asked. Where it does not, everything is read. */
  counts: boolean | null;
  readonly buckets: BucketProof[];
  /** On the Platform, not in the journal. */
  readonly missing: NameList<NamedEvent>;
  /** In the journal, not on the Platform any more although it is within the audit horizon. */
  readonly gone: NameList<NamedEvent>;
  readonly altered: NameList<ChangedEvent>;
  /** Changed only below `user`, which the Platform joins when it is read, or pruned here so that nobody can tell. */
  readonly noted: NameList<ChangedEvent>;
  /** Windows that hold what is missing, for a repair. */
  readonly missingIn: Window[];
  /** Windows that the Platform could not show to agreement with its own count. */
  readonly unsure: Window[];
  /** Windows that the Platform does not show at all, or not all of, with its reason. */
  readonly unshown: UnshownWindow[];
  /** On the Platform, not in the journal, and older than what the source was told to start from. */
  beforeStart: number;
  /** Gone, and a finding that says so was acknowledged. */
  explained: number;
  /** Gone, and older than the audit horizon: the Platform's retention. */
  expired: number;
  /** Known ids that the source's filters left out, and known ids whose event was pruned. */
  leftOut: number;
  pruned: number;
  /** Open dead letters of the source: items that cannot be read as events. They name no time, so they may be of any range. */
  unreadable: number;
  coverage: readonly StoredCoverage[];
  /** Parts of the range that no poll has read. */
  unread: readonly Window[];
}

/** Journal against receiver, for one sink. */
export interface SinkProof {
  readonly name: string;
  readonly delivery: DeliveryClass;
  readonly canBeAsked: boolean;
  /** Why the receiver could not be asked about all of it; null when it could, or cannot be asked at all. */
  failure: string | null;
  /** Events of the range that the receiver must hold by our records, and how many of them it does. */
  expected: number;
  found: number;
  readonly missing: NameList<NamedEvent>;
  readonly repeated: NameList<RepeatedEvent>;
  /** After the sink's cursor, and in the journal since before the verification began. */
  waiting: number;
  /** Why they wait, and whether a hold is the reason; null when nobody knows. */
  readonly waits: Waits | null;
  /** Refused, and neither delivered nor discarded since. */
  deadLetters: number;
  /** Older than the sink's max_event_age when their turn came: dead letters as well, and not among those above. */
  tooOld: number;
  /** Explained: refused, and set aside by an operator. */
  discarded: number;
  /** Pruned from the journal before the sink was past them, and not at the receiver as far as it can be asked. */
  prunedBeforeDelivery: number;
  /** Explained: left out by the sink's `where`. */
  filtered: number;
  /** Appended while the verification ran: too young to be judged. */
  pending: number;
  /** Pruned from the journal, so that `where` cannot be looked at, and how many of these the receiver holds. */
  pruned: number;
  prunedFound: number;
}

/** What the daemon says of a sink that waits. */
export interface Waits {
  readonly held: boolean;
  readonly reason: string;
}

export interface VerifyResult extends Verdict {
  readonly range: Window;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  readonly finishedMs: number;
  /** Every event was read and compared, not only counted. */
  readonly deep: boolean;
  readonly installationId: string;
  readonly chain: ChainReport;
  readonly sources: readonly SourceProof[];
  readonly sinks: readonly SinkProof[];
  /** Findings about the range that nobody has acknowledged, those noted last first. */
  readonly findings: readonly StoredFinding[];
}

export function nameList<Named>(): NameList<Named> {
  return { named: [], total: 0 };
}

export function addName<Named>(list: NameList<Named>, one: Named): void {
  list.total += 1;
  if (list.named.length < NAMED_LIMIT) list.named.push(one);
}
