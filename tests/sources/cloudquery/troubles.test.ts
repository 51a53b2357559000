import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Secret } from '../../../src/model/secret.ts';
import type { SimulatorPatch } from '../../../src/simulator/options.ts';
import { createPlatform } from '../../../src/simulator/platform.ts';
import type { Platform } from '../../../src/simulator/platform.ts';
import type { CloudqueryOptions } from '../../../src/sources/cloudquery/options.ts';
import { createCloudquery } from '../../../src/sources/cloudquery/source.ts';
import { readProgress } from '../../../src/sources/cloudquery/progress.ts';
import type { Source } from '../../../src/sources/source.ts';
import { createLedger } from '../../fakes/ledger.ts';
import type { Ledger } from '../../fakes/ledger.ts';
import { platformHttp } from '../../fakes/platform-http.ts';
import type { PlatformHttp } from '../../fakes/platform-http.ts';
import { elapse, simulatedClock, startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';
import { sourceOptions } from '../../fakes/source-room.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const KEY = 'kq7-of-the-platform';
const quiet = new AbortController().signal;
const clock = simulatedClock(() => 0.5);

interface Setup {
  readonly platform: Platform;
  readonly http: PlatformHttp;
  readonly ledger: Ledger;
  source: Source;
  open(): Source;
  poll(): Promise<void>;
  missing(): string[];
}

function setUp(simulator: SimulatorPatch, options: Partial<CloudqueryOptions> = {}): Setup {
  const platform = createPlatform({ history: 3 * HOUR, rate: 4, api_key: 'key', seed: 5, ...simulator }, () =>
    Date.now(),
  );
  const http = platformHttp(platform);
  const ledger = createLedger();
  const open = (): Source =>
    createCloudquery(
      sourceOptions(options),
      { name: 'platform', warn: () => {}, clock, forwarderVersion: '0' },
      http,
    );
  const setup: Setup = {
    platform,
    http,
    ledger,
    source: open(),
    open,
    poll: async () => {
      const once = async (): Promise<void> => {
        for await (const harvest of setup.source.poll(ledger, ledger.progress, quiet)) ledger.commit(harvest);
      };
      await elapse(once());
    },
    missing: () =>
      platform.visibleEvents().flatMap(({ id }) => (id === null || ledger.events.has(id) ? [] : [id])),
  };
  return setup;
}

const wait = (ms: number): Promise<void> => elapse(clock.sleep(ms));

beforeEach(() => startSimulatedTime(Date.parse('2026-01-02T12:00:00Z')));
afterEach(() => stopSimulatedTime());

describe('a row that makes the server fail', () => {
  const sick = { poison: 0.01, precision: 'ms', filter_precision: 'ms' } as const;

  it('costs itself: all else is read, also what is new, and the frontier does not pass it', async () => {
    const setup = setUp(sick);
    await setup.poll();
    await wait(5 * MINUTE);
    await setup.poll();
    const poison = setup.platform.visibleEvents().filter((event) => event.poison);
    expect(poison.length).toBeGreaterThan(1);
    expect(setup.missing().length).toBe(poison.length);
    const { troubles, standing = [], frontierNs } = setup.source.state();
    expect(troubles).toHaveLength(poison.length);
    expect(troubles[0]).toMatchObject({ reason: expect.stringContaining('answered 500') as string });
    for (const { listedNs } of poison) {
      expect(troubles.some(({ window }) => window.startNs <= listedNs && window.endNs >= listedNs)).toBe(
        true,
      );
    }
    expect(frontierNs).toBe(troubles[0]?.window.startNs);
    expect(standing.map(({ kind }) => kind)).toEqual(poison.map(() => 'unreadable_window'));
    expect(standing[0]?.summary).toMatch(/^2026-01-02T.* cannot be read, however little/);
  });

  it('leaves no key in what is kept about it, although the Platform quotes the key', async () => {
    const setup = setUp({ ...sick, api_key: KEY }, { api_key: Secret.of(KEY) });
    const exchange = setup.http.exchange.bind(setup.http);
    setup.http.exchange = async (request, signal) => {
      const answer = await exchange(request, signal);
      const body = Buffer.from(JSON.stringify({ message: `cannot serve ${KEY}` }));
      return answer.status === 500 ? { ...answer, body } : answer;
    };
    await setup.poll();
    const kept = JSON.stringify(setup.ledger.progress);
    expect(kept).toContain('cannot serve [secret]');
    expect(kept).not.toContain(KEY);
  });

  it('is known after a restart, and read as soon as it can be', async () => {
    const setup = setUp(sick);
    await setup.poll();
    const { troubles } = setup.source.state();
    expect(readProgress(setup.ledger.progress).progress.open).toHaveLength(troubles.length);
    setup.source = setup.open();
    const asked = setup.http.asked.length;
    await setup.poll();
    expect(setup.http.asked.length - asked).toBeLessThan(80);
    const now = setup.source.state().troubles;
    expect(now).toHaveLength(troubles.length);
    for (const [place, { window }] of now.entries()) {
      expect(window.startNs).toBeGreaterThanOrEqual(troubles[place]?.window.startNs ?? window.endNs);
      expect(window.endNs).toBeLessThanOrEqual(troubles[place]?.window.endNs ?? window.startNs);
    }
    setup.platform.set({ poison: 0 });
    await wait(11 * MINUTE);
    await setup.poll();
    await wait(MINUTE);
    await setup.poll();
    expect(setup.missing().filter((id) => setup.ledger.events.has(id))).toEqual([]);
    expect(setup.source.state()).toMatchObject({ troubles: [], standing: [], openWindows: 0 });
  });

  it('costs few requests while it lasts', async () => {
    const setup = setUp({ ...sick, rate: 1 });
    await setup.poll();
    const asked = setup.http.asked.length;
    for (let polls = 0; polls < 240; polls += 1) {
      await wait(15_000);
      await setup.poll();
    }
    const places = setup.source.state().troubles.length;
    expect(places).toBeGreaterThan(0);
    expect(setup.http.asked.length - asked).toBeLessThan(240 * 3 + 100 * places);
  });

  it('that becomes visible late does not stop the counting, and is set aside', async () => {
    const setup = setUp({ ...sick, rate: 1, poison: 0 });
    await setup.poll();
    const late = Array.from({ length: 100 }, (_, n) => ({
      createdAt: new Date(Date.now() - 2 * HOUR + n * 10_000).toISOString(),
    }));
    setup.platform.set({ poison: 0.02, rate: 0 });
    setup.platform.insert(late);
    await wait(16 * MINUTE);
    for (let polls = 0; polls < 4; polls += 1) {
      await setup.poll();
      await wait(15_000);
    }
    const poison = setup.platform.visibleEvents().filter((event) => event.poison);
    expect(poison.length).toBeGreaterThan(0);
    expect(setup.source.state().pendingReconcile).toBe(0);
    const missing = setup.missing();
    expect(missing.length).toBeLessThanOrEqual(poison.length);
    for (const id of missing) expect(poison.map((event) => event.id)).toContain(id);
    expect(setup.source.state().troubles.length).toBeGreaterThan(0);
  });
});

describe('a Platform that cannot answer as much', () => {
  it.each<[string, SimulatorPatch]>([
    ['in a window of an hour', { limits: { span: 40 * MINUTE, answer: '504' } }],
    ['in time', { limits: { span: 20 * MINUTE, answer: 'hang' } }],
    ['on a page', { limits: { per_page: 100, answer: '422' } }],
    ['on a page, and does not say so', { limits: { per_page: 100, answer: '413' } }],
    ['of so many rows', { limits: { rows: 90, answer: 'reset' } }],
    ['in a page or a window', { limits: { span: 60 * MINUTE, per_page: 300, answer: '400' } }],
  ])('%s is asked for less, and nothing is missing or in trouble', async (_name, patch) => {
    const setup = setUp({ ...patch, totals: false });
    for (let polls = 0; polls < 4; polls += 1) {
      await setup.poll();
      await wait(20_000);
    }
    setup.platform.set({ rate: 0 });
    await wait(70_000);
    await setup.poll();
    expect(setup.missing()).toEqual([]);
    expect(setup.source.state().troubles).toEqual([]);
  });

  it('is not counted where it fails for that, and a failure that lasts stays one', async () => {
    const setup = setUp({ limits: { span: 30 * MINUTE, answer: '400' } });
    const endNs = BigInt(Date.now()) * 1_000_000n;
    const range = { startNs: endNs - BigInt(3 * HOUR) * 1_000_000n, endNs };
    expect(await elapse(setup.source.count(range, 0, quiet))).toBeNull();
    setup.platform.set({ limits: { span: 1 } });
    await expect(elapse(setup.source.count(range, 0, quiet))).rejects.toMatchObject({ kind: 'denied' });
  });

  it('for past ranges is asked for less as well, and a range that cannot be read is said to be', async () => {
    const setup = setUp({ limits: { span: 30 * MINUTE, answer: '502' } });
    const range = {
      startNs: BigInt(Date.now() - 3 * HOUR) * 1_000_000n,
      endNs: BigInt(Date.now()) * 1_000_000n,
    };
    const ids = new Set<string>();
    const read = async (): Promise<void> => {
      for await (const harvest of setup.source.read([range], quiet)) {
        for (const event of harvest.events) ids.add(event.id);
      }
    };
    await elapse(read());
    const inRange = setup.platform.visibleEvents().filter(({ createdNs }) => createdNs <= range.endNs);
    expect(inRange.filter(({ id }) => !ids.has(id ?? ''))).toEqual([]);
    setup.platform.set({ poison: 0.004, limits: { span: 0 } });
    await expect(elapse(read())).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringMatching(/could not be read: .*500/) as string,
    });
  });
});

