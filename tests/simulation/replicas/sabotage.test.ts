import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { startPostgresql } from '../../receivers/postgresql.ts';
import type { Postgresql } from '../../receivers/postgresql.ts';
import { available } from '../../receivers/receivers.ts';
import { report } from '../report.ts';
import { BrokenPromise } from '../world.ts';
import type { SimulatedDatabase } from './database.ts';
import * as sound from './product.ts';
import { everyShow, replicaSabotages } from './sabotages.ts';
import { simulateReplicas } from './world.ts';

vi.mock('pg', async (original) => (await import('./database.ts')).pgInSimulatedTime(await original()));

describe.runIf(available('postgresql'))('replicas', () => {
  let server: Postgresql;
  beforeAll(async () => {
    server = await startPostgresql();
  });
  afterAll(() => server.stop());

  it.each(replicaSabotages.map((sabotage) => [sabotage.name, sabotage] as const))(
    'with one fault are caught: %s',
    async (name, { caughtBy, shownBy }) => {
      const { database } = (await import('pg')) as unknown as { database: SimulatedDatabase };
      const path = `${import.meta.dirname}/product.ts?sabotage=${name}`;
      const product = (await import(/* @vite-ignore */ path)) as typeof sound;
      const broken = await simulateReplicas(shownBy, product, database, server.url).then(
        () => null,
        (error: unknown) => error,
      );
      if (!(broken instanceof BrokenPromise))
        throw new Error(broken === null ? 'it was not noticed' : 'the world itself failed', {
          cause: broken,
        });
      report(`${name}: ${broken.message.slice(0, 200)}`);
      expect(caughtBy).toContain(broken.checker);
    },
  );

  it('without a fault pass all that shows one', async () => {
    const { database } = (await import('pg')) as unknown as { database: SimulatedDatabase };
    report(JSON.stringify(await simulateReplicas(everyShow, sound, database, server.url)));
  });
});
