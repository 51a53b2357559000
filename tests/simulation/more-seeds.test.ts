import { it } from 'vitest';

import { keepPromises } from './many-seeds.ts';
import { seedRange } from './seed-range.ts';

const { first, count } = seedRange(1, process.env, Date.now());

it.runIf(count > 0)(`keeps every promise over ${count} seeds from ${first}`, () =>
  keepPromises(first, count),
);
