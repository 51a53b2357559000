import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Clock } from '../../src/model/clock.ts';
import { pollEveryMs, untilNextPollMs } from '../../src/pipeline/schedule.ts';
import { testClock } from '../contract/clock.ts';

const NOON = Date.parse('2026-01-02T12:00:00Z');
const at = (now: number, random = 0.5): Clock => ({ ...testClock(), now: () => now, random: () => random });

describe('an interval', () => {
  it('is spread downwards by at most a tenth, and never nothing', () => {
    expect(untilNextPollMs({ everyMs: 15_000 }, at(NOON, 0))).toBe(15_000);
    expect(untilNextPollMs({ everyMs: 15_000 }, at(NOON, 0.999))).toBeGreaterThanOrEqual(13_500);
    expect(untilNextPollMs({ everyMs: 1000 }, at(NOON, 0.999))).toBeGreaterThanOrEqual(900);
  });
});

describe('a cron expression', () => {
  it.each([
    ['*/5 * * * *', 0, 300_000],
    ['*/5 * * * *', 400, 299_600],
    ['*/5 * * * *', 299_999, 1],
    ['* * * * * *', 0, 1000],
    ['* * * * * *', 999, 1],
    ['0 0 1 * *', 0, Date.parse('2026-02-01T00:00:00Z') - NOON],
    ['0 0 29 2 *', 0, Date.parse('2028-02-29T00:00:00Z') - NOON],
  ])('%s, %i ms after noon: in %i ms', (cron, after, wait) => {
    expect(untilNextPollMs({ cron }, at(NOON + after))).toBe(wait);
  });

  it('always names a moment ahead: polling again at once would be a hot loop', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('* * * * * *', '*/5 * * * *', '30 2 * * *'),
        fc.integer({ min: 0, max: 1e11 }),
        (cron, after) => {
          const now = NOON + after;
          const wait = untilNextPollMs({ cron }, at(now));
          expect(wait).toBeGreaterThan(0);
          expect((now + wait) % 1000).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('tells how far apart its moments are', () => {
    expect(pollEveryMs({ cron: '*/5 * * * *' }, at(NOON))).toBe(300_000);
    expect(pollEveryMs({ everyMs: 7 }, at(NOON))).toBe(7);
  });
});
