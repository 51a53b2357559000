import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { floorTo, formatTime, msToNs, nsToMs, parseTime } from '../../src/model/time.ts';

const EARLIEST = -9_214_000_000_000_000_000n;
const LATEST = 9_214_000_000_000_000_000n;
const anyTime = fc.bigInt({ min: EARLIEST, max: LATEST });

describe('parseTime', () => {
  test.each([
    ['1970-01-01T00:00:00Z', 0n],
    ['1970-01-01T00:00:00.000000001Z', 1n],
    ['1970-01-01T00:00:00.1234567899Z', 123_456_789n],
    ['1970-01-01T00:00:00,5Z', 500_000_000n],
    ['1970-01-01t00:00:00z', 0n],
    ['1970-01-01 00:00:01', 1_000_000_000n],
    ['1970-01-01T02:30:00+02:30', 0n],
    ['1970-01-01T02:30:00+0230', 0n],
    ['1969-12-31T23:00:00-01:00', 0n],
    ['1969-12-31T23:59:59.999999999Z', -1n],
    ['2016-12-31T23:59:60Z', 1_483_228_800_000_000_000n],
    ['2024-02-29T00:00:00Z', 1_709_164_800_000_000_000n],
  ])('%s', (text, ns) => {
    expect(parseTime(text)).toBe(ns);
  });

  test.each([
    '',
    'now',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:61Z',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00+00:60',
    '2026-01-01T00:00:00.Z',
    '2026-01-01',
    '0001-01-01T00:00:00Z',
    '9999-01-01T00:00:00Z',
    '2026-01-01T00:00:00Z\n',
    ' 2026-01-01T00:00:00Z',
    '٢٠٢٦-01-01T00:00:00Z',
  ])('refuses %j', (text) => {
    expect(parseTime(text)).toBeNull();
  });

  it('reads the usual form as it reads every other', () => {
    fc.assert(
      fc.property(
        anyTime,
        (ns) => parseTime(formatTime(ns).replace('Z', '+00:00')) === parseTime(formatTime(ns)),
      ),
    );
  });

  it('reads back whatever formatTime writes', () => {
    fc.assert(fc.property(anyTime, (ns) => parseTime(formatTime(ns)) === ns));
  });
});

describe('formatTime', () => {
  test.each([
    [0n, '1970-01-01T00:00:00Z'],
    [1n, '1970-01-01T00:00:00.000000001Z'],
    [1_000n, '1970-01-01T00:00:00.000001Z'],
    [1_000_000n, '1970-01-01T00:00:00.001Z'],
    [-1n, '1969-12-31T23:59:59.999999999Z'],
  ])('%i', (ns, text) => {
    expect(formatTime(ns)).toBe(text);
  });

  it('needs no character that a query would change', () => {
    fc.assert(fc.property(anyTime, (ns) => /^[0-9:TZ.-]+$/.test(formatTime(ns))));
  });
});

describe('rounding', () => {
  it('is downwards, before 1970 as well', () => {
    expect(floorTo(-1n, 10n)).toBe(-10n);
    expect(floorTo(-10n, 10n)).toBe(-10n);
    expect(floorTo(19n, 10n)).toBe(10n);
    expect(nsToMs(-1n)).toBe(-1);
    expect(nsToMs(1_999_999n)).toBe(1);
    expect(msToNs(1.4)).toBe(1_000_000n);
  });

  it('gives a multiple within one unit below', () => {
    fc.assert(
      fc.property(anyTime, fc.bigInt({ min: 1n, max: 10n ** 13n }), (value, unit) => {
        const floor = floorTo(value, unit);
        return floor % unit === 0n && floor <= value && value - floor < unit;
      }),
    );
  });
});
