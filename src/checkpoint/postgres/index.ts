import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import { wallClock } from '../../model/clock.ts';
import type { Clock } from '../../model/clock.ts';
import type { Secret } from '../../model/secret.ts';
import type { Journal } from '../journal.ts';
import { placeOf, readAddress } from './address.ts';
import { appending } from './append.ts';
import { chain } from './chain.ts';
import { connect } from './connect.ts';
import { cover, coverage } from './coverage.ts';
import { deadLetters, setAside } from './deadletters.ts';
import { headWatch } from './ends.ts';
import type { HeadWatch } from './ends.ts';
import { events } from './events.ts';
import { find, findings } from './findings.ts';
import { ids } from './ids.ts';
import { jobs } from './jobs.ts';
import { leaseKeeper } from './leases.ts';
import type { Keeper, Member } from './leases.ts';
import { pageReader } from './pages.ts';
import type { PageReader } from './pages.ts';
import { readableAgain } from './readable-again.ts';
import { assertMigrated, migrate } from './schema.ts';
import { segments } from './segments.ts';
import { createStore } from './store.ts';
import type { Limits, Store } from './store.ts';
import { refuseUnfinished } from './transfer.ts';
import { pruning, sizing } from './upkeep.ts';
import { look, waiting } from './waiting.ts';

export interface JournalOptions {
  /** A connection URI of libpq. Read again for each connection, so that its password may be replaced. */
  readonly url: Secret;
  readonly schema: string;
  /** How long a replica that is not heard of keeps its duties. Milliseconds. */
  readonly leaseMs: number;
  /** Reported by `size` as the limit; the caller of `append` checks it first. Bytes. */
  readonly maxBytes: number;
  readonly clock: Clock;
  /** A writer is a replica: it makes the tables, and takes its share of the work. A guest does what commands do. */
  readonly access: 'writer' | 'guest';
  /** Of the program, and the effective configuration: replicas compare them. */
  readonly version: string;
  readonly fingerprint: () => string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onWarn?: (message: string) => void;
  /** How often to look whether another process wrote; a second when absent. Milliseconds. */
  readonly lookEveryMs?: number;
  /** For leases, which live in real time, as the database does, when absent. */
  readonly leaseClock?: Clock;
}

const LOOK_EVERY_MS = 1_000;
/** Connections for loops and requests, and for leases, which must not wait for them. */
const POOL_SIZE = 5;
const LEASE_POOL_SIZE = 2;
const STATEMENT_MS = 60_000;
const LOCK_MS = 10_000;
/** How long a connection may take to say that a statement ran too long. Milliseconds. */
const ANSWER_MARGIN_MS = 5_000;

/**
 * Opens the journal in PostgreSQL. Errors: `config` when the address, the schema or the driver cannot be used; `denied` when the
 * database refuses this role; `transient` when it cannot be reached or takes no writes now; `corrupt` when the journal fails its checks.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { url, schema, env, leaseMs, access, maxBytes, clock } = options;
  const onWarn = options.onWarn ?? (() => {});
  const where = placeOf(readAddress(url.reveal(), env), env);
  const database = await connect(url, env, where, onWarn);
  const limits: Limits = { statementMs: STATEMENT_MS, lockMs: LOCK_MS, idleMs: Math.floor(leaseMs / 2) };
  const leaseLimits: Limits = {
    statementMs: leaseMs / 3,
    lockMs: Math.min(leaseMs / 10, 1_000),
    idleMs: leaseMs / 3,
  };
  const pool = database.pool(POOL_SIZE, STATEMENT_MS + ANSWER_MARGIN_MS);
  const leasePool = database.pool(LEASE_POOL_SIZE, leaseMs / 3);
  const member: Member = {
    holder: randomUUID(),
    name: `${hostname()}/${process.pid}`,
    version: options.version,
    fingerprint: options.fingerprint,
    access,
  };
  let open = true;
  let isOpening = true;
  const common = {
    schema,
    where,
    lookEveryMs: options.lookEveryMs ?? LOOK_EVERY_MS,
    holder: member.holder,
    isAsynchronous: database.isAsynchronous,
    fault: database.fault,
    isOpening: () => isOpening,
    onLost: (...lost: Parameters<Keeper['lose']>) => keeper?.lose(...lost),
  };
  const store = createStore({ ...common, pool, clock, limits }, () => open);
  const leaseClock = options.leaseClock ?? wallClock;
  // They go on to the very end, when they are let go of.
  const leases = createStore(
    { ...common, pool: leasePool, clock: leaseClock, limits: round(leaseLimits) },
    () => true,
  );
  let keeper: Keeper | null = null;
  const endPools = async (): Promise<void> => void (await Promise.all([pool.end(), leasePool.end()]));
  try {
    const installationId = await store.write(async (db) => {
      const id = access === 'writer' ? await migrate(db, schema) : await assertMigrated(db, schema);
      await refuseUnfinished(db, schema);
      return id;
    });
    const watch = headWatch();
    const first = await store.read(look);
    keeper = leaseKeeper({ store: leases, member, leaseMs, clock: leaseClock, onWarn });
    await keeper.join();
    isOpening = false;
    const waits = waiting(store, first);
    const size = sizing(store, clock, maxBytes);
    const close = async (): Promise<void> => {
      if (!open) return;
      open = false;
      waits.wakeAll();
      await keeper?.close();
      await endPools();
    };
    const kept = {
      pages: pageReader(),
      readable: readableAgain(),
      waits,
      watch,
      keeper,
      size,
      installationId,
      close,
    };
    return journalOn(store, kept);
  } catch (error) {
    open = false;
    await keeper?.close();
    await endPools();
    throw error;
  }
}

/** What the journal has once, under whatever leases it is used. */
interface Kept {
  readonly pages: PageReader;
  readonly readable: ReturnType<typeof readableAgain>;
  readonly waits: ReturnType<typeof waiting>;
  readonly watch: HeadWatch;
  readonly keeper: Keeper;
  readonly size: Journal['size'];
  readonly installationId: string;
  readonly close: () => Promise<void>;
}

function journalOn(store: Store, kept: Kept): Journal {
  const { pages, waits, keeper } = kept;
  return {
    ...appending(store, pages, {
      malformed: setAside,
      readable: kept.readable,
      cover,
      find,
      appended: waits.appended,
      watch: kept.watch,
    }),
    ...events(store, pages),
    ...waits.methods,
    ...deadLetters(store, waits.tell),
    ...coverage(store),
    ...findings(store),
    ...segments(store),
    ...ids(store),
    ...jobs(store, waits.tell),
    ...chain(store),
    size: kept.size,
    prune: pruning(store, waits.pruned),
    claim: keeper.claim,
    tryClaim: keeper.tryClaim,
    replicas: keeper.replicas,
    under: (...leases) => journalOn(store.under(leases), kept),
    installationId: kept.installationId,
    close: kept.close,
  };
}

function round({ statementMs, lockMs, idleMs }: Limits): Limits {
  return { statementMs: Math.ceil(statementMs), lockMs: Math.ceil(lockMs), idleMs: Math.ceil(idleMs) };
}
