import type {
  DeadLetter,
  DeadLetterFilter,
  Glimpse,
  Journal,
  StoredCoverage,
  StoredFinding,
  Replica,
} from '../../src/checkpoint/journal.ts';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { summaryOf } from '../../src/formats/title.ts';
import type { Clock } from '../../src/model/clock.ts';
import type { AuditEvent, Json } from '../../src/model/event.ts';
import { silentLog } from '../../src/model/log.ts';
import { Secret } from '../../src/model/secret.ts';
import { msToNs } from '../../src/model/time.ts';
import { createStatus, sinkStatus, sourceStatus } from '../../src/pipeline/status.ts';
import type { SinkStatus, SourceStatus, Status } from '../../src/pipeline/status.ts';
import type { SourceState } from '../../src/sources/source.ts';
import { READINESS_LIMITS } from '../../src/admin/options.ts';
import type { AdminOptions, AdminView } from '../../src/admin/options.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

export const START_MS = Date.parse('2026-01-02T04:00:00Z');
export const TOKEN = 'a-token-nobody-guesses';
/** Stands for every secret that must never show. */
export const API_KEY = 'cq_secret_value_0123456789';

const canonicalize = createCanonicalize();

/** A daemon of one source and two sinks, as the listener sees it; everything in it can be changed. */
export interface Room {
  nowMs: number;
  /** Null: it moves with the wall clock. */
  monotonicMs: number | null;
  readonly status: Status;
  readonly source: SourceStatus;
  readonly splunk: SinkStatus;
  readonly elastic: SinkStatus;
  readonly pollEveryMs: number;
  state: SourceState;
  usedBytes: number;
  readonly events: AuditEvent[];
  readonly letters: DeadLetter[];
  /** Events that left the journal before a sink had them, by sink. */
  readonly pruned: Map<string, number>;
  readonly findings: StoredFinding[];
  replicas: Replica[];
  /** Why the journal cannot be asked; null: it can. */
  fault: Error | null;
  coverage: StoredCoverage[];
  /** What the journal keeps of heartbeats, by sink; null: none is configured. */
  segments: ReadonlyMap<string, Json> | null;
  /** What was asked of the journal: retry, discard, acknowledge. */
  readonly asked: { readonly what: string; readonly with: unknown }[];
  readonly options: AdminOptions;
}

export interface RoomOptions {
  readonly token?: boolean;
  readonly host?: string;
  readonly allowedHosts?: readonly string[];
  readonly now?: number;
  readonly pollEveryMs?: number;
  /** How many sinks there are: splunk and elastic, and others up to this. */
  readonly sinks?: number;
  readonly reload?: AdminOptions['reload'];
}

export function createRoom(given: RoomOptions = {}): Room {
  const startMs = given.now ?? START_MS;
  const status = createStatus(startMs - 3_600_000);
  const source = sourceStatus('platform', startMs);
  const splunk = sinkStatus('splunk', 'confirmed', startMs);
  const elastic = sinkStatus('elastic', 'confirmed', startMs);
  status.sources.set('platform', source);
  status.sinks.set('splunk', splunk);
  status.sinks.set('elastic', elastic);
  for (let at = 3; at <= (given.sinks ?? 2); at += 1)
    status.sinks.set(`receiver-${at}`, sinkStatus(`receiver-${at}`, 'sent', startMs));
  for (const loop of [source, ...status.sinks.values()])
    Object.assign(loop, { state: 'idle', progressedMs: startMs });
  source.polls = 1;
  source.caughtUp = { atMs: startMs, upToNs: msToNs(startMs - 4_000) };
  const room: Room = {
    nowMs: startMs,
    monotonicMs: null,
    pollEveryMs: given.pollEveryMs ?? 15_000,
    status,
    source,
    splunk,
    elastic,
    state: {
      frontierNs: msToNs(startMs - 4_000),
      targetNs: msToNs(startMs - 4_000),
      openWindows: 0,
      pendingReconcile: 0,
      clockSkewMs: 120,
      requests: 42,
      overlapMs: 600_000,
      keyExpiresMs: startMs + 300 * 86_400_000,
      troubles: [],
    },
    usedBytes: 1_000_000,
    events: [],
    letters: [],
    pruned: new Map(),
    findings: [],
    replicas: [],
    fault: null,
    coverage: [],
    segments: null,
    asked: [],
    options: {
      listen: { host: given.host ?? '127.0.0.1', port: 0 },
      token: given.token === true ? Secret.of(TOKEN) : undefined,
      allowedHosts: given.allowedHosts ?? [],
      journal: journalOf(() => room),
      clock: clockOf(() => room),
      log: silentLog,
      version: '1.2.3',
      limits: READINESS_LIMITS,
      view: () => viewOf(room),
      reload: given.reload,
    },
  };
  return room;
}

