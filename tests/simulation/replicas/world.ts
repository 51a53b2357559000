import { vi } from 'vitest';

import type { Journal } from '../../../src/checkpoint/journal.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { Daemon } from '../../../src/pipeline/daemon.ts';
import { createPlatform } from '../../../src/simulator/platform.ts';
import { randomFrom } from '../../../src/simulator/random.ts';
import type { Source } from '../../../src/sources/source.ts';
import { startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';
import { createAgenda } from '../agenda.ts';
import { createCalls } from '../calls.ts';
import type { Facts } from '../facts.ts';
import { visibleRows } from '../facts.ts';
import { createLife } from '../life.ts';
import type { Life } from '../life.ts';
import { createLogs } from '../logs.ts';
import type { Observer } from '../observe.ts';
import { buildParts } from '../parts.ts';
import { createReceiver } from '../receiver.ts';
import { HOUR, SECOND } from '../scenario.ts';
import { createStates } from '../states.ts';
import { createTrace } from '../trace.ts';
import { BrokenPromise, isAtWork } from '../world.ts';
import type { World } from '../world.ts';
import type { Link, SimulatedDatabase } from './database.ts';
import type * as products from './product.ts';
import { LATE_MS } from './scenario.ts';
import type { ReplicaPlan, ReplicasScenario } from './scenario.ts';
import { createWitness } from './witness.ts';
import { CLOUDQUERY } from '../../../src/sources/cloudquery/product.ts';

const START_MS = Date.parse('2026-01-02T12:00:00Z');
const WORLD_SALT = 0x5b12;
/** How long a replica is away after its end. */
const DOWNTIME_MS = 2 * SECOND;
const DRAIN_LIMIT_MS = HOUR;
/** How often it is looked whether everything has drained. */
const LOOK_EVERY_MS = 20 * SECOND;
const STEPS_LIMIT = 400_000;
const READ = { maxEvents: 10_000, maxBytes: Number.MAX_SAFE_INTEGER };
const realImmediate = setImmediate;

export interface ReplicasOutcome {
  readonly seed: number;
  readonly replicas: number;
  readonly events: number;
  readonly lives: number;
  /** How often a duty went to another replica. */
  readonly takeovers: number;
  /** Copies at receivers that keep every copy. */
  readonly repeats: number;
  readonly simulatedMs: number;
}

/** A place for one replica: who is there now, if anybody is. */
interface Slot {
  readonly index: number;
  running: Running | null;
  isDue: boolean;
}

interface Running {
  readonly life: Life;
  readonly link: Link;
  readonly journal: Journal;
  readonly source: Source;
  readonly daemon: Daemon;
  stopping: boolean;
  ended: boolean;
}

/** Runs daemons over one journal in a real PostgreSQL at `url`, in simulated time. Throws BrokenPromise. */
export async function simulateReplicas(
  scenario: ReplicasScenario,
  product: typeof products,
  database: SimulatedDatabase,
  url: string,
): Promise<ReplicasOutcome> {
  const chance = randomFrom(scenario.seed, WORLD_SALT);
  const realRandom = Math.random;
  startSimulatedTime(START_MS);
  Math.random = () => chance.unit();
  try {
    return await run(scenario, product, database, url, () => chance.unit());
  } finally {
    Math.random = realRandom;
    vi.clearAllTimers();
    stopSimulatedTime();
  }
}

async function run(
  scenario: ReplicasScenario,
  product: typeof products,
  database: SimulatedDatabase,
  url: string,
  random: () => number,
): Promise<ReplicasOutcome> {
  const { around, leaseMs } = scenario;
  const schema = `replicas_${process.pid}_${scenario.seed}`;
  const trace = createTrace();
  const startMonotonic = performance.now();
  const trueNow = (): number => START_MS + performance.now() - startMonotonic;
  database.keepTime(trueNow);
  let broken: BrokenPromise | null = null;
  const fail = (checker: string, what: string): void => {
    broken ??= new BrokenPromise(checker, what, trace.tail());
  };
  const give = (): void => {
    if (broken !== null) throw broken;
  };
  const calls = createCalls(null);
  const facts: Facts = {
    scenario: around,
    platform: createPlatform(around.platform, trueNow),
    receivers: new Map(around.sinks.map((sink) => [sink.name, createReceiver(sink)])),
    journaled: [],
    types: new Map(),
    kept: new Set(),
    known: new Set(),
    cursors: new Map(),
    missed: new Map(),
    dead: new Map(),
    setAside: new Set(),
    open: [],
    lives: 0,
  };
  const world: World = {
    scenario: around,
    product,
    facts,
    states: createStates(),
    trace,
    calls,
    disk: {
      full: false,
      crashAtWrite: null,
      refused: () => {},
      photograph: () => () => () => {},
      tear: null,
    },
    vault: new Map(),
    random,
    countsAhead: false,
    away: new Set(),
    wrongDate: null,
    requests: 0,
    fail,
  };
  const agenda = createAgenda();
  const slots = scenario.skewMs.map((_, index): Slot => ({ index, running: null, isDue: true }));
  const witness = await createWitness(url, schema, leaseMs);
  let steps = 0;
  let takeovers = 0;
  let isHealed = false;

  const settle = async (): Promise<void> => {
    do await new Promise((resolve) => realImmediate(resolve));
    while (isAtWork() || database.isAtWork());
  };

  async function open(life: Life, access: 'writer' | 'guest'): Promise<{ journal: Journal; link: Link }> {
    const link = database.link(life, `life-${facts.lives}`);
    const journal = await database.open(link, () =>
      product.openSharedJournal({
        url: Secret.of(url),
        schema,
        leaseMs,
        maxBytes: around.maxBytes,
        clock: life.clock,
        leaseClock: life.clock,
        access,
        version: '0',
        fingerprint: () => 'same',
        env: {},
      }),
    );
    return { journal, link };
  }

  async function start(slot: Slot): Promise<void> {
    slot.isDue = false;

    facts.lives += 1;
    const name = `replica ${slot.index}, life ${facts.lives}`;
    trace.add(name);
    const life = createLife(random, calls, scenario.skewMs[slot.index]);
    const { journal, link } = await open(life, 'writer');
    if (facts.lives === 1) await witness.install(link.name);
    const key = (of: string): Secret => Secret.of(of === 'platform' ? 'platform-key-0' : 'sink-key-0');
    const built = buildParts(world, life, observer(name), key);
    const daemon = product.startDaemon({
      ...built,
      journal,
      originOf: (source) => ({
        product: CLOUDQUERY,
        instance: source,
        apiVersion: 'v2',
        forwarderVersion: '0',
        labels: {},
      }),
      retentionMs: around.retentionMs,
      clock: life.clock,
      log: createLogs((line) => logged(name, line), life),
      patienceMs: null,
    });
    const started: Running = {
      life,
      link,
      journal,
      source: built.source,
      daemon,
      stopping: false,
      ended: false,
    };
    void daemon.done.then((end) => {
      started.ended = true;
      for (const { name: loop, error } of end.failures)
        fail('daemon', `${loop} gave up: ${error.stack ?? error.message}`);
    });
    slot.running = started;
  }

  function logged(name: string, line: string): void {
    trace.add(`${name}: ${line}`);
    if (line.includes('unexpected error')) fail('daemon', `nobody foresaw this: ${line}`);
    if (line.includes('"takes over from another replica"')) takeovers += 1;
  }

  function observer(name: string): Observer {
    const nothing = (): void => {};
    return {
      asked: nothing,
      logged: nothing,
      noteSecret: (_, secret) => secret,
      pollStarted: nothing,
      appending: nothing,
      appended: nothing,
      begun: nothing,
      settling: nothing,
      settled: nothing,
      retried: nothing,
      pruned: nothing,
      sendStarted: (sink, batch) => trace.add(`${name}: ${batch.items.length} to ${sink}`),
      stored: nothing,
      sendEnded: (sink, _, how) => trace.add(`${name}: ${sink} ${how}`),
    };
  }

  /** Gone, or ended in order: the place is free for the next life. */
  async function leave(slot: Slot, gone: Running): Promise<void> {
    trace.add(`replica ${slot.index} ends: ${gone.life.cause() ?? 'stopped'}`);
    slot.running = null;
    if (!gone.life.dead()) {
      if (!gone.stopping) fail('daemon', 'it ended without being asked');
      await gone.source.close();
      await gone.journal.close();
      gone.life.crash('ended');
    }
    gone.link.sever();
    agenda.add(performance.now() + Math.floor(random() * DOWNTIME_MS), () => void (slot.isDue = true));
  }

  async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
    for (;;) {
      await settle();
      give();
      for (const slot of slots) {
        const { running } = slot;
        if (running?.life.dead() === true || running?.ended === true) await leave(slot, running);
        if (slot.running === null && slot.isDue) await start(slot);
      }
      await settle();
      give();
      if (await condition()) return;
      steps += 1;
      if (steps > STEPS_LIMIT) fail('progress', `${what}: more than ${STEPS_LIMIT} steps`);
      if (vi.getTimerCount() === 0) fail('progress', `${what}: nothing will ever happen again`);
      give();
      vi.advanceTimersToNextTimer();
    }
  }

  function carryOut(plan: ReplicaPlan): void {
    trace.add(`plan ${JSON.stringify(plan)}`);
    if (plan.kind === 'database restart') {
      for (const { running } of slots) running?.link.sever();
      return;
    }
    const now = slots[plan.replica]?.running ?? null;
    if (now === null || now.life.dead()) return;
    const freeze = (forMs: number): void => {
      now.life.freeze();
      agenda.add(performance.now() + forMs, () => now.life.thaw());
    };
    const strike = (how: () => void, breaks: boolean): void => {
      if ('moment' in plan) now.link.strike = { at: 'commit', moment: plan.moment, how, breaks };
    };
    switch (plan.kind) {
      case 'crash':
        return now.life.crash('at some moment');
      case 'restart':
        now.stopping = true;
        return now.daemon.stop();
      case 'freeze':
        return freeze(plan.forMs);
      case 'cut off':
      case 'no answer':
        now.link.cut = plan.kind === 'cut off' ? 'refused' : 'silent';
        return agenda.add(performance.now() + plan.forMs, () => void (now.link.cut = null));
      case 'crash at commit':
        return strike(() => now.life.crash(`${plan.moment} a commit`), true);
      case 'lose commit':
        return strike(() => {}, true);
      case 'freeze at commit':
        return strike(() => freeze(plan.forMs), false);
      case 'freeze at write':
      case 'freeze at renewal': {
        const at = plan.kind === 'freeze at write' ? 'write' : 'renewal';
        now.link.strike = { at, moment: 'before', how: () => freeze(plan.forMs), breaks: false };
      }
    }
  }

  function heal(): void {
    trace.add('healed');
    isHealed = true;
    facts.platform.set({ rate: 0, drift: 0, late: { share: 0 } });
    for (const receiver of facts.receivers.values()) receiver.faulty = false;
    for (const { running } of slots) {
      if (running === null) continue;
      running.life.thaw();
      Object.assign(running.link, { cut: null, strike: null });
    }
  }

  const reading = createLife(random, calls);
  try {
    for (const slot of slots) await start(slot);
    for (const plan of scenario.plans) agenda.add(startMonotonic + plan.atMs, () => carryOut(plan));
    const faultEnd = startMonotonic + around.faultMs;
    agenda.add(faultEnd, heal);
    let nextComplaints = startMonotonic;
    await until(async () => {
      if (performance.now() >= nextComplaints) {
        nextComplaints = performance.now() + LOOK_EVERY_MS;
        await lookAtComplaints();
      }
      return isHealed;
    }, 'faults');
    const { journal: guest } = await open(reading, 'guest');
    const lateEnd = faultEnd + LATE_MS;
    const deadline = lateEnd + DRAIN_LIMIT_MS;
    let nextLook = lateEnd;
    let why = 'late rows not visible yet';
    const drained = async (): Promise<boolean> => {
      if (performance.now() < nextLook) return false;
      nextLook = performance.now() + LOOK_EVERY_MS;
      why = await unfinished(guest);
      if (performance.now() > deadline) fail('progress', `not drained an hour after healing: ${why}`);
      return why === '';
    };
    await until(drained, 'drain');
    await atRest(guest);
    const stopped = slots.flatMap(({ running }) => (running === null ? [] : [running]));
    for (const running of stopped) {
      running.stopping = true;
      running.daemon.stop();
    }
    await until(async () => stopped.every(({ ended }) => ended), 'the end');
    await guest.close();
    await lookAtComplaints();
    give();
    return {
      seed: scenario.seed,
      replicas: slots.length,
      events: facts.journaled.length,
      lives: facts.lives,
      takeovers,
      repeats: repeats(),
      simulatedMs: performance.now() - startMonotonic,
    };
  } finally {
    for (const { running } of slots) running?.life.crash('the world ends');
    for (const { running } of slots) running?.link.sever();
    await witness.close();
  }

  async function readNew(guest: Journal): Promise<void> {
    for (;;) {
      const events = await guest.read(BigInt(facts.journaled.length), READ);
      if (events.length === 0) return;
      for (const event of events) {
        if (event.seq !== BigInt(facts.journaled.length + 1))
          fail('once', `seq ${event.seq} comes after ${facts.journaled.length}`);
        if (facts.types.has(event.id) || facts.known.has(event.original))
          fail('once', `the journal holds ${event.id} twice`);
        facts.journaled.push(event.id);
        facts.types.set(event.id, event.id);
        facts.known.add(event.original);
      }
    }
  }

  /** What is still to be done, in words; empty at rest. */
  async function unfinished(guest: Journal): Promise<string> {
    await lookAtComplaints();
    await readNew(guest);
    const missing = visibleRows(facts).filter(({ item }) => !facts.known.has(item)).length;
    if (missing > 0) return `${missing} visible rows are not in the journal`;
    for (const sink of facts.receivers.keys()) {
      const cursor = await guest.cursor(sink);
      if (cursor !== BigInt(facts.journaled.length)) return `${sink} is at ${cursor}`;
    }
    return '';
  }

  async function atRest(guest: Journal): Promise<void> {
    const report = await guest.verifyChain(new AbortController().signal);
    if (!report.intact) fail('chain', 'the chain is broken');
    for (const [sink, receiver] of facts.receivers) {
      const gone = facts.journaled.filter((id) => !receiver.store.has(id));
      if (gone.length > 0) fail('no loss', `${gone.length} journaled events are nowhere at ${sink}`);
    }
    const causes = scenario.plans.length + facts.lives + takeovers;
    const most = Math.max(...around.sinks.map((sink) => sink.concurrent * sink.maxEvents)) * causes;
    if (repeats() > most) fail('repeats', `${repeats()} repeats; ${causes} causes explain ${most}`);
  }

  function repeats(): number {
    const keepers = [...facts.receivers.values()].filter((receiver) => !receiver.scenario.idempotent);
    const copies = keepers.flatMap(({ store }) => [...store.values()]);
    return copies.reduce((sum, count) => sum + count - 1, 0);
  }

  async function lookAtComplaints(): Promise<void> {
    const [first] = await witness.complaints();
    if (first !== undefined) fail(first.checker, first.what);
  }
}
