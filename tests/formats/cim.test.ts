import { describe, expect, it } from 'vitest';
import { cimFormat } from '../../src/formats/cim.ts';
import { canonicalOf, ORIGIN } from './events.ts';
import { cimFaults, type Document } from './validators.ts';

function documentOf(eventType: string, details: object): Document {
  const item = { id: 'e', event_type: eventType, is_success: true, event_details: details };
  return JSON.parse(cimFormat.create({}).render(canonicalOf(item), ORIGIN)) as Document;
}

const bob = { target_user: { id: 'u2', email: 'bob@acme.example' } };

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
