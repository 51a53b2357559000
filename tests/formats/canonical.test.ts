import { describe, expect, it } from 'vitest';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { ecsFormat } from '../../src/formats/ecs.ts';
import { safeLine } from '../../src/formats/json.ts';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import { otlpSeverity } from '../../src/formats/severity.ts';
import { displayMessage } from '../../src/formats/title.ts';
import { canonicalOf, journaled, ORIGIN } from './events.ts';

describe('the outcome', () => {
  it.each([
    [true, 'user_login', 'success'],
    [false, 'user_login', 'failure'],
    [undefined, 'user_login', 'unknown'],
    [undefined, 'login_failed', 'failure'],
    [true, 'login_failed', 'success'],
    [null, 'sync.created', 'unknown'],
    ['true', 'sync.created', 'unknown'],
  ])('of is_success %j in %s is %s', (isSuccess, eventType, outcome) => {
    expect(canonicalOf({ event_type: eventType, is_success: isSuccess }).outcome).toBe(outcome);
  });
});

const NIL = '00000000-0000-0000-0000-000000000000';

describe('the actor', () => {
  it.each([
    [{ id: 'u', email: 'a@b.example', roles: [{ type: 'admin:read' }, { type: 'ci' }] }, 'admin'],
    [{ id: 'u', email: 'a@b.example', roles: [{ type: 'ci' }, { type: 'schema-only' }] }, 'service'],
    [{ id: 'u', email: 'a@b.example', roles: [{ type: 'general:read' }] }, 'user'],
    [{ id: 'u', email: 'a@b.example' }, 'user'],
    [{ id: '00000000-0000-0000-0000-000000000000', email: 'a@b.example' }, 'system'],
    [{ id: 'u', email: '' }, 'system'],
    [{ id: 'u', email: '   ' }, 'system'],
    [{ id: 'robot', email: 'r@b.example' }, 'system'],
    [{ id: 'u', email: 'System@Acme.example' }, 'system'],
    [null, 'system'],
  ])('%j is a %s', (user, type) => {
    const options = { system_actors: { ids: ['robot'], emails: ['system@acme.example'] } };
    expect(canonicalOf({ event_type: 'sync.created', user }, options).actor.type).toBe(type);
  });

  it.each([
    [null, 'unknown user', undefined],
    [{ id: NIL, email: '', name: '' }, 'unknown user', undefined],
    [{ id: NIL, email: 'eve@acme.example' }, 'eve@acme.example', undefined],
    [{ id: '', email: ' ' }, 'unknown user', undefined],
    [{ id: 'u1', name: 'X' }, 'X', 'u1'],
  ])('of a sign-in by %j is somebody unknown, not the Platform', (user, shown, id) => {
    const event = canonicalOf({ event_type: 'login_failed', user });
    expect([event.actor.type, event.actor.id]).toEqual(['user', id]);
    expect(displayMessage(event)).toBe(`Login Failed by ${shown} (failure)`);
    const ocsf = JSON.parse(ocsfFormat.create({}).render(event, ORIGIN)) as Record<string, unknown>;
    expect(ocsf['user']).toMatchObject({ type: 'User' });
  });

  it('of a session that runs out is the Platform, where the event names nobody', () => {
    const event = canonicalOf({ event_type: 'session_expired', user: { id: NIL, email: '', name: '' } });
    expect(event.actor).toMatchObject({ type: 'system', id: NIL });
  });

  it('of a sign-in is the Platform where the operator says so', () => {
    const options = { system_actors: { ids: [NIL] } };
    const event = canonicalOf({ event_type: 'login_failed', user: { id: NIL, email: '' } }, options);
    expect(event.actor).toMatchObject({ type: 'system', id: NIL });
  });

  it('has no e-mail, name or role of blanks alone', () => {
    const user = { id: 'u1', email: '  ', name: '\t', roles: [' ', { name: ' ', type: 'ci' }] };
    const event = canonicalOf({ event_type: 'login_failed', user });
    expect(event.actor).toMatchObject({
      id: 'u1',
      email: undefined,
      name: undefined,
      roles: [{ type: 'ci' }],
    });
    expect(canonicalOf({ event_type: 'sync.created', user }).actor.type).toBe('system');
    const target = { id: 'u2', email: ' ', name: '' };
    expect(canonicalOf({ event_type: 'user_updated', event_details: { user: target } }).target).toEqual({
      id: 'u2',
    });
  });
});

