/**
 * The invented world of the simulated Platform. The vendor publishes no list of event types, so every name below is made
 * up, in the several spellings that a real one might use. Addresses are from RFC 5737 and RFC 3849, hosts from RFC 2606.
 */
export type DetailShape = 'session' | 'change' | 'run' | 'query' | 'note' | 'connection';

export interface EventType {
  readonly name: string;
  readonly details: DetailShape;
  /** Names of entities it can be about; empty: it is about none. */
  readonly entities: readonly string[];
  /** Set where the name itself says how it ended. */
  readonly success?: boolean;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly provider: 'local' | 'saml';
  readonly mfa: boolean;
  readonly enabled: boolean;
  /** Index into `roles`. */
  readonly roles: readonly number[];
}

export interface Role {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** SQL of the data permission it carries; empty for none. */
  readonly query: string;
}

const SYNCS = [
  'aws-production',
  'gcp-nightly',
  'azure-landing-zone',
  'k8s inventory',
  'Größenprüfung täglich',
];
const POLICIES = [
  'No public buckets',
  'Encrypted volumes',
  'MFA for admins',
  'ポリシー・監査',
  'Tags, "owner" set',
];
const KEYS = ['ci-pipeline', 'siem-forwarder', 'terraform', 'dashboard-export'];
const ACCOUNTS = ['ana.admin@acme.example', 'sam.saml@acme.example', 'nora.newcomer@acme.example'];
const QUERIES = [
  'Public IPs by account',
  'Unused roles',
  'Cost per team | last 30 days',
  'Stale = true; owners',
];
const STORES = ['warehouse', 's3 archive', 'postgres-eu', 'bigquery_analytics'];
const NONE: readonly string[] = [];

export const eventTypes: readonly EventType[] = [
  { name: 'user_login', details: 'session', entities: NONE },
  { name: 'user_login_failed', details: 'session', entities: NONE, success: false },
  { name: 'user_logout', details: 'session', entities: NONE, success: true },
  { name: 'user.magic_link.requested', details: 'session', entities: ACCOUNTS },
  { name: 'UserTotpEnabled', details: 'session', entities: ACCOUNTS },
  { name: 'UserTotpRemoved', details: 'session', entities: ACCOUNTS },
  { name: 'user_invited', details: 'note', entities: ACCOUNTS },
  { name: 'user_role_changed', details: 'change', entities: ACCOUNTS },
  { name: 'user disabled', details: 'change', entities: ACCOUNTS },
  { name: 'user.deleted', details: 'note', entities: ACCOUNTS },
  { name: 'password_changed', details: 'note', entities: ACCOUNTS },
  { name: 'api_key_created', details: 'change', entities: KEYS },
  { name: 'api key deleted', details: 'note', entities: KEYS },
  { name: 'APIKeyExpired', details: 'note', entities: KEYS },
  { name: 'sync.created', details: 'change', entities: SYNCS },
  { name: 'sync.updated', details: 'change', entities: SYNCS },
  { name: 'sync.deleted', details: 'note', entities: SYNCS },
  { name: 'sync.run.started', details: 'run', entities: SYNCS },
  { name: 'sync.run.finished', details: 'run', entities: SYNCS },
  { name: 'sync.run.failed', details: 'run', entities: SYNCS, success: false },
  { name: 'SourceCreated', details: 'connection', entities: STORES },
  { name: 'destination-updated', details: 'connection', entities: STORES },
  { name: 'destination-test', details: 'connection', entities: STORES },
  { name: 'PolicyCreated', details: 'change', entities: POLICIES },
  { name: 'PolicyUpdated', details: 'change', entities: POLICIES },
  { name: 'PolicyDeleted', details: 'note', entities: POLICIES },
  { name: 'policy_group:toggled', details: 'change', entities: POLICIES },
  { name: 'rbac.role.created', details: 'change', entities: ['auditors', 'eu-only', 'finops'] },
  { name: 'rbac.role.deleted', details: 'note', entities: ['auditors', 'eu-only', 'finops'] },
  { name: 'rbac.permission.updated', details: 'query', entities: ['EU accounts', 'Team Blue assets'] },
  { name: 'saml_settings_updated', details: 'connection', entities: ['SAML'] },
  { name: 'SAML certificate rolled over', details: 'note', entities: ['SAML'] },
  { name: 'settings.updated', details: 'change', entities: ['Organization settings'] },
  { name: 'query_executed', details: 'query', entities: QUERIES },
  { name: 'QUERY_SAVED', details: 'query', entities: QUERIES },
  { name: 'query_exported', details: 'query', entities: QUERIES },
  { name: 'report.generated', details: 'run', entities: ['Monthly compliance', 'Résumé d’inventaire'] },
  { name: 'alert_muted', details: 'note', entities: ['Public bucket found', 'Root login'] },
  { name: 'notification destination/tested', details: 'connection', entities: ['ops webhook', 'chat'] },
  { name: 'audit_log_viewed', details: 'query', entities: NONE, success: true },
];

