import { expect, it } from 'vitest';

import { createPace } from '../../src/pipeline/pace.ts';

it('tells the rate since it spoke last, and how long the rest takes at the pace of the whole', () => {
  let nowMs = 5_000;
  const clock = { now: () => 0, monotonic: () => nowMs, sleep: async () => {}, random: () => 0 };
  const pace = createPace(clock);
  expect(pace.isDue(1_000)).toBe(false);
  nowMs += 4_000;
  expect(pace.isDue(0)).toBe(false); // nothing was done: there is no rate to tell
  expect(pace.isDue(8_000)).toBe(true);
  expect(pace.say(8_000, 0.1)).toEqual({ per_second: 2_000, left: 'about 36s' });
  expect(pace.isDue(9_000)).toBe(false);
  nowMs += 4_000;
  expect(pace.say(12_000, 0.5)).toEqual({ per_second: 1_000, left: 'about 8s' });
  nowMs += 4_000;
  expect(pace.say(12_400, null)).toEqual({ per_second: 100 });
  nowMs += 4_000;
  expect(pace.say(12_800, 0.000_001)).toEqual({ per_second: 100 }); // stands still: no years
});
