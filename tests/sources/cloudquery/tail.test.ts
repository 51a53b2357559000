import { describe, expect, it } from 'vitest';

import type { Json } from '../../../src/model/event.ts';
import { createTail, learnedOverlapMs } from '../../../src/sources/cloudquery/tail.ts';

const MINUTE = 60_000;
const times = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms);

describe('the tail', () => {
  it('says nothing before it saw anything, or while all are on time', () => {
    const tail = createTail(null);
    expect(tail.p999Ms()).toBe(0);
    tail.observe([], 5000);
    expect(tail.p999Ms()).toBe(0);
    expect(learnedOverlapMs(10 * MINUTE, tail)).toBe(10 * MINUTE);
  });

  it('covers all but one in a thousand, rounded up', () => {
    const tail = createTail(null);
    tail.observe([...times(50, 7 * MINUTE), 3_000_000], 9949);
    expect(tail.p999Ms()).toBeGreaterThanOrEqual(7 * MINUTE);
    expect(tail.p999Ms()).toBeLessThan(15 * MINUTE);
    expect(learnedOverlapMs(10 * MINUTE, tail)).toBe(3 * tail.p999Ms());
  });

  it('never asks for more than a day, and never for less than configured', () => {
    const tail = createTail(null);
    tail.observe(times(100, 1e12), 0);
    expect(learnedOverlapMs(10 * MINUTE, tail)).toBe(24 * 60 * MINUTE);
    expect(learnedOverlapMs(48 * 60 * MINUTE, tail)).toBe(48 * 60 * MINUTE);
  });

  it('forgets', () => {
    const tail = createTail(null);
    tail.observe(times(2000, 5 * MINUTE), 0);
    for (let round = 0; round < 30; round += 1) tail.observe([], 90_000);
    expect(tail.p999Ms()).toBe(0);
  });

  it('takes an event from the future for one that is hardly late', () => {
    const tail = createTail(null);
    tail.observe([-5000, 0], 0);
    expect(tail.p999Ms()).toBeLessThanOrEqual(1000);
  });

  it('comes back through JSON, and odd figures count as none', () => {
    const tail = createTail(null);
    tail.observe(times(5, MINUTE), 10);
    const back = createTail(JSON.parse(JSON.stringify(tail.write())) as Json);
    expect(back.p999Ms()).toBe(tail.p999Ms());
    expect(back.write()).toEqual(tail.write());
    for (const odd of ['x', 7, {}, [null, 'x', -1, {}], { length: 3 }])
      expect(createTail(odd as Json).p999Ms()).toBe(0);
  });
});
