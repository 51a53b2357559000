import { parseMoment } from '../../model/moment.ts';
import type { CheckReport } from '../../model/check.ts';
import type { Coverage, Finding, Json, NewEvent, Window } from '../../model/event.ts';
import { formatTime, msToNs } from '../../model/time.ts';
import { openHttpClient } from '../../net/http.ts';
import type { HttpClient } from '../../net/http.ts';
import type {
  Harvest,
  HeldEvents,
  RangeHarvest,
  Source,
  SourceContext,
  SourceDefinition,
  SourceOrigin,
} from '../source.ts';
import { checkPlatform } from './check.ts';
import { apiBase, createClient } from './client.ts';
import type { Client } from './client.ts';
import { compileFilters } from './filters.ts';
import { cloudquerySchema, validateCloudquery } from './options.ts';
import type { CloudqueryOptions } from './options.ts';
import { learnOrigin } from './origin.ts';
import type { Precision, WindowRead } from './read-window.ts';
import { readWindows } from './read-windows.ts';
import { freshReconcile, readReconcile, schedule, writeReconcile } from './reconcile.ts';
import type { ReconcileState } from './reconcile.ts';
import { recount } from './recount.ts';
import { assertPlausible, createServerClock } from './server-clock.ts';
import { createTail, learnedOverlapMs } from './tail.ts';
import type { Tail } from './tail.ts';
import { frontierOf, liveWindow, NO_PROGRESS, readProgress, sortWindows, writeProgress } from './windows.ts';
import type { Progress } from './windows.ts';

export const cloudquery: SourceDefinition<CloudqueryOptions> = {
  type: 'cloudquery',
  schema: cloudquerySchema,
  validate: validateCloudquery,
  create: (options, context) =>
    createCloudquery(
      options,
      context,
      openHttpClient({ tls: options.tls, connections: options.rate_limit.concurrent }),
    ),
};

/** Counts asked for in one poll at most, so that a long list of closed windows never keeps new events waiting. */
const RECOUNTS_PER_POLL = 40;

