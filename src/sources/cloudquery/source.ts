import { parseMoment } from '../../model/moment.ts';
import type { CheckReport } from '../../model/check.ts';
import { guardOf } from '../../model/credential-guard.ts';
import type { Finding, Json, NewEvent, Window } from '../../model/event.ts';
import { ForwardError } from '../../model/errors.ts';
import { remembering } from '../../model/hide.ts';
import { roomForAnswer } from '../../model/memory.ts';
import { formatTime, msToNs } from '../../model/time.ts';

import { proxyCredentials } from '../../net/proxies.ts';
import type { HttpClient } from '../../net/http.ts';
import type { Harvest, RangeHarvest, Reader, Source, SourceContext, SourceOrigin } from '../source.ts';
import { checkPlatform } from './check.ts';
import { CLOUDQUERY } from './product.ts';
import { AS_MUCH_AS_CAN_BE, assertAnswering, leaveUnreadable, showsReadableRows } from './ask-less.ts';
import type { Allowance, Usual } from './ask-less.ts';
import { beginCare, isAside, nextCareful, without } from './care.ts';
import type { OpenWindow } from './care.ts';
import { apiBase, createClient, mayAskForLess } from './client.ts';
import { compileFilters } from './filters.ts';
import { createKeyExpiry } from './key-expiry.ts';
import type { CloudqueryOptions } from './options.ts';
import { afterReading, dueOf, readSpoiled, since, writeSpoiled } from './look-again.ts';
import type { Spoiled } from './look-again.ts';
import { learnOrigin } from './origin.ts';
import { createOverlap } from './overlap.ts';
import { observeLate } from './late-rows.ts';
import { createOutside } from './outside.ts';
import type { Outside } from './outside.ts';
import type { Precision, WindowRead } from './read-window.ts';
import { readOpen } from './read-open-windows.ts';
import { afterCount, freshReconcile, readReconcile, schedule } from './reconcile.ts';
import { withoutExpired, writeReconcile } from './reconcile.ts';
import type { ReconcileState } from './reconcile.ts';
import { recount, toCount } from './recount.ts';
import type { Recount } from './recount.ts';
import { coverageOf, gapFinding, suspectFindings } from './read-report.ts';
import { createPollTime } from './poll-time.ts';
import { createServerClock } from './server-clock.ts';
import { countRows, createTotals, withCredibleCounts } from './totals.ts';
import { createTail, learnedOverlapMs } from './tail.ts';
import type { Tail } from './tail.ts';
import { troublesOf, unreadableFindings } from './troubles.ts';
import {
  frontierOf,
  liveWindow,
  NO_PROGRESS,
  readProgress,
  savedOf,
  sortWindows,
  withoutFutureStart,
  writeProgress,
} from './progress.ts';
import type { Progress } from './progress.ts';
import type { ReadItem } from './wire.ts';

const NOTHING = { purpose: 'live', events: [], malformed: [], coverage: [], findings: [] } as const;

/** Counts asked for in one poll at most, so that a long list of closed windows never keeps new events waiting. */
const RECOUNTS_PER_POLL = 40;
/** Counts that differ for a known reason are looked into again after this. */
const EXPLAINED_FOR_MS = 86_400_000;
/** What windows that fail may take before the newest events are read again, and how often so in one poll. */
const CARE_PER_ROUND: Allowance = { failures: 8, ms: 15_000 };
const CARE_ROUNDS = 20;
/** A Platform that changes the time zone of what it shows again and again is not read as a whole more often. */
const REREAD_EVERY_MS = 3_600_000;

