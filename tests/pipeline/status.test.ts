import { expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import {
  createStatus,
  enterState,
  goOnFrom,
  laneEnds,
  laneWaits,
  loopStatus,
  sinkStatus,
  sourceStatus,
} from '../../src/pipeline/status.ts';

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
  const own = { jobs: loopStatus(5), upkeep: loopStatus(5) };
  const parts = { sources: new Map(), sinks: new Map(), own };
  expect(createStatus(5)).toEqual({ startedMs: 5, ...parts, stopping: false });
});

it('goes on over a reload: the start stays, counters grow, states are those of the new loops', () => {
  const earlier = createStatus(5);
  const [source, sink] = [sourceStatus('platform', 5), sinkStatus('splunk', 'confirmed', 5)];
  Object.assign(source, { polls: 3, appended: 20, heldMs: 7, state: 'held' });
  Object.assign(sink, { delivered: 20, bytes: 900, retries: { transient: 2, denied: 1 } });
  earlier.sources.set('platform', source).set('gone', sourceStatus('gone', 5));
  earlier.sinks.set('splunk', sink);
  const status = createStatus(100);
  status.sources.set('platform', { ...sourceStatus('platform', 100), polls: 1 });
  status.sinks.set('splunk', sinkStatus('splunk', 'confirmed', 100));
  status.sinks.set('new', sinkStatus('new', 'sent', 100));
  goOnFrom(earlier, status);
  expect(status.startedMs).toBe(5);
  expect(status.sources.get('platform')).toMatchObject({
    polls: 4,
    appended: 20,
    heldMs: 7,
    state: 'starting',
  });
  expect(status.sinks.get('splunk')).toMatchObject({
    delivered: 20,
    bytes: 900,
    retries: { transient: 2, denied: 1 },
  });
  expect(status.sinks.get('new')).toMatchObject({ delivered: 0 });
  expect([...status.sources.keys()]).toEqual(['platform']);
});

it('shows the worst of its lanes, until the last of them is better', () => {
  const status = sinkStatus('splunk', 'confirmed', 0);
  const [denied, slow, well] = [{}, {}, {}];
  const refused = new ForwardError('denied', '403', { hint: 'a new token' });
  laneWaits(status, slow, new ForwardError('transient', 'no answer'), 10, 100);
  laneWaits(status, denied, refused, 20, 70);
  laneEnds(status, well, 30);
  enterState(status, 'working', 40); // another batch takes off
  expect(status).toMatchObject({
    state: 'held',
    sinceMs: 20,
    reason: '403',
    hint: 'a new token',
    nextTryMs: 90,
  });
  laneEnds(status, denied, 50);
  expect(status).toMatchObject({
    state: 'retrying',
    sinceMs: 50,
    reason: 'no answer',
    hint: null,
    heldMs: 30,
  });
  laneEnds(status, slow, 60);
  enterState(status, 'idle', 70);
  expect(status).toMatchObject({ state: 'idle', reason: null });
  laneWaits(status, denied, refused, 80, 10);
  enterState(status, 'stopped', 90);
  expect(status).toMatchObject({ state: 'stopped', reason: null });
});

it('takes no way that the machine does not have', () => {
  const status = sourceStatus('platform', 0);
  const full = { reason: 'the journal is full' };
  expect(() => enterState(status, 'idle', 1)).toThrow('a loop that is starting cannot become idle');
  enterState(status, 'working', 1);
  enterState(status, 'waiting_for_space', 2, full);
  expect(() => enterState(status, 'idle', 3)).toThrow('a loop that is waiting_for_space cannot become idle');
  enterState(status, 'stopped', 4);
  expect(() => enterState(status, 'waiting_for_space', 5, full)).toThrow('stopped cannot become');
  expect(status.state).toBe('stopped');
});
