import { describe, expect, it } from 'vitest';

import {
  afterReading,
  dueOf,
  readSpoiled,
  writeSpoiled,
} from '../../../src/sources/cloudquery/look-again.ts';
import type { Json } from '../../../src/model/event.ts';
import type { Spoiled } from '../../../src/sources/cloudquery/look-again.ts';

const MINUTE = 60_000_000_000n;
const window = (from: bigint, to: bigint) => ({ startNs: from * MINUTE, endNs: to * MINUTE });
const spansOf = (spans: readonly Spoiled[]) =>
  spans.map(({ startNs, endNs }) => [startNs / MINUTE, endNs / MINUTE]);

describe('a span with unreadable items', () => {
  it('is due after growing pauses, up to ten minutes', () => {
    let spans = afterReading([], window(0n, 5n), true, 0);
    const pauses: number[] = [];
    let nowMs = 0;
    for (let tries = 0; tries < 6; tries += 1) {
      const beganMs = nowMs;
      while (dueOf(spans, nowMs).length === 0) nowMs += 1000;
      pauses.push((nowMs - beganMs) / 60_000);
      spans = afterReading(spans, window(0n, 5n), true, nowMs);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 10, 10]);
    expect(afterReading(spans, window(0n, 5n), false, nowMs)).toEqual([]);
  });

  it('is what of it was not read without any, and one with what touches it', () => {
    let spans = afterReading([], window(0n, 10n), true, 0);
    spans = afterReading(spans, window(3n, 6n), false, 0);
    expect(spansOf(spans)).toEqual([
      [0n, 3n],
      [6n, 10n],
    ]);
    spans = afterReading(spans, window(2n, 8n), true, 0);
    expect(spansOf(spans)).toEqual([[0n, 10n]]);
    expect(spansOf(afterReading(spans, window(10n, 80n), true, 0))).toEqual([
      [0n, 10n],
      [10n, 80n],
    ]);
  });

  it('is one of fifty at most, the newest, each read less often than a single one', () => {
    let spans: readonly Spoiled[] = [];
    for (let place = 0n; place < 60n; place += 1n)
      spans = afterReading(spans, window(place * 10n, place * 10n + 1n), true, 0);
    expect(spans).toHaveLength(50);
    expect(spansOf(spans)[0]).toEqual([100n, 101n]);
    for (let tries = 0; tries < 9; tries += 1) spans = afterReading(spans, window(100n, 101n), true, 0);
    expect(spans[0]?.dueMs).toBe(49 * 60_000);
  });

  it('is due where a clock was set back', () => {
    const spans = afterReading([], window(0n, 5n), true, 86_400_000);
    expect(dueOf(spans, 86_400_000)).toEqual([]);
    expect(dueOf(spans, 0)).toHaveLength(1);
  });

  it('is kept, and what was kept by something else is none', () => {
    const spans = afterReading([], window(0n, 5n), true, 7);
    expect(readSpoiled(JSON.parse(JSON.stringify(writeSpoiled(spans))) as Json)).toEqual(spans);
    for (const odd of [undefined, null, {}, [[1, 2]], [['1', '2', 'x', 0]], [['1', '2', 0, -1]], [null]])
      expect(readSpoiled(odd as never)).toEqual([]);
  });
});
