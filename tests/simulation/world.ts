import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { vi } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import type { Secret } from '../../src/model/secret.ts';
import type { Daemon } from '../../src/pipeline/daemon.ts';
import { createPlatform } from '../../src/simulator/platform.ts';
import { randomFrom } from '../../src/simulator/random.ts';
import type { Source } from '../../src/sources/source.ts';
import { dropTimers, startSimulatedTime, stopSimulatedTime } from '../fakes/simulated-time.ts';
import { createAgenda } from './agenda.ts';
import { createCalls } from './calls.ts';
import type { Calls } from './calls.ts';
import { createCheckers } from './checkers/index.ts';
import type { Facts } from './facts.ts';
import { visibleRows } from './facts.ts';
import { fenceJournal } from './journal-seam.ts';
import type { Disk } from './journal-seam.ts';
import { createLife } from './life.ts';
import type { Life, Product } from './life.ts';
import { createLogs } from './logs.ts';
import { buildParts } from './parts.ts';
import { observe } from './observe.ts';
import { carryOut } from './plans.ts';
import { createReceiver } from './receiver.ts';
import { HOUR, MINUTE, SECOND } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import { createTrace } from './trace.ts';
import type { Trace } from './trace.ts';
import type { States } from './states.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

const realImmediate = setImmediate;
const START_MS = Date.parse('2026-01-02T12:00:00Z');
/** All jumps of the clock together are less. */
const CLOCK_BACK_MS = 400 * 24 * HOUR;
/** How long after healing everything must have drained, beside the lateness of the latest row. */
const DRAIN_LIMIT_MS = 26 * HOUR;
/** Half of the orderly ends have the time to drain, the others are cut short. */
const STOP_TIMEOUTS_MS = [10 * SECOND, 5 * MINUTE];
const DOWNTIME_MAX_MS = 3 * MINUTE;
/** The longest wait for a turn in a rate limit. */
const TURN_WAIT_MS = SECOND;
/** So many turns of the event loop without a timer mean that nothing is left to happen. */
const QUIET_TURNS = 50;
const WORLD_SALT = 0x3017;
/** What lies nearer to a row that no list shows may be lost with it: filters cut times to seconds. */
const BESIDE_NS = 4_000_000_000n;
/** Of the journal's file. */
const PAGE_BYTES = 4096;

export interface Outcome {
  readonly seed: number;
  readonly digest: string;
  readonly steps: number;
  readonly events: number;
  readonly requests: number;
  readonly lives: number;
  readonly simulatedMs: number;
}

/** A broken promise: which checker saw it, and the last steps before. */
export class BrokenPromise extends Error {
  readonly checker: string;
  readonly trace: readonly string[];

  constructor(checker: string, what: string, trace: readonly string[]) {
    super(`${checker}: ${what}`);
    this.name = 'BrokenPromise';
    this.checker = checker;
    this.trace = trace;
  }
}

/** What the daemon is made of in one life, and what the world holds of it. */
export interface Running {
  readonly life: Life;
  readonly inner: Journal;
  readonly source: Source;
  readonly daemon: Daemon;
  /** Asked to end in order. */
  stopping: boolean;
  ended: boolean;
  close(): Promise<void>;
}

/** The parts of a world that its plans and seams reach for. */
export interface World {
  readonly scenario: Scenario;
  readonly product: Product;
  readonly facts: Facts;
  readonly states: States;
  readonly trace: Trace;
  readonly disk: Disk;
  readonly calls: Calls;
  /** Today's credentials, as an operator keeps them, by source or sink name. */
  readonly vault: Map<string, string>;
  readonly random: () => number;
  countsAhead: boolean;
  /** Sinks that the next life is not configured with. */
  readonly away: Set<string>;
  /** How far the Date of each answer is off, while it is. */
  wrongDate: { next(): number } | null;
  requests: number;
  fail(checker: string, what: string): void;
}

