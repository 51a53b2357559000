import { countStatements, createCalls, FAILURES } from './calls.ts';
import type { CallKind, Failing } from './calls.ts';
import * as product from './product.ts';
import { report } from './report.ts';
import { DAY, MINUTE, scenarioOf, SECOND } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import { createStates } from './states.ts';
import { BrokenPromise, simulate } from './world.ts';

/**
 * A little of everything that the daemon does, and no fault but the one that is swept: several pages and windows, a row that is no event, one
 * that changes, two kinds of sinks of which one refuses some events, a backfill, heartbeats, pruning, a retry of dead letters, a restart.
 */
const SCENARIO: Scenario = (() => {
  const usual = scenarioOf(20);
  const [sink] = usual.sinks;
  if (sink === undefined) throw new Error('a scenario has sinks');
  const first = {
    ...sink,
    concurrent: 1,
    maxEvents: 12,
    maxBytes: 65_536,
    maxWaitMs: SECOND,
    rateLimit: null,
    latencyMs: 5,
    only: '',
  };
  return {
    ...usual,
    platform: {
      ...usual.platform,
      history: 5 * MINUTE,
      rate: 2,
      page_clamp: 10,
      instant: { rows: 12, ago: 3 * MINUTE },
      malformed: 0.05,
      missing_ids: 0.05,
      duplicate_ids: 0.05,
    },
    sinks: [
      { ...first, name: 'exact', idempotent: true },
      { ...first, name: 'plain', idempotent: false, concurrent: 2, maxEvents: 7, poison: 0.08 },
    ],
    pollMs: MINUTE,
    overlapMs: 2 * MINUTE,
    horizonMs: 2 * DAY,
    retentionMs: MINUTE,
    heartbeatMs: 2 * MINUTE,
    faultMs: 5 * MINUTE,
    plans: [
      { kind: 'backfill', atMs: MINUTE + 30 * SECOND, spanMs: 4 * MINUTE },
      { kind: 'restart', atMs: 3 * MINUTE },
      { kind: 'retry dead letters', atMs: 4 * MINUTE },
    ],
  };
})();

/** How many calls of each kind the scenario makes when none fails. */
export async function countCalls(): Promise<{
  readonly counts: ReadonlyMap<CallKind, number>;
  readonly seen: readonly string[];
}> {
  const states = createStates();
  const calls = createCalls(null);
  const end = countStatements();
  try {
    await simulate(SCENARIO, product, states, calls);
  } finally {
    end();
  }
  return {
    counts: calls.counts,
    seen: [...states.counts()].flatMap(([state, times]) => (times > 0 ? [state] : [])),
  };
}

/** Every call, failing in every way that it can. */
export function everyFailure(counts: ReadonlyMap<CallKind, number>): Failing[] {
  return [...counts].flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, index) => index + 1).flatMap((nth) =>
      FAILURES[kind].map((how) => ({ kind, nth, how })),
    ),
  );
}

/** Runs the scenario once for each; returns what broke a promise. */
export async function sweep(failures: readonly Failing[]): Promise<string[]> {
  const broken: string[] = [];
  const end = countStatements();
  try {
    for (const failing of failures) {
      try {
        await simulate(SCENARIO, product, createStates(), createCalls(failing));
      } catch (error) {
        if (!(error instanceof BrokenPromise)) throw error;
        const what = `${failing.kind} ${failing.nth} ${failing.how}: ${error.message.slice(0, 400)}`;
        report(what);
        broken.push(what);
        if (process.env['SWEEP'] !== undefined) report(error.trace.join('\n'));
      }
    }
  } finally {
    end();
  }
  return broken;
}