function viewOf(room: Room): AdminView {
  const sink = {
    delivery: 'confirmed' as const,
    batch: { maxEvents: 1000, maxBytes: 1_048_576, maxWaitMs: 1000 },
    concurrent: 1,
    rateLimit: null,
  };
  return {
    status: room.status,
    sources: new Map([
      [
        'platform',
        {
          source: {
            state: () => room.state,
            origin: () => ({ product: CLOUDQUERY, instance: 'acme.example.com', apiVersion: 'v2' as const }),
          },
          nextPollMs: (fromMs) => fromMs + room.pollEveryMs,
        },
      ],
    ]),
    sinks: new Map([
      ['splunk', { ...sink, type: 'splunk_hec', format: 'cim' }],
      ['elastic', { ...sink, type: 'elasticsearch', format: 'ecs' }],
      ...[...room.status.sinks.keys()]
        .slice(2)
        .map((name) => [name, { ...sink, type: 'syslog', format: 'cef' }] as const),
    ]),
    // A Secret in the wrong place must still not show.
    effectiveConfig: { sources: { platform: { api_key: Secret.of(API_KEY) as unknown as string } } },
    formats: ['raw', 'cef'],
    preview: (event, format) =>
      format === 'raw'
        ? { text: event.original, kind: 'json' }
        : { text: `CEF:0|auditferry|${event.id}`, kind: 'text' },
    understand: (event) => {
      const canonical = canonicalize(event);
      return { summary: summaryOf(canonical), text: canonical.originalText };
    },
    renderFor: (name, event) =>
      event.original.includes('"unwanted"')
        ? { kind: 'filtered' }
        : { kind: 'sent', format: 'cim', rendered: { text: `${name} ${event.id}`, kind: 'text' } },
    heartbeatMs: room.segments === null ? null : 300_000,
  };
}

/** Sleeps until it is aborted, so that nothing happens by itself. */
function clockOf(room: () => Room): Clock {
  return {
    now: () => room().nowMs,
    monotonic: () => room().monotonicMs ?? room().nowMs,
    random: () => 0.5,
    sleep: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
  };
}

