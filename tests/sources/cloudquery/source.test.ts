import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Json } from '../../../src/model/event.ts';
import { createPlatform } from '../../../src/simulator/platform.ts';
import type { Platform } from '../../../src/simulator/platform.ts';
import type { SimulatorPatch } from '../../../src/simulator/options.ts';
import type { CloudqueryOptions } from '../../../src/sources/cloudquery/options.ts';
import { createCloudquery } from '../../../src/sources/cloudquery/source.ts';
import type { Source } from '../../../src/sources/source.ts';
import { createLedger } from '../../fakes/ledger.ts';
import type { Ledger } from '../../fakes/ledger.ts';
import { platformHttp } from '../../fakes/platform-http.ts';
import type { PlatformHttp } from '../../fakes/platform-http.ts';
import { elapse, simulatedClock, startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';
import { sourceOptions } from '../../fakes/source-room.ts';

const START = Date.parse('2026-01-02T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Setup {
  readonly platform: Platform;
  readonly http: PlatformHttp;
  readonly source: Source;
  readonly ledger: Ledger;
  readonly warnings: string[];
  poll(signal?: AbortSignal): Promise<void>;
}

function setUp(simulator: SimulatorPatch = {}, options: Partial<CloudqueryOptions> = {}): Setup {
  const platform = createPlatform(
    { history: 2 * HOUR, rate: 10, api_key: 'key', seed: 3, ...simulator },
    () => Date.now(),
  );
  const http = platformHttp(platform);
  const warnings: string[] = [];
  const ledger = createLedger();
  const source = open(http, options, warnings);
  return {
    platform,
    http,
    source,
    ledger,
    warnings,
    poll: (signal) => elapse(pollOnce(source, ledger, signal)),
  };
}

function open(http: PlatformHttp, options: Partial<CloudqueryOptions>, warnings: string[] = []): Source {
  const all = sourceOptions({ api: 'auto', ...options });
  const context = {
    name: 'platform',
    warn: (text: string) => void warnings.push(text),
    clock: simulatedClock(() => 0.5),
    forwarderVersion: '0',
  };
  return createCloudquery(all, context, http);
}

async function pollOnce(
  source: Source,
  ledger: Ledger,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  for await (const harvest of source.poll(ledger, ledger.progress, signal)) ledger.commit(harvest);
}

function idsOf(platform: Platform): Set<string> {
  return new Set(platform.visibleEvents().flatMap((event) => (event.id === null ? [] : [event.id])));
}

/** Every id that the Platform shows, and nothing else. */
function expectComplete({ platform, ledger }: Setup): void {
  const wanted = idsOf(platform);
  const lost = [...wanted].filter((id) => !ledger.events.has(id));
  expect({ lost: lost.length, held: ledger.events.size }).toEqual({ lost: 0, held: wanted.size });
}

beforeEach(() => startSimulatedTime(START));
afterEach(() => stopSimulatedTime());

describe('a poll reads everything that the Platform shows', () => {
  const hard: SimulatorPatch = {
    burst: { every: 2 * HOUR, rows: 1500, rows_per_ms: 40 },
    instant: { rows: 1100, ago: 90 * MINUTE },
  };
  const cases: [string, SimulatorPatch][] = [
    ['ascending', { order: 'asc' }],
    ['descending', { order: 'desc' }],
    ['with shuffled ties', { order: 'shuffled_ties' }],
    ['in random order', { order: 'random' }],
    ['without totals', { totals: false, last_page: false }],
    ['without totals, ties shuffled', { order: 'shuffled_ties', totals: false, last_page: false }],
    ['with a clamped page', { page_clamp: 100, order: 'desc' }],
    ['with milliseconds', { precision: 'ms', filter_precision: 'ms' }],
    ['with times finer than the filter', { precision: 'us', filter_precision: 'ms' }],
    ['with nanoseconds', { precision: 'ns', filter_precision: 'ns' }],
    ['with an exclusive end', { end_exclusive: true, precision: 'us', filter_precision: 'us' }],
    ['with the v1 API', { api: 'v1' }],
  ];
  it.each(cases)('%s', async (_name, patch) => {
    const setup = setUp({ ...hard, ...patch });
    await setup.poll();
    // The newest second is still open: it is the next poll's.
    await elapse(new Promise((resolve) => setTimeout(resolve, 70_000)));
    setup.platform.set({ rate: 0, burst: { every: 0 } });
    await setup.poll();
    await elapse(new Promise((resolve) => setTimeout(resolve, 70_000)));
    await setup.poll();
    expectComplete(setup);
    expect(setup.source.state().openWindows).toBe(0);
  });
});

describe('events keep their bytes', () => {
  it('as the Platform sent them', async () => {
    const setup = setUp({ history: 30 * MINUTE, live_users: false });
    await setup.poll();
    const sent = new Map(setup.platform.visibleEvents().map((event) => [event.id, event.json]));
    expect(setup.ledger.events.size).toBeGreaterThan(200);
    for (const event of setup.ledger.events.values()) expect(event.original).toBe(sent.get(event.id));
  });
});

describe('a crash at any commit', () => {
  it('resumes inside a burst and reads every event', async () => {
    const patch: SimulatorPatch = {
      burst: { every: 2 * HOUR, rows: 1500, rows_per_ms: 40 },
      history: 130 * MINUTE,
      rate: 2,
    };
    const setup = setUp(patch);
    for (let crashAfter = 1; ; crashAfter += 1) {
      const fresh = open(setup.http, { audit_horizon: HOUR });
      let commits = 0;
      const work = (async () => {
        for await (const harvest of fresh.poll(
          setup.ledger,
          setup.ledger.progress,
          new AbortController().signal,
        )) {
          setup.ledger.commit(harvest);
          commits += 1;
          if (commits === crashAfter) return false;
        }
        return true;
      })();
      if (await elapse(work)) break;
      expect(crashAfter).toBeLessThan(100);
    }
    setup.platform.set({ rate: 0, burst: { every: 0 } });
    await elapse(new Promise((resolve) => setTimeout(resolve, 70_000)));
    await setup.poll();
    expectComplete(setup);
  });

  it('does not read the finished part again', async () => {
    const setup = setUp();
    const first = new AbortController();
    let harvests = 0;
    await elapse(
      (async () => {
        for await (const harvest of setup.source.poll(setup.ledger, null, first.signal)) {
          setup.ledger.commit(harvest);
          harvests += 1;
          if (harvests === 20) return;
        }
      })(),
    );
    const open = (setup.ledger.progress as { open: [string, string][] }).open;
    const firstOpen = BigInt(open[0]?.[0] ?? 0);
    setup.http.asked.length = 0;
    await setup.poll();
    const starts = setup.http.asked.flatMap(
      (path) => new URLSearchParams(path.split('?')[1]).get('start_time') ?? [],
    );
    expect(starts.length).toBeGreaterThan(0);
    for (const start of starts)
      expect(BigInt(Date.parse(start)) * 1_000_000n).toBeGreaterThanOrEqual(firstOpen);
  });
});

describe('late rows', () => {
  it('within the overlap come with a later poll', async () => {
    const setup = setUp({ late: { share: 0.05, up_to: 8 * MINUTE }, history: HOUR });
    for (let polls = 0; polls < 40; polls += 1) {
      await setup.poll();
      await elapse(new Promise((resolve) => setTimeout(resolve, 30_000)));
    }
    setup.platform.set({ rate: 0 });
    await elapse(new Promise((resolve) => setTimeout(resolve, 9 * MINUTE)));
    await setup.poll();
    expectComplete(setup);
  });

  it('later than the overlap come with the count of closed windows', async () => {
    const setup = setUp({ late: { share: 0.05, up_to: 2 * HOUR }, history: 2 * HOUR, rate: 3 });
    for (let polls = 0; polls < 30; polls += 1) {
      await setup.poll();
      await elapse(new Promise((resolve) => setTimeout(resolve, 5 * MINUTE)));
    }
    setup.platform.set({ rate: 0 });
    await elapse(new Promise((resolve) => setTimeout(resolve, 3 * HOUR)));
    for (let polls = 0; polls < 4; polls += 1) await setup.poll();
    expectComplete(setup);
    expect(
      setup.ledger.harvests.some((harvest) => harvest.purpose === 'reconcile' && harvest.events.length > 0),
    ).toBe(true);
  });

  it('widen the overlap', async () => {
    const setup = setUp({ late: { share: 0.2, up_to: 9 * MINUTE }, history: HOUR });
    expect(setup.source.state().overlapMs).toBe(10 * MINUTE);
    for (let polls = 0; polls < 30; polls += 1) {
      await setup.poll();
      await elapse(new Promise((resolve) => setTimeout(resolve, MINUTE)));
    }
    expect(setup.source.state().overlapMs).toBeGreaterThan(15 * MINUTE);
  });
});

describe('what is no event', () => {
  it('is set aside and never stops the rest', async () => {
    const setup = setUp({ malformed: 0.05, missing_ids: 0.05, history: HOUR, rate: 20 });
    setup.platform.set({ rate: 0 });
    await elapse(new Promise((resolve) => setTimeout(resolve, 70_000)));
    await setup.poll();
    const visible = setup.platform.visibleEvents();
    const good = visible.filter((event) => !event.malformed);
    expect(setup.ledger.malformed).toBeGreaterThan(10);
    expect(setup.ledger.events.size).toBe(good.length);
    const hashed = [...setup.ledger.events.keys()].filter((id) => id.startsWith('sha256:'));
    expect(hashed.length).toBe(good.filter((event) => event.id === null).length);
  });
});

describe('fewer on the server than we hold', () => {
  it('is a finding that names the ids, never a deletion', async () => {
    const setup = setUp({ history: 3 * HOUR, rate: 5 });
    await setup.poll();
    const victim = setup.platform
      .visibleEvents()
      .find((event) => event.createdNs > BigInt(START - 2 * HOUR) * 1_000_000n && event.id !== null);
    const id = victim?.id ?? '';
    setup.platform.remove([id]);
    await elapse(new Promise((resolve) => setTimeout(resolve, 16 * MINUTE)));
    await setup.poll();
    const finding = setup.ledger.findings.find((entry) => entry.kind === 'fewer_on_server');
    expect((finding?.detail as { missing: Json }).missing).toContain(id);
    expect(setup.ledger.events.has(id)).toBe(true);
  });
});

describe('clocks', () => {
  it.each([-3 * HOUR, 3 * HOUR])('windows follow the Platform when it is %i ms off', async (skew) => {
    const setup = setUp({ clock_skew: skew, history: HOUR });
    setup.platform.set({ rate: 0 });
    await setup.poll();
    await elapse(new Promise((resolve) => setTimeout(resolve, 70_000)));
    await setup.poll();
    expectComplete(setup);
    expect(Math.abs((setup.source.state().clockSkewMs ?? 0) - skew)).toBeLessThanOrEqual(1000);
  });
});

describe('filters', () => {
  it('narrow what is kept but not what is counted', async () => {
    const setup = setUp(
      { history: HOUR },
      { filters: { event_type: ['*login*'], user: [], team: [], entity: [], ip_address: [], search: '' } },
    );
    await setup.poll();
    const kept = [...setup.ledger.events.values()].filter((event) => event.wanted);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.every((event) => event.eventType.toLowerCase().includes('login'))).toBe(true);
    expect(setup.ledger.events.size).toBeGreaterThan(kept.length);
    expect(setup.http.asked.some((path) => path.includes('event_type='))).toBe(false);
  });
});

