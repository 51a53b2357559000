import { describe, expect, it, test } from 'vitest';

import { assertPlausible, createServerClock } from '../../../src/sources/cloudquery/server-clock.ts';

const T0 = Date.parse('2026-01-02T12:00:00Z');
const HOUR = 3_600_000;
const dateOf = (ms: number): { date: string } => ({ date: new Date(ms).toUTCString() });

function setUp(): {
  clock: ReturnType<typeof createServerClock>;
  at: (ms: number) => void;
  hear: (serverMs: number) => void;
} {
  let now = T0;
  const clock = createServerClock(() => now);
  return {
    clock,
    at: (ms) => {
      now = ms;
    },
    hear: (serverMs) => clock.observe(dateOf(serverMs), now, now),
  };
}

describe('the clock of the server', () => {
  it('is ours until an answer names one', () => {
    const { clock } = setUp();
    expect(clock.skewMs()).toBeNull();
    for (const headers of [{}, { date: 'soon' }, { date: '' }, { date: ['Fri, 02 Jan 2026 12:00:00 GMT'] }])
      clock.observe(headers, T0, T0);
    expect(clock.skewMs()).toBeNull();
    expect(clock.now()).toBe(T0);
  });

  it('counts from the moment of the answer, the early end of what is possible', () => {
    const { clock } = setUp();
    clock.observe(dateOf(T0), T0, T0 + 800);
    expect(clock.skewMs()).toBe(-800);
  });

  it.each([-HOUR, HOUR])('is followed when it is %i ms off', (skew) => {
    const { clock, hear } = setUp();
    hear(T0 + skew);
    expect(clock.now()).toBe(T0 + skew);
  });

  it('cannot be moved ahead by one answer, nor by two', () => {
    const { clock, hear } = setUp();
    hear(T0);
    hear(T0 + HOUR);
    hear(T0 + HOUR);
    expect(clock.now()).toBe(T0);
    hear(T0 + HOUR);
    expect(clock.now()).toBe(T0 + HOUR);
  });

  it('is never ahead of the server after our clock was set forward', () => {
    const { clock, at, hear } = setUp();
    hear(T0);
    at(T0 + HOUR);
    hear(T0);
    expect(clock.now()).toBe(T0);
  });

  it('forgets what it heard by a clock that was set back within an exchange', () => {
    const { clock, at } = setUp();
    clock.observe(dateOf(T0), T0 + HOUR, T0 + HOUR);
    at(T0);
    clock.observe(dateOf(T0), T0 + HOUR, T0);
    expect(clock.now()).toBe(T0);
  });
});

test('a clock that was never set reads nothing', () => {
  expect(() => assertPlausible(0)).toThrow(expect.objectContaining({ kind: 'transient' }));
  expect(() => assertPlausible(T0)).not.toThrow();
});
