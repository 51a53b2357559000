import { describe, expect, it } from 'vitest';
import type { CanonicalEvent } from '../../src/formats/format.ts';
import { canonicalOf } from './events.ts';

const target = { target_user: { id: 'u2', email: 'bob@acme.example' } };

function eventOf(details: object, eventType = 'user role changed'): CanonicalEvent {
  return canonicalOf({ event_type: eventType, is_success: true, event_details: { ...target, ...details } });
}

describe('roles', () => {
  it.each([
    [{ old_roles: ['Reader', 'X'], new_roles: ['Reader', 'Ops'] }, ['Ops'], ['X']],
    [{ previous_roles: [], current_roles: [{ name: 'Ops' }] }, ['Ops'], []],
    [{ old_role: 'Reader', new_role: 'Ops' }, ['Ops'], ['Reader']],
    [{ old_role: { name: 'Reader' }, new_role: { id: 'r2', name: 'Ops' } }, ['Ops'], ['Reader']],
    [{ old_role: null, new_role: 'Ops' }, ['Ops'], []],
    [{ previous_role: 'Reader', current_role: null }, [], ['Reader']],
    [{ added_roles: 'Ops' }, ['Ops'], []],
    [{ added_role: { name: 'Ops' } }, ['Ops'], []],
    [{ removed_role: 'Ops' }, [], ['Ops']],
    [{ added_roles: ['Ops'], removed_roles: [{ name: 'X' }] }, ['Ops'], ['X']],
    [{ old_roles: null, new_roles: [], added_roles: ['Ops'] }, ['Ops'], []],
    [{ changes: { roles: { old: ['Reader'], new: ['Ops'] } } }, ['Ops'], ['Reader']],
    [{ changes: { role: { from: 'Reader', to: 'Ops' } } }, ['Ops'], ['Reader']],
    [{ changes: [{ field: 'roles', old_value: [], new_value: ['Ops'] }] }, ['Ops'], []],
    [{ diff: { roles: { before: ['Reader', 'Ops'], after: ['Ops'] } } }, [], ['Reader']],
    [{ old: { roles: ['Reader'] }, new: { roles: ['Reader', 'Ops'] } }, ['Ops'], []],
    [{ before: { role: 'Reader' }, after: { role: 'Ops' } }, ['Ops'], ['Reader']],
    [{ role: 'Ops' }, ['Ops'], []],
    [{ role: { name: 'Ops', type: 'general:write' } }, ['Ops'], []],
    [{ role_name: 'Ops' }, ['Ops'], []],
    [{ new_role: 'Ops' }, ['Ops'], []],
    // Of one state alone nobody knows what is new in it.
    [{ new_roles: ['Reader', 'Ops'] }, [], []],
    [{ roles: ['Reader', 'Ops'] }, [], []],
    [{ role: '  ', added_roles: [' ', {}, 5, null] }, [], []],
    [{ old: 5, new: ['x'], changes: { roles: 7 }, diff: [null, 'roles', { field: 'roles' }] }, [], []],
    [{ old_roles: 1, new_roles: 2, role: [[]] }, [], []],
    [{}, [], []],
  ])('of %j are added %j and removed %j', (details, added, removed) => {
    const event = eventOf(details);
    expect([event.addedRoles, event.removedRoles]).toEqual([added, removed]);
  });

  it('that are named alone were given or taken as the event type says', () => {
    expect(eventOf({ roles: ['Ops'] }, 'role_assigned')).toMatchObject({ addedRoles: ['Ops'] });
    expect(eventOf({ role: 'Ops' }, 'role_revoked')).toMatchObject({ addedRoles: [], removedRoles: ['Ops'] });
    expect(eventOf({ role: 'Ops' }, 'user_updated')).toMatchObject({ addedRoles: [], removedRoles: [] });
  });

  it('before stand with the user acted on', () => {
    expect(eventOf({ old_roles: ['Reader'], new_roles: ['Ops'] }).target).toEqual({
      id: 'u2',
      email: 'bob@acme.example',
      roles: ['Reader'],
    });
    expect(eventOf({ added_roles: ['Ops'] }).target).not.toHaveProperty('roles');
  });
});

describe('the severity of added roles', () => {
  it.each([
    ['Admin', 'high'],
    ['org_admin', 'high'],
    ['SuperAdmin', 'high'],
    ['superadmin', 'high'],
    ['Administrators', 'high'],
    ['workspace-owner', 'high'],
    ['root', 'high'],
    ['admin2', 'high'],
    [{ name: 'Ops', type: 'admin:write' }, 'high'],
    [{ id: 'r1', type: 'admin:read' }, 'high'],
    ['non-admin', 'medium'],
    ['nonadmin', 'medium'],
    ['Not Owner', 'medium'],
    ['Administrative Assistant', 'medium'],
    ['grassroots', 'medium'],
    ['General User', 'medium'],
    [{ name: 'Ops', type: 'general:write' }, 'medium'],
  ])('such as %j is %s', (role, severity) => {
    expect(eventOf({ added_roles: [role] }).severity).toBe(severity);
    expect(eventOf({ removed_roles: [role] }).severity).toBe('medium');
  });
});