describe('times that differ from the filter', () => {
  it('by a time zone are read, said once, and nothing is called missing', async () => {
    const setup = setUp({ stray: { share: 1, by: 3 * HOUR }, rate: 10 });
    for (let polls = 0; polls < 5; polls += 1) {
      await setup.poll();
      await wait(16 * MINUTE);
    }
    setup.platform.set({ rate: 0 });
    await wait(70_000);
    await setup.poll();
    expect(setup.missing()).toEqual([]);
    expect(setup.source.state().standing).toEqual([
      { kind: 'times_differ', summary: expect.stringContaining('3h') as string },
    ]);
    expect(setup.ledger.findings.map(({ kind }) => kind)).not.toContain('fewer_on_server');
    expect(setup.source.state().overlapMs).toBe(10 * MINUTE);
    setup.source = setup.open();
    await setup.poll();
    expect(setup.source.state().standing).toHaveLength(1);
  });

  it('by a time zone that is corrected later: all is read again, and nothing is called missing', async () => {
    const setup = setUp({ stray: { share: 1, by: -105 * MINUTE }, rate: 10 });
    for (let polls = 0; polls < 3; polls += 1) {
      await setup.poll();
      await wait(16 * MINUTE);
    }
    setup.platform.set({ stray: { share: 0 } });
    const before = setup.ledger.harvests.length;
    const commit = setup.ledger.commit.bind(setup.ledger);
    setup.ledger.commit = (harvest) => {
      commit(harvest);
      // As the journal does with what it knows by the time of another zone: see moved-times.test.ts.
      for (const event of harvest.events) setup.ledger.events.set(event.id, event);
    };
    for (let polls = 0; polls < 4; polls += 1) {
      await setup.poll();
      await wait(MINUTE);
    }
    const seen = setup.ledger.harvests.slice(before).flatMap(({ events }) => events.map(({ id }) => id));
    const ids = setup.platform.visibleEvents().flatMap(({ id }) => id ?? []);
    expect(ids.filter((id) => !seen.includes(id)).length).toBeLessThan(20);
    expect(setup.source.state().standing).toEqual([]);
    expect(setup.ledger.findings.map(({ kind }) => kind)).not.toContain('fewer_on_server');
  });

  it('now and then are read and named', async () => {
    const setup = setUp({ stray: { share: 0.01, by: -7 * HOUR } });
    await setup.poll();
    await wait(MINUTE);
    setup.platform.set({ rate: 0 });
    await wait(70_000);
    await setup.poll();
    expect(setup.missing()).toEqual([]);
    expect(setup.ledger.findings.length).toBeGreaterThan(0);
    expect(new Set(setup.ledger.findings.map(({ kind }) => kind))).toEqual(new Set(['stray_row']));
  });
});

describe('the progress of another version', () => {
  it('without what is known of failures is read, and so is one with what nobody can read', () => {
    const windows = [
      ['1', '2'],
      ['3', '4', { stepNs: 'x' }],
      ['5', '6', null],
      ['7', '8', { reason: 'r', rows: -1 }],
    ];
    const { progress } = readProgress({ version: 1, start: '0', end: '9', open: windows, reconcile: null });
    expect(progress.open).toEqual([1n, 3n, 5n, 7n].map((startNs) => ({ startNs, endNs: startNs + 1n })));
  });
});
