import { expect, test } from 'vitest';

import { editDistance, nearest } from '../../src/config/nearest.ts';

const keys = ['url', 'api_key', 'poll_interval', 'schedule', 'overlap', 'type', 'tls'];

test.each([
  ['urll', 'url'],
  ['apikey', 'api_key'],
  ['api-key', 'api_key'],
  ['API_KEY', 'api_key'],
  ['pol_interval', 'poll_interval'],
  ['shcedule', 'schedule'],
  ['tpye', 'type'],
  ['overlapp', 'overlap'],
])('%s was meant to be %s', (word, key) => {
  expect(nearest(word, keys)).toBe(key);
});

test.each(['', 'index', 'xyz', 'u'.repeat(1000)])('%s is near nothing', (word) => {
  expect(nearest(word, keys)).toBeNull();
});

test.each([
  ['', 'abc', 3],
  ['kitten', 'sitting', 3],
  ['ab', 'ba', 1],
  ['same', 'same', 0],
])('%s to %s takes %d', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
});
