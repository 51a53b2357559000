import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach } from 'vitest';

import type { Journal } from '../../src/checkpoint/journal.ts';
import { openJournal } from '../../src/checkpoint/sqlite/index.ts';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import type { Window } from '../../src/model/event.ts';
import { silentLog } from '../../src/model/log.ts';
import { Secret } from '../../src/model/secret.ts';
import { msToNs } from '../../src/model/time.ts';
import type { JobContext } from '../../src/pipeline/jobs.ts';
import { NO_HEARTBEATS } from '../../src/pipeline/heartbeat.ts';
import { createOutlet } from '../../src/pipeline/outlet.ts';
import { createPrepare } from '../../src/pipeline/prepare.ts';
import type { Where } from '../../src/pipeline/prepare.ts';
import type { ReplaySink } from '../../src/pipeline/replay.ts';
import { sinkStatus } from '../../src/pipeline/status.ts';
import type { VerifyContext } from '../../src/pipeline/verify.ts';
import type { Batch, Fate, Sink } from '../../src/sinks/sink.ts';
import { createPlatform } from '../../src/simulator/platform.ts';
import type { Platform } from '../../src/simulator/platform.ts';
import type { SimulatorPatch } from '../../src/simulator/options.ts';
import { createCloudquery } from '../../src/sources/cloudquery/source.ts';
import type { Source } from '../../src/sources/source.ts';
import { testClock } from '../contract/clock.ts';
import type { TestClock } from '../contract/clock.ts';
import { platformHttp } from '../fakes/platform-http.ts';
import type { PlatformHttp } from '../fakes/platform-http.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const never = new AbortController().signal;

/** A receiver in memory that can be asked: ids with their copies. */
export interface MemorySink extends Sink {
  readonly copies: Map<string, number>;
  /** Ids of each batch, in the order sent. */
  readonly batches: string[][];
  /** Ids that it refuses, with the reason. */
  readonly refuses: Map<string, string>;
}

export function memorySink(askable = true): MemorySink {
  const copies = new Map<string, number>();
  const refuses = new Map<string, string>();
  const batches: string[][] = [];
  const sink = {
    copies,
    refuses,
    batches,
    delivery: 'confirmed' as const,
    send: async ({ items }: Batch) => {
      batches.push(items.map((item) => item.canonical.id));
      const fates = items.map(({ canonical: { id } }): Fate => {
        const reason = refuses.get(id);
        if (reason !== undefined) return { outcome: 'rejected', reason };
        copies.set(id, (copies.get(id) ?? 0) + 1);
        return { outcome: 'delivered' };
      });
      return { fates };
    },
    check: async () => ({ items: [] }),
    credentialReplaced: () => false,
    close: async () => {},
  };
  const holds = async (ids: readonly string[]): Promise<ReadonlyMap<string, number>> =>
    new Map(ids.map((id) => [id, copies.get(id) ?? 0]));
  return askable ? { ...sink, holds } : sink;
}

export interface Installation {
  readonly clock: TestClock;
  readonly platform: Platform;
  readonly http: PlatformHttp;
  readonly source: Source;
  journal: Journal;
  /** The last four hours. */
  range(): Window;
  poll(): Promise<void>;
  /** What the deliver loop does, for a sink that never fails. */
  deliver(name: string, sink: ReplaySink): Promise<void>;
  sink(sink: MemorySink, where?: Partial<Where>): ReplaySink;
  verifying(sinks?: ReadonlyMap<string, ReplaySink>, deep?: boolean): VerifyContext;
  jobs(sinks?: ReadonlyMap<string, ReplaySink>, patienceMs?: number | null): JobContext;
  /** journal.db, for those who change it behind the journal's back. */
  readonly file: string;
  /** Runs SQL on the journal behind its back. */
  tamper(sql: string, ...values: (string | Uint8Array)[]): void;
  reopen(maxBytes?: number): Promise<void>;
}

