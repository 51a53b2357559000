import { expect, it } from 'vitest';

import { randomFrom, shuffle } from '../../src/simulator/random.ts';
import type { Random } from '../../src/simulator/random.ts';
import { killOver } from './crashes/session.ts';
import type { Kill } from './crashes/session.ts';
import { STEPS } from './crashes/steps.ts';

/**
 * Kills in all; `npm run test:crashes` has three hundred. CRASH_SEED repeats a run, as far as that is possible: the plan is the same, and what a
 * process has on its way at a step is not.
 */
const KILLS = Number(process.env['CRASHES'] ?? STEPS.length);
/** Only steps that begin like this, to repeat one: "rotation". */
const ONLY = process.env['CRASH_STEP'] ?? '';
const SEED = Number(process.env['CRASH_SEED'] ?? new Date().toISOString().slice(0, 10).replaceAll('-', ''));
/** Beside one at every step, in each session. */
const AT_RANDOM = 2;
const PER_SESSION = STEPS.length + 2 * AT_RANDOM;
const CALLS_AT_MOST = 2_500;
const MOMENT_AT_MOST_MS = 2_000;

/** How often a process that lives for a second or two comes to a step. */
const TIMES: readonly (readonly [RegExp, from: number, to: number])[] = [
  [/^send/, 1, 8],
  [/^file/, 1, 3],
  [/^(?:read|harvest)/, 1, 2],
  [/^cursor/, 5, 12], // every sink writes one when it begins
  [/^(?:rotation|letters|replay|backfill)/, 1, 2],
  [/^migration: in/, 1, 6],
  [/^migration/, 1, 2],
];

function plan(random: Random): Kill[] {
  const between = (from: number, to: number): number => from + random.below(to - from + 1);
  const named = STEPS.map((at): Kill => {
    const [, from, to] = TIMES.find(([pattern]) => pattern.test(at)) ?? [/^/, 1, 1];
    return { at, nth: between(from, to) };
  });
  const others = Array.from({ length: AT_RANDOM }, (): Kill[] => [
    { at: 'any call', nth: between(1, CALLS_AT_MOST) },
    { at: 'any moment', nth: between(50, MOMENT_AT_MOST_MS) },
  ]);
  const kills = [...named, ...others.flat()];
  shuffle(kills, 0, kills.length, random);
  return kills.filter(({ at }) => at.startsWith(ONLY));
}

const sessions = Array.from(
  { length: Math.max(Math.ceil(KILLS / PER_SESSION), 1) },
  (_, index) => SEED + index,
);

it.each(sessions)('kills at every step, and some at random, lose nothing (CRASH_SEED=%d)', async (seed) => {
  const figures = await killOver(seed, plan(randomFrom(seed)));
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  expect(figures.missed).toEqual([]);
});
