import type { Clock } from '../../model/clock.ts';
import { ForwardError } from '../../model/errors.ts';
import { integer, text, type Row } from '../columns.ts';
import type { Journal } from '../journal.ts';
import type { Duty, Lease, Replica, Sharing } from '../lease.ts';
import { KINDS, shareOfDuties } from './shares.ts';
import { leaseLost } from './store.ts';
import type { Db, Store } from './store.ts';

/** Who this process is among those that share the journal. */
export interface Member {
  /** Random for each start: after a restored backup, an old process may have the same epoch, but not the same holder. */
  readonly holder: string;
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the configuration in force, which may change. */
  readonly fingerprint: () => string;
  /** A guest takes what it claims, and does not count in the sharing of duties. */
  readonly access: 'writer' | 'guest';
}

export interface KeeperOptions {
  /** With its own connections, so that a renewal does not wait for a harvest. */
  readonly store: Store;
  readonly member: Member;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly onWarn: (message: string) => void;
}

export interface Keeper extends Omit<Sharing<Journal>, 'under'> {
  /** Announces this replica to the others, and reads who they are. */
  join(): Promise<void>;
  /** Called when a write finds that another replica has the duty. */
  lose(lease: Lease, error: ForwardError): void;
  /** Releases every lease, so that others need not wait. */
  close(): Promise<void>;
}

/** The share of its duration after which a lease is renewed, and the share before its end in which this process no longer relies on it. */
const RENEW_SHARE = 1 / 3;
const MARGIN_SHARE = 1 / 5;
/** How often a waiting process looks whether its duty is free. */
const LOOK_MS = 500;
/** The pause after a query failed. */
const AFTER_FAILURE_MS = 1_000;
/** The part of its surplus that a replica hands over at each renewal: few duties at a time, yet hundreds within a few leases. */
const HANDOVER_SHARE = 1 / 4;
/** A replica that was not seen for so many leases is forgotten. */
const FORGET_LEASES = 240;

interface Held {
  readonly lease: Lease;
  readonly lose: AbortController;
  readonly want: AbortController;
  /** How many claims of this process share the lease. */
  users: number;
}

