import { EXPECTED_KINDS } from '../pipeline/open-findings.ts';
import type { LoopState, SinkStatus, SourceStatus } from '../pipeline/status.ts';
import { VERDICTS } from '../pipeline/verdict.ts';
import type { SourceState } from '../sources/source.ts';
import { ageSeconds, heldSeconds, lettersDocument, visibilityLagMs } from './document.ts';
import { differing, dutyCounts } from './replicas.ts';
import type { Scrape, SinkScrape } from './scrape.ts';
import { total } from './survey.ts';

/**
 * One metric. The name is that of the family: a counter's samples get `_total` behind it. Labels are names from the
 * configuration and fixed words, never an event's type, user or id.
 */
interface Instrument {
  readonly name: string;
  readonly kind: 'gauge' | 'counter';
  /** As OpenMetrics wants it: the end of the name. */
  readonly unit?: 'seconds' | 'bytes';
  readonly help: string;
  values(read: Scrape): Iterable<Value>;
}

/** Null leaves the sample out: unknown is not zero. */
type Value = readonly [value: number | null, labels: Readonly<Record<string, string>>];

const STATES: readonly LoopState[] = [
  'starting',
  'standby',
  'idle',
  'working',
  'retrying',
  'held',
  'waiting_for_space',
  'stopped',
];

type Kind = Pick<Instrument, 'kind' | 'unit'>;
const GAUGE: Kind = { kind: 'gauge' };
const GAUGE_SECONDS: Kind = { kind: 'gauge', unit: 'seconds' };
const GAUGE_BYTES: Kind = { kind: 'gauge', unit: 'bytes' };
const COUNTER: Kind = { kind: 'counter' };
const COUNTER_SECONDS: Kind = { kind: 'counter', unit: 'seconds' };
const COUNTER_BYTES: Kind = { kind: 'counter', unit: 'bytes' };

function perSource(
  name: string,
  kind: Kind,
  help: string,
  value: (loop: SourceStatus, state: SourceState | null, nowMs: number) => number | null,
): Instrument {
  return {
    name: `auditferry_source_${name}`,
    ...kind,
    help,
    values: (read) =>
      read.sources.map(({ loop, state }) => [value(loop, state, read.nowMs), { source: loop.name }]),
  };
}

function perSink(
  name: string,
  kind: Kind,
  help: string,
  value: (sink: SinkScrape, nowMs: number) => number | null,
): Instrument {
  return {
    name: `auditferry_sink_${name}`,
    ...kind,
    help,
    values: (read) => read.sinks.map((sink) => [value(sink, read.nowMs), { sink: sink.loop.name }]),
  };
}

function single(name: string, kind: Kind, help: string, value: (read: Scrape) => number): Instrument {
  return { name, ...kind, help, values: (read) => [[value(read), {}]] };
}

function byKey(
  label: 'source' | 'sink',
  key: string,
  loop: SourceStatus | SinkStatus,
  values: Readonly<Record<string, number>>,
): Value[] {
  return Object.entries(values).map(([word, value]) => [value, { [label]: loop.name, [key]: word }]);
}

function oneHot(label: 'source' | 'sink', loop: SourceStatus | SinkStatus): Value[] {
  return STATES.map((state) => [loop.state === state ? 1 : 0, { [label]: loop.name, state }]);
}

function toSeconds(ms: number | null | undefined): number | null {
  return ms === null || ms === undefined ? null : ms / 1000;
}

