import { afterEach, beforeEach, expect, it } from 'vitest';

import { createGate } from '../../src/pipeline/gate.ts';
import type { Pass } from '../../src/pipeline/gate.ts';
import { elapse, simulatedClock, startSimulatedTime, stopSimulatedTime } from '../fakes/simulated-time.ts';

const clock = simulatedClock(() => 0.5);
const quiet = new AbortController().signal;

beforeEach(() => startSimulatedTime(0));
afterEach(() => stopSimulatedTime());

it('lets every lane through while all is well', async () => {
  const gate = createGate(clock);
  await Promise.all([gate.enter(quiet), gate.enter(quiet), gate.enter(quiet)]);
  expect(clock.monotonic()).toBe(0);
});

it('after a failure lets one lane try, and not before its time', async () => {
  const gate = createGate(clock);
  (await gate.enter(quiet)).failed(() => 10_000);
  const passed: Pass[] = [];
  const lanes = [1, 2, 3].map(async () => {
    passed.push(await gate.enter(quiet));
    expect(clock.monotonic()).toBeGreaterThanOrEqual(10_000);
  });
  await elapse(clock.sleep(60_000));
  expect(passed).toHaveLength(1);
  passed[0]?.succeeded();
  await elapse(Promise.all(lanes));
  expect(passed).toHaveLength(3);
});

it('lets one lane try also when tries from before the failure end while it does', async () => {
  const gate = createGate(clock);
  const [first, second, third] = [await gate.enter(quiet), await gate.enter(quiet), await gate.enter(quiet)];
  first.failed(() => 1000);
  const probe = await elapse(gate.enter(quiet));
  second.failed(() => 1000);
  third.left();
  let more = 0;
  const waiting = [1, 2].map(async () => {
    await gate.enter(quiet);
    more += 1;
  });
  await elapse(clock.sleep(60_000));
  expect(more).toBe(0);
  probe.left();
  await elapse(clock.sleep(60_000));
  expect(more).toBe(1);
  void waiting;
});

it('counts failures in a row: of tries under way together one, and none from before a success', async () => {
  const gate = createGate(clock);
  const counted: number[] = [];
  const fail = (pass: Pass): number => pass.failed((failures) => (counted.push(failures), 100));
  const [first, second, third] = [await gate.enter(quiet), await gate.enter(quiet), await gate.enter(quiet)];
  fail(first);
  fail(second);
  fail(await elapse(gate.enter(quiet)));
  fail(await elapse(gate.enter(quiet)));
  third.succeeded();
  fail(await elapse(gate.enter(quiet)));
  expect(counted).toEqual([1, 1, 2, 3, 1]);
});

it('lets the next lane try when the one that tried gave up without an answer', async () => {
  const gate = createGate(clock);
  (await gate.enter(quiet)).failed(() => 1000);
  const probe = await elapse(gate.enter(quiet));
  const second = gate.enter(quiet);
  probe.left();
  await elapse(second);
});

it('keeps the later of two moments', async () => {
  const gate = createGate(clock);
  const [first, second] = [await gate.enter(quiet), await gate.enter(quiet)];
  first.failed(() => 30_000);
  second.failed(() => 5_000);
  await elapse(gate.enter(quiet));
  expect(clock.monotonic()).toBe(30_000);
});

it('opens soon when told to, and ends at once when aborted', async () => {
  const gate = createGate(clock);
  (await gate.enter(quiet)).failed(() => 300_000);
  const waiting = gate.enter(quiet);
  gate.reopen();
  (await elapse(waiting)).failed(() => 300_000);
  expect(clock.monotonic()).toBeLessThanOrEqual(500);
  const stop = new AbortController();
  const aborted = gate.enter(stop.signal);
  stop.abort(new Error('enough'));
  await expect(aborted).rejects.toThrow('enough');
  await expect(gate.enter(stop.signal)).rejects.toThrow('enough');
});