function journalOf(room: () => Room): Journal {
  const used: Partial<Journal> = {
    installationId: 'installation-1',
    cursor: async (sink) => {
      const { fault, status } = room();
      if (fault === null) return status.sinks.get(sink)?.cursor ?? 0n;
      await new Promise((resolve) => setImmediate(resolve)); // a moment after the other questions have failed
      throw fault;
    },
    read: async (after, { maxEvents }) =>
      room()
        .events.filter((event) => event.seq > after)
        .slice(0, maxEvents),
    segment: async (sink) => room().segments?.get(sink) ?? null,
    newest: async (limit, originalBytes = Infinity) =>
      room()
        .events.toReversed()
        .slice(0, limit)
        .map((event) => glimpseOf(event, originalBytes)),
    firstAfter: async (after) => {
      const first = room().events.find((event) => event.seq > after);
      return first === undefined ? null : glimpseOf(first, 0);
    },
    size: async () => {
      const { fault, usedBytes, events } = room();
      if (fault !== null) throw fault;
      const [oldestSeq, headSeq] = [events[0]?.seq ?? 0n, events.at(-1)?.seq ?? 0n];
      return { usedBytes, limitBytes: 2_000_000, events: events.length, oldestSeq, headSeq };
    },
    deadLetters: async (filter) => meant(room(), filter),
    glanceAtDeadLetters: async (filter, contentBytes) =>
      meant(room(), filter).map((letter) => ({
        ...letter,
        content: letter.bytes.subarray(0, contentBytes),
        size: letter.bytes.length,
      })),
    prunedUndelivered: async () => room().pruned,
    replicas: async () => room().replicas,
    deadLetterCounts: async (side, start = '') => {
      const counts = new Map<string, number>();
      for (const { owner, side: its, reason } of room().letters) {
        if ((side !== undefined && side !== its) || !reason.startsWith(start)) continue;
        counts.set(owner, (counts.get(owner) ?? 0) + 1);
      }
      return counts;
    },
    retryDeadLetters: async (filter) => {
      room().asked.push({ what: 'retry', with: filter });
      return filter.ids?.length ?? room().letters.length;
    },
    discardDeadLetters: async (filter, reason) => {
      room().asked.push({ what: 'discard', with: { filter, reason } });
      const kept = room().letters.filter((letter) => filter.ids?.includes(letter.id) !== true);
      const gone = room().letters.length - kept.length;
      room().letters.splice(0, room().letters.length, ...kept);
      return gone;
    },
    findings: async ({ kinds }) => room().findings.filter(({ kind }) => kinds?.includes(kind) ?? true),
    findingCounts: async () => room().findings.map(({ source, kind }) => ({ source, kind, count: 1 })),
    acknowledge: async (ids, note) => {
      room().asked.push({ what: 'acknowledge', with: { ids, note } });
      return ids.length;
    },
    idsInWindow: async () => [],
    coverage: async (_, window) =>
      room().coverage.filter((span) => span.startNs <= window.endNs && span.endNs >= window.startNs),
  };
  return used as Journal;
}

function meant({ letters }: Room, { owner, states, ids, after, limit }: DeadLetterFilter): DeadLetter[] {
  return letters
    .filter(
      (letter) =>
        (owner === undefined || letter.owner === owner) &&
        (states?.includes(letter.state) ?? true) &&
        (ids?.includes(letter.id) ?? true) &&
        letter.id > (after ?? -1n),
    )
    .slice(0, limit);
}

function glimpseOf(event: AuditEvent, originalBytes: number): Glimpse {
  const bytes = Buffer.byteLength(event.original);
  return { ...event, bytes, original: bytes <= originalBytes ? event.original : null };
}

export function anEvent(seq: number, createdMs: number, fields: Record<string, unknown> = {}): AuditEvent {
  const id = `00000000-0000-4000-8000-${String(seq).padStart(12, '0')}`;
  const createdAt = new Date(createdMs).toISOString();
  return {
    seq: BigInt(seq),
    source: 'platform',
    id,
    createdAt,
    original: JSON.stringify({ id, created_at: createdAt, event_type: 'user_login', ...fields }),
    receivedAt: new Date(createdMs + 3_000).toISOString(),
  };
}

export function aLetter(id: number, event: AuditEvent, reason: string): DeadLetter {
  return {
    id: BigInt(id),
    owner: 'splunk',
    side: 'sink',
    event,
    bytes: Buffer.from(event.original),
    reason,
    attempts: 3,
    firstAt: event.receivedAt,
    lastAt: event.receivedAt,
    state: 'open',
    discardReason: null,
    sent: null,
  };
}

export function aFinding(id: number, summary: string): StoredFinding {
  const at = new Date(START_MS).toISOString();
  return {
    id: BigInt(id),
    source: 'platform',
    kind: 'fewer_on_server',
    summary,
    firstAt: at,
    lastAt: at,
    seen: 2,
    acknowledgedAt: null,
    acknowledgement: null,
  };
}

/** As the journal keeps the heartbeats of a sink. */
export function keptHeartbeats(unanswered: number, closedMs = START_MS): Json {
  const pending = Array.from({ length: unanswered }, (_, at) => ({ number: at + 1 }));
  return { number: 9, previous: null, segment: {}, pending, closedAt: new Date(closedMs).toISOString() };
}

/** A replica that is alive, as the journal tells of it. */
export function aReplica(name: string, more: Partial<Replica> = {}): Replica {
  const at = new Date(START_MS).toISOString();
  const same = { self: false, startedAt: at, seenAt: at, alive: true, version: '1.2.3', fingerprint: 'same' };
  return { name, ...same, duties: [], ...more };
}
