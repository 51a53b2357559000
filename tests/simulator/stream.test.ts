import { expect, test } from 'vitest';

import type { SimulatorPatch } from '../../src/simulator/options.ts';
import { createPlatform } from '../../src/simulator/platform.ts';
import { bench, START } from './asking.ts';

const EVERYTHING: SimulatorPatch = {
  history: 7_200_000,
  rate: 30,
  burst: { every: 1_800_000, rows: 200 },
  instant: { rows: 30, at: '2026-06-01T11:20:00.5Z' },
  late: { share: 0.1, up_to: 600_000 },
  visibility_lag: 2000,
  duplicate_ids: 0.02,
  missing_ids: 0.02,
  malformed: 0.02,
  odd: 0.1,
};

test('a restart shows the same items with the same bytes for the time that both cover', () => {
  const from = BigInt(START - 3_600_000) * 1_000_000n;
  const told = (startedMs: number) => {
    const started = { ms: startedMs };
    const platform = createPlatform(EVERYTHING, () => started.ms);
    started.ms = START;
    return platform
      .visibleEvents()
      .filter((event) => event.createdNs >= from)
      .map(({ id, createdAt, json }) => `${id} ${createdAt} ${json}`);
  };
  const whole = told(START);
  expect(whole.length).toBeGreaterThan(1500);
  expect(told(START - 1_234_567)).toEqual(whole);
});

test('another seed gives other events', () => {
  const ids = (seed: number) =>
    new Set(
      bench({ seed })
        .platform.visibleEvents()
        .map(({ id }) => id),
    );
  expect(ids(1).isDisjointFrom(ids(2))).toBe(true);
});

test('one switch leaves the other events as they are', () => {
  const plain = new Set(
    bench()
      .platform.visibleEvents()
      .map(({ json }) => json),
  );
  const odd = bench({ malformed: 0.1 }).platform.visibleEvents();
  const kept = odd.filter(({ json }) => plain.has(json)).length;
  expect(kept).toBe(odd.filter(({ malformed }) => !malformed).length);
});

test('ids are UUIDs and never repeat, over 30,000 events', () => {
  const { platform } = bench({ history: 28_800_000, rate: 62 });
  const ids = platform.visibleEvents().map(({ id }) => String(id));
  expect(ids.length).toBeGreaterThan(29_000);
  expect(ids.length).toBeLessThan(31_000);
  expect(new Set(ids).size).toBe(ids.length);
  expect(
    ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)),
  ).toBe(true);
});

test('a burst writes its rows per millisecond, at each multiple of its distance', () => {
  const { platform } = bench({
    rate: 0,
    precision: 'ms',
    burst: { every: 1_800_000, rows: 400, rows_per_ms: 40 },
  });
  const times = platform.visibleEvents().map(({ createdAt }) => createdAt);
  // 11:00 and 11:30 in full; that of 12:00 is about to begin.
  expect(times.length).toBe(800);
  expect(times.filter((time) => time === '2026-06-01T11:30:00.003Z').length).toBe(40);
  expect(times.at(-1)).toBe('2026-06-01T11:30:00.009Z');
});

test('the instant has its rows at one time', () => {
  const { platform } = bench({ rate: 0, instant: { rows: 1300, ago: 600_000 } });
  const events = platform.visibleEvents();
  expect(new Set(events.map(({ createdAt }) => createdAt))).toEqual(new Set(['2026-06-01T11:50:00Z']));
  expect(new Set(events.map(({ id }) => id)).size).toBe(1300);
});

test.each([
  ['s', /^[^.]+Z$/],
  ['ms', /T[\d:]+(\.\d{1,3})?Z$/],
  ['us', /\.\d{4,6}Z$/],
  ['ns', /\.\d{7,9}Z$/],
] as const)('precision %s shows in created_at, without trailing zeros', (precision, shape) => {
  const times = bench({ precision })
    .platform.visibleEvents()
    .map(({ createdAt }) => createdAt);
  expect(times.filter((time) => shape.test(time)).length / times.length).toBeGreaterThan(0.98);
  expect(times.filter((time) => /\.\d*0Z$/.test(time))).toEqual([]);
});

test('a late event is listed after its time, and all are in the end', () => {
  const { platform, advance } = bench({ rate: 120, late: { share: 0.2, up_to: 600_000 } });
  const before = new Set(platform.visibleEvents().map(({ id }) => id));
  const hidden = platform.allEvents().filter(({ state }) => state === 'pending');
  expect(hidden.length).toBeGreaterThan(50);
  expect(hidden.some(({ id }) => before.has(id))).toBe(false);
  advance(601_000);
  const after = new Set(platform.visibleEvents().map(({ id }) => id));
  expect(hidden.every(({ id }) => after.has(id))).toBe(true);
});

test('visibility lag keeps the newest events back for about its time', () => {
  const { platform } = bench({ visibility_lag: 60_000 });
  const newestNs = platform.visibleEvents().at(-1)?.createdNs ?? 0n;
  const behindMs = START - Number(newestNs / 1_000_000n);
  expect(behindMs).toBeGreaterThanOrEqual(29_000);
  expect(behindMs).toBeLessThan(90_000);
});

test('the shares of repeated, nameless, malformed and odd items are as asked', () => {
  const { platform } = bench({ rate: 100, duplicate_ids: 0.1, missing_ids: 0.1, malformed: 0.1, odd: 0.2 });
  const items = platform.visibleEvents();
  const proper = items.filter(({ malformed }) => !malformed);
  expect(1 - proper.length / items.length).toBeCloseTo(0.1, 1);
  expect(proper.filter(({ id }) => id === null).length / proper.length).toBeCloseTo(0.1, 1);
  const named = proper.flatMap(({ id, json }) => (id === null ? [] : [{ id, json }]));
  const bodies = new Map(named.map(({ id, json }) => [id, json]));
  expect(bodies.size / named.length).toBeCloseTo(0.91, 1);
  expect(named.every(({ id, json }) => bodies.get(id) === json)).toBe(true);
  const texts = proper.map(
    ({ json }) => JSON.parse(json) as { id?: unknown; user?: { email?: string } | null },
  );
  expect(texts.some((event) => event.id === null)).toBe(true);
  expect(texts.some((event) => !('id' in event))).toBe(true);
  expect(texts.some((event) => event.user === null)).toBe(true);
  expect(texts.some((event) => !('user' in event))).toBe(true);
  const broken = new Set(items.filter(({ malformed }) => malformed).map(({ json }) => json.slice(0, 4)));
  expect([...broken].sort()).toEqual(['"an ', '42', '[]', 'null', '{"id'].sort());
});
