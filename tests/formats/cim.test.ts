import { describe, expect, it } from 'vitest';
import { cimFormat } from '../../src/formats/cim.ts';
import { canonicalOf, ORIGIN } from './events.ts';
import { cimFaults, type Document } from './validators.ts';

const bob = { target_user: { id: 'u2', email: 'bob@acme.example' } };

function documentOf(eventType: string, details: object, more: object = {}): Document {
  const item = { id: 'e', event_type: eventType, is_success: true, event_details: details, ...more };
  return JSON.parse(cimFormat.create({}).render(canonicalOf(item), ORIGIN)) as Document;
}

describe('a run', () => {
  it.each([
    ['sync.run.failed', undefined, 'stopped', 'failure', 'failure'],
    ['sync.run.finished', true, 'stopped', 'success', undefined],
    ['sync.run.started', true, 'started', 'success', undefined],
  ])('%s (%s) says what was %s, and with what result', (eventType, isSuccess, action, status, result) => {
    const document = documentOf(
      eventType,
      { run_id: 7 },
      { is_success: isSuccess, entity_display_name: 'nightly' },
    );
    expect(document).toMatchObject({ action, status, object: 'nightly', object_category: 'sync_run' });
    expect([document['result'], document['cim_model'], document['command']]).toEqual([
      result,
      undefined,
      eventType,
    ]);
  });
});

describe('the attributes that changed', () => {
  it.each([
    ['settings_updated', { enforce_mfa: true, ticket: 'OPS-1' }, undefined],
    ['settings_updated', { changes: { 'say "hi"': 1 } }, ["say 'hi'"]],
    ['user_disabled', { reason: 'left' }, ['enabled']],
    ['role_assigned', { ...bob, role: 'Admin' }, ['roles']],
    ['password_reset', bob, ['password']],
    ['sync.created', { name: 'nightly' }, undefined],
  ])('of %s with %j are %j', (eventType, details, attributes) => {
    expect(documentOf(eventType, details)['object_attrs']).toEqual(attributes);
  });
});

describe('what the model requires', () => {
  it('is there of an event that says nearly nothing', () => {
    const document = documentOf('settings_updated', {});
    expect(document).toMatchObject({ object: 'Settings', object_id: 'Settings', src: ORIGIN.instance });
    expect(cimFaults(document)).toEqual([]);
  });

  it('is a result for a failure, and never a lockout of one', () => {
    const locked = (isSuccess: boolean): unknown =>
      documentOf('user_locked', bob, { is_success: isSuccess })['result'];
    expect([locked(true), locked(false)]).toEqual(['lockout', 'failure']);
  });

  it('is missed by the check, so that the checks above mean something', () => {
    const good = documentOf('role_assigned', bob);
    for (const field of ['object', 'object_id', 'command', 'action', 'src_user', 'user'])
      expect(cimFaults({ ...good, [field]: undefined })).not.toEqual([]);
  });
});

describe('the time of an event', () => {
  it('stands first and has six digits, where the add-on looks for it', () => {
    const item = { id: 'e', event_type: 'x', created_at: '2026-01-02T03:04:05.1234567Z' };
    expect(cimFormat.create({}).render(canonicalOf(item), ORIGIN)).toMatch(
      /^{"event_time":"2026-01-02T03:04:05.123456Z",/,
    );
  });
});

describe('a change of rights', () => {
  it.each([
    ['role_assigned', bob, 'acl_modified', 'user'],
    ['role_revoked', bob, 'acl_modified', 'user'],
    ['user_role_updated', bob, 'acl_modified', 'user'],
    ['role_assigned', {}, 'modified', 'role_assignment'],
    ['role_revoked', {}, 'modified', 'role_assignment'],
    ['user_role_updated', {}, 'modified', 'role_assignment'],
    ['report_shared', {}, 'acl_modified', 'report'],
  ])('%s with %j is %s of a %s', (eventType, details, action, category) => {
    const document = documentOf(eventType, details);
    expect(document).toMatchObject({ cim_model: 'Change', action, object_category: category });
    expect(cimFaults(document)).toEqual([]);
  });
});
