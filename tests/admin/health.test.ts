import { describe, expect, it } from 'vitest';

import { liveness, readiness, STUCK_IDLE_MS, STUCK_WORKING_MS } from '../../src/admin/health.ts';
import type { Health } from '../../src/admin/health.ts';
import { READINESS_LIMITS } from '../../src/admin/options.ts';
import { survey } from '../../src/admin/survey.ts';
import { msToNs } from '../../src/model/time.ts';
import { enterState } from '../../src/pipeline/status.ts';
import { aFinding, aLetter, anEvent, createRoom, START_MS } from './room.ts';
import type { Room } from './room.ts';

const live = (room: Room): Health => liveness(room.options.view(), room.nowMs);

async function ready({ options }: Room): Promise<Health> {
  return readiness(await survey(options), options.limits);
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
    enterState(room.splunk, 'working', START_MS);
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
  const { stalledAfterMs } = READINESS_LIMITS;

  it('tells idle from broken', async () => {
    const health = await ready(createRoom());
    expect(health.ok).toBe(true);
    expect(health.notes.map(({ text }) => text)).toContain('idle until the next poll');
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

  it.each(['working', 'retrying', 'idle'] as const)(
    'says no of a sink that settles nothing for long, even if it says %s and began that just now',
    async (state) => {
      const room = createRoom();
      room.nowMs = START_MS + stalledAfterMs;
      room.source.progressedMs = room.elastic.progressedMs = room.nowMs;
      Object.assign(room.splunk, { state, reason: 'connection refused' });
      expect((await ready(room)).ok).toBe(true);
      room.nowMs += 1;
      expect((await ready(room)).reasons).toMatchObject([{ part: 'splunk', text: /connection refused/ }]);
    },
  );

  it.each([0, 7])(
    'says no of a source that reads nothing, also with %i windows open',
    async (openWindows) => {
      const room = createRoom();
      room.state = { ...room.state, openWindows };
      room.nowMs = START_MS + 15_000 + stalledAfterMs;
      room.splunk.progressedMs = room.elastic.progressedMs = room.nowMs;
      enterState(room.source, 'working', room.nowMs);
      expect((await ready(room)).ok).toBe(true);
      room.nowMs += 1;
      expect((await ready(room)).reasons).toMatchObject([{ part: 'platform', text: /no progress for/ }]);
    },
  );

  it('leaves a source that polls every hour in peace between its polls', async () => {
    const room = createRoom({ pollEveryMs: 3_600_000 });
    room.nowMs = START_MS + 3_600_000 + stalledAfterMs;
    room.splunk.progressedMs = room.elastic.progressedMs = room.nowMs;
    expect((await ready(room)).ok).toBe(true);
    room.nowMs += 1;
    expect((await ready(room)).ok).toBe(false);
  });

  it('sees it within five minutes, also where a poll is due every two minutes only', () => {
    expect(stalledAfterMs + 120_000).toBeLessThanOrEqual(300_000);
  });

  it('is not deceived by a wall clock that is set back', async () => {
    const room = createRoom();
    room.nowMs = START_MS - 3_600_000;
    room.monotonicMs = START_MS + 15_000 + stalledAfterMs + 1;
    expect((await ready(room)).reasons.map(({ part }) => part)).toEqual(['platform', 'splunk', 'elastic']);
  });

  it('says no of windows that cannot be read for long while others are, and names a new one', async () => {
    const room = createRoom();
    const window = { startNs: msToNs(START_MS - 7_200_000), endNs: msToNs(START_MS - 3_600_000) };
    const trouble = { window, reason: 'the Platform answered 500', hint: 'ask its operator' };
    room.state = { ...room.state, troubles: [{ ...trouble, sinceMs: START_MS - 60_000 }] };
    const young = await ready(room);
    expect(young.ok).toBe(true);
    const text =
      '2026-01-02T02:00:00Z to 2026-01-02T03:00:00Z cannot be read for 1m: the Platform answered 500';
    expect(young.notes).toContainEqual({ part: 'platform', text, hint: 'ask its operator' });
    room.state = { ...room.state, troubles: [{ ...trouble, sinceMs: START_MS - stalledAfterMs - 1 }] };
    expect((await ready(room)).reasons).toMatchObject([{ part: 'platform', text: /500/ }]);
  });

  it('says no when the journal is full', async () => {
    const room = createRoom();
    room.usedBytes = 2_000_000;
    expect((await ready(room)).reasons).toMatchObject([{ part: 'journal' }]);
  });

  it('says no before the first poll, when nothing could be read yet, and of a loop that ended', async () => {
    const room = createRoom();
    room.source.state = 'starting';
    expect((await ready(room)).ok).toBe(false);
    room.source.polls = 0;
    enterState(room.source, 'retrying', START_MS, { reason: 'no route' });
    expect((await ready(room)).reasons).toMatchObject([{ part: 'platform', text: /no route/ }]);
    enterState(room.source, 'working', START_MS);
    enterState(room.elastic, 'stopped', START_MS);
    expect((await ready(room)).reasons).toEqual([{ part: 'elastic', text: 'stopped' }]);
  });

  it('names dead letters and findings without saying no', async () => {
    const room = createRoom();
    room.letters.push(
      aLetter(1, anEvent(1, START_MS), 'refused'),
      aLetter(2, anEvent(2, START_MS), 'refused'),
    );
    room.findings.push(aFinding(1, 'fewer'));
    const { ok, notes } = await ready(room);
    expect(ok).toBe(true);
    expect(notes).toContainEqual({
      part: 'splunk',
      text: '2 dead letters',
      hint: 'auditferry dead-letters list',
    });
    expect(notes).toContainEqual({ part: 'findings', text: '1 open finding', hint: 'auditferry findings' });
  });
});
