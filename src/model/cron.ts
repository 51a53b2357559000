import { createRequire } from 'node:module';

import type * as Cron from 'cron';

const load = createRequire(import.meta.url);

/** The library of cron expressions, loaded when a configuration has one: most have an interval, and it brings 8 MB of time zones. */
export const cron = (): typeof Cron => load('cron') as typeof Cron;
