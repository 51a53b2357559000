import fc from 'fast-check';
import { expect, it } from 'vitest';

import { laid } from '../../../src/checkpoint/coverage.ts';
import type { StoredCoverage } from '../../../src/checkpoint/journal.ts';
import type { CoverageStatus } from '../../../src/model/event.ts';

/** Windows stand on a grid of ten minutes, so that joining reaches the hour; a window ends on the next one's first instant or just before. */
const GRID_NS = 600_000_000_000n;
const GRID_LAST = 30;

const window = fc.record({
  start: fc.integer({ min: 0, max: GRID_LAST - 1 }),
  length: fc.integer({ min: 0, max: 9 }),
  shared: fc.boolean(),
  status: fc.constantFrom<CoverageStatus>('read', 'verified', 'suspect'),
});

it('keeps for every instant the status of the last window over it, without overlaps and without false counts', () => {
  fc.assert(
    fc.property(fc.array(window, { maxLength: 25 }), (windows) => {
      let held: readonly StoredCoverage[] = [];
      const last = new Map<bigint, CoverageStatus>();
      for (const [index, { start, length, shared, status }] of windows.entries()) {
        const startNs = BigInt(start) * GRID_NS;
        const endNs = BigInt(start + length + 1) * GRID_NS - (shared ? 0n : 1n);
        // As if the server held one event in every nanosecond: then the true count of a span is its length.
        const added = {
          startNs,
          endNs,
          status,
          serverCount: Number(endNs - startNs + 1n),
          readAt: new Date(index * 1_200_000).toISOString(), // joined to an hour, and in one go beyond
        };
        const touches = (span: StoredCoverage): boolean =>
          span.startNs <= endNs + 1n && span.endNs >= startNs - 1n;
        held = [...held.filter((span) => !touches(span)), ...laid(held.filter(touches), added)].sort(
          (a, b) => (a.startNs < b.startNs ? -1 : 1),
        );
        for (const instant of instants())
          if (instant >= startNs && instant <= endNs) last.set(instant, status);
      }
      for (const [index, span] of held.entries()) {
        const before = held[index - 1];
        if (before !== undefined) expect(before.endNs < span.startNs).toBe(true);
        expect([null, Number(span.endNs - span.startNs + 1n)]).toContain(span.serverCount);
      }
      for (const instant of instants()) {
        const over = held.find(({ startNs, endNs }) => startNs <= instant && endNs >= instant);
        expect(over?.status).toBe(last.get(instant));
      }
    }),
    { numRuns: 150 },
  );
});

function* instants(): Generator<bigint> {
  for (let index = 0n; index <= BigInt(GRID_LAST + 10); index++) {
    yield index * GRID_NS - 1n;
    yield index * GRID_NS;
    yield index * GRID_NS + 1n;
  }
}