interface Waiting {
  readonly duty: Duty;
  readonly told: ((holder: string | null) => void) | undefined;
  readonly granted: (held: Held) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Claims, renews and releases duties for this process. Each duty has a row in `claims` with its holder, epoch, and end by the database's
 * clock. Time only decides when another process may take a duty over. What keeps an old holder from changing anything is the epoch, which
 * every write checks in its own transaction (store.ts).
 */
export function leaseKeeper({ store, member, leaseMs, clock, onWarn }: KeeperOptions): Keeper {
  const held = new Map<Duty, Held>();
  const waiting = new Set<Waiting>();
  /** Duties that this process does or waits for. Together with the number of replicas they give its share. */
  const wanted = new Set<Duty>();
  const ending = new AbortController();
  const leaseSql = `make_interval(secs => ${leaseMs / 1000})`;
  /** Live replicas, oldest first: a replica's place among them decides its share. */
  let alive: readonly string[] = [];
  let warned = '';
  let turning: Promise<void> | null = null;
  let renewedMs = clock.monotonic();
  let nudge: (() => void) | null = null;

  const kindOf = (duty: Duty): string => duty.split(':')[0] ?? duty;
  const ofKind = (duties: Iterable<Duty>, kind: string): number =>
    [...duties].filter((duty) => kindOf(duty) === kind).length;
  /** How many duties of a kind this process takes while other replicas could take the rest. */
  const shareOf = (kind: string): number =>
    member.access === 'guest' || kind === 'job'
      ? Infinity
      : shareOfDuties(ofKind(wanted, kind), alive.length, alive.indexOf(member.holder), KINDS.indexOf(kind));

  function lose(duty: Duty, error: ForwardError): void {
    const one = held.get(duty);
    held.delete(duty);
    one?.lose.abort(error);
  }

  /** Takes a duty that is free or whose lease expired. Null: another process holds it. */
  async function take(db: Db, duty: Duty): Promise<bigint | null> {
    // The row exists before the first holder, and says since when the duty is free.
    await db.run(
      `INSERT INTO claims VALUES ($1, NULL, 0, clock_timestamp()) ON CONFLICT (duty) DO NOTHING`,
      duty,
    );
    const mine = ofKind(held.keys(), kindOf(duty)) < shareOf(kindOf(duty));
    // Beyond its share, this process leaves a free duty to the others for the length of a lease.
    const [row] = await db.all(
      `UPDATE claims SET holder = $2, epoch = epoch + 1, expires_at = clock_timestamp() + ${leaseSql}
       WHERE duty = $1 AND expires_at <= clock_timestamp() - CASE WHEN $3 THEN interval '0' ELSE ${leaseSql} END
       RETURNING epoch`,
      ...[duty, member.holder, mine ? 'true' : 'false'],
    );
    return row === undefined ? null : integer(row, 'epoch');
  }

  async function tryTake(duty: Duty): Promise<Held | null> {
    const there = held.get(duty);
    if (there !== undefined) return there;
    const sentMs = clock.monotonic();
    const epoch = await store
      .write((db) => take(db, duty))
      .catch((error: unknown) => {
        // The row is locked: its holder is in the middle of a write.
        if (error instanceof ForwardError && isLockWait(error)) return null;
        throw error;
      });
    if (epoch === null) return null;
    const [loser, wanter] = [new AbortController(), new AbortController()];
    const lease: Lease = { duty, epoch, lost: loser.signal, wanted: wanter.signal, release: async () => {} };
    const one: Held = { lease, lose: loser, want: wanter, users: 0 };
    held.set(duty, one);
    if (held.size === 1) renewedMs = sentMs;
    wake();
    return one;
  }

  function handle(one: Held): Lease {
    one.users += 1;
    let released = false;
    return {
      ...one.lease,
      release: async (leaving = false) => {
        if (released) return;
        released = true;
        one.users -= 1;
        wanted.delete(one.lease.duty);
        if (one.users > 0 || held.get(one.lease.duty) !== one) return;
        held.delete(one.lease.duty);
        one.lose.abort(leaseLost(one.lease.duty));
        await letGo([one], leaving || !one.want.signal.aborted);
      },
    };
  }

  /**
   * Releases leases; one that cannot be released expires. `toAnybody`: the first to claim it gets it. Otherwise replicas with less than their
   * share have precedence, so that this process does not take it again.
   */
  async function letGo(all: readonly Held[], toAnybody: boolean): Promise<void> {
    if (all.length === 0) return;
    await store
      .write((db) =>
        db.run(
          `UPDATE claims SET expires_at = clock_timestamp() - ${toAnybody ? leaseSql : `interval '0'`} WHERE holder = $1 AND expires_at > clock_timestamp()
             AND (duty, epoch) IN (SELECT * FROM unnest($2::text[], $3::int8[]))`,
          ...[member.holder, all.map(({ lease }) => lease.duty), all.map(({ lease }) => lease.epoch)],
        ),
      )
      .catch(() => {});
  }

  /** Renews all leases in one statement, and announces this replica. */
  async function renew(): Promise<void> {
    const sentMs = clock.monotonic();
    const asked = [...held.values()];
    const rows = await store.write(async (db) => {
      if (member.access === 'writer') await announce(db);
      return db.all(
        `UPDATE claims SET expires_at = clock_timestamp() + ${leaseSql} WHERE holder = $1
           AND (duty, epoch) IN (SELECT * FROM unnest($2::text[], $3::int8[])) RETURNING duty`,
        ...[member.holder, asked.map(({ lease }) => lease.duty), asked.map(({ lease }) => lease.epoch)],
      );
    });
    const renewed = new Set(rows.map((row) => row['duty']));
    renewedMs = sentMs;
    for (const { lease } of asked)
      if (!renewed.has(lease.duty) && held.get(lease.duty)?.lease === lease)
        lose(lease.duty, leaseLost(lease.duty));
  }

  /** Writes this replica's row, reads those of the others, and warns if their configuration differs. */
  async function announce(db: Db): Promise<void> {
    const fingerprint = member.fingerprint();
    await db.run(
      `INSERT INTO replicas VALUES ($1, $2, $3, $4, clock_timestamp(), clock_timestamp())
       ON CONFLICT (holder) DO UPDATE SET seen_at = excluded.seen_at, fingerprint = excluded.fingerprint`,
      ...[member.holder, member.name, member.version, fingerprint],
    );
    await db.run(`DELETE FROM replicas WHERE seen_at < clock_timestamp() - ${leaseSql} * ${FORGET_LEASES}`);
    const rows = await db.all(
      `SELECT holder, name, fingerprint FROM replicas WHERE seen_at > clock_timestamp() - ${leaseSql} ORDER BY started_at, holder`,
    );
    alive = rows.map((row) => text(row, 'holder'));
    const others = rows.filter((row) => row['fingerprint'] !== fingerprint).map((row) => text(row, 'name'));
    const named = others.join(', ');
    if (named !== '' && named !== warned)
      onWarn(
        `the configuration here differs from that of ${named}: replicas over one journal need the same one`,
      );
    warned = named;
  }

  /** Asks the loops of a part of the surplus to release their duties, so that other replicas get their share. */
  function handOver(): void {
    for (const kind of KINDS) {
      const ours = [...held.values()].filter(({ lease }) => kindOf(lease.duty) === kind);
      const kept = ours.filter(({ want }) => !want.signal.aborted);
      const excess = kept.length - shareOf(kind);
      if (excess <= 0) continue;
      for (const { want, lease } of kept.slice(-Math.ceil(excess * HANDOVER_SHARE)))
        want.abort(leaseLost(lease.duty));
    }
  }

  /** Grants waiting claims whose duties are free, with one query for all of them. Ends when renewal is due. */
  async function lookForFree(untilMs: number): Promise<void> {
    if (waiting.size === 0) return;
    const duties = [...new Set([...waiting].map(({ duty }) => duty))];
    const rows = await store.read((db) =>
      db.all(
        `SELECT duty, expires_at <= clock_timestamp() AS free, replicas.name AS name,
           (SELECT coalesce(string_agg(holder::text, ' ' ORDER BY started_at, holder), '') FROM replicas
              WHERE seen_at > clock_timestamp() - ${leaseSql}) AS alive
         FROM claims LEFT JOIN replicas ON replicas.holder = claims.holder WHERE duty = ANY($1::text[])`,
        duties,
      ),
    );
    if (rows[0] !== undefined) alive = text(rows[0], 'alive').split(' ');
    const byDuty = new Map(rows.map((row) => [row['duty'], row]));
    for (const one of [...waiting]) {
      if (clock.monotonic() >= untilMs) return;
      const row = byDuty.get(one.duty);
      const isFree = row === undefined || isTrue(row, 'free') || held.has(one.duty);
      const taken = isFree ? await tryTake(one.duty) : null;
      if (taken === null) one.told?.(row === undefined || row['name'] === null ? null : text(row, 'name'));
      else if (waiting.delete(one)) one.granted(taken);
    }
  }

  /** Renews leases and grants claims by turns. A guest's ends when it holds nothing and waits for nothing. */
  async function turn(): Promise<void> {
    let nextRenewalMs = -Infinity;
    while (!ending.signal.aborted && (member.access === 'writer' || held.size + waiting.size > 0)) {
      try {
        if (clock.monotonic() >= nextRenewalMs) {
          await renew();
          nextRenewalMs = clock.monotonic() + leaseMs * RENEW_SHARE;
          handOver();
        }
        await lookForFree(nextRenewalMs);
      } catch (error) {
        for (const one of [...waiting]) if (waiting.delete(one)) one.failed(error);
        await pause(AFTER_FAILURE_MS);
      }
      const jitter = 0.8 + 0.4 * clock.random();
      const untilRenewal = Math.max(nextRenewalMs - clock.monotonic(), LOOK_MS / 2);
      await pause(waiting.size > 0 ? Math.min(LOOK_MS * jitter, untilRenewal) : untilRenewal);
    }
  }

  /** Sleeps for a while, or until `wake`. */
  async function pause(ms: number): Promise<void> {
    const woken = new AbortController();
    nudge = () => woken.abort();
    await clock.sleep(ms, AbortSignal.any([ending.signal, woken.signal])).catch(() => {});
    nudge = null;
  }

  /** Gives up leases that could not be renewed, before another process may take them. */
  async function watch(): Promise<void> {
    while (!ending.signal.aborted) {
      const leftMs = renewedMs + leaseMs * (1 - MARGIN_SHARE) - clock.monotonic();
      if (leftMs <= 0 && held.size > 0) {
        for (const duty of [...held.keys()])
          lose(duty, new ForwardError('lease_lost', `the lease of ${duty} could not be renewed in time`));
      }
      await clock
        .sleep(Math.max(leftMs, held.size > 0 ? LOOK_MS / 5 : LOOK_MS), ending.signal)
        .catch(() => {});
    }
  }

  function wake(): void {
    nudge?.();
    if (turning !== null || ending.signal.aborted) return;
    void watching();
    turning = turn().finally(() => void (turning = null));
  }

  const closed = (): Error => new Error(`the journal in ${store.where} is closed`);
  function assertOpen(): void {
    if (ending.signal.aborted) throw closed();
  }

  let isWatched = false;
  function watching(): Promise<void> {
    if (isWatched) return Promise.resolve();
    isWatched = true;
    return watch();
  }

  return {
    join: async () => {
      if (member.access !== 'writer') return;
      await renew();
      wake();
    },
    claim: async (duty, signal, told) => {
      signal.throwIfAborted();
      assertOpen();
      if (!duty.startsWith('job:')) wanted.add(duty);
      const { promise, resolve, reject } = Promise.withResolvers<Held>();
      const one: Waiting = { duty, told, granted: resolve, failed: reject };
      const stop = (): void => {
        waiting.delete(one);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', stop, { once: true });
      waiting.add(one);
      wake();
      try {
        return handle(await promise);
      } finally {
        signal.removeEventListener('abort', stop);
        if (signal.aborted) wanted.delete(duty);
      }
    },
    tryClaim: async (duty) => {
      assertOpen();
      const taken = await tryTake(duty);
      return taken === null ? null : handle(taken);
    },
    replicas: () => store.read((db) => listReplicas(db, member.holder, leaseSql)),
    lose: ({ duty, epoch }, error) => {
      if (held.get(duty)?.lease.epoch === epoch) lose(duty, error);
    },
    close: async () => {
      if (ending.signal.aborted) return;
      ending.abort();
      const all = [...held.values()];
      held.clear();
      for (const one of [...waiting]) if (waiting.delete(one)) one.failed(closed());
      for (const { lose: loser, lease } of all) loser.abort(leaseLost(lease.duty));
      await turning;
      await letGo(all, true);
      await store
        .write((db) => db.run('DELETE FROM replicas WHERE holder = $1', member.holder))
        .catch(() => {});
    },
  };
}

async function listReplicas(db: Db, self: string, leaseSql: string): Promise<readonly Replica[]> {
  const rows = await db.all(
    `SELECT holder, name, version, fingerprint, ${RFC3339('started_at')} AS started_at, ${RFC3339('seen_at')} AS seen_at,
       seen_at > clock_timestamp() - ${leaseSql} AS alive,
       (SELECT coalesce(string_agg(duty, E'\\n' ORDER BY duty), '') FROM claims
          WHERE claims.holder = replicas.holder AND expires_at > clock_timestamp()) AS duties
     FROM replicas ORDER BY replicas.started_at, holder`,
  );
  return rows.map((row) => ({
    name: text(row, 'name'),
    self: text(row, 'holder') === self,
    startedAt: text(row, 'started_at'),
    seenAt: text(row, 'seen_at'),
    alive: isTrue(row, 'alive'),
    version: text(row, 'version'),
    fingerprint: text(row, 'fingerprint'),
    duties: text(row, 'duties')
      .split('\n')
      .filter((duty) => duty !== '') as Duty[],
  }));
}

const RFC3339 = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

function isTrue(row: Row, name: string): boolean {
  return (row as Readonly<Record<string, unknown>>)[name] === true;
}

function isLockWait({ cause }: ForwardError): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === '55P03';
}
