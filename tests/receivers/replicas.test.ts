import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { until } from '../e2e/program.ts';
import { tally } from '../e2e/receivers.ts';
import { available } from './receivers.ts';
import { FAULTS, inflict, mend, WITHOUT_TAKEOVER } from './replica-faults.ts';
import type { Fault } from './replica-faults.ts';
import { BATCH, LEASE_S, openRig, SINKS } from './replica-rig.ts';
import type { Claim, Rig, SinkName } from './replica-rig.ts';

/** Only this kind of fault, to look at it closely. */
const ONLY = process.env['REPLICA_FAULT'];
const KINDS = FAULTS.filter((fault) => ONLY === undefined || fault === ONLY);
/** How many faults in all: each kind once in `.ci/run`, and a hundred by `npm run test:replicas`. */
const TOTAL = Number(process.env['REPLICA_FAULTS'] ?? KINDS.length);
const DUTIES = ['source:platform', ...SINKS.map((sink) => `sink:${sink}`)];
/** Which fault meets which duty changes from day to day; with a hundred every pair is there. */
const TODAY = Number(process.env['REPLICA_DAY'] ?? Math.floor(Date.now() / 86_400_000));
/** What a takeover may take beyond the lease on a machine that does much else. Milliseconds. */
const SLACK_MS = 15_000;
const FAULT_LIMIT_MS = 240_000;

interface Took {
  readonly fault: Fault;
  readonly duty: string;
  /** Until another one, or the same one, held the duty; null when nobody had to take it over. Milliseconds. */
  readonly heldMs: number | null;
  /** Until the first event after that. Milliseconds. */
  readonly firstMs: number;
}

