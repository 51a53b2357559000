import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import { backoffFor, HOLD, TRANSIENT, waitMs } from '../../src/pipeline/backoff.ts';
import { createFaultLog } from '../../src/pipeline/fault-log.ts';
import { createRetry } from '../../src/pipeline/retry.ts';
import type { RetryOptions } from '../../src/pipeline/retry.ts';
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

describe('how a failure is met', () => {
  const refused = new ForwardError('denied', 'refused');
  const met = (options: Partial<RetryOptions> = {}) => {
    const clock = testClock();
    const shown: (readonly [string, number])[] = [];
    const retry = createRetry({
      clock,
      log: listLog([]),
      patienceMs: null,
      next: () => 'again',
      shown: (error, waitMs) => shown.push([error.message, waitMs]),
      ...options,
    });
    return { clock, shown, retry };
  };
  const never = new AbortController().signal;

  it('throws what no waiting can fix as it came, without a word', async () => {
    const { shown, retry } = met();
    for (const kind of ['corrupt', 'config', 'lease_lost'] as const) {
      const error = new ForwardError(kind, kind);
      await expect(retry.failed(error, never)).rejects.toBe(error);
    }
    expect(shown).toEqual([]);
    expect(retry.failures()).toBe(0);
  });

  it('waits longer with each failure in a row, and starts anew after a success', async () => {
    const { clock, retry } = met({ backoff: { baseMs: 1000, capMs: 60_000, floorShare: 1 } });
    const error = new ForwardError('transient', 'no answer');
    for (let failure = 0; failure < 3; failure += 1) await retry.failed(error, never);
    retry.succeeded();
    await retry.failed(error, never);
    expect(clock.slept).toEqual([1000, 2000, 4000, 1000]);
  });

  it('throws what would outlast patience, and what is lasting at once', async () => {
    const error = new ForwardError('transient', 'no answer');
    await expect(met({ patienceMs: 0 }).retry.failed(error, never)).rejects.toBe(error);
    const lasting = new ForwardError('denied', 'closed', { lasting: true });
    await expect(met({ patienceMs: 1e9 }).retry.failed(lasting, never)).rejects.toBe(lasting);
  });

  it('ends a hold soon after its secret was replaced, and never at once', async () => {
    const { clock, retry } = met({ replaced: () => true });
    const beganMs = clock.monotonic();
    await retry.failed(refused, never);
    expect(clock.monotonic() - beganMs).toBe(2000);
  });

  it('ends with the reason of the signal', async () => {
    const { shown, retry } = met();
    const stopped = new Error('stopped');
    await expect(retry.failed(refused, AbortSignal.abort(stopped))).rejects.toBe(stopped);
    expect(shown).toEqual([]);
  });
});
