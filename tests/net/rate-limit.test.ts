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
