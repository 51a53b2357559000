import { expect, it, test } from 'vitest';

import { ForwardError } from '../../../src/model/errors.ts';
import { wallClock } from '../../../src/model/clock.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { HttpResponse } from '../../../src/net/http.ts';
import { checkPlatform } from '../../../src/sources/cloudquery/check.ts';
import type { CloudqueryOptions } from '../../../src/sources/cloudquery/options.ts';
import { createPollTime } from '../../../src/sources/cloudquery/poll-time.ts';
import { createServerClock } from '../../../src/sources/cloudquery/server-clock.ts';
import { scriptedClient } from '../../fakes/scripted-client.ts';

const NOW = Date.parse('2026-01-02T12:00:00Z');
const quiet = new AbortController().signal;
const json = (body: unknown, status = 200): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(body)),
});
const GOOD: Record<string, HttpResponse> = {
  healthcheck: json({}),
  'openapi.json': json({ paths: { '/audit-logs': { get: {} } } }),
  'platform-info': json({ version: '1.5.0' }),
  'audit-logs?per_page=1': json({ items: [], metadata: { page_size: 1, total_count: 12 } }),
  apikeys: json({ items: [{ name: 'mine', expires_at: '2026-06-01T00:00:00Z' }] }),
};

async function check(
  changes: Record<string, HttpResponse | Error> = {},
  skewMs: number | null = 0,
): Promise<Record<string, string>> {
  const answers: Record<string, HttpResponse | Error> = { ...GOOD, ...changes };
  const client = {
    ...scriptedClient([]),
    get: async (path: string): Promise<HttpResponse> => {
      const said = answers[path] ?? json({}, 404);
      if (said instanceof Error) throw said;
      return said;
    },
  };
  const clock = { ...wallClock, now: () => NOW, monotonic: () => 0 };
  const serverClock = createServerClock(clock);
  for (let heard = 0; heard < 3 && skewMs !== null; heard += 1)
    serverClock.observe({ date: new Date(NOW + skewMs).toUTCString() }, 0);
  const pollTime = createPollTime(client, serverClock, clock, () => {});
  const options = { api_key: Secret.of('the-key'), api_key_name: 'mine' } as CloudqueryOptions;
  const { items } = await checkPlatform(client, serverClock, pollTime, options, quiet);
  return Object.fromEntries(
    items.map((item) => [item.name, `${item.outcome}: ${item.finding} | ${item.hint ?? ''}`]),
  );
}

it('of an installation in order is all well', async () => {
  const report = await check();
  expect(Object.keys(report)).toEqual(['reachable', 'API', 'key', 'permission', 'clock', 'key expiry']);
  for (const line of Object.values(report)) expect(line).toMatch(/^ok: /);
  expect(report['permission']).toContain('12 events in sight');
});

it('stops at the first item where nothing answers', async () => {
  const report = await check({ healthcheck: new ForwardError('transient', 'cannot be reached') });
  expect(report).toEqual({ reachable: 'fail: cannot be reached | ' });
});

test.each<[string, Record<string, HttpResponse | Error>, string, RegExp]>([
  ['an unhealthy Platform', { healthcheck: json({}, 503) }, 'reachable', /^warn: .*503/],
  ['no document', { 'openapi.json': json({}, 404) }, 'API', /^warn: .*v2 is assumed/],
  ['no audit log', { 'openapi.json': json({ paths: {} }) }, 'API', /^fail: .*no \/audit-logs/],
  [
    'v1',
    { 'openapi.json': json({ paths: { '/audit-logs': { parameters: [{ name: 'team_name' }] } } }) },
    'API',
    /v1/,
  ],
  ['a refused key', { 'platform-info': json({}, 401) }, 'key', /^fail: .*401.*new key/],
  ['an old Platform', { 'platform-info': json({}, 404) }, 'key', /^warn: .*404/],
  ['a role too low', { 'audit-logs?per_page=1': json({}, 403) }, 'permission', /^fail: the role.*admin:read/],
  [
    'a plan without the log',
    {
      'audit-logs?per_page=1': json({}, 403),
      'billing/plan': json({ tier: 'team\n', features: { sso_scim_audit_logs: false } }),
    },
    'permission',
    /^fail: the plan \("team"\).*Enterprise/,
  ],
  [
    'a plan without the API',
    {
      'audit-logs?per_page=1': json({}, 403),
      'billing/plan': json({ features: { mcp_and_api_access: false } }),
    },
    'permission',
    /^fail: the plan.*API access/,
  ],
  [
    'no count',
    { 'audit-logs?per_page=1': json({ items: [], metadata: {} }) },
    'permission',
    /^ok: .*no count/,
  ],
  ['another shape', { 'audit-logs?per_page=1': json({}) }, 'permission', /^fail: .*"items"/],
  [
    'a plan',
    {
      'audit-logs?per_page=1': json({}, 403),
      'billing/plan': json({ tier: 'Team', features: { sso_scim_audit_logs: false } }),
    },
    'permission',
    /^fail: the plan \("Team"\)/,
  ],
  [
    'a key near its end',
    { apikeys: json({ items: [{ name: 'mine', expires_at: '2026-01-09T12:00:00Z' }] }) },
    'key expiry',
    /^warn: .*in 7 days/,
  ],
  [
    'a key past its end',
    { apikeys: json({ items: [{ name: 'mine', expires_at: '2025-12-24T12:00:00Z' }] }) },
    'key expiry',
    /^warn: .*expired on 2025-12-24/,
  ],
  [
    'another key',
    { apikeys: json({ items: [{ name: 'other' }, null] }) },
    'key expiry',
    /^warn: .*does not say/,
  ],
])('%s is told', async (_name, changes, item, line) => {
  expect((await check(changes))[item]).toMatch(line);
});

test.each<[number | null, RegExp]>([
  [null, /^warn: .*no Date/],
  [1000, /^ok/],
  [20_000, /^warn: the clock of the Platform is 20s ahead of that of this machine; windows end by that of/],
  [90_000, /^warn: the clock of the Platform is 1m30s ahead of .* no event shows which is right/],
  [-90_000, /^warn: the clock of the Platform is 1m2\ds behind .* no event shows which is right/],
  [
    -14 * 365 * 86_400_000,
    /^warn: the Date of the Platform says 2012-.*cannot be right.*wrong clock, of the Platform/,
  ],
])('a clock that is %s ms off', async (skewMs, line) => {
  expect((await check({}, skewMs))['clock']).toMatch(line);
});
