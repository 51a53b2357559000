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
  /** Random for each start, so that nobody is mistaken for another who held the same epoch before a database went back in time. */
  readonly holder: string;
  readonly name: string;
  readonly version: string;
  /** Of the configuration in force, which may change. */
  readonly fingerprint: () => string;
  /** A guest does what it claims, and takes no share of the work. */
  readonly access: 'writer' | 'guest';
}

export interface KeeperOptions {
  /** Over connections of its own: a renewal must not wait for a harvest. */
  readonly store: Store;
  readonly member: Member;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly onWarn: (message: string) => void;
}

export interface Keeper extends Omit<Sharing<Journal>, 'under'> {
  /** A replica shows itself to the others, and learns of them. */
  join(): Promise<void>;
  /** A write found out that another replica has it. */
  lose(lease: Lease, error: ForwardError): void;
  /** Lets go of everything, so that others need not wait. */
  close(): Promise<void>;
}

/** The share of a lease after which it is renewed, and how long before its end this process stops to rely on it. */
const RENEW_SHARE = 1 / 3;
const MARGIN_SHARE = 1 / 5;
/** How often it is looked whether somebody let go of a duty that is waited for. */
const LOOK_MS = 500;
/** While the database cannot be asked. */
const AFTER_FAILURE_MS = 1_000;
/** How much of what a replica has beyond its share it hands over at each renewal: few at a time, and hundreds within a few leases. */
const HANDOVER_SHARE = 1 / 4;
/** Replicas that were not seen for so many leases are forgotten. */
const FORGET_LEASES = 240;

interface Held {
  readonly lease: Lease;
  readonly lose: AbortController;
  readonly want: AbortController;
  /** Handles to it: a second claim in this process is the same lease. */
  users: number;
}

interface Waiting {
  readonly duty: Duty;
  readonly told: ((holder: string | null) => void) | undefined;
  readonly granted: (held: Held) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Claims, renews and lets go of duties for this process. One row of `claims` for each duty says who holds it, since which epoch, and until
 * when by the database's clock. Time only decides when others may take a duty over. That an old holder changes nothing any more is
 * decided by the epoch, which every write checks in its own transaction (store.ts).
 */
export function leaseKeeper({ store, member, leaseMs, clock, onWarn }: KeeperOptions): Keeper {
  const held = new Map<Duty, Held>();
  const waiting = new Set<Waiting>();
  /** Duties that this process does or would do: with the number of replicas, they tell its share. */
  const wanted = new Set<Duty>();
  const ending = new AbortController();
  const leaseSql = `make_interval(secs => ${leaseMs / 1000})`;
  /** Replicas that were heard of lately, the oldest first: each knows its place among them, and so its share. */
  let alive: readonly string[] = [];
  let warned = '';
  let turning: Promise<void> | null = null;
  let renewedMs = clock.monotonic();
  let nudge: (() => void) | null = null;

  const kindOf = (duty: Duty): string => duty.split(':')[0] ?? duty;
  const ofKind = (duties: Iterable<Duty>, kind: string): number =>
    [...duties].filter((duty) => kindOf(duty) === kind).length;
  /** How many duties of a kind this process takes while others live that could take some. */
  const shareOf = (kind: string): number =>
    member.access === 'guest' || kind === 'job'
      ? Infinity
      : shareOfDuties(ofKind(wanted, kind), alive.length, alive.indexOf(member.holder), KINDS.indexOf(kind));

  function lose(duty: Duty, error: ForwardError): void {
    const one = held.get(duty);
    held.delete(duty);
    one?.lose.abort(error);
  }

  /** Takes a duty that nobody holds, or whose holder was not heard of for the length of its lease. Null: somebody does. */
  async function take(db: Db, duty: Duty): Promise<bigint | null> {
    // A row that is there before anybody holds it tells since when nobody did.
    await db.run(
      `INSERT INTO claims VALUES ($1, NULL, 0, clock_timestamp()) ON CONFLICT (duty) DO NOTHING`,
      duty,
    );
    const mine = ofKind(held.keys(), kindOf(duty)) < shareOf(kindOf(duty));
    // What is beyond this process's share it leaves to the others for the length of a lease.
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
        // Somebody has the row locked: a holder in the middle of a write.
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
   * A lease that cannot be let go of runs out. `toAnybody`: the first to claim it may have it; otherwise replicas come first that have less than
   * their share, or the one that lets go would take it again.
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

  /** Renews everything held, in one statement, and looks how many replicas there are. */
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

  /** A replica that came anew gets its share: some duties at a time are handed over. */
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

  /** Grants waiting claims whose duty is free, until what is held has to be renewed. One query serves all of them. */
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

  /** Ends when this process holds nothing, waits for nothing and is no member. */
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

  /** Sleeps until somebody has something to wait for. */
  async function pause(ms: number): Promise<void> {
    const woken = new AbortController();
    nudge = () => woken.abort();
    await clock.sleep(ms, AbortSignal.any([ending.signal, woken.signal])).catch(() => {});
    nudge = null;
  }

  /** What was not renewed for nearly as long as a lease lasts is given up here, before anybody else may have it. */
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
