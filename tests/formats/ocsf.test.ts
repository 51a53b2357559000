import { describe, expect, it } from 'vitest';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import { canonicalOf, ORIGIN } from './events.ts';
import { ocsfFaults, type Document } from './validators.ts';

function documentOf(item: object, options: Parameters<typeof ocsfFormat.create>[0] = {}): Document {
  return JSON.parse(
    ocsfFormat.create(options).render(canonicalOf({ id: 'e', is_success: true, ...item }), ORIGIN),
  ) as Document;
}

const bob = { target_user: { id: 'u2', email: 'bob@acme.example' } };

describe('the class of an event', () => {
  it.each([
    ['user_login', {}, 300201],
    ['user_logout', {}, 300202],
    ['user_created', bob, 300101],
    ['user_disabled', bob, 300105],
    ['user_created', {}, 300401],
    ['password_reset', bob, 300104],
    ['mfa_disabled', {}, 300111],
    ['role_assigned', { ...bob, added_roles: ['Admin'] }, 300501],
    ['role_revoked', { ...bob, removed_roles: ['Admin'] }, 300502],
    ['role_assigned', bob, 300199],
    ['role_assigned', {}, 300403],
    ['role_updated', {}, 300403],
    ['team_created', {}, 300606],
    ['team member added', bob, 300603],
    ['api_key_deleted', {}, 300404],
    ['policy_enabled', {}, 300408],
    ['sync.created', {}, 300401],
    ['query executed', {}, 600399],
    ['data viewed', {}, 600302],
    ['sync_run_started', {}, 600399],
    ['quantum.flux', {}, 600399],
    ['ticket.created', {}, 600399],
    ['access_denied', {}, 600399],
    ['other', {}, 600399],
  ])('%s with %j is %i', (eventType, details, typeUid) => {
    const document = documentOf({ event_type: eventType, event_details: details });
    expect(document['type_uid']).toBe(typeUid);
    expect(ocsfFaults(document, '1.8.0')).toEqual([]);
  });

  it('is API Activity for all but signing in, before identity classes had actors', () => {
    for (const version of ['1.1.0', '1.3.0'] as const) {
      const document = documentOf(
        {
          event_type: 'user_created',
          event_details: bob,
          user: { id: 'u', email: 'a@b.example', mfa_configured: true },
        },
        { version },
      );
      expect(document).toMatchObject({ class_uid: 6003, activity_id: 1, metadata: { version } });
      for (const newer of ['raw_data_size', 'raw_data_hash']) expect(document).not.toHaveProperty(newer);
      expect(JSON.stringify(document)).not.toMatch(/has_mfa|loggers/);
      expect(documentOf({ event_type: 'user_login' }, { version })).toMatchObject({ class_uid: 3002 });
    }
  });

  it('has the title for a name where nobody could classify it, in one class as in all', () => {
    for (const options of [{}, { single_class: true }, { version: '1.5.0' as const }]) {
      expect(documentOf({ event_type: 'ticket.created' }, options)).toMatchObject({
        type_uid: 600399,
        activity_name: 'Ticket Created',
      });
    }
  });

  it('is refused by the validator when it is wrong, so that the checks above mean something', () => {
    const good = documentOf({ event_type: 'sync.created' });
    for (const wrong of [
      { type_uid: 1 },
      { status_id: 77 },
      { entity: {} },
      { nonsense: 1 },
      { activity_name: 'Update' },
      { time: '1' },
    ]) {
      expect(ocsfFaults({ ...good, ...wrong }, '1.8.0')).not.toEqual([]);
    }
  });
});

describe('privileges', () => {
  const change = (eventType: string, details: object): Document =>
    documentOf({ event_type: eventType, event_details: { ...bob, ...details } });

  it.each([
    ['user_role_updated', { old_roles: ['Reader', 'X'], new_roles: ['Reader', 'Admin'] }, 300599, ['Admin']],
    ['user_role_updated', { added_roles: ['A'], removed_roles: ['B'] }, 300599, ['A']],
    ['user_role_updated', { removed_roles: ['B'] }, 300502, ['B']],
    ['role_revoked', { added_roles: ['A'], removed_roles: ['B'] }, 300502, ['B']],
  ])(
    'of %s with %j never mix what was given with what was taken',
    (eventType, details, typeUid, privileges) => {
      const document = change(eventType, details);
      expect(document).toMatchObject({ type_uid: typeUid, privileges });
      expect(ocsfFaults(document, '1.8.0')).toEqual([]);
    },
  );
});

describe('a changed role of which only the entity tells whose it is', () => {
  const item = {
    event_type: 'user_role_changed',
    entity_display_name: 'bob@acme.example',
    user: { id: 'u1', email: 'ana@acme.example' },
    event_details: { old_roles: ['Reader'], new_roles: ['Admin'], api_key_id: 'k1' },
  };

  it('names the user and what was given and taken', () => {
    const document = documentOf(item);
    expect(document).toMatchObject({
      type_uid: 300599,
      user: { name: 'bob@acme.example' },
      unmapped: { added_roles: ['Admin'], removed_roles: ['Reader'] },
    });
    expect(document['observables']).toContainEqual(
      expect.objectContaining({ name: 'user.name', value: 'bob@acme.example' }),
    );
  });

  it('names the user among the resources, in one class for all', () => {
    const named = documentOf(item, { single_class: true });
    expect(named['resources']).toEqual([{ name: 'bob@acme.example', type: 'User' }]);
    expect(ocsfFaults(named, '1.8.0')).toEqual([]);
  });

  it.each([
    ['1.8.0', { programmatic_credentials: [{ type: 'API Key', uid: 'k1' }] }],
    ['1.5.0', { credential_uid: 'k1' }],
  ] as const)('names the API key as %s has it', (version, key) => {
    const document = documentOf(item, { version });
    expect(document).toMatchObject({ actor: { user: key } });
    expect(ocsfFaults(document, version)).toEqual([]);
  });
});

describe('the original time', () => {
  it.each(['', '  '])('is left out where it is %j', (createdAt) => {
    expect(documentOf({ event_type: 'x', created_at: createdAt })['metadata']).not.toHaveProperty(
      'original_time',
    );
  });
});
