import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { createLimit } from '../../src/net/rate-limit.ts';
import { elapse, simulatedClock, startSimulatedTime, stopSimulatedTime } from '../fakes/simulated-time.ts';

const clock = simulatedClock(() => 0.5);
const quiet = new AbortController().signal;

beforeEach(() => startSimulatedTime(Date.parse('2026-03-01T12:00:00Z')));
afterEach(() => stopSimulatedTime());

it('lets so many requests a second begin, whoever asks', async () => {
  const limit = createLimit({ requestsPerSecond: 4 }, clock);
  const begun: number[] = [];
  const one = (): Promise<void> => limit(async () => void begun.push(clock.monotonic()), quiet);
  const startMs = clock.monotonic();
  await elapse(Promise.all(Array.from({ length: 9 }, one)));
  expect(begun).toHaveLength(9);
  expect((begun.at(-1) ?? 0) - startMs).toBeGreaterThanOrEqual(2000);
  expect((begun.at(-1) ?? 0) - startMs).toBeLessThan(3000);
});

it('ends the wait for a turn at once when aborted, and does nothing when the turn comes', async () => {
  const limit = createLimit({ requestsPerSecond: 1 }, clock);
  const stop = new AbortController();
  let begun = 0;
  const work = async (): Promise<void> => void (begun += 1);
  await elapse(limit(work, quiet));
  const waiting = limit(work, stop.signal);
  await Promise.resolve();
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await elapse(clock.sleep(5000));
  expect(begun).toBe(1);
});

it('lets a request that has begun end by itself', async () => {
  const stop = new AbortController();
  const answer = createLimit({ requestsPerSecond: 1 }, clock)(async () => {
    await clock.sleep(1000);
    return 'taken';
  }, stop.signal);
  await elapse(clock.sleep(10));
  stop.abort(new Error('enough'));
  expect(await elapse(answer)).toBe('taken');
});

it('does not stand still when the clock is set back', async () => {
  const limit = createLimit({ requestsPerSecond: 1 }, clock);
  await elapse(limit(async () => {}, quiet));
  vi.setSystemTime(Date.now() - 3_600_000);
  const startMs = clock.monotonic();
  await elapse(limit(async () => {}, quiet));
  expect(clock.monotonic() - startMs).toBeLessThan(5000);
});

it('does not leave a request waiting that was queued before the clock was set back', async () => {
  const limit = createLimit({ requestsPerSecond: 1, concurrent: 1 }, clock);
  const slow = limit(() => clock.sleep(3000), quiet);
  const queued = limit(async () => clock.monotonic(), quiet);
  await elapse(clock.sleep(1500));
  vi.setSystemTime(Date.now() - 3_600_000);
  const startMs = clock.monotonic();
  await elapse(slow);
  expect((await elapse(queued)) - startMs).toBeLessThan(5000);
});

it('lets no more be under way when the clock is set back', async () => {
  const limit = createLimit({ requestsPerSecond: 10, concurrent: 2 }, clock);
  let underWay = 0;
  let most = 0;
  const one = (): Promise<void> =>
    limit(async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await clock.sleep(3000);
      underWay -= 1;
    }, quiet);
  const all = Promise.all(Array.from({ length: 6 }, one));
  await elapse(clock.sleep(500));
  vi.setSystemTime(Date.now() - 3_600_000);
  await elapse(all);
  expect(most).toBe(2);
});

it('does not burst while the clock is set back every second, and goes on afterwards', async () => {
  const limit = createLimit({ requestsPerSecond: 0.2 }, clock);
  const begun: number[] = [];
  const all = Promise.all(
    Array.from({ length: 4 }, () => limit(async () => void begun.push(clock.monotonic()), quiet)),
  );
  for (let second = 0; second < 8; second += 1) {
    await elapse(clock.sleep(1000));
    vi.setSystemTime(Date.now() - 60_000);
  }
  await elapse(all);
  const gaps = begun.slice(1).map((at, index) => at - (begun[index] ?? 0));
  expect(gaps.slice(1)).toEqual([5000, 5000]);
  expect(gaps[0]).toBeGreaterThanOrEqual(5000);
});

it('lets others pass who gave up in front of them, in the order of the calls', async () => {
  const limit = createLimit({ requestsPerSecond: 1, concurrent: 1 }, clock);
  const order: number[] = [];
  const stop = new AbortController();
  const first = limit(() => clock.sleep(2000), quiet);
  const given = [2, 3].map((n) => limit(async () => void order.push(n), stop.signal));
  const rest = [4, 5].map((n) => limit(async () => void order.push(n), quiet));
  await elapse(clock.sleep(10));
  stop.abort(new Error('enough'));
  for (const one of given) await expect(one).rejects.toThrow('enough');
  await elapse(Promise.all([first, ...rest]));
  expect(order).toEqual([4, 5]);
});

it('goes on after a request that failed', async () => {
  const limit = createLimit({ requestsPerSecond: 1, concurrent: 1 }, clock);
  const failing = limit(async () => {
    throw new Error('refused');
  }, quiet);
  await expect(elapse(failing)).rejects.toThrow('refused');
  expect(await elapse(limit(async () => 'taken', quiet))).toBe('taken');
});

it('keeps no timer once everything was asked, or given up', async () => {
  const limit = createLimit({ requestsPerSecond: 1, concurrent: 1 }, clock);
  const stop = new AbortController();
  const slow = limit(() => clock.sleep(500), quiet);
  const waiting = limit(async () => {}, stop.signal);
  await elapse(clock.sleep(100));
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await elapse(slow);
  await elapse(clock.sleep(2000));
  expect(vi.getTimerCount()).toBe(0);
});
