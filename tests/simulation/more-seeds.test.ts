import { it } from 'vitest';

import { keepPromises } from './many-seeds.ts';

/** The second half of the seeds, so that both cores have their share. A range of one's own is run by seeds.test.ts alone. */
const SEEDS = process.env['SEEDS'] === undefined ? 250 : 0;

it.runIf(SEEDS > 0)('keeps every promise over 250 seeds from 251', () => keepPromises(251, SEEDS));
