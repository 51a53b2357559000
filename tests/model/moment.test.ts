import { expect, test } from 'vitest';

import { parseMoment } from '../../src/model/moment.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 12);

test.each([
  ['now', BigInt(NOW_MS) * 1_000_000n],
  ['beginning', 0n],
  ['1h', BigInt(NOW_MS - 3_600_000) * 1_000_000n],
  ['36525d', 0n],
  ['2026-11-01', BigInt(Date.UTC(2026, 10, 1)) * 1_000_000n],
  ['2026-11-01T00:00:00.123456789Z', BigInt(Date.UTC(2026, 10, 1)) * 1_000_000n + 123_456_789n],
  ['2026-11-01T02:00:00+02:00', BigInt(Date.UTC(2026, 10, 1)) * 1_000_000n],
])('%s', (text, ns) => {
  expect(parseMoment(text, NOW_MS)).toBe(ns);
});

test.each(['', 'yesterday', '30', '2026-13-01', '2026-02-30', '12:00'])('%j is no moment', (text) => {
  expect(parseMoment(text, NOW_MS)).toBeNull();
});
