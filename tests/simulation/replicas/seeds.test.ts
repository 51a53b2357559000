import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { startPostgresql } from '../../receivers/postgresql.ts';
import type { Postgresql } from '../../receivers/postgresql.ts';
import { available } from '../../receivers/receivers.ts';
import { report } from '../report.ts';
import { BrokenPromise } from '../world.ts';
import type { SimulatedDatabase } from './database.ts';
import * as product from './product.ts';
import { replicasScenario } from './scenario.ts';
import { simulateReplicas } from './world.ts';

vi.mock('pg', async (original) => (await import('./database.ts')).pgInSimulatedTime(await original()));

/** One a day, of a hundred; two in a row have every kind of fault. */
const SEEDS = 100;
const today = Math.floor(Date.now() / 86_400_000) % SEEDS;
const first = Number(process.env['FIRST_SEED'] ?? 1 + today);
const count = Number(process.env['SEEDS'] ?? 1);

describe.runIf(available('postgresql'))('several replicas over one journal', () => {
  let server: Postgresql;
  beforeAll(async () => {
    server = await startPostgresql();
  });
  afterAll(() => server.stop());

  it.each(Array.from({ length: count }, (_, index) => first + index))(
    'seed %i keeps every promise',
    async (seed) => {
      const { database } = (await import('pg')) as unknown as { database: SimulatedDatabase };
      const scenario = replicasScenario(seed);
      try {
        const outcome = await simulateReplicas(scenario, product, database, server.url);
        report(JSON.stringify(outcome));
        expect(outcome.events).toBeGreaterThan(0);
      } catch (error) {
        if (error instanceof BrokenPromise)
          process.stdout.write(`${JSON.stringify(scenario.plans)}\n${error.trace.join('\n')}\n`);
        throw error;
      }
    },
  );
});