const SOURCE_INSTRUMENTS: readonly Instrument[] = [
  {
    name: 'auditferry_source_state',
    ...GAUGE,
    help: 'What the loop of a source is doing: 1 for the state it is in, 0 for the others.',
    values: ({ sources }) => sources.flatMap(({ loop }) => oneHot('source', loop)),
  },
  perSource(
    'frontier_age_seconds',
    GAUGE_SECONDS,
    'Age of the time before which every window is read.',
    (_, state, nowMs) => ageSeconds(state?.frontierNs ?? null, nowMs),
  ),
  perSource(
    'visibility_lag_seconds',
    GAUGE_SECONDS,
    'From an event happening to the Platform showing it, of the newest events.',
    (loop, state) => toSeconds(visibilityLagMs(loop, state)),
  ),
  perSource('overlap_seconds', GAUGE_SECONDS, 'How much of the past each poll reads again.', (_, state) =>
    toSeconds(state?.overlapMs),
  ),
  perSource('clock_skew_seconds', GAUGE_SECONDS, 'Clock of the Platform minus our own.', (_, state) =>
    toSeconds(state?.clockSkewMs),
  ),
  perSource(
    'open_windows',
    GAUGE,
    'Windows that are not completely read yet.',
    (_, state) => state?.openWindows ?? null,
  ),
  perSource(
    'pending_reconcile_windows',
    GAUGE,
    'Closed windows that are due to be counted again.',
    (_, state) => state?.pendingReconcile ?? null,
  ),
  perSource(
    'last_poll_timestamp_seconds',
    GAUGE_SECONDS,
    'When the last whole poll ended, as Unix time.',
    (loop) => toSeconds(loop.lastPollMs),
  ),
  perSource(
    'key_expiry_timestamp_seconds',
    GAUGE_SECONDS,
    'When the key expires, as Unix time; only with api_key_name, and if the Platform reports it.',
    (_, state) => toSeconds(state?.keyExpiresMs),
  ),
  perSource('requests', COUNTER, 'Requests sent to the Platform.', (_, state) => state?.requests ?? null),
  perSource('polls', COUNTER, 'Whole polls.', (loop) => loop.polls),
  {
    name: 'auditferry_source_events',
    ...COUNTER,
    help: 'Events read, by result: appended to the journal, repeated, filtered out or malformed.',
    values: ({ sources }) =>
      sources.flatMap(({ loop }) => {
        const { appended, repeated, filtered, malformed } = loop;
        return byKey('source', 'result', loop, { appended, repeated, filtered, malformed });
      }),
  },
  perSource(
    'reconciled_events',
    COUNTER,
    'Late events, found by counting closed windows again.',
    (loop) => loop.reconciled,
  ),
  perSource('revised_events', COUNTER, 'Ids that came again with other bytes.', (loop) => loop.revised),
  perSource('findings', COUNTER, 'Findings made.', (loop) => loop.findings),
  {
    name: 'auditferry_source_retries',
    ...COUNTER,
    help: 'Polls repeated, by the kind of failure: transient or denied.',
    values: ({ sources }) => sources.flatMap(({ loop }) => byKey('source', 'kind', loop, loop.retries)),
  },
  perSource('held_seconds', COUNTER_SECONDS, 'Time spent held.', (loop, _, nowMs) =>
    heldSeconds(loop, nowMs),
  ),
];

const SINK_INSTRUMENTS: readonly Instrument[] = [
  {
    name: 'auditferry_sink_info',
    ...GAUGE,
    help: 'Always 1; the labels describe the sink.',
    values: ({ sinks }) =>
      sinks.flatMap(({ loop, view }): Value[] => {
        if (view === undefined) return [];
        const { type, format, delivery } = view;
        return [[1, { sink: loop.name, type, format, delivery }]];
      }),
  },
  {
    name: 'auditferry_sink_state',
    ...GAUGE,
    help: 'What the loop of a sink is doing: 1 for the state it is in, 0 for the others.',
    values: ({ sinks }) => sinks.flatMap(({ loop }) => oneHot('sink', loop)),
  },
  perSink(
    'undelivered_events',
    GAUGE,
    'Events in the journal that the sink has not settled.',
    (sink) => sink.undelivered,
  ),
  perSink(
    'oldest_undelivered_age_seconds',
    GAUGE_SECONDS,
    'How long ago the oldest undelivered event happened; 0 when there is none.',
    (sink) => sink.ageSeconds ?? 0,
  ),
  perSink(
    'oldest_undelivered_waiting_seconds',
    GAUGE_SECONDS,
    'How long the oldest undelivered event has been in the journal; 0 when there is none.',
    (sink) => sink.waitingSeconds ?? 0,
  ),
  {
    name: 'auditferry_sink_too_old_events',
    ...GAUGE,
    help: 'Events that were older than the sink may send when their turn came, and were neither delivered nor discarded since.',
    values: ({ sinks, letters }) =>
      sinks.map(({ loop: { name } }): Value => [letters.tooOld.get(name) ?? 0, { sink: name }]),
  },
  perSink('in_flight_batches', GAUGE, 'Batches that are being sent.', ({ loop }) => loop.inFlight),
  perSink(
    'last_delivered_timestamp_seconds',
    GAUGE_SECONDS,
    'When a batch was last settled, as Unix time.',
    ({ loop }) => toSeconds(loop.lastDeliveredMs),
  ),
  perSink(
    'last_heartbeat_timestamp_seconds',
    GAUGE_SECONDS,
    'When the newest heartbeat was closed, as Unix time; only with heartbeat configured.',
    ({ heartbeat }) => (heartbeat?.closedAt == null ? null : Date.parse(heartbeat.closedAt) / 1000),
  ),
  perSink(
    'unanswered_heartbeats',
    GAUGE,
    'Heartbeats that the receiver has not confirmed; only with heartbeat configured.',
    ({ heartbeat }) => heartbeat?.unanswered ?? null,
  ),
  {
    name: 'auditferry_sink_events',
    ...COUNTER,
    help: 'Events settled, by outcome: delivered, duplicate (the receiver had it), rejected (dead letter), filtered (not wanted).',
    values: ({ sinks }) =>
      sinks.flatMap(({ loop }) => {
        const { delivered, duplicates, rejected, filtered } = loop;
        return byKey('sink', 'outcome', loop, { delivered, duplicate: duplicates, rejected, filtered });
      }),
  },
  perSink('batches', COUNTER, 'Batches settled.', ({ loop }) => loop.batches),
  perSink(
    'sent_bytes',
    COUNTER_BYTES,
    'Bytes of the events delivered, as rendered, in UTF-8.',
    ({ loop }) => loop.bytes,
  ),
  perSink(
    'unclassified_events',
    COUNTER,
    'Delivered events of an unknown type: sent as other, and marked.',
    ({ loop }) => loop.unclassified,
  ),
  perSink(
    'redacted_values',
    COUNTER,
    'Values that redaction replaced in delivered events.',
    ({ loop }) => loop.redactedValues,
  ),
  perSink(
    'trimmed_user_parts',
    COUNTER,
    'Parts of the embedded user that were removed from delivered events.',
    ({ loop }) => loop.trimmedUserParts,
  ),
  perSink(
    'possible_repeats',
    COUNTER,
    'Batches sent again although the receiver may have had them.',
    ({ loop }) => loop.possibleRepeats,
  ),
  {
    name: 'auditferry_sink_retries',
    ...COUNTER,
    help: 'Batches sent again, by the kind of failure: transient or denied.',
    values: ({ sinks }) => sinks.flatMap(({ loop }) => byKey('sink', 'kind', loop, loop.retries)),
  },
  perSink('held_seconds', COUNTER_SECONDS, 'Time spent held.', ({ loop }, nowMs) => heldSeconds(loop, nowMs)),
];

