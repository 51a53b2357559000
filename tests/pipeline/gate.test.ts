import { afterEach, beforeEach, expect, it } from 'vitest';

import { createGate } from '../../src/pipeline/gate.ts';
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
  gate.failed(10_000);
  const passed: number[] = [];
  const lanes = [1, 2, 3].map(async (lane) => {
    await gate.enter(quiet);
    passed.push(lane);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(10_000);
  });
  await elapse(clock.sleep(60_000));
  expect(passed).toHaveLength(1);
  gate.succeeded();
  await elapse(Promise.all(lanes));
  expect(passed).toHaveLength(3);
  expect(gate.failures()).toBe(0);
});

it('lets the next lane try when the one that tried gave up without an answer', async () => {
  const gate = createGate(clock);
  gate.failed(1000);
  await elapse(gate.enter(quiet));
  const second = gate.enter(quiet);
  gate.left();
  await elapse(second);
  expect(gate.failures()).toBe(1);
});

it('keeps the later of two moments', async () => {
  const gate = createGate(clock);
  gate.failed(30_000);
  gate.failed(5_000);
  await elapse(gate.enter(quiet));
  expect(clock.monotonic()).toBe(30_000);
  expect(gate.failures()).toBe(2);
});

it('opens soon when told to, and ends at once when aborted', async () => {
  const gate = createGate(clock);
  gate.failed(300_000);
  const waiting = gate.enter(quiet);
  gate.reopen();
  await elapse(waiting);
  expect(clock.monotonic()).toBeLessThanOrEqual(500);
  gate.failed(300_000);
  const stop = new AbortController();
  const aborted = gate.enter(stop.signal);
  stop.abort(new Error('enough'));
  await expect(aborted).rejects.toThrow('enough');
  await expect(gate.enter(stop.signal)).rejects.toThrow('enough');
});
