import { describe, expect, test } from 'vitest';

import { bench, idsOf, START } from './asking.ts';

describe('controls', () => {
  test('inserted events are listed, with the body that was given', () => {
    const { platform, walk, get } = bench({ rate: 0 });
    const json = '{"id":"x-1","created_at":"2026-06-01T11:30:00Z","event_type":"given"}';
    expect(
      platform.insert([
        { createdAt: '2026-06-01T11:30:00Z', json },
        { createdAt: '2026-06-01T11:00:00Z', id: 'x-2' },
      ]),
    ).toEqual(['x-1', 'x-2']);
    expect(walk()).toEqual(['x-2', 'x-1']);
    expect(get('/api/audit-logs', { event_type: 'given' }).body).toContain(`[${json}]`);
    expect(() => platform.insert([{ createdAt: 'noon' }])).toThrow(/no readable time/);
  });

  test('an inserted event can stay hidden until its time', () => {
    const { platform, walk, advance } = bench({ rate: 0 });
    platform.insert([{ createdAt: '2026-06-01T11:00:00Z', id: 'late', visibleMs: START + 5000 }]);
    expect(walk()).toEqual([]);
    expect(platform.allEvents()).toMatchObject([{ id: 'late', state: 'pending' }]);
    advance(5000);
    expect(walk()).toEqual(['late']);
  });

  test('many inserted rows get ids of their own', () => {
    const { platform } = bench({ rate: 0 });
    const ids = platform.insert(
      Array.from({ length: 1300 }, () => ({ createdAt: '2026-06-01T11:00:00.25Z' })),
    );
    expect(new Set(ids).size).toBe(1300);
    expect(new Set(idsOf(platform))).toEqual(new Set(ids));
  });

  test('removed events are gone from the list and kept for the comparison', () => {
    const { platform, walk } = bench();
    const ids = idsOf(platform);
    expect(platform.remove(ids.slice(10, 20))).toBe(10);
    expect(walk()).toEqual([...ids.slice(0, 10), ...ids.slice(20)]);
    expect(platform.allEvents().filter(({ state }) => state === 'gone').length).toBe(10);
    expect(platform.remove(['unknown'])).toBe(0);
  });

  test('switches change while it runs; a refused change changes nothing', () => {
    const { platform, page, advance } = bench({ rate: 0 });
    platform.set({ rate: 600 });
    advance(180_000);
    expect(page().metadata.total_count).toBeGreaterThan(600);
    expect(() => platform.set({ totals: false, order: 'up' })).toThrow(/order takes/);
    expect(page().metadata).toHaveProperty('total_count');
    platform.set({ totals: false });
    expect(page().metadata).not.toHaveProperty('total_count');
  });

  test('an instant can be put in later', () => {
    const { platform } = bench({ rate: 0 });
    platform.set({ instant: { rows: 20, ago: 60_000 } });
    platform.set({ order: 'desc' });
    expect(idsOf(platform).length).toBe(20);
  });

  test('more events than fit in memory are refused', () => {
    expect(() => bench({ history: 365 * 86_400_000, rate: 1000 })).toThrow(/would hold about/);
  });
});

test('history reaches back as far as asked, and time brings new events', () => {
  const { platform, advance } = bench({ history: 1_800_000 });
  const first = platform.visibleEvents()[0]?.createdNs ?? 0n;
  expect(Number(first / 1_000_000n)).toBeGreaterThanOrEqual(START - 1_800_000);
  expect(Number(first / 1_000_000n)).toBeLessThan(START - 1_780_000);
  const before = idsOf(platform);
  advance(600_000);
  const after = idsOf(platform);
  expect(after.slice(0, before.length)).toEqual(before);
  expect(after.length - before.length).toBeGreaterThan(400);
});

test('since fixes where the history begins', () => {
  const { platform } = bench({ since: '2026-06-01T11:59:00Z' });
  expect(platform.visibleEvents()[0]?.createdAt.slice(0, 16)).toBe('2026-06-01T11:59');
});