describe('the time', () => {
  it('keeps its nanoseconds', () => {
    const event = canonicalOf({ event_type: 'x', created_at: '2026-01-02T05:04:05.123456789+02:00' });
    expect(event.createdNs).toBe(1_767_323_045_123_456_789n);
    const ecs = JSON.parse(ecsFormat.create({}).render(event, ORIGIN)) as Record<string, unknown>;
    const ocsf = JSON.parse(ocsfFormat.create({}).render(event, ORIGIN)) as Record<string, unknown>;
    expect(ecs['@timestamp']).toBe('2026-01-02T03:04:05.123456789Z');
    expect([ocsf['time'], ocsf['time_dt']]).toEqual([1_767_323_045_123, '2026-01-02T03:04:05.123456789Z']);
  });

  it('is that of arrival where the event has none', () => {
    expect(canonicalOf({ event_type: 'x', created_at: 'yesterday' }).createdNs).toBe(
      1_767_323_100_250_000_000n,
    );
  });
});

describe('what the details may say', () => {
  it('finds the target, the roles, the changes and the reason under well-known keys', () => {
    const event = canonicalOf({
      event_type: 'user role changed',
      event_details: {
        target_user: { id: 'u2', email: 'bob@acme.example' },
        old_roles: [{ id: 'r1', name: 'Reader' }],
        new_roles: [
          { id: 'r1', name: 'Reader' },
          { id: 'r2', name: 'Admin' },
        ],
        changes: { roles: 1, name: 2 },
        error: { message: 'too late' },
      },
    });
    expect(event).toMatchObject({
      target: { id: 'u2', email: 'bob@acme.example' },
      addedRoles: ['Admin'],
      removedRoles: [],
      changedAttributes: ['roles', 'name'],
      reason: 'too late',
      severity: 'high',
    });
    expect(event.classification.verb).toBe('grant');
  });

  it.each([
    ['user_role_changed', 'bob@acme.example', { email: 'bob@acme.example', roles: ['Reader'] }],
    ['user_role_changed', 'Admin', undefined],
    ['team member added', 'bob@acme.example', { email: 'bob@acme.example' }],
    ['team member added', 'platform', undefined],
  ])('of %s about %s, which name nobody, has the target %j', (eventType, name, target) => {
    const details = eventType.startsWith('team') ? {} : { old_roles: ['Reader'], new_roles: ['Admin'] };
    const event = canonicalOf({ event_type: eventType, entity_display_name: name, event_details: details });
    expect(event.target).toEqual(target);
  });

  it.each([
    [
      'sync.created',
      { api_key: { id: 'k1', name: 'terraform', key: 'cqp_x' } },
      { id: 'k1', name: 'terraform' },
    ],
    ['sync.created', { api_key_id: 'k1' }, { id: 'k1', name: undefined }],
    ['sync.created', { api_key: 'cqp_x' }, undefined],
    ['api_key_deleted', { api_key_id: 'k1' }, undefined],
    ['api_key_deleted', { api_key_id: 'k1', acting_api_key: { name: 'admin' } }, { name: 'admin' }],
    ['user_login', { via_api_key_name: 'ci' }, { name: 'ci' }],
  ])('of %s with %j name the API key that acted: %j', (eventType, details, key) => {
    const event = canonicalOf({ event_type: eventType, event_details: details });
    expect(event.apiKey).toEqual(key);
  });

  it('is one sentence with the key, the roles and the user acted on', () => {
    const event = canonicalOf({
      event_type: 'role_assigned',
      user: { id: 'u1', email: 'ana@acme.example' },
      user_ip_address: '203.0.113.7',
      event_details: { member: 'bob@acme.example', role: 'Admin', api_key_name: 'terraform' },
    });
    expect(displayMessage(event)).toBe(
      'Role Assigned by ana@acme.example with API key "terraform" on "bob@acme.example", added Admin, from 203.0.113.7 (outcome unknown)',
    );
  });

  it('is found by the pointers of the operator first', () => {
    const pointers = {
      target_user: '/event_details/who/0',
      entity_id: '/event_details/ref~1id',
      reason: '/event_details/why',
      changes: '/event_details/delta',
      team: '/event_details/group',
      api_key: '/event_details/via',
    };
    const details = {
      who: ['bob@acme.example'],
      'ref/id': 42,
      via: { id: 7 },
      why: 'asked for',
      delta: ['name'],
      group: 'blue',
      reason: 'other',
    };
    expect(canonicalOf({ event_type: 'user_updated', event_details: details }, { pointers })).toMatchObject({
      target: { email: 'bob@acme.example' },
      entityId: '42',
      reason: 'asked for',
      changedAttributes: ['name'],
      team: 'blue',
      apiKey: { id: '7' },
    });
  });

  it.each([
    ['42', '42'],
    ['9007199254740993', '9007199254740993'],
    ['"k-1"', 'k-1'],
    ['" "', undefined],
    [`"${NIL}"`, undefined],
    ['{}', undefined],
  ])('has of the id %s the entity id %s', (json, id) => {
    const text = `{"id":"e","event_type":"api_key_deleted","event_details":{"api_key_id":${json}}}`;
    expect(createCanonicalize()(journaled(text)).entityId).toBe(id);
  });

  it.each([
    ['user_deleted', 'Bob', { name: 'Bob' }],
    ['password_reset', 'bob@acme.example', { email: 'bob@acme.example' }],
    ['password_reset', 'Temporary password', undefined],
    ['mfa_disabled', 'bob@acme.example', { email: 'bob@acme.example' }],
    ['mfa_disabled', 'Authenticator app', undefined],
    ['sync.deleted', 'bob@acme.example', undefined],
  ])('of %s with the entity %s is about %j', (eventType, name, target) => {
    expect(canonicalOf({ event_type: eventType, entity_display_name: name }).target).toEqual(target);
  });

  it('never fails on pointers that lead nowhere', () => {
    const pointers = { target_user: '/a/b/c', reason: '/event_details/x/9/y', changes: '/id' };
    const event = canonicalOf(
      { id: 'e', event_type: 'sync.created', event_details: { x: [1] } },
      { pointers },
    );
    expect([event.target, event.reason, event.changedAttributes]).toEqual([undefined, undefined, []]);
  });
});

