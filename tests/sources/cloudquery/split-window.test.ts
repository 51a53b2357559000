import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { NS_PER_SECOND } from '../../../src/model/time.ts';
import { isIndivisible, splitWindow } from '../../../src/sources/cloudquery/split-window.ts';

const T0 = 1_767_355_200n * NS_PER_SECOND;
const MINUTE = 60n * NS_PER_SECOND;
const unit = fc.constantFrom(1n, 1_000n, 1_000_000n, NS_PER_SECOND);
const ns = fc.bigInt({ min: 0n, max: 4_000_000_000n * NS_PER_SECOND });

const splits = fc
  .record({
    unitNs: unit,
    startNs: ns,
    width: fc.oneof(fc.bigInt({ min: 3n, max: 300n }), fc.bigInt({ min: 3n, max: 3_000_000n })),
    extra: fc.bigInt({ min: 0n, max: 999n }),
    rows: fc.option(fc.integer({ min: 0, max: 5_000_000 })),
    sample: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 30 })), {
      maxLength: 20,
    }),
  })
  .map(({ unitNs, startNs, width, extra, rows, sample }) => {
    const window = { startNs, endNs: startNs + width * unitNs + (extra % unitNs) };
    const span = window.endNs - startNs;
    const times = sample.flatMap(([at, times]) =>
      Array.from({ length: times }, () => startNs + (span * BigInt(Math.round(at * 1e6))) / 1_000_000n),
    );
    return { window, unitNs, rows, times };
  });

describe('splitWindow', () => {
  it('covers the window without a gap, sharing edges, with parts strictly narrower and few', () => {
    fc.assert(
      fc.property(splits, ({ window, unitNs, rows, times }) => {
        const parts = splitWindow(window, unitNs, rows, times);
        expect(parts.length).toBeGreaterThanOrEqual(2);
        expect(parts.length).toBeLessThanOrEqual(64);
        expect(parts[0]?.startNs).toBe(window.startNs);
        expect(parts.at(-1)?.endNs).toBe(window.endNs);
        parts.forEach((part, index) => {
          expect(part.endNs).toBeGreaterThan(part.startNs);
          expect(part.endNs - part.startNs).toBeLessThan(window.endNs - window.startNs);
          if (index > 0) expect(part.startNs).toBe(parts[index - 1]?.endNs);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('comes to an end: every window is soon cut into indivisible ones around its burst', () => {
    fc.assert(
      fc.property(splits, fc.double({ min: 0, max: 1, noNaN: true }), ({ window, unitNs }, at) => {
        const burst =
          window.startNs + ((window.endNs - window.startNs) * BigInt(Math.round(at * 1e6))) / 1_000_000n;
        let here = window;
        let cuts = 0;
        while (!isIndivisible(here, unitNs)) {
          const parts = splitWindow(
            here,
            unitNs,
            1500,
            Array.from({ length: 1000 }, () => burst),
          );
          here = parts.find((part) => part.startNs <= burst && burst <= part.endNs) ?? here;
          cuts += 1;
          expect(cuts).toBeLessThan(12);
        }
      }),
    );
  });

  it('cuts for the count, bounded', () => {
    const day = { startNs: T0, endNs: T0 + 1440n * MINUTE };
    expect(splitWindow(day, NS_PER_SECOND, 1400, [])).toHaveLength(2);
    expect(splitWindow(day, NS_PER_SECOND, 7000, [])).toHaveLength(8);
    expect(splitWindow(day, NS_PER_SECOND, 10_000_000, [])).toHaveLength(64);
    expect(splitWindow(day, NS_PER_SECOND, null, [])).toHaveLength(2);
    expect(splitWindow(day, NS_PER_SECOND, 0, [])).toHaveLength(2);
  });
});