const DAEMON_INSTRUMENTS: readonly Instrument[] = [
  single('auditferry_journal_used_bytes', GAUGE_BYTES, 'Size of the journal.', ({ size }) => size.usedBytes),
  single(
    'auditferry_journal_limit_bytes',
    GAUGE_BYTES,
    'Size at which polling waits.',
    ({ size }) => size.limitBytes,
  ),
  single('auditferry_journal_events', GAUGE, 'Events kept in the journal.', ({ size }) => size.events),
  {
    name: 'auditferry_dead_letters',
    ...GAUGE,
    help: 'Dead letters that are open or being retried, by the source or sink they belong to; without events that were too old.',
    values: (read) => {
      const owners = new Map([...read.sources, ...read.sinks].map(({ loop }) => [loop.name, 0]));
      for (const [owner, count] of Object.entries(lettersDocument(read))) owners.set(owner, count);
      return [...owners].map(([owner, count]): Value => [count, { owner }]);
    },
  },
  single(
    'auditferry_unacknowledged_findings',
    GAUGE,
    'Findings that are not acknowledged; without those that are expected, such as a user who changed.',
    (read) =>
      total(read.findings.filter(({ kind }) => !EXPECTED_KINDS.includes(kind)).map(({ count }) => count)),
  ),
  single(
    'auditferry_log_lines_dropped',
    COUNTER,
    'Log lines that were dropped because the reader of standard error left or stopped reading.',
    (read) => read.droppedLogLines,
  ),
  {
    name: 'auditferry_verdict',
    ...GAUGE,
    help: 'Whether everything is where it should be, as far as the daemon knows by itself: 1 for the verdict, 0 for the others.',
    values: ({ verdict }) => VERDICTS.map((word): Value => [word === verdict ? 1 : 0, { verdict: word }]),
  },
  single(
    'auditferry_replicas',
    GAUGE,
    'Replicas that share the journal and were heard of lately; 0 where it is in one process’s hands.',
    ({ replicas }) => replicas.filter(({ alive }) => alive).length,
  ),
  single(
    'auditferry_replicas_configured_otherwise',
    GAUGE,
    'Of those: how many run another configuration than this one.',
    ({ replicas }) => differing(replicas).length,
  ),
  {
    name: 'auditferry_replica_duties',
    ...GAUGE,
    help: 'What this replica does of what replicas share: sources, sinks, jobs and the upkeep of the journal.',
    values: ({ replicas }) =>
      dutyCounts(replicas).map(({ replica, kind, held }): Value => [held, { replica, kind }]),
  },
  single('auditferry_stopping', GAUGE, '1 while the daemon drains before it ends.', ({ stopping }) =>
    Number(stopping),
  ),
  {
    name: 'auditferry_build_info',
    ...GAUGE,
    help: 'Always 1; the labels tell the version.',
    values: ({ version }) => [[1, { version, node_version: process.versions.node }]],
  },
  single(
    'process_start_time_seconds',
    GAUGE_SECONDS,
    'When the process started, as Unix time.',
    ({ startedMs }) => startedMs / 1000,
  ),
  single('process_cpu_seconds', COUNTER_SECONDS, 'Processor time used, user and system.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000_000;
  }),
  single('process_resident_memory_bytes', GAUGE_BYTES, 'Resident memory.', () => process.memoryUsage.rss()),
  single('nodejs_heap_used_bytes', GAUGE_BYTES, 'Heap in use.', () => process.memoryUsage().heapUsed),
];

export const INSTRUMENTS: readonly Instrument[] = [
  ...SOURCE_INSTRUMENTS,
  ...SINK_INSTRUMENTS,
  ...DAEMON_INSTRUMENTS,
];
