import { it } from 'vitest';

import { keepPromises } from './many-seeds.ts';

const SEEDS = Number(process.env['SEEDS'] ?? '250');
const FIRST_SEED = Number(process.env['FIRST_SEED'] ?? '1');

it(`keeps every promise over ${SEEDS} seeds from ${FIRST_SEED}`, () => keepPromises(FIRST_SEED, SEEDS));