describe.runIf(available('postgresql'))('three replicas of the program over one PostgreSQL', () => {
  let rig: Rig;
  const took: Took[] = [];
  const figures: string[] = [];
  const repeats = new Map<SinkName, number>(SINKS.map((sink) => [sink, 0]));
  let epochs: ReadonlyMap<string, bigint> = new Map();
  let takeovers = 0;

  beforeAll(async () => {
    rig = await openRig();
  });
  afterAll(async () => {
    process.stderr.write(`${[...figures, ...summary(took)].map((line) => `replicas: ${line}`).join('\n')}\n`);
    if (process.env['SHOW'] === '1')
      for (const { running } of rig.replicas) process.stderr.write(running.stderr());
    await rig.close();
  });

  /** A source is seen to work where its events arrive soonest. */
  const seenAt = (duty: string): SinkName => SINKS.find((sink) => duty === `sink:${sink}`) ?? 'elastic';

  async function claimOf(duty: string): Promise<Claim> {
    let found: Claim | null = null;
    await until(`somebody to have ${duty}`, async () => (found = await rig.claimOf(duty)) !== null, 60_000);
    return found as unknown as Claim;
  }

  /** Waits until an event arrives after the duty has another holder, or, where nobody need take over, after `sinceMs`. */
  async function successor(fault: Fault, duty: string, before: Claim, sinceMs: number): Promise<Took> {
    let heldMs: number | null = null;
    if (!WITHOUT_TAKEOVER.includes(fault)) {
      await until(
        `another holder of ${duty} after ${fault}`,
        async () => ((await rig.claimOf(duty))?.epoch ?? 0n) > before.epoch,
        60_000,
      );
      heldMs = Math.round(performance.now() - sinceMs);
    }
    const held = rig.amount(seenAt(duty));
    await until(`an event after ${fault} of ${duty}`, () => rig.amount(seenAt(duty)) > held, 90_000);
    return { fault, duty, heldMs, firstMs: Math.round(performance.now() - sinceMs) };
  }

  /** At most one batch for each takeover of a sink; none at all where ids make repeats the same. */
  async function judgeRepeats(fault: Fault): Promise<void> {
    const now = await rig.epochsOf();
    for (const sink of SINKS) {
      const ids = rig.received(sink);
      const all = ids.length - new Set(ids).size;
      const more = all - (repeats.get(sink) ?? 0);
      repeats.set(sink, all);
      const taken = Number((now.get(`sink:${sink}`) ?? 0n) - (epochs.get(`sink:${sink}`) ?? 0n));
      takeovers += taken;
      const bound = sink === 'elastic' ? 0 : Math.max(taken, 1) * BATCH;
      expect(more, `repeats at ${sink} after ${fault} and ${taken} takeovers`).toBeLessThanOrEqual(bound);
    }
    epochs = now;
  }

  it('shares the work, and each of them is ready', async () => {
    await until(
      'each to do something',
      async () => {
        const alive =
          rig.replicas[0] === undefined
            ? []
            : ((await rig.statusOf(rig.replicas[0]))?.replicas ?? []).filter((one) => one.alive);
        return alive.length === 3 && alive.every(({ duties }) => duties.length > 0);
      },
      60_000,
    );
    for (const sink of SINKS) await until(`${sink} to have something`, () => rig.amount(sink) > BATCH);
    for (const one of rig.replicas) {
      await until('each to be ready', async () => (await rig.statusOf(one))?.ready.ok === true, 90_000);
      const document = await rig.statusOf(one);
      expect(document?.replicas.every(({ same_configuration: same }) => same)).toBe(true);
      expect(document?.ready.notes.map(({ text }) => text).join()).toContain('3 replicas over one journal');
      const metrics = await (await fetch(`http://127.0.0.1:${one.port}/metrics`)).text();
      expect(metrics).toContain('auditferry_replicas 3');
      expect(metrics).toMatch(
        new RegExp(`replica_duties\\{replica="[^"]+/${one.running.child.pid}",kind="sink"\\}`),
      );
    }
    epochs = await rig.epochsOf();
    await judgeRepeats('SIGTERM');
  });

  it.each(
    Array.from({ length: TOTAL }, (_, at) => {
      const fault = KINDS[(at + TODAY) % KINDS.length] as Fault;
      return [at + 1, fault, DUTIES[(at + TODAY * 3) % DUTIES.length] as string] as const;
    }),
  )(
    'goes on after fault %i: %s, to the holder of %s',
    async (_, fault, duty) => {
      const before = await claimOf(duty);
      const sinceMs = performance.now();
      await inflict(fault, before, rig);
      const found = await successor(fault, duty, before, sinceMs);
      took.push(found);
      if (ONLY !== undefined) process.stderr.write(`${JSON.stringify(found)}\n`);
      await mend(fault, before, rig);
      expect(found.firstMs).toBeLessThan(LEASE_S * 1000 + SLACK_MS);
      await judgeRepeats(fault);
    },
    FAULT_LIMIT_MS,
  );

  it('has lost nothing, and Elasticsearch holds no id twice', async () => {
    await rig.platform.endStream();
    const wanted = await rig.platform.ids();
    const arrived = (sink: SinkName): boolean => new Set(rig.received(sink)).size >= wanted.length;
    await until('everything to arrive', () => SINKS.every(arrived), 180_000).catch(() => {}); // the tally tells more
    figures.push(`${TOTAL} faults, ${takeovers} takeovers, a lease of ${LEASE_S} s, batches of ${BATCH}`);
    for (const sink of SINKS) {
      const { lost, repeated, strange } = tally(wanted, rig.received(sink));
      figures.push(`${sink}: ${wanted.length} events, ${lost} lost, ${repeated} repeated`);
      expect({ sink, lost, strange }).toEqual({ sink, lost: 0, strange: 0 });
      if (sink === 'elastic') expect(repeated).toBe(0);
    }
  });
});

/** For each kind of fault: how often, and how long it took. */
function summary(took: readonly Took[]): string[] {
  return [...Map.groupBy(took, ({ fault }) => fault)].map(([fault, all]) => {
    const held = spread(all.flatMap(({ heldMs }) => (heldMs === null ? [] : [heldMs])));
    const first = spread(all.map(({ firstMs }) => firstMs));
    return `${fault}: ${all.length} times; taken over after ${held}, first event after ${first}`;
  });
}

/** Least, median and most, in seconds. */
function spread(all: readonly number[]): string {
  if (all.length === 0) return 'none';
  const sorted = all.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    ((sorted[Math.floor((sorted.length - 1) * share)] ?? 0) / 1000).toFixed(1);
  return `${at(0)} / ${at(0.5)} / ${at(1)} s`;
}