/** The source over any HTTP client: the simulation hands one in that reaches no network. */
export function createCloudquery(
  options: CloudqueryOptions,
  context: SourceContext,
  http: HttpClient,
): Source {
  const { clock } = context;
  const { hide } = guardOf(options, proxyCredentials(), (message) => context.warn(message));
  const serverClock = createServerClock(clock);
  const base = apiBase(options.url);
  const client = createClient(
    http,
    {
      base,
      apiKey: options.api_key,
      requestTimeoutMs: options.request_timeout,
      // An answer that fills the memory would end the process: a larger one is asked for in parts.
      maxResponseBytes: Math.min(options.max_response_size, roomForAnswer(options.rate_limit.concurrent)),
      requestsPerSecond: options.rate_limit.requests_per_second,
      concurrent: options.rate_limit.concurrent,
      userAgent: `auditferry/${context.forwarderVersion}`,
      wanted: compileFilters(options.filters),
    },
    serverClock,
    clock,
  );
  const pollTime = createPollTime(client, serverClock, clock, (message) => context.warn(message));
  const keyExpiry = createKeyExpiry(client, options.api_key_name, clock, (message) => context.warn(message));
  const totals = createTotals();
  const reader = withCredibleCounts(client, totals);
  const precision: Precision = { unitNs: 1_000_000_000n, probed: false };
  const usual: Usual = { ...AS_MUCH_AS_CAN_BE };
  let origin: SourceOrigin = {
    product: CLOUDQUERY,
    instance: base.hostname,
    apiVersion: options.api === 'v1' ? 'v1' : 'v2',
  };
  let learned = false;
  let resumed = false;
  let progress: Progress = NO_PROGRESS;
  let reconcile: ReconcileState = freshReconcile(0);
  let tail: Tail = createTail(null);
  let outside: Outside = createOutside('0');
  let spoiled: readonly Spoiled[] = [];
  /** Times are shown in another time zone than before, and what was read before is still to be read again. */
  let zoneChanged = false;
  let rereadMs = -Infinity;
  let explainedMs = 0;
  const overlap = createOverlap(client, totals);

  const toEvents = (items: readonly ReadItem[]): NewEvent[] => items.map(({ event }) => event);
  const write = (): Json => {
    const extra = {
      schedule: writeReconcile(reconcile),
      tail: tail.write(),
      countsTold: totals.told(),
      offset: outside.offsetNs().toString(),
      strays: outside.writeStrays(),
      spoiled: writeSpoiled(spoiled),
    };
    return writeProgress(progress, extra, remembering(hide));
  };
  const harvest = (
    purpose: Harvest['purpose'],
    window: Window,
    read: WindowRead,
  ): Omit<Harvest, 'progress'> => {
    const miscount = read.outcome.kind === 'done' ? read.outcome.miscount : undefined;
    if (miscount !== undefined) totals.doubt(window, miscount.counted, miscount.listed);
    const [offsetNs, wasProven] = [outside.offsetNs(), outside.proven()];
    const strays = outside.note(window, read.items);
    if (wasProven && outside.offsetNs() !== offsetNs) zoneChanged = true;
    precision.offsetNs = outside.offsetNs();
    if (read.outcome.kind === 'done' && purpose !== 'backfill')
      spoiled = afterReading(spoiled, window, read.malformed.length > 0, clock.now());
    return {
      purpose,
      events: toEvents(read.items),
      malformed: read.malformed,
      coverage: coverageOf(window, read),
      findings: [...suspectFindings(window, read), ...totals.takeFindings(), ...strays],
    };
  };

  async function* poll(held: Reader, kept: Json | null, signal: AbortSignal): AsyncGenerator<Harvest> {
    const read = readProgress(kept);
    progress = read.progress;
    const saved = savedOf(read.extra);
    tail = createTail(saved.tail ?? null);
    totals.restoreTold(saved.countsTold === true);
    if (!resumed) outside = createOutside(saved.offset, saved.strays);
    precision.offsetNs = outside.offsetNs();
    if (!learned) {
      origin = await learnOrigin(client, options.api, origin, signal);
    }
    const { nowMs, beyond } = await pollTime.decide(signal);
    const firstNs = parseMoment(options.start, nowMs) ?? 0n;
    progress = withoutFutureStart(progress, firstNs, msToNs(nowMs));
    const before = progress.endNs;
    const knownFromNs = msToNs(nowMs - options.audit_horizon);
    spoiled = since(readSpoiled(saved.spoiled), knownFromNs);
    for (const span of dueOf(spoiled, clock.now())) addOpen(span);
    const openBefore = progress.open;
    const startNs = progress.startNs ?? firstNs;
    reconcile = readReconcile(saved.schedule ?? null) ?? freshReconcile(nowMs);
    const gap = gapFinding(before, nowMs, options.audit_horizon);
    const live = liveWindow(progress, startNs, msToNs(overlapMs()), msToNs(nowMs));
    const counted = await overlap.look(live, progress, outside.asListed(held), signal);
    let findings: readonly Finding[] = gap === null ? [] : [gap];
    let { coverage } = counted;
    if (counted.window === null) {
      learned = true;
      progress = { ...progress, startNs, endNs: live.endNs };
      yield { ...NOTHING, coverage, findings, progress: write() };
      [findings, coverage] = [[], []];
    } else addWindow(counted.window, startNs);
    if (beyond.length > 0) yield { ...NOTHING, events: toEvents(beyond), progress: write() };
    outside.forget(knownFromNs);
    const doubt = doubting(held, startNs, signal);
    const adapting = { clock, usual, knownFromNs, allowance: CARE_PER_ROUND, doubt };
    const { concurrent } = options.rate_limit;
    for (let round = 1; ; round += 1) {
      for await (const step of readOpen(reader, progress.open, precision, concurrent, signal, adapting)) {
        learned = true; // an installation that did not answer at first is asked again with the next poll
        progress = { ...progress, open: step.open };
        const part = harvest('live', step.window, step.read);
        if (before !== null) {
          const { window } = step;
          const read = { window, events: part.events, beforeNs: before, openBefore, nowMs };
          await observeLate(tail, read, outside.offsetNs(), held);
        }
        const findingsNow = [...findings, ...part.findings];
        yield {
          ...part,
          findings: findingsNow,
          coverage: [...coverage, ...part.coverage],
          progress: write(),
        };
        [findings, coverage] = [[], []];
      }
      if (nextCareful(progress.open) === null || round >= CARE_ROUNDS) break;
      // Reading with care goes on, but what is new comes first.
      const since = liveWindow(progress, startNs, 0n, msToNs((await pollTime.decide(signal)).nowMs));
      if (since.endNs > (progress.endNs ?? since.endNs)) addWindow(since, startNs);
    }
    yield* recountDue(held, nowMs, startNs, before === null, knownFromNs, signal);
    await keyExpiry.look(nowMs, signal);
  }

  /** Whether what was read is a window that nobody can read in a log that can be read. */
  const doubting =
    (held: Reader, startNs: bigint, signal: AbortSignal) =>
    ({ items, malformed }: Pick<WindowRead, 'items' | 'malformed'>) =>
      held.doubt({ events: toEvents(items), malformed }, () =>
        showsReadableRows(client, { startNs, endNs: progress.endNs ?? startNs }, signal),
      );

  /** A window more to be read, but for what is open already. */
  function addWindow(window: Window, startNs: bigint): void {
    addOpen(window);
    progress = { ...progress, startNs, endNs: window.endNs };
  }

  function addOpen(window: Window): void {
    const fresh = without(window, progress.open);
    progress = { ...progress, open: sortWindows([...progress.open, ...fresh]) };
  }

  async function* recountDue(
    held: Reader,
    nowMs: number,
    startNs: bigint,
    first: boolean,
    knownFromNs: bigint,
    signal: AbortSignal,
  ): AsyncGenerator<Harvest> {
    const endNs = progress.endNs ?? 0n;
    if (zoneChanged && clock.monotonic() - rereadMs >= REREAD_EVERY_MS) {
      // What we hold has other times than what is listed: no count says anything until all of it was seen again.
      zoneChanged = false;
      rereadMs = clock.monotonic();
      addOpen({ startNs: startNs > knownFromNs ? startNs : knownFromNs, endNs });
      yield { ...NOTHING, purpose: 'reconcile', progress: write() };
      return;
    }
    const asListed = outside.asListed(held);
    // After a restart everything is counted once: nobody knows how long we were away. After the first read nothing is due.
    const all = !resumed && !first;
    resumed = true;
    // What reading did not explain away may be readable by now: by this version, or because the Platform was fixed.
    if (all || nowMs - explainedMs > EXPLAINED_FOR_MS) {
      reconcile = { ...reconcile, explained: new Map() };
      explainedMs = nowMs;
    }
    reconcile = first
      ? freshReconcile(nowMs)
      : schedule(reconcile, nowMs, endNs, startNs, options.audit_horizon, all);
    for (let counts = 0; counts < RECOUNTS_PER_POLL; counts += 1) {
      const { state, missed } = withoutExpired(reconcile, clock.now(), options.audit_horizon);
      reconcile = state;
      if (missed !== null) yield { ...NOTHING, purpose: 'reconcile', findings: [missed], progress: write() };
      if (reconcile.pending.length === 0) return;
      const [window, ...left] = toCount(reconcile.pending, progress.open, usual.widthNs, precision.unitNs);
      if (window === undefined) {
        reconcile = { ...reconcile, pending: [] };
        yield { ...NOTHING, purpose: 'reconcile', progress: write() };
        return;
      }
      let result: Recount;
      try {
        result = await recount(client, window, asListed, reconcile.explained, precision, totals, signal);
      } catch (error) {
        if (!mayAskForLess(error)) throw error;
        await assertAnswering(client, error, endNs, signal);
        // What cannot be counted is read, with care: the next poll does, after what is new.
        const failed = beginCare(window, error, usual.perPage, precision.unitNs, clock.now());
        progress = { ...progress, open: sortWindows([...progress.open, failed]) };
        reconcile = { ...reconcile, pending: left };
        yield { ...NOTHING, purpose: 'reconcile', progress: write() };
        return;
      }
      reconcile = afterCount(reconcile, result, left);
      const items = result.reads.flatMap((read) => read.items);
      const malformed = result.reads.flatMap((read) => read.malformed);
      const error = await doubting(held, startNs, signal)({ items, malformed });
      if (error !== null) {
        const read: WindowRead = { items, malformed, outcome: { kind: 'failed', rows: malformed.length } };
        const found = { window, part: window, read, error };
        const left = leaveUnreadable([...progress.open, window], found, { clock, usual, knownFromNs });
        progress = { ...progress, open: sortWindows(left.open) };
        yield { ...NOTHING, purpose: 'reconcile', events: toEvents(left.read.items), progress: write() };
        continue;
      }
      if (result.reads.length > 0) spoiled = afterReading(spoiled, window, malformed.length > 0, clock.now());
      yield {
        purpose: 'reconcile',
        events: toEvents(items),
        malformed,
        coverage: result.coverage,
        findings: [...result.findings, ...totals.takeFindings(), ...outside.note(window, items)],
        progress: write(),
      };
    }
  }

  async function* read(windows: readonly Window[], signal: AbortSignal): AsyncGenerator<RangeHarvest> {
    let open: readonly OpenWindow[] = windows;
    const { concurrent } = options.rate_limit;
    const adapting = { clock, usual, knownFromNs: 0n, allowance: null };
    for await (const step of readOpen(reader, windows, precision, concurrent, signal, adapting)) {
      open = step.open;
      const aside = troublesOf(open.filter(isAside));
      yield { ...harvest('backfill', step.window, step.read), progress: null, open, aside };
    }
    const [first, ...more] = troublesOf(open);
    if (first === undefined) return;
    const others = more.length === 0 ? '' : ` and ${more.length} more`;
    throw new ForwardError(
      'transient',
      `${formatTime(first.window.startNs)} to ${formatTime(first.window.endNs)}${others} could not be read: ${first.reason}`,
      { hint: first.hint },
    );
  }

  /** Null as well where the window is too much to be counted: reading asks for less. */
  async function count(window: Window, expected: number, signal: AbortSignal): Promise<number | null> {
    try {
      return await countRows(client, window, expected, totals, signal);
    } catch (error) {
      if (!mayAskForLess(error)) throw error;
      await assertAnswering(client, error, window.endNs, signal);
      return null;
    }
  }

  const overlapMs = (): number => learnedOverlapMs(options.overlap, tail);

  return {
    poll,
    read,
    count,
    offsetNs: (kept) => {
      const { offset, strays } = savedOf(readProgress(kept).extra);
      outside = createOutside(offset, strays);
      precision.offsetNs = outside.offsetNs();
      return outside.offsetNs();
    },
    startNs(kept) {
      const { progress: its, extra } = readProgress(kept);
      return its.startNs === null ? null : its.startNs + createOutside(savedOf(extra).offset).offsetNs();
    },
    check: (signal): Promise<CheckReport> => checkPlatform(client, serverClock, pollTime, options, signal),
    origin: () => origin,
    state: () => ({
      frontierNs: frontierOf(progress),
      targetNs: progress.endNs,
      openWindows: progress.open.length,
      pendingReconcile: reconcile.pending.length,
      clockSkewMs: serverClock.read()?.skewMs ?? null,
      clock: pollTime.doubt(),
      requests: client.requests(),
      overlapMs: overlapMs(),
      keyExpiresMs: keyExpiry.expiresMs(),
      troubles: troublesOf(progress.open),
      standing: [...unreadableFindings(progress.open), ...outside.standing()],
    }),
    credentialReplaced: () => http.certificateReplaced?.() === true,
    close: () => client.close(),
  };
}
