import { expect, it } from 'vitest';

import * as product from './product.ts';
import { report } from './report.ts';
import { scenarioOf } from './scenario.ts';
import { createStates } from './states.ts';
import { BrokenPromise, simulate } from './world.ts';
import type { Outcome } from './world.ts';

const SEEDS = Number(process.env['SEEDS'] ?? '500');
const FIRST_SEED = Number(process.env['FIRST_SEED'] ?? '1');
/** Every so many-th seed is run a second time, and must take the very same steps. */
const TWICE_EVERY = 25;
const PROGRESS_EVERY = 50;
/** Characters of a failure shown while the others still run. */
const SHOWN = 400;
/** With fewer seeds than this a rare state may well be missed by chance. */
const SEEDS_FOR_ALL_STATES = 230;

it(`keeps every promise over ${SEEDS} seeds from ${FIRST_SEED}`, async () => {
  const states = createStates();
  const broken: string[] = [];
  const sums = { events: 0, requests: 0, steps: 0, lives: 0, simulatedMs: 0 };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
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
  report(`${SEEDS} seeds: ${JSON.stringify(sums)}`);
  report([...states.counts()].map(([state, count]) => `${count} × ${state}`).join('\n'));
  const repeat =
    'repeat one with: SEED=<n> npx vitest run --project simulation tests/simulation/seed.test.ts';
  expect(broken, repeat).toEqual([]);
  const missed = [...states.counts()].flatMap(([state, count]) => (count === 0 ? [state] : []));
  if (SEEDS >= SEEDS_FOR_ALL_STATES) expect(missed, 'states that no seed reached').toEqual([]);
});

async function expectSame(outcome: Outcome): Promise<void> {
  const again = await simulate(scenarioOf(outcome.seed), product, createStates());
  expect(again, `seed ${outcome.seed} took other steps the second time`).toEqual(outcome);
}
