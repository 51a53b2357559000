import { afterEach, beforeEach, expect, it } from 'vitest';

import { waiters } from '../../../src/checkpoint/waiters.ts';
import { elapse, simulatedClock, startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';

const LOOK_MS = 1000;
const quiet = new AbortController().signal;

beforeEach(() => startSimulatedTime(0));
afterEach(() => stopSimulatedTime());

it('hears of another process although the disk failed in between, and a failure ends nobody', async () => {
  let version = 1n;
  let failures = 0;
  const waiting = waiters({
    clock: simulatedClock(() => 0.5),
    hasMore: () => false,
    version,
    othersVersion: () => {
      if (failures > 0) {
        failures -= 1;
        throw new Error('disk I/O error');
      }
      return version;
    },
    lookEveryMs: () => LOOK_MS,
  });
  failures = 3;
  const began = Date.now();
  const news = waiting.waitForNews(0, null, 60 * LOOK_MS, quiet);
  version = 2n;
  expect(await elapse(news)).toBe(1);
  expect(Date.now() - began).toBe(3 * LOOK_MS);
});

it('wakes who waits for events where it cannot look, and never fails whoever appended them', async () => {
  let fails = false;
  const waiting = waiters({
    clock: simulatedClock(() => 0.5),
    hasMore: () => {
      if (fails) throw new Error('disk I/O error');
      return false;
    },
    version: 1n,
    othersVersion: () => 1n,
    lookEveryMs: () => LOOK_MS,
  });
  const began = Date.now();
  const more = waiting.wait(1n, 60 * LOOK_MS, quiet);
  fails = true;
  expect(() => waiting.appended()).not.toThrow();
  await elapse(more);
  expect(Date.now()).toBe(began);
});
