import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { startPostgresql } from '../../receivers/postgresql.ts';
import type { Postgresql } from '../../receivers/postgresql.ts';
import { available } from '../../receivers/receivers.ts';
import { report } from '../report.ts';
import { BrokenPromise } from '../world.ts';
import type { SimulatedDatabase } from './database.ts';
import type * as products from './product.ts';
import { replicaSabotages } from './sabotages.ts';
import { replicasScenario } from './scenario.ts';
import { simulateReplicas } from './world.ts';

vi.mock('pg', async (original) => (await import('./database.ts')).pgInSimulatedTime(await original()));

/** A sabotage that survives this many seeds shows a blind spot of the checkers. */
const SEEDS_LIMIT = 8;

describe.runIf(available('postgresql'))('replicas with one fault are caught', () => {
  let server: Postgresql;
  beforeAll(async () => {
    server = await startPostgresql();
  });
  afterAll(() => server.stop());

  it.each(replicaSabotages.map((sabotage) => [sabotage.name, sabotage] as const))(
    '%s',
    async (name, { caughtBy }) => {
      const { database } = (await import('pg')) as unknown as { database: SimulatedDatabase };
      const path = `${import.meta.dirname}/product.ts?sabotage=${name}`;
      const product = (await import(/* @vite-ignore */ path)) as typeof products;
      for (let seed = 1; seed <= SEEDS_LIMIT; seed += 1) {
        const broken = await simulateReplicas(replicasScenario(seed), product, database, server.url).then(
          () => null,
          (error: unknown) => error,
        );
        if (broken === null) continue;
        if (!(broken instanceof BrokenPromise)) throw new Error('the world itself failed', { cause: broken });
        report(`${name}: seed ${seed}, ${broken.message.slice(0, 200)}`);
        expect(caughtBy).toContain(broken.checker);
        return;
      }
      expect.unreachable(`${name} survived ${SEEDS_LIMIT} seeds`);
    },
  );
});
