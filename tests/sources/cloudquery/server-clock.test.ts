import { describe, expect, it } from 'vitest';

import type { Clock } from '../../../src/model/clock.ts';
import { wallClock } from '../../../src/model/clock.ts';
import { createServerClock } from '../../../src/sources/cloudquery/server-clock.ts';
import type { ServerClock } from '../../../src/sources/cloudquery/server-clock.ts';

const T0 = Date.parse('2026-01-02T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const dateOf = (ms: number): { date: string } => ({ date: new Date(ms).toUTCString() });

interface Setup {
  readonly clock: ServerClock;
  /** Time passes, on both clocks of ours. */
  readonly pass: (ms: number) => void;
  /** Our wall clock is set, or the machine slept: only it moves. */
  readonly jump: (ms: number) => void;
  readonly hear: (serverMs: number) => void;
  readonly read: () => { skewMs: number; nowMs: number; current: boolean };
}

function setUp(): Setup {
  let wall = T0;
  let monotonic = 500;
  const ours: Clock = { ...wallClock, now: () => wall, monotonic: () => monotonic };
  const clock = createServerClock(ours);
  return {
    clock,
    pass: (ms) => {
      wall += ms;
      monotonic += ms;
    },
    jump: (ms) => {
      wall += ms;
    },
    hear: (serverMs) => clock.observe(dateOf(serverMs), monotonic),
    read: () => {
      const time = clock.read();
      if (time === null) throw new Error('nothing was heard');
      return time;
    },
  };
}

describe('the clock of the server', () => {
  it.each([
    {},
    { date: 'soon' },
    { date: '' },
    { date: '7' },
    { date: 'tomorrow 2030' },
    { date: '2026-01-02' },
    { date: ['Fri, 02 Jan 2026 12:00:00 GMT'] },
  ])('is not known from %j', (headers) => {
    const { clock } = setUp();
    clock.observe(headers, 0);
    expect(clock.read()).toBeNull();
  });

  it('counts from the moment of the answer, the early end of what is possible, and is not taken for off', () => {
    const { clock, pass, read } = setUp();
    pass(800);
    clock.observe(dateOf(T0), 500);
    expect(read().nowMs).toBe(T0);
    expect(read().skewMs).toBe(0);
  });

  it.each([-HOUR, HOUR])('is known when it is %i ms off', (skew) => {
    const { hear, read } = setUp();
    hear(T0 + skew);
    expect(read().nowMs).toBe(T0 + skew);
    expect(Math.abs(read().skewMs - skew)).toBeLessThanOrEqual(1000);
  });

  it.each([150 * 365 * DAY, -14 * 365 * DAY])(
    'is not %i ms away by more votes than one that may be',
    (far) => {
      const { hear, read } = setUp();
      for (const ms of [far, -HOUR, far, -HOUR, far]) hear(T0 + ms);
      expect(read()).toMatchObject({ nowMs: T0 - HOUR, current: false });
    },
  );

  it('goes on with time, and is not moved when ours is set', () => {
    const { hear, pass, jump, read } = setUp();
    hear(T0);
    pass(MINUTE);
    jump(HOUR);
    expect(read().nowMs).toBe(T0 + MINUTE);
    jump(-5 * HOUR);
    expect(read().nowMs).toBe(T0 + MINUTE);
  });

  it('forgets what it heard before the machine slept: monotonic time stood still meanwhile', () => {
    const { hear, jump, read } = setUp();
    for (let heard = 0; heard < 5; heard += 1) hear(T0);
    jump(8 * HOUR);
    hear(T0 + 8 * HOUR);
    expect(read().nowMs).toBe(T0 + 8 * HOUR);
  });

  it.each([-14 * 365 * DAY, -T0, -2 * DAY, 2 * DAY, 40 * DAY, 200 * 365 * DAY])(
    'is not moved by one answer that is %i ms off among others',
    (off) => {
      const { hear, read } = setUp();
      for (let round = 0; round < 30; round += 1) {
        const bad = round % 3 === 2;
        hear(T0 + (bad ? off : 0));
        expect(read().nowMs).toBe(T0);
        expect(read().current).toBe(!bad);
      }
    },
  );

  it.each([-T0, -2 * DAY, 2 * DAY])(
    'is right with the next good answer when the first was %i ms off',
    (off) => {
      const { hear, read } = setUp();
      hear(T0 + off);
      hear(T0);
      expect(read().nowMs).toBe(T0);
    },
  );

  it('is the one that most answers agree on, after a correction too', () => {
    const { hear, read } = setUp();
    for (let heard = 0; heard < 5; heard += 1) hear(T0 + 2 * DAY);
    for (let heard = 0; heard < 3; heard += 1) hear(T0);
    expect(read()).toMatchObject({ nowMs: T0, current: true });
  });

  it('is the earliest of answers that agree', () => {
    const { hear, read } = setUp();
    hear(T0 + 40_000);
    hear(T0);
    hear(T0 + 30_000);
    expect(read().nowMs).toBe(T0);
  });
});