describe('answers that are none', () => {
  const cases: [string, SimulatorPatch, string][] = [
    ['a refused key', { api_key: 'other' }, 'denied'],
    ['a plan without the log', { plan: 'foundations' }, 'denied'],
    ['a role without the right', { role_ok: false }, 'denied'],
  ];
  it.each(cases)('%s holds', async (_name, patch, kind) => {
    const setup = setUp({ history: HOUR, ...patch });
    await expect(setup.poll()).rejects.toMatchObject({ kind });
    expect(setup.ledger.harvests).toEqual([]);
  });

  it.each(['500', '502', '503', '429', 'reset', 'truncate'] as const)(
    '%s now and then costs nothing',
    async (kind) => {
      const setup = setUp({ history: 2 * HOUR, faults: { share: 0.3, kinds: [kind] } });
      for (let tries = 0; tries < 20; tries += 1) await setup.poll().catch(() => {});
      setup.platform.set({ faults: { share: 0 }, rate: 0 });
      await elapse(new Promise((resolve) => setTimeout(resolve, 70_000)));
      await setup.poll();
      expectComplete(setup);
    },
  );

  it('HTML is never "no events"', async () => {
    const setup = setUp({ history: HOUR, faults: { share: 1, kinds: ['html'] } });
    await expect(setup.poll()).rejects.toThrow(/instead of JSON/);
    expect(setup.ledger.progress).toBeNull();
  });
});

describe('an abort', () => {
  it('rejects at once with its reason', async () => {
    const setup = setUp({ history: 6 * HOUR });
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await expect(setup.poll(stop.signal)).rejects.toThrow('enough');
  });
});
