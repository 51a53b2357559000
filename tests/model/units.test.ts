import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/model/units.ts';

describe('parseDuration', () => {
  test.each([
    ['250ms', 250],
    ['15s', 15_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
    ['2w', 1_209_600_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
    [' 5s ', 5000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '15', 's', '15 s', '-5s', '1m1h', '1s1s', '5x', '15S', '1e3s', '200000d', '１s'])(
    '%j is none',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );

  test('reads back what formatDuration writes', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 12 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });

  test.each([
    [0, '0s'],
    [5_400_000, '1h30m'],
    [604_800_000, '7d'],
    [1250, '1s250ms'],
  ])('%d ms is written %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('parseSize', () => {
  test.each([
    ['512KiB', 524_288],
    ['1MiB', 1_048_576],
    ['2GiB', 2_147_483_648],
    ['1.5 KiB', 1536],
    ['5MB', 5_000_000],
    ['100', 100],
    ['7B', 7],
    ['0', 0],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['', 'MiB', '-1', '1X', '1iB', '1e3', '1 000', '999999999999999TiB'])('%j is none', (text) => {
    expect(parseSize(text)).toBeNull();
  });

  test.each([
    [0, '0B'],
    [512, '512B'],
    [1_048_576, '1MiB'],
    [1_288_490_189, '1.2GiB'],
  ])('%d bytes are written %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});
