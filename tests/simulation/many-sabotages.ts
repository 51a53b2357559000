import { expect, it } from 'vitest';

import type { Product } from './life.ts';
import { sabotages } from './sabotages.ts';
import { scenarioOf } from './scenario.ts';
import { createStates } from './states.ts';
import { report } from './report.ts';
import { BrokenPromise, simulate } from './world.ts';

/** A sabotage that survives so many seeds that could show it shows a blind spot of the checkers. */
const SEEDS_LIMIT = 60;

/** Tests that each sabotage of a half is caught: two files, so that two cores have their share. */
export function catchSabotages(half: 0 | 1): void {
  const ours = sabotages.filter((_, index) => index % 2 === half);
  it.each(ours.map((sabotage) => [sabotage.name, sabotage] as const))(
    'a product with one fault is caught: %s',
    async (name, { caughtBy, needs = [] }) => {
      const path = `${import.meta.dirname}/product.ts?sabotage=${name}`;
      const product = (await import(/* @vite-ignore */ path)) as Product;
      for (let seed = 1, tried = 0; tried < SEEDS_LIMIT; seed += 1) {
        // What one sabotage keeps across lives of the daemon, as a process that is not really gone would.
        Object.assign(globalThis, { sabotageMemory: new Map<string, bigint>() });
        if (!needs.every((needed) => scenarioOf(seed).classes.includes(needed))) continue;
        tried += 1;
        const broken = await breakageOf(seed, product);
        if (broken === null) continue;
        report(`${name}: seed ${seed}, ${broken.message.slice(0, 200)}`);
        expect(caughtBy).toContain(broken.checker);
        return;
      }
      expect.unreachable(`${name} survived ${SEEDS_LIMIT} seeds`);
    },
  );
}

async function breakageOf(seed: number, product: Product): Promise<BrokenPromise | null> {
  try {
    await simulate(scenarioOf(seed), product, createStates());
    return null;
  } catch (error) {
    if (error instanceof BrokenPromise) return error;
    throw error;
  }
}