describe('the severity', () => {
  it.each([
    ['user_login', true, 'informational'],
    ['user_login', false, 'low'],
    ['user_deleted', true, 'medium'],
    ['api_key_deleted', true, 'medium'],
    ['audit_log_disabled', true, 'high'],
    ['settings_updated', true, 'low'],
    ['UpdateSAML', true, 'medium'],
    ['mfa_disabled', true, 'medium'],
    ['quantum.flux', true, 'informational'],
    ['quantum.flux', false, 'low'],
  ])('of %s (%s) is %s', (eventType, isSuccess, severity) => {
    expect(canonicalOf({ event_type: eventType, is_success: isSuccess }).severity).toBe(severity);
  });

  it('of a row of the table wins', () => {
    const options = { event_types: [{ match: 'user_login', severity: 'critical' as const }] };
    expect(canonicalOf({ event_type: 'user_login' }, options).severity).toBe('critical');
  });

  it('of a low failure is a warning in OpenTelemetry, never an error', () => {
    expect(otlpSeverity({ severity: 'low', outcome: 'failure' })).toEqual({ number: 13, text: 'WARN' });
    expect(otlpSeverity({ severity: 'low', outcome: 'success' })).toEqual({ number: 10, text: 'INFO2' });
  });
});

describe('an item that is too large to parse', () => {
  const dense = `[${'{"password":"hunter2"},'.repeat(60_000)}{"password":"hunter2"}]`;
  const original = `{"id":"a","event_type":"user_login","event_details":{"list":${dense},"reason":"late"}}`;

  it.each([
    ['as JSON', original],
    ['as JSON within a text', original.replace(dense, JSON.stringify(dense))],
  ])('keeps what is small, and says what is left out, %s', (_name, text) => {
    const event = createCanonicalize()(journaled(text));
    expect(event).toMatchObject({ reason: 'late', classification: { verb: 'login' } });
    expect(event.details).toMatchObject({ list: expect.stringMatching(/^"?\[left out: /) as string });
    expect(event.originalText.length).toBeLessThan(1000);
    expect(event.originalText.includes('hunter2')).toBe(false);
    expect(event.verbatim === text).toBe(true);
    expect(event.weight).toBeLessThan(10_000 + text.length);
  });
});

describe('any bytes', () => {
  it.each([
    '',
    'null',
    '5',
    '[]',
    '"text"',
    '{',
    '{}',
    '{"user":5,"event_details":"x","event_type":[]}',
    '{"id":null}',
  ])('%j are read without a fault', (original) => {
    const event = createCanonicalize()(journaled(original));
    expect(() => JSON.parse(ecsFormat.create({}).render(event, ORIGIN)) as unknown).not.toThrow();
    expect(event.outcome).toBe('unknown');
  });

  it('of JSON come out on one line and well formed, with every whole character untouched', () => {
    expect(safeLine('{\n "a": "x\u2028y\u0085"\r\n}')).toBe('{  "a": "x\\u2028y\\u0085"  }');
    expect(safeLine('"\\ud83d\\ude00"')).toBe('"\\ud83d\\ude00"');
    expect(safeLine('"\\ud83d\\u0041 \\ude00"')).toBe('"\\ufffd\\u0041 \\ufffd"');
    expect(safeLine('"\\\\ud83d"')).toBe('"\\\\ud83d"');
    expect(safeLine('"\\\\\\ud83d"')).toBe('"\\\\\\ufffd"');
  });
});