/** The source over any HTTP client: the simulation hands one in that reaches no network. */
export function createCloudquery(
  options: CloudqueryOptions,
  context: SourceContext,
  http: HttpClient,
): Source {
  const { clock } = context;
  const serverClock = createServerClock(() => clock.now());
  const base = apiBase(options.url);
  const client = createClient(
    http,
    {
      base,
      apiKey: options.api_key,
      requestTimeoutMs: options.request_timeout,
      maxResponseBytes: options.max_response_size,
      requestsPerSecond: options.rate_limit.requests_per_second,
      concurrent: options.rate_limit.concurrent,
      userAgent: `auditferry/${context.forwarderVersion}`,
    },
    serverClock,
    clock,
  );
  const wanted = compileFilters(options.filters);
  const precision: Precision = { unitNs: 1_000_000_000n, probed: false };
  let origin: SourceOrigin = { instance: base.hostname, apiVersion: options.api === 'v1' ? 'v1' : 'v2' };
  let learned = false;
  let resumed = false;
  let progress: Progress = NO_PROGRESS;
  let reconcile: ReconcileState = freshReconcile(0);
  let tail: Tail = createTail(null);

  const toEvents = (read: WindowRead): NewEvent[] =>
    read.items.map((item) => ({ ...item.event, wanted: wanted(item.parsed) }));
  const write = (): Json =>
    writeProgress(progress, { schedule: writeReconcile(reconcile), tail: tail.write() });
  const harvest = (
    purpose: Harvest['purpose'],
    window: Window,
    read: WindowRead,
  ): Omit<Harvest, 'progress'> => ({
    purpose,
    events: toEvents(read),
    malformed: read.malformed,
    coverage: coverageOf(window, read),
    findings: suspectFindings(window, read),
  });

  async function* poll(held: HeldEvents, saved: Json | null, signal: AbortSignal): AsyncGenerator<Harvest> {
    const read = readProgress(saved);
    progress = read.progress;
    const { schedule: savedSchedule = null, tail: savedTail = null } = (read.extra ?? {}) as {
      schedule?: Json;
      tail?: Json;
    };
    tail = createTail(savedTail);
    if (!learned) {
      origin = await learnOrigin(client, options.api, origin, signal);
    }
    const nowMs = serverClock.now();
    assertPlausible(nowMs);
    const before = progress.endNs;
    // Only what lies before every open window has been read, so only there can an event be late.
    const finishedNs = frontierOf(progress);
    const startNs = progress.startNs ?? parseMoment(options.start, nowMs) ?? 0n;
    reconcile = readReconcile(savedSchedule) ?? freshReconcile(nowMs);
    const gap = gapFinding(before, nowMs, options.audit_horizon);
    const live = liveWindow(progress, startNs, msToNs(overlapMs()), msToNs(nowMs));
    progress = { startNs, endNs: live.endNs, open: sortWindows([...progress.open, live]) };
    let findings: readonly Finding[] = gap === null ? [] : [gap];
    for await (const step of readWindows(
      client,
      progress.open,
      precision,
      options.rate_limit.concurrent,
      signal,
    )) {
      learned = true; // an installation that did not answer at first is asked again with the next poll
      progress = { startNs, endNs: live.endNs, open: step.open };
      const part = harvest('live', step.window, step.read);
      if (finishedNs !== null) await observeTail(part.events, finishedNs, nowMs, held);
      yield { ...part, findings: [...findings, ...part.findings], progress: write() };
      findings = [];
    }
    yield* recountDue(held, nowMs, startNs, before === null, signal);
  }

  async function* recountDue(
    held: HeldEvents,
    nowMs: number,
    startNs: bigint,
    first: boolean,
    signal: AbortSignal,
  ): AsyncGenerator<Harvest> {
    const endNs = progress.endNs ?? 0n;
    // After a restart everything is counted once: nobody knows how long we were away. After the first read nothing is due.
    const all = !resumed && !first;
    resumed = true;
    reconcile = first
      ? freshReconcile(nowMs)
      : schedule(reconcile, nowMs, endNs, startNs, options.audit_horizon, all);
    for (const window of reconcile.pending.slice(0, RECOUNTS_PER_POLL)) {
      const result = await recount(client, window, held, reconcile.explained, precision, signal);
      const explained = new Map(reconcile.explained);
      if (result.explained === null) explained.delete(result.key);
      else explained.set(result.key, result.explained);
      const left = reconcile.pending.filter((other) => other !== window);
      reconcile = { ...reconcile, explained, pending: [...result.parts, ...left] };
      yield {
        purpose: 'reconcile',
        events: result.reads.flatMap((read) => toEvents(read)),
        malformed: result.reads.flatMap((read) => read.malformed),
        coverage: result.coverage,
        findings: result.findings,
        progress: write(),
      };
    }
  }

  /** Events new to the journal from a span that an earlier poll had read were late: by how much is what the tail learns. */
  async function observeTail(
    events: readonly NewEvent[],
    beforeNs: bigint,
    nowMs: number,
    held: HeldEvents,
  ): Promise<void> {
    const old = events.filter((event) => event.createdNs < beforeNs);
    const known = await held.known(old.map((event) => event.id));
    const late = old
      .filter((event) => !known.has(event.id))
      .map((event) => nowMs - Number(event.createdNs / 1_000_000n));
    tail.observe(late, events.length - old.length);
  }

  async function* read(windows: readonly Window[], signal: AbortSignal): AsyncGenerator<RangeHarvest> {
    for await (const step of readWindows(client, windows, precision, options.rate_limit.concurrent, signal)) {
      yield { ...harvest('backfill', step.window, step.read), progress: null, open: step.open };
    }
  }

  const overlapMs = (): number => learnedOverlapMs(options.overlap, tail);

  return {
    poll,
    read,
    count: (window, signal) => countOf(client, window, signal),
    check: (signal): Promise<CheckReport> => checkPlatform(client, serverClock, options, signal),
    origin: () => origin,
    state: () => ({
      frontierNs: frontierOf(progress),
      targetNs: progress.endNs,
      openWindows: progress.open.length,
      pendingReconcile: reconcile.pending.length,
      clockSkewMs: serverClock.skewMs(),
      requests: client.requests(),
      overlapMs: overlapMs(),
      troubles: [],
    }),
    refreshSecrets: () => options.api_key.refresh(),
    close: () => client.close(),
  };
}

async function countOf(client: Client, window: Window, signal: AbortSignal): Promise<number | null> {
  return (await client.page(window, 1, 1, signal)).totalCount;
}

function coverageOf(window: Window, read: WindowRead): Coverage[] {
  if (read.outcome.kind !== 'done') return [];
  return [{ ...window, status: read.outcome.status, serverCount: read.outcome.serverCount }];
}

function suspectFindings(window: Window, read: WindowRead): Finding[] {
  if (read.outcome.kind !== 'done' || read.outcome.status !== 'suspect') return [];
  return [
    {
      kind: 'suspect_window',
      window,
      summary: `${formatTime(window.startNs)} to ${formatTime(window.endNs)} could not be read to agreement with the Platform's own count; it is read again on the reconcile schedule`,
    },
  ];
}

/** Time that the Platform may have purged before we came back to read it. */
function gapFinding(endNs: bigint | null, nowMs: number, horizonMs: number): Finding | null {
  const reachNs = msToNs(nowMs - horizonMs);
  if (endNs === null || endNs >= reachNs) return null;
  return {
    kind: 'gap',
    window: { startNs: endNs, endNs: reachNs },
    summary: `nothing was read between ${formatTime(endNs)} and now, longer than the audit horizon: events before ${formatTime(reachNs)} may be gone on the Platform`,
  };
}
