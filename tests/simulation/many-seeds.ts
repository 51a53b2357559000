import { expect } from 'vitest';

import * as product from './product.ts';
import { report } from './report.ts';
import { scenarioOf } from './scenario.ts';
import { createStates } from './states.ts';
import { BrokenPromise, simulate } from './world.ts';
import type { Outcome } from './world.ts';

/** Every so many-th seed is run a second time, and must take the very same steps. */
const TWICE_EVERY = 25;
const PROGRESS_EVERY = 50;
/** Characters of a failure shown while the others still run. */
const SHOWN = 400;
/** With fewer seeds than this a rare state may well be missed by chance. */
const SEEDS_FOR_ALL_STATES = 230;

/** Runs `count` seeds from `first`; fails with every seed that broke a promise, and when a rare state was never reached. */
export async function keepPromises(first: number, count: number): Promise<void> {
  const states = createStates();
  const broken: string[] = [];
  const sums = { events: 0, requests: 0, steps: 0, lives: 0, simulatedMs: 0 };
  for (let seed = first; seed < first + count; seed += 1) {
    const scenario = scenarioOf(seed);
    if (seed % PROGRESS_EVERY === 0) report(`seed ${seed} …`);
    try {
      const outcome = await simulate(scenario, product, states);
      for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += outcome[key];
      if (seed % TWICE_EVERY === 0) await expectSame(outcome);
    } catch (error) {
      if (!(error instanceof BrokenPromise)) throw error;
      report(`seed ${seed} broke: ${error.message.slice(0, SHOWN)}`);
      broken.push(`seed ${seed} (${scenario.classes.join(', ')}): ${error.message}`);
    }
  }
  report(`${count} seeds from ${first}: ${JSON.stringify(sums)}`);
  report([...states.counts()].map(([state, times]) => `${times} × ${state}`).join('\n'));
  const repeat =
    'repeat one with: SEED=<n> npx vitest run --project simulation tests/simulation/seed.test.ts';
  expect(broken, repeat).toEqual([]);
  const missed = [...states.counts()].flatMap(([state, times]) => (times === 0 ? [state] : []));
  if (count >= SEEDS_FOR_ALL_STATES) expect(missed, 'states that no seed reached').toEqual([]);
}

async function expectSame(outcome: Outcome): Promise<void> {
  const again = await simulate(scenarioOf(outcome.seed), product, createStates());
  expect(again, `seed ${outcome.seed} took other steps the second time`).toEqual(outcome);
}
