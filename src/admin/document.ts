import { eventsAfter } from '../checkpoint/journal.ts';
import type { JournalSize, StoredFinding } from '../checkpoint/journal.ts';
import { formatTime, nsToMs, parseTime } from '../model/time.ts';
import type { SinkStatus, SourceStatus } from '../pipeline/status.ts';
import { NO_SHORTFALL } from '../pipeline/verdict.ts';
import type { SourceState } from '../sources/source.ts';
import { attentionOf } from './attention.ts';
import type {
  FindingDocument,
  JournalDocument,
  LimitsDocument,
  LoopDocument,
  ShortfallDocument,
  SinkDocument,
  SourceDocument,
  StatusDocument,
} from './document-shape.ts';
import { liveness, readiness } from './health.ts';
import { liveVerdict } from './live-verdict.ts';
import type { LiveVerdict } from './live-verdict.ts';
import type { SinkView, SourceView, StatusOptions } from './options.ts';
import { replicaDocuments } from './replicas.ts';
import type { Series } from './series.ts';
import { survey, total } from './survey.ts';
import type { Survey } from './survey.ts';

const FINDINGS_LIMIT = 100;

/**
 * The state of everything, from the two loops and the journal. Reads one event per sink. Works for a guest too: then
 * `view().status` is null, loops are `not_running`, and cursors come from the journal.
 */
export async function buildStatus(options: StatusOptions, series?: Series): Promise<StatusDocument> {
  const { journal, limits } = options;
  const [seen, findings] = await Promise.all([
    survey(options),
    journal.findings({ unacknowledgedOnly: true, limit: FINDINGS_LIMIT }),
  ]);
  const { view, size, nowMs } = seen;
  const { sinks: standings, ...verdict } = liveVerdict(seen);
  const sinks = [...view.sinks].map(([name, sink]) =>
    sinkDocument(options, seen, standings, name, sink, series),
  );
  const document = {
    ...verdict,
    version: options.version,
    installation_id: journal.installationId,
    now: iso(nowMs),
    started_at: view.status === null ? null : iso(view.status.startedMs),
    stopping: view.status?.stopping ?? false,
    healthy: liveness(view, nowMs),
    ready: readiness(seen, limits),
    sources: [...view.sources].map(([name, source]) =>
      sourceDocument(name, source, view.status?.sources.get(name), seen, series),
    ),
    journal: journalDocument(size),
    replicas: replicaDocuments(seen.replicas),
    sinks: await Promise.all(sinks),
    dead_letters: lettersDocument(seen),
    findings: findings.map(findingDocument),
    findings_open: total(seen.findings.map(({ count }) => count)),
  };
  return { ...document, attention: attentionOf(document, seen.findings) };
}

/** Open and retrying ones, by owner; without events that were too old for a sink, which are that sink's `too_old`. */
export function lettersDocument({ letters }: Pick<Survey, 'letters'>): Record<string, number> {
  const all = new Map(letters.ofSinks);
  for (const [name, count] of letters.ofSources) all.set(name, count + (all.get(name) ?? 0));
  return Object.fromEntries(all);
}

/** By sink: what keeps each one from having everything. */
export function shortfallDocuments({ sinks }: LiveVerdict): Record<string, ShortfallDocument> {
  return Object.fromEntries([...sinks.keys()].map((name) => [name, shortfallDocument(sinks, name)]));
}

function shortfallDocument(sinks: LiveVerdict['sinks'], name: string): ShortfallDocument {
  const { waiting, held, deadLetters, prunedBeforeDelivery, tooOld } = sinks.get(name) ?? NO_SHORTFALL;
  return {
    waiting,
    held,
    dead_letters: deadLetters,
    pruned_before_delivery: prunedBeforeDelivery,
    too_old: tooOld,
  };
}

function findingDocument(finding: StoredFinding): FindingDocument {
  const { id, source, kind, summary, firstAt, lastAt, seen } = finding;
  return { id: id.toString(), source, kind, summary, first_at: firstAt, last_at: lastAt, seen };
}

/** How long the oldest event after a cursor has been waiting, seconds; nulls when there is none. */
export async function oldestUndelivered(
  journal: StatusOptions['journal'],
  cursor: bigint,
  nowMs: number,
): Promise<{ readonly ageSeconds: number | null; readonly waitingSeconds: number | null }> {
  const oldest = await journal.firstAfter(cursor);
  if (oldest === null) return { ageSeconds: null, waitingSeconds: null };
  return {
    ageSeconds: ageSeconds(parseTime(oldest.createdAt), nowMs),
    waitingSeconds: ageSeconds(parseTime(oldest.receivedAt), nowMs),
  };
}

/** Seconds since a moment given in nanoseconds since 1970; never negative, because two clocks may differ. */
export function ageSeconds(ns: bigint | null, nowMs: number): number | null {
  return ns === null ? null : Math.max(nowMs - nsToMs(ns), 0) / 1000;
}

/**
 * The lag as far as it means anything: while a source is catching up, an event is seen late because we were away, not because
 * the Platform showed it late.
 */
export function visibilityLagMs(loop: SourceStatus, state: SourceState | null): number | null {
  const current = loop.polls > 0 && (state?.openWindows ?? 0) === 0;
  return current ? loop.visibilityLagMs : null;
}

