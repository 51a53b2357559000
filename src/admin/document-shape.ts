import type { LoopState } from '../pipeline/status.ts';
import type { Verdict } from '../pipeline/verdict.ts';
import type { Health } from './health.ts';
import type { ReplicaDocument } from './replicas.ts';

/** Everything that the status page shows at a glance, and what `auditferry status --json` prints. Times are RFC 3339, ages in seconds. */
export interface StatusDocument extends Verdict {
  readonly version: string;
  readonly installation_id: string;
  readonly now: string;
  /** Null when no daemon is running. */
  readonly started_at: string | null;
  readonly stopping: boolean;
  /** Do the loops turn? */
  readonly healthy: Health;
  /** Does everything flow? */
  readonly ready: Health;
  readonly sources: readonly SourceDocument[];
  readonly journal: JournalDocument;
  /** Those that share the journal; empty where it is in one process's hands. */
  readonly replicas: readonly ReplicaDocument[];
  readonly sinks: readonly SinkDocument[];
  /** Open and retrying ones, by owner; without events that were too old for a sink, which are that sink's `too_old`. */
  readonly dead_letters: Readonly<Record<string, number>>;
  /** Unacknowledged ones, newest first, at most FINDINGS_LIMIT, and how many there are. */
  readonly findings: readonly FindingDocument[];
  readonly findings_open: number;
  /** What needs a person, worst first: one entry for each cause. Empty when nothing does. */
  readonly attention: readonly AttentionItem[];
}

export interface LoopDocument {
  readonly name: string;
  readonly state: LoopState | 'not_running';
  readonly since: string | null;
  readonly reason: string | null;
  readonly hint: string | null;
  readonly next_try: string | null;
  readonly retries: { readonly transient: number; readonly denied: number };
  readonly held_seconds: number;
  readonly events_per_minute: number;
}

export interface SourceDocument extends LoopDocument {
  readonly instance: string;
  readonly api_version: string;
  readonly platform_version: string | null;
  /** Before it every window is finished. */
  readonly frontier: string | null;
  readonly frontier_age_seconds: number | null;
  readonly target: string | null;
  readonly open_windows: number;
  readonly pending_reconcile: number;
  readonly clock_skew_seconds: number | null;
  readonly overlap_seconds: number;
  readonly requests: number;
  readonly polls: number;
  readonly appended: number;
  readonly repeated: number;
  readonly filtered: number;
  readonly malformed: number;
  readonly reconciled: number;
  readonly revised: number;
  readonly findings: number;
  readonly last_poll: string | null;
  readonly visibility_lag_seconds: number | null;
  /** Spans that fail while others are read. */
  readonly troubles: readonly TroubleDocument[];
}

export interface TroubleDocument {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  readonly hint: string | null;
  readonly since: string;
}

/** What a sink should have and has not: the same names in every document that tells the verdict. */
export interface ShortfallDocument {
  readonly waiting: number;
  readonly held: number;
  readonly dead_letters: number;
  readonly pruned_before_delivery: number;
  readonly too_old: number;
}

export interface SinkDocument extends LoopDocument, ShortfallDocument {
  readonly type: string;
  readonly format: string;
  readonly delivery: string;
  readonly limits: LimitsDocument;
  readonly undelivered: number;
  /** How long ago the oldest undelivered event happened, and how long it has been in the journal; null when there is none. */
  readonly oldest_undelivered_age_seconds: number | null;
  readonly oldest_undelivered_waiting_seconds: number | null;
  readonly cursor: number;
  readonly delivered: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly filtered: number;
  readonly batches: number;
  readonly bytes: number;
  readonly possible_repeats: number;
  /** Of the events that the receiver has: how many nobody can classify, and what was taken out of them. */
  readonly unclassified: number;
  readonly redacted_values: number;
  readonly trimmed_user_parts: number;
  readonly in_flight: number;
  readonly last_delivered: string | null;
  /** When the newest heartbeat was closed, and how many are closed and not known to be at the receiver; null and 0 where none is configured. */
  readonly last_heartbeat: string | null;
  readonly unanswered_heartbeats: number;
  readonly notice: string | null;
}

/** What a batch may hold and how fast batches may follow; null requests per second: no limit. */
export interface LimitsDocument {
  readonly max_events: number;
  readonly max_bytes: number;
  readonly max_wait_seconds: number;
  readonly concurrent: number;
  readonly requests_per_second: number | null;
}

export interface JournalDocument {
  readonly used_bytes: number;
  readonly limit_bytes: number;
  readonly events: number;
  readonly oldest_seq: number;
  readonly head_seq: number;
}

export interface FindingDocument {
  readonly id: string;
  readonly source: string;
  readonly kind: string;
  readonly summary: string;
  readonly first_at: string;
  readonly last_at: string;
  readonly seen: number;
}

/** Worst first. `critical`: something does not flow, or an event may be lost. `warning`: somebody has to decide. `notice`: good to know. */
export const SEVERITIES = ['critical', 'warning', 'notice'] as const;

/** One thing that a person should look at. One cause is one item, whatever follows from it. */
export interface AttentionItem {
  readonly severity: (typeof SEVERITIES)[number];
  /** A word or two for the kind of trouble: `held`, `dead letters`, the kind of a finding. */
  readonly label: string;
  /** Names of sources and sinks; `journal` or `daemon`. */
  readonly parts: readonly string[];
  readonly cause: string;
  /** What follows from it, and what does not. Null: nothing that is known. */
  readonly effect: string | null;
  readonly hint: string | null;
  readonly since: string | null;
  readonly next_try: string | null;
  readonly tries: number;
  /** Ids of the findings that it stands for, as far as the status lists them. */
  readonly finding_ids: readonly string[];
}
