import type { Happening } from './rendered.ts';

const ADMIN = { name: 'Admin', type: 'admin:write' };
const GENERAL = { name: 'General', type: 'general:write' };
const REVIEWED = { provider: 'local', mfa_configured: false };

/** A morning on the Platform: for each of the vendor's use cases something to find, and enough that must not be found. */
export const STORY: Readonly<Record<string, Happening>> = {
  signIn: { type: 'user_login', at: 0, by: 'ana', from: '198.51.100.4' },
  wrongPassword: { type: 'user_login', at: 1, by: 'bob', ok: false, details: { reason: 'invalid password' } },
  // Only its type says how it ended.
  strangerFails: { type: 'user_login_failed', at: 1, by: 'eve', ok: null },
  bobSignsIn: { type: 'user_login', at: 2, by: 'bob', user: REVIEWED },
  keyMade: { type: 'api_key_created', at: 3, by: 'bob', entity: 'ci-pipeline', details: { id: 'key-1' } },
  keyActs: {
    type: 'query_executed',
    at: 4,
    by: 'bob',
    from: '203.0.113.99',
    details: { api_key_id: 'key-1', api_key_name: 'ci-pipeline' },
  },
  keyGone: { type: 'api key deleted', at: 5, by: 'ana', entity: 'old key' },
  roleGiven: {
    type: 'user_role_changed',
    at: 6,
    by: 'ana',
    entity: 'bob@acme.example',
    details: {
      target_user: { email: 'bob@acme.example' },
      old_roles: [GENERAL],
      new_roles: [GENERAL, ADMIN],
    },
  },
  roleChanged: { type: 'rbac.role.updated', at: 7, by: 'ana', entity: 'auditors' },
  ssoChanged: { type: 'saml_settings_updated', at: 8, by: 'ana', entity: 'SAML' },
  factorGone: { type: 'UserTotpRemoved', at: 9, by: 'bob', entity: 'bob@acme.example' },
  policyGone: { type: 'PolicyDeleted', at: 10, by: 'bob', entity: 'No public buckets' },
  settings: { type: 'settings.updated', at: 11, by: 'ana', entity: 'Organization settings' },
  auditChanged: { type: 'audit_log_settings_updated', at: 12, by: 'ana' },
  auditRead: { type: 'audit_log_viewed', at: 13, by: 'olaf' },
  exported: { type: 'query_exported', at: 14, by: 'olaf', entity: 'Public IPs' },
  syncChanged: {
    type: 'sync.updated',
    at: 15,
    by: 'olaf',
    entity: 'aws-production',
    details: { changes: { schedule: 1 } },
  },
  syncFailed: {
    type: 'sync.run.failed',
    at: 16,
    by: 'olaf',
    entity: 'aws-production',
    ok: null,
    details: { error: 'access denied by the cloud' },
  },
  syncWorked: { type: 'sync.run.finished', at: 17, by: 'olaf', entity: 'gcp-nightly' },
  refused: {
    type: 'PolicyUpdated',
    at: 18,
    by: 'olaf',
    entity: 'Encrypted volumes',
    ok: false,
    details: { reason: 'not permitted' },
  },
  strange: { type: 'quantum.flux', at: 19, by: 'olaf' },
};

export type Name = keyof typeof STORY;

/** What each saved search finds in the story, and nothing else. */
export const FOUND: Readonly<Record<string, readonly Name[]>> = {
  all: Object.keys(STORY),
  grave: ['roleGiven'],
  'failed-sign-ins': ['wrongPassword', 'strangerFails'],
  'api-keys': ['keyMade', 'keyGone'],
  roles: ['roleGiven', 'roleChanged'],
  'sign-in-settings': ['ssoChanged', 'factorGone'],
  compliance: [
    'keyMade',
    'keyGone',
    'roleGiven',
    'roleChanged',
    'ssoChanged',
    'factorGone',
    'policyGone',
    'settings',
    'auditChanged',
    'syncChanged',
    'refused',
  ],
  failures: ['wrongPassword', 'strangerFails', 'syncFailed', 'refused'],
  'failed-runs': ['syncFailed'],
  'data-out': ['auditRead', 'exported'],
  unclassified: ['strange'],
};

/** What an investigation of one user, entity or address finds. */
export const INVESTIGATED: readonly {
  readonly field: string;
  readonly value: string;
  readonly found: readonly Name[];
}[] = [
  {
    field: 'related.user',
    value: 'bob@acme.example',
    found: ['wrongPassword', 'bobSignsIn', 'keyMade', 'keyActs', 'roleGiven', 'factorGone', 'policyGone'],
  },
  {
    field: 'cloudquery.audit.entity_display_name',
    value: 'aws-production',
    found: ['syncChanged', 'syncFailed'],
  },
  { field: 'source.address', value: '203.0.113.99', found: ['keyActs'] },
];
