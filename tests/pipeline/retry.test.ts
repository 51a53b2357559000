import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import { backoffFor, createFaultLog, HOLD, TRANSIENT, waitMs } from '../../src/pipeline/retry.ts';
import { testClock } from '../contract/clock.ts';
import { listLog } from './pieces.ts';
import type { Line } from './pieces.ts';

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const failures = fc.integer({ min: 1, max: 10_000 });

describe('the wait', () => {
  it('is full jitter below a cap', () => {
    fc.assert(
      fc.property(failures, unit, (count, random) => {
        const wait = waitMs(TRANSIENT, count, undefined, random);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(Math.min(60_000, 1000 * 2 ** (count - 1)));
      }),
    );
    expect(waitMs(TRANSIENT, 3, undefined, 0.5)).toBe(2000);
    expect(waitMs(TRANSIENT, 5000, undefined, 0.5)).toBe(30_000);
  });

  it('of a hold is never short: a hold must not become a hot loop', () => {
    fc.assert(
      fc.property(failures, unit, (count, random) => {
        const wait = waitMs(HOLD, count, undefined, random);
        expect(wait).toBeGreaterThanOrEqual(2500);
        expect(wait).toBeLessThanOrEqual(300_000);
      }),
    );
    expect(backoffFor('denied')).toBe(HOLD);
    expect(backoffFor('transient')).toBe(TRANSIENT);
  });

  it('keeps what the receiver asked for as a floor, and spreads upwards only', () => {
    fc.assert(
      fc.property(failures, unit, fc.integer({ min: 0, max: 3_600_000 }), (count, random, floor) => {
        const wait = waitMs(TRANSIENT, count, floor, random);
        expect(wait).toBeGreaterThanOrEqual(floor);
        expect(wait).toBeLessThanOrEqual(Math.max(60_000, Math.ceil(floor * 1.2)));
      }),
    );
  });
});

describe('the log of a failure', () => {
  it('says it once, reminds every five minutes, says when it is over', () => {
    const clock = testClock();
    const lines: Line[] = [];
    const faults = createFaultLog(listLog(lines), clock, () => 'it is tried again');
    const error = new ForwardError('transient', 'no\nanswer', { hint: 'wait' });
    faults.recovered();
    expect(faults.failingForMs()).toBe(0);
    for (let round = 0; round < 100; round += 1) {
      faults.failed(error, 6000);
      clock.advance(6000);
    }
    expect(lines.map(({ text }) => text)).toEqual(['failing', 'still failing']);
    expect(lines[0]?.fields).toMatchObject({
      kind: 'transient',
      error: 'no answer',
      hint: 'wait',
      next: 'it is tried again in 6s',
    });
    expect(lines[1]?.fields).toMatchObject({ failures: 51, for: '5m' });
    expect(faults.failingForMs()).toBe(600_000);
    faults.recovered();
    faults.recovered();
    expect(lines.at(-1)).toMatchObject({
      level: 'info',
      text: 'works again',
      fields: { failures: 100, after: '10m' },
    });
    expect(lines).toHaveLength(3);
    expect(faults.failingForMs()).toBe(0);
  });

  it('says another failure at once', () => {
    const lines: Line[] = [];
    const faults = createFaultLog(listLog(lines), testClock(), () => 'x');
    faults.failed(new ForwardError('transient', 'one'), 0);
    faults.failed(new ForwardError('denied', 'two'), 0);
    expect(lines.map(({ text }) => text)).toEqual(['failing', 'held']);
  });
});