/** Held time including a hold that still lasts, seconds. */
export function heldSeconds(loop: SourceStatus | SinkStatus, nowMs: number): number {
  const running = loop.state === 'held' ? Math.max(nowMs - loop.turnedMs, 0) : 0;
  return (loop.heldMs + running) / 1000;
}

function loopDocument(
  kind: 'source' | 'sink',
  name: string,
  loop: SourceStatus | SinkStatus | undefined,
  nowMs: number,
  series: Series | undefined,
): LoopDocument {
  return {
    name,
    state: loop?.state ?? 'not_running',
    since: loop === undefined ? null : iso(loop.sinceMs),
    reason: loop?.reason ?? null,
    hint: loop?.hint ?? null,
    next_try: isoOrNull(loop?.nextTryMs ?? null),
    retries: { transient: loop?.retries.transient ?? 0, denied: loop?.retries.denied ?? 0 },
    held_seconds: loop === undefined ? 0 : heldSeconds(loop, nowMs),
    events_per_minute: series?.rate(kind, name) ?? 0,
  };
}

function sourceDocument(
  name: string,
  view: SourceView,
  loop: SourceStatus | undefined,
  { nowMs, readElsewhere }: Survey,
  series: Series | undefined,
): SourceDocument {
  const own = view.source.state();
  const elsewhereNs = readElsewhere.get(name);
  const state = elsewhereNs === undefined ? own : { ...own, frontierNs: elsewhereNs };
  const origin = view.source.origin();
  return {
    ...loopDocument('source', name, loop, nowMs, series),
    instance: origin.instance,
    api_version: origin.apiVersion,
    platform_version: origin.platformVersion ?? null,
    frontier: state.frontierNs === null ? null : formatTime(state.frontierNs),
    frontier_age_seconds: ageSeconds(state.frontierNs, nowMs),
    target: state.targetNs === null ? null : formatTime(state.targetNs),
    open_windows: state.openWindows,
    pending_reconcile: state.pendingReconcile,
    clock_skew_seconds: secondsOrNull(state.clockSkewMs),
    overlap_seconds: state.overlapMs / 1000,
    requests: state.requests,
    polls: loop?.polls ?? 0,
    appended: loop?.appended ?? 0,
    repeated: loop?.repeated ?? 0,
    filtered: loop?.filtered ?? 0,
    malformed: loop?.malformed ?? 0,
    reconciled: loop?.reconciled ?? 0,
    revised: loop?.revised ?? 0,
    findings: loop?.findings ?? 0,
    last_poll: isoOrNull(loop?.lastPollMs ?? null),
    visibility_lag_seconds: secondsOrNull(loop === undefined ? null : visibilityLagMs(loop, state)),
    troubles: state.troubles.map(({ window, reason, hint, sinceMs }) => ({
      from: formatTime(window.startNs),
      to: formatTime(window.endNs),
      reason,
      hint: hint ?? null,
      since: iso(sinceMs),
    })),
  };
}

async function sinkDocument(
  options: StatusOptions,
  { view, size, cursors, heartbeats, nowMs }: Survey,
  standings: LiveVerdict['sinks'],
  name: string,
  sink: SinkView,
  series: Series | undefined,
): Promise<SinkDocument> {
  const loop = view.status?.sinks.get(name);
  const cursor = cursors.get(name) ?? 0n;
  const oldest = await oldestUndelivered(options.journal, cursor, nowMs);
  return {
    ...loopDocument('sink', name, loop, nowMs, series),
    type: sink.type,
    format: sink.format,
    delivery: sink.delivery,
    limits: limitsDocument(sink),
    undelivered: eventsAfter(size, cursor),
    ...shortfallDocument(standings, name),
    oldest_undelivered_age_seconds: oldest.ageSeconds,
    oldest_undelivered_waiting_seconds: oldest.waitingSeconds,
    cursor: Number(cursor),
    delivered: loop?.delivered ?? 0,
    duplicates: loop?.duplicates ?? 0,
    rejected: loop?.rejected ?? 0,
    filtered: loop?.filtered ?? 0,
    batches: loop?.batches ?? 0,
    bytes: loop?.bytes ?? 0,
    possible_repeats: loop?.possibleRepeats ?? 0,
    unclassified: loop?.unclassified ?? 0,
    redacted_values: loop?.redactedValues ?? 0,
    trimmed_user_parts: loop?.trimmedUserParts ?? 0,
    in_flight: loop?.inFlight ?? 0,
    last_delivered: isoOrNull(loop?.lastDeliveredMs ?? null),
    last_heartbeat: heartbeats.get(name)?.closedAt ?? null,
    unanswered_heartbeats: heartbeats.get(name)?.unanswered ?? 0,
    notice: loop?.notice ?? null,
  };
}

function limitsDocument({ batch, concurrent, rateLimit }: SinkView): LimitsDocument {
  return {
    max_events: batch.maxEvents,
    max_bytes: batch.maxBytes,
    max_wait_seconds: batch.maxWaitMs / 1000,
    concurrent,
    requests_per_second: rateLimit,
  };
}

function journalDocument(size: JournalSize): JournalDocument {
  return {
    used_bytes: size.usedBytes,
    limit_bytes: size.limitBytes,
    events: size.events,
    oldest_seq: Number(size.oldestSeq),
    head_seq: Number(size.headSeq),
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));
const secondsOrNull = (ms: number | null): number | null => (ms === null ? null : ms / 1000);