export const roles: readonly Role[] = [
  { id: uuid(0xa1), name: 'Admin', type: 'admin:write', query: '' },
  { id: uuid(0xa2), name: 'Admin (read only)', type: 'admin:read', query: '' },
  { id: uuid(0xa3), name: 'General', type: 'general:write', query: '' },
  {
    id: uuid(0xa4),
    name: 'eu-only',
    type: 'custom',
    query: "SELECT _cq_platform_id FROM cloud_assets WHERE region LIKE 'eu-%'",
  },
  {
    id: uuid(0xa5),
    name: 'finops',
    type: 'custom',
    query: "SELECT _cq_platform_id FROM cloud_assets WHERE tags['cost_center'] != '' -- \"all\"",
  },
  { id: uuid(0xa6), name: 'CI', type: 'ci', query: '' },
];

export const people: readonly Person[] = [
  person(1, 'Ana Admin', 'ana.admin', 'local', true, true, [0]),
  person(2, 'Olaf Operator', 'olaf.operator', 'local', true, true, [0, 2]),
  person(3, 'Sam Saml', 'sam.saml', 'saml', false, true, [2]),
  person(4, 'Nora Newcomer', 'nora.newcomer', 'saml', false, true, [2, 3]),
  person(5, 'Rita Reader', 'rita.reader', 'local', false, true, [1]),
  person(6, 'Éva Éditrice', 'eva.editrice', 'saml', false, true, [2]),
  person(7, 'Finn Finops', 'finn.finops', 'saml', true, true, [4]),
  person(8, "Cody O'Continuous", 'ci-pipeline', 'local', false, true, [5]),
  person(9, 'Anders Auditør', 'anders.auditor', 'saml', true, true, [1]),
  person(10, 'Gone Guest', 'gone.guest', 'local', false, false, []),
  person(11, 'Dana Data-Analyst', 'dana.analyst', 'saml', false, true, [2, 4]),
  person(12, 'Ines Integrator', 'ines.integrator', 'local', true, true, [2]),
];

export const teams: readonly string[] = ['platform', 'security', 'finops'];

export const oddAddresses: readonly string[] = [
  '',
  '203.0.113.7:52144',
  '198.51.100.9, 192.0.2.1',
  '[2001:db8::17]:443',
  'fe80::1%eth0',
  'proxy.example.net',
  'unknown',
];

/** A UUID that says by its look that it was invented. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

function person(
  number: number,
  name: string,
  account: string,
  provider: 'local' | 'saml',
  mfa: boolean,
  enabled: boolean,
  roleList: readonly number[],
): Person {
  return {
    id: uuid(number),
    name,
    email: `${account}@acme.example`,
    provider,
    mfa,
    enabled,
    roles: roleList,
  };
}
