import type { Window } from '../../model/event.ts';
import { formatTime } from '../../model/time.ts';
import { standingOf } from '../../pipeline/verify.ts';
import type {
  ChangedEvent,
  NamedEvent,
  NameList,
  SinkProof,
  SourceProof,
  VerifyResult,
} from '../../pipeline/verify/result.ts';

import type { Redaction } from './redaction.ts';

/** Who verified, with what: beside the result in every form of the report. */
export interface Circumstances {
  /** `user@host`. */
  readonly who: string;
  readonly version: string;
  /** SHA-256 in hex, secrets masked. */
  readonly configuration: string;
  readonly redaction: Redaction;
  /** What `--repair` did before this result, one sentence each. */
  readonly repairs: readonly string[];
}

/** The result as one JSON document: times in RFC 3339, every event by its id. */
export function verifyDocument(
  result: VerifyResult,
  { who, version, configuration, redaction, repairs }: Circumstances,
): object {
  const { chain, range } = result;
  return {
    verdict: result.verdict,
    summary: result.summary,
    complete: result.verdict === 'complete',
    reasons: result.reasons,
    ...times(range),
    started_at: new Date(result.startedMs).toISOString(),
    finished_at: new Date(result.finishedMs).toISOString(),
    every_event_compared: result.deep,
    by: who,
    version,
    installation_id: result.installationId,
    configuration_sha256: configuration,
    redaction: { enabled: redaction.enabled, unredacted_sinks: redaction.unredactedSinks },
    repairs,
    journal: {
      intact: chain.intact,
      checked: chain.checked,
      head_sha256: chain.head,
      faults: chain.faults.map(({ kind, seq, source, id, reason }) => ({ kind, seq, source, id, reason })),
      damage: chain.damage,
    },
    sources: result.sources.map(sourceDocument),
    sinks: result.sinks.map(sinkDocument),
    findings: result.findings.map((finding) => ({
      id: finding.id,
      source: finding.source,
      kind: finding.kind,
      summary: finding.summary,
      event_id: finding.eventId ?? null,
      detail: finding.detail ?? null,
      last_at: finding.lastAt,
    })),
  };
}

function sourceDocument(proof: SourceProof): object {
  return {
    name: proof.name,
    instance: proof.instance,
    failure: proof.failure,
    platform_counts: proof.counts,
    missing: listed(proof.missing, eventDocument),
    gone: listed(proof.gone, eventDocument),
    altered: listed(proof.altered, changedDocument),
    user_part_changed: listed(proof.noted, changedDocument),
    gone_explained: proof.explained,
    gone_before_horizon: proof.expired,
    pending: proof.buckets.reduce((sum, { pending }) => sum + pending, 0),
    left_out_by_filters: proof.leftOut,
    pruned: proof.pruned,
    unreadable: proof.unreadable,
    not_agreed: proof.unsure.map(times),
    not_shown: proof.unshown.map(({ reason, ...span }) => ({ ...times(span), reason })),
    before_start: proof.beforeStart,
    coverage: proof.coverage.map((span) => ({
      ...times(span),
      status: span.status,
      server_count: span.serverCount,
      read_at: span.readAt,
    })),
    unread: proof.unread.map(times),
    buckets: proof.buckets.map(({ startNs, endNs, ...figures }) => ({
      ...times({ startNs, endNs }),
      ...figures,
    })),
  };
}

function sinkDocument(proof: SinkProof): object {
  const standing = standingOf(proof);
  return {
    name: proof.name,
    delivery: proof.delivery,
    can_be_asked: proof.canBeAsked,
    failure: proof.failure,
    expected: proof.expected,
    found: proof.canBeAsked ? proof.found : null,
    missing: listed(proof.missing, eventDocument),
    repeated: listed(proof.repeated, (event) => ({ ...eventDocument(event), copies: event.copies })),
    waiting: standing.waiting,
    held: standing.held,
    waits_for: standing.waitsFor,
    dead_letters: standing.deadLetters,
    pruned_before_delivery: standing.prunedBeforeDelivery,
    too_old: standing.tooOld,
    unconfirmed: standing.unconfirmed,
    discarded: proof.discarded,
    filtered: proof.filtered,
    pending: proof.pending,
    pruned: proof.pruned,
    pruned_found: proof.canBeAsked ? proof.prunedFound : null,
  };
}

function listed<Named>({ total, named }: NameList<Named>, document: (one: Named) => object): object {
  return { total, events: named.map(document) };
}

function eventDocument({ source, id, createdAt }: NamedEvent): object {
  return { source, id, created_at: createdAt };
}

function changedDocument(event: ChangedEvent): object {
  const { heldHash, seenHash, fields } = event;
  return { ...eventDocument(event), held_sha256: heldHash, seen_sha256: seenHash, fields };
}

function times({ startNs, endNs }: Window): { from: string; to: string } {
  return { from: formatTime(startNs), to: formatTime(endNs) };
}
