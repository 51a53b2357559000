import { describe, expect, test } from 'vitest';

import { people } from '../../src/simulator/catalog.ts';
import { bench, START } from './asking.ts';

function bodyOf(answer: { body: string }): Record<string, unknown> {
  return JSON.parse(answer.body) as Record<string, unknown>;
}

describe('keys and permissions', () => {
  test.each([{}, { authorization: 'Bearer other' }, { authorization: 'demo-key' }])(
    '%j is a 401',
    (headers) => {
      const answer = bench().get('/api/audit-logs', {}, headers);
      expect(answer.status).toBe(401);
      expect(Object.keys(bodyOf(answer)).sort()).toEqual(['message', 'status']);
    },
  );

  test('an empty key asks for none', () => {
    expect(bench({ api_key: '' }).get('/api/audit-logs', {}, {}).status).toBe(200);
  });

  test('healthcheck, openapi.json and the index need no key', () => {
    for (const path of [
      '/api',
      '/api/',
      '/api/healthcheck',
      '/api/openapi.json',
      '/api/user/authenticated-status',
    ]) {
      expect(bench().get(path, {}, {}).status, path).toBe(200);
    }
    expect(bench().get('/api', {}, {}).headers['link']).toMatch(/rel="service-doc"/);
    expect(bodyOf(bench().get('/api/user/authenticated-status', {}, {}))).toMatchObject({
      authenticated: false,
    });
    expect(bodyOf(bench().get('/api/user/authenticated-status'))).toMatchObject({ authenticated: true });
  });

  test('a plan without audit logs and a role without permission are told apart by the plan', () => {
    const byPlan = bench({ plan: 'foundations' });
    const byRole = bench({ role_ok: false });
    for (const { get } of [byPlan, byRole]) {
      const refused = get('/api/audit-logs', { per_page: '1' });
      expect(refused.status).toBe(403);
      expect(bodyOf(refused)).toMatchObject({ status: 403, message: expect.any(String) as unknown });
      expect(get('/api/platform-info').status).toBe(200);
    }
    expect(bodyOf(byPlan.get('/api/billing/plan'))).toMatchObject({
      features: { sso_scim_audit_logs: false },
    });
    expect(bodyOf(byRole.get('/api/billing/plan'))).toMatchObject({
      features: { sso_scim_audit_logs: true },
    });
  });
});

describe('the two versions', () => {
  test.each(['v1', 'v2'] as const)('%s says by its own document which it is', (api) => {
    const document = bodyOf(bench({ api }).get('/api/openapi.json')) as {
      paths: Record<string, { get: { parameters: { name: string }[] } }>;
    };
    const names = document.paths['/audit-logs']?.get.parameters.map(({ name }) => name) ?? [];
    expect(names.includes('team_name')).toBe(api === 'v1');
    expect(names).toEqual(expect.arrayContaining(['per_page', 'page', 'start_time', 'end_time', 'search']));
  });

  test('v2 events carry a full user, v1 events a slim one and a team', () => {
    const [v2] = bench({ api: 'v2' }).page({ per_page: '1' }).items;
    const [v1] = bench({ api: 'v1' }).page({ per_page: '1' }).items;
    expect(Object.keys(v2?.['user'] as object)).toEqual(
      expect.arrayContaining(['id', 'email', 'enabled', 'provider', 'mfa_configured', 'roles']),
    );
    expect(v1?.['user']).not.toHaveProperty('roles');
    expect(v1).toHaveProperty('team_name');
    expect(v2).not.toHaveProperty('team_name');
    expect(v1?.id).toBe(v2?.id);
  });

  test('what v1 has not is a 404', () => {
    for (const path of ['/api/billing/plan', '/api/apikeys', '/api/user/authenticated-status']) {
      expect(bench({ api: 'v1' }).get(path).status, path).toBe(404);
      expect(bench({ api: 'v2' }).get(path).status, path).toBe(200);
    }
    expect(Object.keys(bodyOf(bench({ api: 'v1' }).get('/api/platform-info')))).toEqual(['public_ips']);
    expect(bodyOf(bench().get('/api/platform-info'))).toHaveProperty('tenant_id');
  });
});

