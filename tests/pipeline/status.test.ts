import { expect, it } from 'vitest';

import { createStatus, enterLane, enterState, sinkStatus, sourceStatus } from '../../src/pipeline/status.ts';

it('knows since when a state lasts, why, and forgets why when it is over', () => {
  const status = sinkStatus('splunk', 'confirmed', 0);
  expect(status).toMatchObject({ state: 'starting', sinceMs: 0, turnedMs: 0, heldMs: 0 });
  enterState(status, 'retrying', 10, { reason: 'no answer', hint: 'wait', nextTryMs: 20 });
  enterState(status, 'retrying', 30, { reason: 'still none' });
  expect(status).toMatchObject({
    sinceMs: 10,
    turnedMs: 30,
    reason: 'still none',
    hint: null,
    nextTryMs: null,
  });
  enterState(status, 'working', 40);
  expect(status).toMatchObject({ state: 'working', sinceMs: 40, reason: null, heldMs: 0 });
});

it('adds up the time of holds only, and never backwards', () => {
  const status = sourceStatus('platform', 0);
  enterState(status, 'held', 100, { reason: 'no' });
  enterState(status, 'held', 150, { reason: 'no' });
  enterState(status, 'idle', 200);
  enterState(status, 'idle', 900);
  expect(status.heldMs).toBe(100);
  enterState(status, 'held', 1000, { reason: 'no' });
  enterState(status, 'idle', 500); // the wall clock was set back
  expect(status.heldMs).toBe(100);
});

it('starts empty', () => {
  expect(createStatus(5)).toEqual({ startedMs: 5, sources: new Map(), sinks: new Map(), stopping: false });
});

it('shows the worst of its lanes, until the last of them is better', () => {
  const status = sinkStatus('splunk', 'confirmed', 0);
  const [denied, slow, well] = [{}, {}, {}];
  enterLane(status, slow, 'retrying', 10, { reason: 'no answer' });
  enterLane(status, denied, 'held', 20, { reason: '403', hint: 'a new token', nextTryMs: 90 });
  enterLane(status, well, 'working', 30);
  enterState(status, 'working', 40); // another batch takes off
  expect(status).toMatchObject({
    state: 'held',
    sinceMs: 20,
    reason: '403',
    hint: 'a new token',
    nextTryMs: 90,
  });
  enterLane(status, denied, 'working', 50);
  expect(status).toMatchObject({
    state: 'retrying',
    sinceMs: 50,
    reason: 'no answer',
    hint: null,
    heldMs: 30,
  });
  enterLane(status, slow, 'working', 60);
  enterState(status, 'idle', 70);
  expect(status).toMatchObject({ state: 'idle', reason: null });
  enterLane(status, denied, 'held', 80, { reason: '403' });
  enterState(status, 'stopped', 90);
  expect(status).toMatchObject({ state: 'stopped', reason: null });
});