/** Runs one scenario from its start through its faults to rest. Throws BrokenPromise. The same scenario gives the same digest. */
export async function simulate(
  scenario: Scenario,
  product: Product,
  states: States,
  calls = createCalls(null),
): Promise<Outcome> {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const dir = mkdtempSync(join(base, 'auditferry-simulation-'));
  const realRandom = Math.random;
  const chance = randomFrom(scenario.seed, WORLD_SALT);
  startSimulatedTime(START_MS, CLOCK_BACK_MS);
  Math.random = () => chance.unit();
  try {
    return await run(scenario, product, states, calls, dir, () => chance.unit());
  } finally {
    Math.random = realRandom;
    vi.clearAllTimers();
    stopSimulatedTime();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function run(
  scenario: Scenario,
  product: Product,
  states: States,
  calls: Calls,
  dir: string,
  random: () => number,
): Promise<Outcome> {
  const trace = createTrace();
  let broken: BrokenPromise | null = null;
  const fail = (checker: string, what: string): void => {
    broken ??= new BrokenPromise(checker, what, trace.tail());
  };
  const startMonotonic = performance.now();
  const trueNow = (): number => START_MS + performance.now() - startMonotonic;
  const facts: Facts = {
    scenario,
    platform: createPlatform(scenario.platform, trueNow),
    receivers: new Map(scenario.sinks.map((sink) => [sink.name, createReceiver(sink)])),
    journaled: [],
    types: new Map(),
    kept: new Set(),
    known: new Set(),
    cursors: new Map(),
    missed: new Map(scenario.sinks.map((sink) => [sink.name, new Set<string>()])),
    dead: new Map(scenario.sinks.map((sink) => [sink.name, new Set<string>()])),
    setAside: new Set(),
    open: [],
    lives: 0,
  };
  const disk: Disk = {
    full: false,
    crashAtWrite: null,
    refused: () => {},
    photograph: () => photograph(dir, random),
    tear: null,
  };
  const vault = new Map(scenario.sinks.map((sink) => [sink.name, 'sink-key-0']));
  vault.set('platform', 'platform-key-0');
  const world: World = {
    scenario,
    product,
    facts,
    states,
    trace,
    disk,
    calls,
    vault,
    random,
    countsAhead: false,
    away: new Set(),
    wrongDate: null,
    requests: 0,
    fail,
  };
  const checkers = createCheckers(facts, product, () => running, fail);
  const agenda = createAgenda();
  const watch = observe(world, checkers, () => running?.daemon.status ?? null);
  let running: Running | null = null;
  let steps = 0;

  const turn = (): Promise<void> => new Promise((resolve) => realImmediate(resolve));
  /** Lets promises settle, and work that gives way to others now and then: time moves only when everybody waits for it. */
  const settle = async (): Promise<void> => {
    await turn();
    while (isAtWork()) await turn();
    for (let more = 0; more < QUIET_TURNS && vi.getTimerCount() === 0; more += 1) await turn();
  };
  const give = (): void => {
    if (broken !== null) throw broken;
  };

  async function start(): Promise<void> {
    facts.lives += 1;
    trace.add(`life ${facts.lives}`);
    const life = createLife(random, calls);
    const opening = product.openJournal({
      lookEveryMs: 60_000, // nobody else writes: once a second would make an idle simulated day dear
      dir,
      maxBytes: scenario.maxBytes,
      clock: life.clock,
      access: 'writer',
    });
    const inner = await opening.catch((error: unknown) => {
      fail('chain', `the journal cannot be opened again: ${String(error)}`);
      throw broken ?? error;
    });
    for (const checker of checkers) await checker.born?.(inner);
    const secret = (name: string): Secret => new product.Secret(() => vault.get(name) ?? '');
    const built = buildParts(world, life, watch, secret);
    const daemon = product.startDaemon({
      ...built,
      journal: fenceJournal(inner, product, life, calls, disk, watch),
      originOf: (name) => ({
        product: CLOUDQUERY,
        instance: name,
        apiVersion: 'v2',
        forwarderVersion: '0',
        labels: {},
      }),
      retentionMs: scenario.retentionMs,
      heartbeat: scenario.heartbeatMs === 0 ? null : { everyMs: scenario.heartbeatMs, signingKey: null },
      clock: life.clock,
      log: createLogs(watch.logged, life),
      patienceMs: null,
    });
    const started: Running = {
      life,
      inner,
      source: built.source,
      daemon,
      stopping: false,
      ended: false,
      close: async () => {
        await built.source.close();
        await inner.close();
      },
    };
    void daemon.done.then((end) => {
      started.ended = true;
      for (const { name, error } of end.failures) {
        // It says so where the disk failed in the middle of its last look, and that is right.
        const lastLook = started.stopping && calls.struck && error instanceof product.ForwardError;
        if (lastLook && error.kind === 'transient') continue;
        fail('daemon', `${name} gave up: ${error.stack ?? error.message}`);
      }
    });
    running = started;
  }

  /** The process is gone: what it started never resolves, its timers never fire, and after a while it is started again. */
  async function revive(dead: Running): Promise<void> {
    trace.add(`crash: ${dead.life.cause() ?? ''}`);
    noteCrash(dead);
    await dead.inner.close();
    disk.tear?.();
    disk.tear = null;
    await turn();
    await turn();
    dropTimers();
    agenda.arm();
    disk.crashAtWrite = null;
    for (const receiver of facts.receivers.values()) receiver.afterStore = null;
    vi.advanceTimersByTime(Math.floor(random() * DOWNTIME_MAX_MS));
    await start();
  }

  function noteCrash({ life, source, daemon }: Running): void {
    const cause = life.cause() ?? '';
    if (cause.startsWith('between')) states.seen('crash between store and cursor');
    if (cause.startsWith('before')) states.seen('crash before a journal write');
    if (cause.startsWith('in the middle')) states.seen('crash in the middle of a journal write');
    if (cause.startsWith('after')) states.seen('crash after a journal write, before its answer');
    if ([...daemon.status.sinks.values()].some((sink) => sink.inFlight > 0))
      states.seen('crash while a batch is on its way');
    if (source.state().openWindows > 1) states.seen('resume with open windows');
  }

  /** An orderly end; returns when the next life has begun, or not at all. */
  async function conclude(stopped: Running): Promise<void> {
    if (!stopped.stopping) fail('daemon', 'it ended without being asked');
    await stopped.close();
    await turn();
    // A request that waited for its turn in the rate limit leaves that wait behind; anything longer would hold the process up.
    for (let waited = 0; waited < TURN_WAIT_MS; waited += TURN_WAIT_MS / 10) {
      vi.advanceTimersByTime(TURN_WAIT_MS / 10);
      await turn();
    }
    for (const checker of checkers) checker.stopped?.(vi.getTimerCount() - agenda.timers());
    give();
  }

  async function until(
    condition: () => boolean,
    what: string,
    stepsLimit = scenario.stepsLimit,
  ): Promise<void> {
    for (;;) {
      await settle();
      give();
      if (running?.life.dead() === true) await revive(running);
      else if (running?.ended === true) {
        await conclude(running);
        states.seen('orderly restart');
        await start();
      }
      if (condition()) return;
      if (vi.getTimerCount() === 0) await settle();
      steps += 1;
      if (steps > stepsLimit) fail('progress', `${what}: more than ${stepsLimit} steps`);
      if (vi.getTimerCount() === 0) fail('progress', `${what}: nothing will ever happen again: ${loops()}`);
      give();
      vi.advanceTimersToNextTimer();
    }
  }

  /** What each loop says of itself. */
  function loops(): string {
    const status = running?.daemon.status;
    const all = [...(status?.sources.values() ?? []), ...(status?.sinks.values() ?? [])];
    return all.map((loop) => `${loop.name} is ${loop.state} (${loop.reason ?? ''})`).join(', ');
  }

  function stop(): void {
    const now = running;
    if (now === null || now.stopping || now.life.dead()) return;
    now.stopping = true;
    now.daemon.stop();
    const timeoutMs = STOP_TIMEOUTS_MS[random() < 0.5 ? 0 : 1] ?? 0;
    agenda.add(performance.now() + timeoutMs, () => {
      if (now === running && !now.ended) now.daemon.abort();
    });
  }

  await start();
  const heal = carryOut(world, agenda, () => running, stop);
  const faultEnd = startMonotonic + scenario.faultMs;
  const { late, visibility_lag: lagMs = 0 } = scenario.platform;
  const lateMs = ((late?.share ?? 0) > 0 ? (late?.up_to ?? 0) : 0) + 2 * lagMs;
  agenda.add(faultEnd, () => {});
  await until(() => performance.now() >= faultEnd, 'faults');
  trace.add('healed');
  agenda.clear();
  heal();
  await besideWhatFails();
  facts.platform.set({ poison: 0, limits: { span: 0, per_page: 0 } });
  await drain();
  agenda.clear();
  await finish();
  give();
  return {
    seed: scenario.seed,
    digest: trace.digest(),
    steps,
    events: facts.journaled.length,
    requests: world.requests,
    lives: facts.lives,
    simulatedMs: performance.now() - startMonotonic,
  };

  /** Rows that no list shows, and windows that are too much, cost only themselves: the rest is read while they last. */
  async function besideWhatFails(): Promise<void> {
    const { poison = 0, limits = {} } = scenario.platform;
    if (poison === 0 && (limits.span ?? 0) === 0 && (limits.per_page ?? 0) === 0) return;
    const deadline = faultEnd + lateMs + DRAIN_LIMIT_MS;
    let looked = '';
    let missing = 1;
    await until(
      () => {
        const polls = running?.daemon.status.sources.get('platform')?.polls ?? 0;
        const now = `${facts.lives} ${polls}`;
        if (now === looked || performance.now() < faultEnd + lateMs) return false;
        looked = now;
        const rows = visibleRows(facts);
        // Also rows that cannot be events: they spoil what lies beside them just the same.
        const sick = facts.platform.visibleEvents().filter((row) => row.poison);
        const beside = rows.filter(
          ({ listedNs }) => !sick.some((row) => abs(row.listedNs - listedNs) <= BESIDE_NS),
        );
        missing = beside.filter(({ item }) => !facts.known.has(item)).length;
        if (performance.now() > deadline) fail('progress', `${missing} rows beside what fails are not read`);
        return missing === 0;
      },
      'beside what fails',
      scenario.drainStepsLimit,
    );
  }

  async function drain(): Promise<void> {
    const deadline = Math.max(faultEnd + lateMs, performance.now()) + DRAIN_LIMIT_MS;
    const healed = { life: facts.lives, polls: polls() };
    let looked = '';
    let why = '';
    const drained = (): boolean => {
      const status = running?.daemon.status.sources.get('platform');
      const sinks = [...facts.cursors].join(' ');
      const now = `${facts.lives} ${status?.polls ?? 0} ${sinks}`;
      if (now !== looked) why = unfinished(healed);
      looked = now;
      if (performance.now() > deadline)
        fail('progress', `not drained ${DRAIN_LIMIT_MS / HOUR} hours after healing: ${why}`);
      return why === '';
    };
    await until(drained, 'drain', scenario.drainStepsLimit);
  }

  function polls(): number {
    return running?.daemon.status.sources.get('platform')?.polls ?? 0;
  }

  /** What is still to be done, in words; empty at rest. The cheap questions come first: it is asked after every poll. */
  function unfinished(healed: { readonly life: number; readonly polls: number }): string {
    if (performance.now() < faultEnd + lateMs) return 'late rows not visible yet';
    if (polls() < 2) return 'no two whole polls';
    if (facts.lives === healed.life && polls() === healed.polls)
      return `no poll since the faults ended: ${loops()}`;
    const state = running?.source.state();
    if ((state?.openWindows ?? 1) + (state?.pendingReconcile ?? 1) > 0) return 'open windows';
    const head = BigInt(facts.journaled.length);
    const behind = [...facts.receivers.keys()].filter((sink) => (facts.cursors.get(sink) ?? 0n) < head);
    if (behind.length > 0) return `${behind.join(', ')} behind ${head}: ${loops()}`;
    const missing = visibleRows(facts).filter(({ item }) => !facts.known.has(item)).length;
    if (missing > 0) return `${missing} visible rows not journaled`;
    const busy = [...(running?.daemon.status.sinks.values() ?? [])].some((sink) => sink.state !== 'idle');
    return busy ? loops() : '';
  }

  /** The end of the run, in order: everything is asked once more, then the daemon is stopped and must leave nothing behind. */
  async function finish(): Promise<void> {
    const last = running;
    if (last === null) return;
    for (const checker of checkers) await checker.atRest?.(last.inner);
    give();
    if (last.source.state().overlapMs > scenario.overlapMs) states.seen('overlap learned');
    if (facts.platform.allEvents().some((event) => event.state === 'gone'))
      states.seen('row purged on the Platform');
    last.stopping = true;
    last.daemon.stop();
    for (let turns = 0; !last.ended; turns += 1) {
      await settle();
      give();
      if (last.ended) break;
      // The one crash of a sweep may come while it ends: then nothing of it is left to wait for.
      if (last.life.dead()) return last.inner.close();
      if (turns > scenario.stepsLimit || vi.getTimerCount() === 0)
        fail('progress', 'the daemon does not end');
      give();
      vi.advanceTimersToNextTimer();
    }
    await conclude(last);
  }
}

/**
 * What a process leaves that is killed within a write: the journal's file as it was before, and of the write-ahead log a first part of what the
 * write made of it.
 */
function photograph(dir: string, random: () => number): () => () => void {
  const [file, log] = [join(dir, 'journal.db'), join(dir, 'journal.db-wal')];
  const read = (path: string): Buffer => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0));
  const [content, before] = [read(file), read(log)];
  return () => {
    const after = read(log);
    const first = after.findIndex((byte, at) => byte !== before[at]);
    const last = after.findLastIndex((byte, at) => byte !== before[at]);
    // Often only the end is missing: what a transaction writes last matters most.
    const from = random() < 0.5 ? Math.max(first, last - PAGE_BYTES) : first;
    const cut = from + Math.floor(random() * (last - from));
    return () => {
      writeFileSync(file, content);
      writeFileSync(log, Buffer.concat([after.subarray(0, cut), before.subarray(cut)]));
    };
  };
}

/** Whether something is under way that takes no simulated time: files, and work that has given way. */
export function isAtWork(): boolean {
  return process.getActiveResourcesInfo().some((kind) => kind === 'Immediate' || kind.startsWith('FSReq'));
}

function abs(ns: bigint): bigint {
  return ns < 0n ? -ns : ns;
}
