import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import type { Json, Window } from '../../../src/model/event.ts';
import { NS_PER_SECOND } from '../../../src/model/time.ts';
import {
  frontierOf,
  liveWindow,
  NO_PROGRESS,
  readProgress,
  sortWindows,
  writeProgress,
} from '../../../src/sources/cloudquery/progress.ts';

const T0 = 1_767_355_200n * NS_PER_SECOND;
const MINUTE = 60n * NS_PER_SECOND;
const asIs = (text: string): string => text;
const ns = fc.bigInt({ min: 0n, max: 4_000_000_000n * NS_PER_SECOND });

const windows = fc.array(
  fc
    .tuple(ns, fc.bigInt({ min: 0n, max: 10n ** 15n }))
    .map(([startNs, width]) => ({ startNs, endNs: startNs + width })),
);

describe('progress', () => {
  it('comes back as it was written, through JSON text', () => {
    fc.assert(
      fc.property(ns, ns, windows, fc.jsonValue(), (startNs, endNs, open, extra) => {
        const progress = { startNs, endNs, open: sortWindows(open) };
        const kept = JSON.parse(JSON.stringify(writeProgress(progress, extra as Json, asIs))) as Json;
        expect(readProgress(kept)).toEqual({ progress, extra: JSON.parse(JSON.stringify(extra)) as Json });
      }),
    );
  });

  it('is none before the first', () => {
    expect(readProgress(null)).toEqual({ progress: NO_PROGRESS, extra: null });
    expect(readProgress(writeProgress(NO_PROGRESS, null, asIs)).progress).toEqual(NO_PROGRESS);
  });

  const good = { version: 1, start: '1', end: '5', open: [['1', '2']], reconcile: null };
  test.each<[string, unknown]>([
    ['an empty object', {}],
    ['a list', []],
    ['a text', '{}'],
    ['a number', 1],
    ['false', false],
    ['a later version', { ...good, version: 2 }],
    ['no open windows', { ...good, open: null }],
    ['an open window that is none', { ...good, open: [null] }],
    ['half an open window', { ...good, open: [['1']] }],
    ['a window that ends before it starts', { ...good, open: [['2', '1']] }],
    ['an empty time', { ...good, start: '' }],
    ['a time in hex', { ...good, end: '0x10' }],
    ['a time as a number', { ...good, end: 5 }],
    ['true for a time', { ...good, start: true }],
    ['a time with a fraction', { ...good, end: '1.5' }],
    ['no start', { ...good, start: undefined }],
    ['an end without a start', { ...good, start: null }],
    ['a start without an end', { ...good, end: null }],
  ])('%s is corrupt, never a new beginning', (_name, json) => {
    expect(() => readProgress(json as Json)).toThrow(expect.objectContaining({ kind: 'corrupt' }));
  });
});

describe('liveWindow', () => {
  const at = (
    startNs: bigint | null,
    endNs: bigint | null,
  ): { startNs: bigint | null; endNs: bigint | null; open: Window[] } => ({
    startNs,
    endNs,
    open: [],
  });
  const overlap = 10n * MINUTE;

  it('first reaches from the configured start to the last full second', () => {
    expect(liveWindow(NO_PROGRESS, T0 - 5n, overlap, T0 + 999_999_999n)).toEqual({
      startNs: T0 - NS_PER_SECOND,
      endNs: T0,
    });
  });

  it('is empty, not backwards, when the start lies ahead', () => {
    expect(liveWindow(NO_PROGRESS, T0 + MINUTE, overlap, T0)).toEqual({ startNs: T0, endNs: T0 });
  });

  it('begins an overlap before the last end', () => {
    expect(liveWindow(at(0n, T0), 0n, overlap, T0 + MINUTE)).toEqual({
      startNs: T0 - overlap,
      endNs: T0 + MINUTE,
    });
  });

  it('takes back a last end that lies in the future', () => {
    expect(liveWindow(at(0n, T0 + 60n * MINUTE), 0n, overlap, T0)).toEqual({
      startNs: T0 - overlap,
      endNs: T0,
    });
  });

  it('never begins before 1970', () => {
    expect(liveWindow(at(0n, MINUTE), 0n, overlap, 2n * MINUTE)).toEqual({ startNs: 0n, endNs: 2n * MINUTE });
  });

  it('leaves no gap after the last, whatever the clock does', () => {
    fc.assert(
      fc.property(ns, ns, fc.bigInt({ min: 0n, max: 10n ** 14n }), (endNs, nowNs, overlapNs) => {
        const live = liveWindow(at(0n, endNs), 0n, overlapNs, nowNs);
        expect(live.startNs).toBeLessThanOrEqual(endNs);
        expect(live.endNs).toBeLessThanOrEqual(nowNs);
        expect(live.startNs).toBeLessThanOrEqual(live.endNs);
      }),
    );
  });
});

describe('the frontier', () => {
  it('stands at the oldest open window, else at the last end', () => {
    expect(frontierOf(NO_PROGRESS)).toBeNull();
    expect(frontierOf({ startNs: 0n, endNs: 9n, open: [] })).toBe(9n);
    expect(
      frontierOf({
        startNs: 0n,
        endNs: 9n,
        open: [
          { startNs: 3n, endNs: 4n },
          { startNs: 5n, endNs: 9n },
        ],
      }),
    ).toBe(3n);
  });
});
