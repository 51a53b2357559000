import type { Sabotage } from '../sabotages.ts';

const STORE = '/src/checkpoint/postgres/store.ts';
const LEASES = '/src/checkpoint/postgres/leases.ts';

/** Breakages of what keeps replicas apart. */
export const replicaSabotages: readonly Sabotage[] = [
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
    caughtBy: ['fence', 'daemon'],
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
    caughtBy: ['claims', 'fence'],
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
  },
];
