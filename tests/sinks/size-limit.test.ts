import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { halves, runsWithin, SizeLimit } from '../../src/sinks/size-limit.ts';
import { testClock } from '../contract/clock.ts';

const weight = (value: number): number => value;
const weights = fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 60 });

describe('runsWithin', () => {
  it('keeps every element in order, no run empty, none too heavy but for a single element', () => {
    const property = fc.property(weights, fc.integer({ min: 1, max: 200 }), (list, limit) => {
      const runs = runsWithin(list, limit, weight);
      expect(runs.flat()).toEqual(list);
      for (const run of runs) {
        expect(run.length).toBeGreaterThan(0);
        if (run.length > 1) expect(run.reduce((sum, value) => sum + value, 0)).toBeLessThanOrEqual(limit);
      }
    });
    fc.assert(property);
  });
});

describe('halves', () => {
  it('are never empty and keep the order', () => {
    const property = fc.property(
      weights.filter((list) => list.length > 1),
      (list) => {
        const [left, right] = halves(list, weight);
        expect([...left, ...right]).toEqual(list);
        expect(Math.min(left.length, right.length)).toBeGreaterThan(0);
      },
    );
    fc.assert(property);
  });
});

describe('a learned limit', () => {
  it('only shrinks, lasts an hour, and gives way to the configured one', () => {
    const clock = testClock();
    const limit = new SizeLimit(1000, clock);
    limit.refused(900);
    expect(limit.bytes()).toBe(450);
    limit.refused(5000);
    expect(limit.bytes()).toBe(450);
    clock.advance(3_599_999);
    expect(limit.bytes()).toBe(450);
    clock.advance(1);
    expect(limit.bytes()).toBe(1000);
  });
});
