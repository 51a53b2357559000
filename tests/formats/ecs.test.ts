import { describe, expect, it } from 'vitest';
import { ecsFormat } from '../../src/formats/ecs.ts';
import { canonicalOf, generatedEvents, ORIGIN } from './events.ts';
import { createCanonicalize } from '../../src/formats/canonical.ts';
import { at, ecsFaults, fixture, leaves, type Document } from './validators.ts';

function documentOf(item: object): Document {
  return JSON.parse(
    ecsFormat.create({}).render(canonicalOf({ id: 'e', is_success: true, ...item }), ORIGIN),
  ) as Document;
}

/** Core fields of ECS 1.0 that the table of releases does not list. */
const ALWAYS = [
  'agent.type',
  'agent.name',
  'agent.version',
  'observer.version',
  'organization.id',
  'user.target.full_name',
];

describe('categories', () => {
  it.each([
    ['user_login', true, 'authentication,session', 'start'],
    ['user_login', false, 'authentication', 'start'],
    ['user_login', null, 'authentication', 'start'],
    ['user_logout', null, 'authentication,session', 'end'],
    ['user_logout', true, 'authentication,session', 'end'],
    ['user_created', true, 'iam', 'user,creation'],
    ['password_reset', true, 'iam', 'user,change'],
    ['role_assigned', true, 'iam', 'user,change'],
    ['role_deleted', true, 'iam', 'admin,deletion'],
    ['team_created', true, 'iam', 'group,creation'],
    ['team member removed', true, 'iam', 'user,change'],
    ['api_key_created', true, 'iam', 'admin,creation'],
    ['policy_updated', true, 'configuration', 'change'],
    ['UpdateSAML', true, 'iam,configuration', 'admin,change'],
    ['query executed', true, 'database', 'access'],
    ['report exported', true, 'configuration', 'access'],
    ['sync_run_started', true, undefined, 'start'],
    ['quantum.flux', true, undefined, 'info'],
  ])('of %s (%s) are %s and %s', (eventType, isSuccess, category, type) => {
    const document = documentOf({ event_type: eventType, is_success: isSuccess });
    expect((at(document, 'event.category') as string[] | undefined)?.join()).toBe(category);
    expect((at(document, 'event.type') as string[]).join()).toBe(type);
    expect(ecsFaults(document)).toEqual([]);
  });
});

describe('an ECS document', () => {
  it('marks what nobody could classify', () => {
    expect(documentOf({ event_type: 'quantum.flux' })['tags']).toContain('cloudquery_unclassified');
    expect(documentOf({ event_type: 'sync.created' })['tags']).not.toContain('cloudquery_unclassified');
  });

  it('tells the roles before with the user acted on, and only new ones as changes', () => {
    const document = documentOf({
      event_type: 'user_role_updated',
      event_details: { target_user: { id: 'u2' }, old_roles: ['Reader', 'X'], new_roles: ['Reader', 'Ops'] },
    });
    expect(at(document, 'user.target')).toEqual({ id: 'u2', roles: ['Reader', 'X'] });
    expect(at(document, 'user.changes')).toEqual({ roles: ['Ops'] });
    expect(ecsFaults(document)).toEqual([]);
  });

  it('has only fields that every release from 8.11 on has', () => {
    const known = fixture<{ fields: Record<string, Record<string, unknown>> }>('ecs/presence.json').fields;
    for (const event of generatedEvents(200, 7).map(createCanonicalize())) {
      const document = JSON.parse(ecsFormat.create({}).render(event, ORIGIN)) as Document;
      for (const [path] of leaves(document, '')) {
        if (path === 'labels' || path === 'cloudquery.audit' || ALWAYS.includes(path)) continue;
        expect([path, known[path]?.['8.11.0'], known[path]?.['9.4.0']]).toEqual([path, true, true]);
      }
    }
  });

  it('carries details that Elasticsearch would refuse as text', () => {
    const nul = documentOf({ event_type: 'sync.created', event_details: { 'a\u0000b': 1 } });
    expect(at(nul, 'cloudquery.audit.event_details')).toEqual({ text: '{"a\\u0000b":1}' });
    const list = documentOf({ event_type: 'sync.created', event_details: [1] });
    expect(at(list, 'cloudquery.audit.event_details')).toEqual({ value: [1] });
  });
});