describe('the rest', () => {
  test('one event by id, in the bytes of the list', () => {
    const { platform, get } = bench();
    const event = platform.visibleEvents()[17];
    expect(get(`/api/audit-logs/${event?.id}`).body).toBe(event?.json);
    const missing = get('/api/audit-logs/00000000-0000-4000-8000-000000000000');
    expect([missing.status, Object.keys(bodyOf(missing))]).toEqual([404, ['message', 'status']]);
  });

  test('keys with their expiry, and the current user', () => {
    const keys = bodyOf(bench().get('/api/apikeys'))['items'] as {
      name: string;
      expires_at: string;
      expired: boolean;
    }[];
    expect(keys.every(({ expires_at, expired }) => Date.parse(expires_at) < START === expired)).toBe(true);
    expect(people.map(({ email }) => email)).toContain(bodyOf(bench().get('/api/user'))['email']);
  });

  test('other paths and methods', () => {
    const { get, platform } = bench();
    expect(get('/api/nothing').status).toBe(404);
    for (const path of ['/', '/audit-logs', '/apis/audit-logs']) {
      expect(get(path)).toMatchObject({
        status: 200,
        headers: { 'content-type': 'text/html; charset=utf-8' },
      });
    }
    const post = platform.handle({
      method: 'POST',
      path: '/api/audit-logs',
      query: new URLSearchParams(),
      headers: {},
    });
    expect(post.status).toBe(405);
  });

  test('the Date header and the events follow its own clock', () => {
    const ahead = bench({ clock_skew: 300_000 });
    expect(ahead.get('/api/healthcheck').headers['date']).toBe(new Date(START + 300_000).toUTCString());
    expect(ahead.platform.visibleEvents().at(-1)?.createdAt.slice(0, 16)).toBe('2026-06-01T12:04');
    const behind = bench({ clock_skew: -300_000 });
    expect(behind.platform.visibleEvents().at(-1)?.createdAt.slice(0, 16)).toBe('2026-06-01T11:54');
  });
});

describe('events', () => {
  test('whole numbers past 2^53 are written with all their digits', () => {
    const texts = bench()
      .platform.visibleEvents()
      .map(({ json }) => json);
    const numbers = texts.flatMap((text) =>
      [...text.matchAll(/:(\d{17,19})[,}]/g)].map(([, digits]) => digits ?? ''),
    );
    expect(numbers.length).toBeGreaterThan(1000);
    expect(numbers.some((digits) => String(Number(digits)) !== digits)).toBe(true);
    expect(numbers.every((digits) => BigInt(digits) < 2n ** 63n)).toBe(true);
  });

  test('details are at least as large as asked, or not there at all', () => {
    const large = bench({ details_bytes: 5000 }).page({ per_page: '20' }).items;
    for (const item of large) {
      expect(Buffer.byteLength(JSON.stringify(item['event_details']))).toBeGreaterThanOrEqual(4900);
    }
    expect(
      bench({ details_bytes: 0 })
        .page()
        .items.some((item) => 'event_details' in item),
    ).toBe(false);
  });

  test('outcome and entity are absent or null now and then', () => {
    const { items } = bench().page({ per_page: '1000' });
    expect(items.some((item) => !('is_success' in item))).toBe(true);
    expect(items.some((item) => item['is_success'] === false)).toBe(true);
    expect(items.some((item) => item['entity_display_name'] === null)).toBe(true);
    expect(items.some((item) => !('entity_display_name' in item))).toBe(true);
  });

  test('with live users the same id comes back with another body', () => {
    const { platform, advance } = bench({ live_users: true });
    const before = platform.visibleEvents()[0];
    const text = before?.json;
    advance(1000);
    const after = platform.visibleEvents()[0];
    expect(after?.id).toBe(before?.id);
    expect(after?.json).not.toBe(text);
  });
});
