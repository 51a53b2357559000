import { afterEach, beforeEach, expect, it } from 'vitest';

import type { Row } from '../../../src/checkpoint/columns.ts';
import type { Duty, Lease } from '../../../src/checkpoint/lease.ts';
import { leaseKeeper } from '../../../src/checkpoint/postgres/leases.ts';
import type { Db, Store } from '../../../src/checkpoint/postgres/store.ts';
import { elapse, simulatedClock, startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';

const LEASE_MS = 15_000;
const clock = simulatedClock(() => 0.5);

beforeEach(() => startSimulatedTime(0));
afterEach(() => stopSimulatedTime());

/** A table of claims that nobody else wants, in a database whose every transaction takes so long. */
function slowStore(writeMs: number): Store {
  const claimed = new Map<string, bigint>();
  const answers: readonly (readonly [RegExp, (values: readonly unknown[]) => Row[]])[] = [
    [
      /^UPDATE claims SET holder/,
      ([duty]) => {
        claimed.set(String(duty), 1n);
        return [{ epoch: 1n }];
      },
    ],
    [/^UPDATE claims SET expires_at/, ([, duties]) => (duties as string[]).map((duty) => ({ duty }))],
  ];
  const db: Db = {
    all: async (sql, ...values) => answers.find(([pattern]) => pattern.test(sql))?.[1](values) ?? [],
    run: async () => 1,
    script: async () => {},
  };
  const never = new AbortController().signal;
  return {
    where: 'a slow database',
    write: async <T>(work: (db: Db) => Promise<T>) => {
      await clock.sleep(writeMs, never);
      return work(db);
    },
    read: <T>(work: (db: Db) => Promise<T>) => work(db),
  } as unknown as Store;
}

it('renews what it has while it still takes hundreds of duties, however slow the database is', async () => {
  const keeper = leaseKeeper({
    store: slowStore(300),
    member: { holder: 'one', name: 'one', version: '0', fingerprint: () => '', access: 'writer' },
    leaseMs: LEASE_MS,
    clock,
    onWarn: () => {},
  });
  const leases: Lease[] = [];
  const duties = Array.from({ length: 200 }, (_, index): Duty => `source:${index}`);
  const { signal } = new AbortController();
  await elapse(keeper.join());
  for (const duty of duties) void keeper.claim(duty, signal).then((lease) => leases.push(lease));
  await elapse(clock.sleep(100_000, signal));
  expect(leases).toHaveLength(duties.length);
  expect(leases.filter(({ lost }) => lost.aborted)).toEqual([]);
  await elapse(keeper.close());
});
