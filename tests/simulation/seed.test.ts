import { expect, it } from 'vitest';

import * as product from './product.ts';
import { BrokenPromise, simulate } from './world.ts';
import { scenarioOf } from './scenario.ts';
import { createStates } from './states.ts';

const seed = Number(process.env['SEED'] ?? '1');

it(`seed ${seed}`, async () => {
  const scenario = scenarioOf(seed);
  try {
    const outcome = await simulate(scenario, product, createStates());
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
    expect(outcome.events).toBeGreaterThan(0);
  } catch (error) {
    process.stdout.write(`${JSON.stringify(scenario, null, 1)}\n`);
    if (error instanceof BrokenPromise) process.stdout.write(`${error.trace.join('\n')}\n`);
    throw error;
  }
});
