import type { Sabotage } from '../sabotages.ts';
import { MINUTE, SECOND } from '../scenario.ts';
import { directed, LEASE_MS } from './scenario.ts';
import type { ReplicasScenario } from './scenario.ts';

const STORE = '/src/checkpoint/postgres/store.ts';
const LEASES = '/src/checkpoint/postgres/leases.ts';

interface ReplicaSabotage extends Sabotage {
  /** What shows it soon. */
  readonly shownBy: ReplicasScenario;
}

/** Each of the two in turn, and each wakes up long after the other has taken over. */
const STRUCK = [20, 40, 60, 80].map((at, index) => ({
  atMs: at * SECOND,
  replica: index % 2,
  forMs: 2 * LEASE_MS,
}));
const FAULTS_MS = 100 * SECOND;

const lateWrites = directed(
  [0, 0],
  STRUCK.map((one) => ({ kind: 'freeze at write', ...one })),
  FAULTS_MS,
);
const lateRenewals = directed(
  [0, 0],
  STRUCK.map((one) => ({ kind: 'freeze at renewal', ...one })),
  FAULTS_MS,
);
const clocksApart = directed([0, 40 * MINUTE], [], FAULTS_MS);
/** Everything that shows one of them, at once: the sound product passes it. */
export const everyShow = directed(
  clocksApart.skewMs,
  [...lateWrites.plans, ...lateRenewals.plans.map((plan) => ({ ...plan, atMs: plan.atMs + 80 * SECOND }))],
  2 * FAULTS_MS,
);

/** Breakages of what keeps replicas apart. */
export const replicaSabotages: readonly ReplicaSabotage[] = [
  {
    name: 'write-without-fence',
    what: 'a replica that lost its lease still writes',
    edits: [
      {
        file: STORE,
        find: 'if (leases.length === 0) return;',
        replace: 'if (leases.length >= 0) return;',
      },
    ],
    caughtBy: ['fence'],
    shownBy: lateWrites,
  },
  {
    name: 'renew-after-expiry',
    what: 'a renewal takes back what another replica has by now',
    edits: [
      {
        file: LEASES,
        find: '`UPDATE claims SET expires_at = clock_timestamp() + ${leaseSql} WHERE holder = $1\n           AND (duty, epoch) IN (SELECT * FROM unnest($2::text[], $3::int8[])) RETURNING duty`',
        replace:
          '`UPDATE claims SET expires_at = clock_timestamp() + ${leaseSql}, holder = $1 WHERE duty = ANY($2::text[]) AND $3::int8[] IS NOT NULL RETURNING duty`',
      },
    ],
    caughtBy: ['claims'],
    shownBy: lateRenewals,
  },
  {
    name: 'claim-by-own-clock',
    what: 'the clock of a replica, not that of the database, says when a lease is over',
    edits: [
      {
        file: LEASES,
        find: 'AND expires_at <= clock_timestamp() - CASE WHEN $3',
        replace: 'AND expires_at <= to_timestamp(${clock.now() / 1000}) - CASE WHEN $3',
      },
      {
        file: LEASES,
        find: 'SELECT duty, expires_at <= clock_timestamp() AS free',
        replace: 'SELECT duty, expires_at <= to_timestamp(${clock.now() / 1000}) AS free',
      },
    ],
    caughtBy: ['claims'],
    shownBy: clocksApart,
  },
];
