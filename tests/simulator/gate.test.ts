import { expect, test } from 'vitest';

import type { FaultKind } from '../../src/simulator/options.ts';
import { bench, START } from './asking.ts';

test('requests beyond the rate get 429 with seconds to wait, and pass after them', () => {
  const { get, advance } = bench({ rate_limit: { requests_per_second: 2 } });
  expect([1, 2, 3].map(() => get('/api/healthcheck').status)).toEqual([200, 200, 429]);
  const refused = get('/api/healthcheck');
  expect(refused.headers['retry-after']).toBe('1');
  expect(JSON.parse(refused.body)).toMatchObject({ status: 429 });
  advance(1000);
  expect([1, 2, 3].map(() => get('/api/healthcheck').status)).toEqual([200, 200, 429]);
});

test('Retry-After as a date is in the future of its own clock, and can be left out', () => {
  const { get, platform } = bench({ rate_limit: { requests_per_second: 1, retry_after: 'date' } });
  get('/api/healthcheck');
  expect(Date.parse(get('/api/healthcheck').headers['retry-after'] ?? '')).toBeGreaterThan(START);
  platform.set({ rate_limit: { retry_after: 'none' } });
  expect(get('/api/healthcheck').headers).not.toHaveProperty('retry-after');
});

test('faults come at their share, the same ones on each run', () => {
  const run = () => {
    const { get } = bench({ faults: { share: 0.3 } });
    return Array.from({ length: 400 }, () => {
      const { status, fault } = get('/api/healthcheck');
      return fault ?? status;
    });
  };
  const first = run();
  expect(run()).toEqual(first);
  const failed = first.filter((outcome) => outcome !== 200).length;
  expect(failed).toBeGreaterThan(70);
  expect(failed).toBeLessThan(150);
  expect(new Set(first)).toEqual(new Set([200, 500, 502, 503, 429, 'reset', 'truncate', 'hang', 'slow']));
});

test.each<[FaultKind, object]>([
  ['500', { status: 500, headers: { 'content-type': 'application/json' } }],
  ['502', { status: 502, headers: { 'content-type': 'text/html; charset=utf-8' } }],
  ['503', { status: 503 }],
  ['429', { status: 429, headers: { 'retry-after': '1' } }],
  ['html', { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } }],
  ['reset', { status: 200, fault: 'reset' }],
  ['slow', { status: 200, fault: 'slow' }],
])('fault %s', (kind, expected) => {
  const { get } = bench({ faults: { share: 1, kinds: [kind] } });
  expect(get('/api/audit-logs')).toMatchObject(expected);
});