/** A Platform without a socket, the real source and a real journal on disk, in a time that only tests move. */
export function installations(): (patch?: SimulatorPatch) => Promise<Installation> {
  const ends: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  });
  return async (patch = {}) => {
    const dir = mkdtempSync(join(tmpdir(), 'proving-'));
    ends.push(() => rmSync(dir, { recursive: true, force: true }));
    const clock = testClock();
    const platform = createPlatform({ history: 3 * HOUR, rate: 3, api_key: 'key', seed: 5, ...patch }, () =>
      clock.now(),
    );
    const http = platformHttp(platform);
    const open = (maxBytes = 1e9): Promise<Journal> =>
      openJournal({ dir, maxBytes, clock, access: 'writer', onWarn: () => {} });
    const source = openSource(http, clock);
    const its = {
      clock,
      platform,
      http,
      source,
      journal: await open(),
      range: () => ({ startNs: msToNs(clock.now() - 4 * HOUR), endNs: msToNs(clock.now()) }),
      poll: () => pollOnce(its),
      deliver: (name: string, sink: ReplaySink) => deliverAll(its, name, sink),
      sink: (sink: MemorySink, where: Partial<Where> = {}) => replaySink(clock, sink, where),
      verifying: (sinks: ReadonlyMap<string, ReplaySink> = new Map(), deep = false) => ({
        ...patient(clock),
        journal: its.journal,
        sources: new Map([
          ['platform', { source, schedule: { everyMs: 15_000 }, auditHorizonMs: 720 * HOUR }],
        ]),
        sinks,
        deep,
      }),
      jobs: (sinks: ReadonlyMap<string, ReplaySink> = new Map(), patienceMs: number | null = null) => ({
        ...patient(clock),
        journal: its.journal,
        sources: new Map([['platform', source]]),
        sinks,
        patienceMs,
      }),
      file: join(dir, 'journal.db'),
      tamper: (sql: string, ...values: (string | Uint8Array)[]) => {
        const db = new DatabaseSync(join(dir, 'journal.db'));
        db.prepare(sql).run(...values);
        db.close();
      },
      reopen: async (maxBytes?: number) => {
        await its.journal.close();
        its.journal = await open(maxBytes);
      },
    };
    ends.push(() => its.journal.close());
    return its;
  };
}

function patient(clock: TestClock) {
  return { clock, log: silentLog, patienceMs: 10_000 };
}

function openSource(http: PlatformHttp, clock: TestClock): Source {
  return createCloudquery(
    {
      url: 'http://platform.example',
      api_key: Secret.of('key'),
      start: '30d',
      overlap: 10 * MINUTE,
      audit_horizon: 720 * HOUR,
      rate_limit: { requests_per_second: 10_000, concurrent: 1 },
      filters: { event_type: [], user: [], team: [], entity: [], ip_address: [], search: '' },
      request_timeout: 30_000,
      max_response_size: 64 * 2 ** 20,
      api: 'v2',
    },
    { name: 'platform', warn: () => {}, clock, forwarderVersion: '0' },
    http,
  );
}

function replaySink(clock: TestClock, sink: MemorySink, where: Partial<Where>): ReplaySink {
  const all: Where = { eventType: [], status: [], severity: 'informational', ...where };
  return {
    sink,
    prepare: createPrepare(createCanonicalize(), rawFormat.create({}), all, () => ({
      product: CLOUDQUERY,
      instance: 'platform.example',
      apiVersion: 'v2',
      forwarderVersion: '0',
      labels: {},
    })),
    outlet: createOutlet({
      sink,
      clock,
      log: silentLog,
      status: sinkStatus('memory', 'confirmed', clock.now()),
      patienceMs: null,
      onMassRejection: 'dead_letter',
    }),
    heartbeats: NO_HEARTBEATS,
    batch: { maxEvents: 100, maxBytes: 1e6 },
  };
}

async function pollOnce({ source, journal }: Installation): Promise<void> {
  const progress = await journal.progress('platform');
  for await (const harvest of source.poll(
    { ...journal.held('platform'), doubt: async () => null },
    progress,
    never,
  )) {
    await journal.append('platform', harvest);
  }
}

async function deliverAll({ journal }: Installation, name: string, to: ReplaySink): Promise<void> {
  for (;;) {
    const events = await journal.read(await journal.cursor(name), { maxEvents: 500, maxBytes: 1e7 });
    const last = events.at(-1);
    if (last === undefined) return;
    const items = events.flatMap((event) => {
      const prepared = to.prepare(event);
      return prepared.kind === 'item' ? [prepared.item] : [];
    });
    const refusals = await to.outlet.settle(items, never);
    const rejected = refusals.flatMap(({ item, reason, attempts }) => {
      const event = events.find(({ seq }) => seq === item.canonical.seq);
      return event === undefined ? [] : [{ event, reason, attempts }];
    });
    await journal.moveCursor(name, last.seq, rejected);
  }
}
