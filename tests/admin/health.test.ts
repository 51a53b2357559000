import { describe, expect, it } from 'vitest';

import { liveness, readiness, STUCK_IDLE_MS, STUCK_WORKING_MS } from '../../src/admin/health.ts';
import type { Health } from '../../src/admin/health.ts';
import { msToNs } from '../../src/model/time.ts';
import { enterState } from '../../src/pipeline/status.ts';
import { createRoom, START_MS } from './room.ts';
import type { Room } from './room.ts';

const live = (room: Room): Health => liveness(room.options.view(), room.nowMs);

async function ready(room: Room): Promise<Health> {
  const { options } = room;
  return readiness(options.view(), await options.journal.size(), options.limits, room.nowMs);
}

describe('liveness', () => {
  it('takes an idle daemon for healthy', () => {
    expect(live(createRoom())).toMatchObject({ ok: true, reasons: [] });
  });

  it('finds a loop that works without moving, and names it', () => {
    const room = createRoom();
    room.splunk.state = 'working';
    room.nowMs = START_MS + STUCK_WORKING_MS + 1;
    room.source.turnedMs = room.nowMs;
    room.elastic.turnedMs = room.nowMs;
    const health = live(room);
    expect(health.ok).toBe(false);
    expect(health.reasons.map(({ part }) => part)).toEqual(['splunk']);
  });

  it('gives an idle source the time until its next poll, however far that is', () => {
    const room = createRoom();
    room.splunk.state = room.elastic.state = 'stopped';
    room.nowMs = START_MS + 15_000 + STUCK_IDLE_MS;
    expect(live(room).ok).toBe(true);
    room.nowMs += 1;
    expect(live(room).ok).toBe(false);
  });

  it.each(['held', 'retrying', 'waiting_for_space'] as const)('lets a loop that is %s wait', (state) => {
    const room = createRoom();
    enterState(room.splunk, state, START_MS, { reason: 'no answer', nextTryMs: START_MS + 300_000 });
    room.nowMs = START_MS + 60_000;
    expect(live(room).ok).toBe(true);
    // … but not for ever after the moment that it named itself.
    room.nowMs = START_MS + 300_000 + STUCK_WORKING_MS + 1;
    room.source.turnedMs = room.elastic.turnedMs = room.nowMs;
    expect(live(room).ok).toBe(false);
  });
});

describe('readiness', () => {
  it('tells idle from broken', async () => {
    const health = await ready(createRoom());
    expect(health.ok).toBe(true);
    expect(health.notes.map(({ text }) => text)).toContain('fresh; idle until the next poll');
  });

  it('notes what is wrong with the clocks, with its hint, and stays ready', async () => {
    const room = createRoom();
    const clock = { wrong: 'apart', text: 'they differ by 2d', hint: 'set one' } as const;
    room.state = { ...room.state, clock };
    const { ok, notes } = await ready(room);
    expect(ok).toBe(true);
    expect(notes).toContainEqual({ part: room.source.name, text: clock.text, hint: clock.hint });
  });

  it('says no while draining', async () => {
    const room = createRoom();
    room.status.stopping = true;
    expect((await ready(room)).reasons).toMatchObject([{ part: 'daemon', text: /stopping/ }]);
  });

  it('says no with the reason and the hint of a held sink', async () => {
    const room = createRoom();
    enterState(room.splunk, 'held', START_MS, { reason: '403 invalid token', hint: 'make a new token' });
    const { ok, reasons } = await ready(room);
    expect(ok).toBe(false);
    expect(reasons).toEqual([{ part: 'splunk', text: 'held: 403 invalid token', hint: 'make a new token' }]);
  });

  it('bears a short failure, and not a long one', async () => {
    const room = createRoom();
    enterState(room.splunk, 'retrying', START_MS, { reason: 'connection refused' });
    expect((await ready(room)).ok).toBe(true);
    room.nowMs = START_MS + room.options.limits.retryingWithinMs + 1;
    expect((await ready(room)).reasons).toMatchObject([{ part: 'splunk' }]);
  });

  it('says no when the frontier is older than the schedule explains', async () => {
    const room = createRoom();
    const limit = 15_000 + room.options.limits.freshWithinMs;
    room.state = { ...room.state, frontierNs: msToNs(START_MS - limit) };
    expect((await ready(room)).ok).toBe(true);
    room.state = { ...room.state, frontierNs: msToNs(START_MS - limit - 1_000) };
    expect((await ready(room)).reasons).toMatchObject([{ part: 'platform', text: /not fresh/ }]);
    // Old, but being read: that is catching up.
    room.source.state = 'working';
    expect((await ready(room)).ok).toBe(true);
  });

  it('says no when the journal is full', async () => {
    const room = createRoom();
    room.usedBytes = 2_000_000;
    expect((await ready(room)).reasons).toMatchObject([{ part: 'journal' }]);
  });

  it('says no before the first poll, and when nothing could be read yet', async () => {
    const room = createRoom();
    room.source.state = 'starting';
    expect((await ready(room)).ok).toBe(false);
    enterState(room.source, 'retrying', START_MS, { reason: 'no route' });
    room.state = { ...room.state, frontierNs: null };
    expect((await ready(room)).reasons).toMatchObject([{ part: 'platform', text: /no route/ }]);
  });
});
