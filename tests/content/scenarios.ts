import type { Happening } from './rendered.ts';

/** What a rule must fire on, and what it must leave alone. Each list is one stretch of the audit log. */
export interface Scenarios {
  readonly fires: readonly (readonly Happening[])[];
  readonly quiet: readonly (readonly Happening[])[];
}

const login = (over: Partial<Happening> = {}): Happening => ({ type: 'user_login', ...over });
const failed = (over: Partial<Happening> = {}): Happening => login({ ok: false, ...over });
/** `count` of one kind, `apart` minutes apart. */
const times = (count: number, apart: number, make: (index: number) => Happening): Happening[] =>
  Array.from({ length: count }, (_, index) => ({ at: index * apart, ...make(index) }));

const ADMIN = { id: 'a1b2c3d4-0000-4000-8000-000000000001', name: 'Admin', type: 'admin:write' };
const GENERAL = { name: 'General', type: 'general:write' };
const roleChange = (from: readonly object[], to: readonly object[]): Happening => ({
  type: 'user_role_changed',
  by: 'ana',
  entity: 'bob@acme.example',
  details: { target_user: { email: 'bob@acme.example' }, old_roles: from, new_roles: to },
});
const account = (type: string, who: string, at = 0): Happening => ({
  type,
  at,
  by: 'ana',
  entity: `${who}@acme.example`,
  details: { target_user: { email: `${who}@acme.example` } },
});

/** By the name of the rule's file in content/sigma/rules, without `cloudquery_`. */
export const SCENARIOS: Readonly<Record<string, Scenarios>> = {
  sign_ins_failing_for_one_user: {
    fires: [
      times(5, 2, () => failed()),
      // Over the edge of a ten-minute bucket.
      times(5, 2, (index) => failed({ at: 7 + index * 2 })),
      times(6, 1, () => ({ type: 'UserLoginFailed', ok: false })),
    ],
    quiet: [
      times(4, 1, () => failed()),
      times(5, 4, () => failed()),
      times(9, 1, () => login()),
      times(8, 1, (index) => failed({ by: `user${index % 4}` })),
    ],
  },
  one_address_tries_many_users: {
    fires: [times(5, 1, (index) => failed({ by: `user${index}` }))],
    quiet: [
      times(9, 1, () => failed()),
      times(6, 1, (index) => failed({ by: `user${index}`, from: `203.0.113.${index}` })),
      times(6, 1, (index) => login({ by: `user${index}` })),
      times(5, 5, (index) => failed({ by: `user${index}` })),
    ],
  },
  sign_in_after_failures: {
    fires: [[...times(5, 1, () => failed()), login({ at: 6 })]],
    quiet: [
      [login({ at: 0 }), ...times(5, 1, (index) => failed({ at: index + 1 }))],
      [...times(4, 1, () => failed()), login({ at: 5 })],
      [...times(5, 1, () => failed()), login({ at: 40 })],
      [...times(5, 1, () => failed()), login({ at: 6, by: 'eve' })],
    ],
  },
  sign_ins_from_several_addresses: {
    fires: [times(3, 15, (index) => login({ from: `198.51.100.${index}` }))],
    quiet: [
      times(3, 15, () => login()),
      times(3, 45, (index) => login({ from: `198.51.100.${index}` })),
      times(3, 5, (index) => login({ from: `198.51.100.${index}`, by: `user${index}` })),
      times(3, 5, (index) => failed({ from: `198.51.100.${index}` })),
    ],
  },
  service_account_signs_in: {
    fires: [[login({ user: { roles: [{ name: 'CI', type: 'ci' }] } })]],
    quiet: [[login()], [{ type: 'query_executed', user: { roles: [{ name: 'CI', type: 'ci' }] } }]],
  },
  disabled_account_acts: {
    fires: [[{ type: 'query_exported', user: { enabled: false } }], [login({ user: { enabled: false } })]],
    quiet: [
      [{ type: 'query_exported' }],
      [failed({ user: { enabled: false } })],
      [{ type: 'user_logout', user: { enabled: false } }],
    ],
  },
  api_key_created: {
    fires: [
      [{ type: 'api_key_created', entity: 'ci' }],
      [{ type: 'APIKeyRotated', entity: 'ci' }],
      [{ type: 'service account created', entity: 'ci' }],
    ],
    quiet: [
      [{ type: 'api key deleted', entity: 'ci' }],
      [{ type: 'APIKeyExpired', entity: 'ci' }],
      [{ type: 'api_key_created', entity: 'ci', ok: false }],
    ],
  },
  many_api_keys_created: {
    fires: [times(3, 10, () => ({ type: 'api_key_created' }))],
    quiet: [
      times(2, 10, () => ({ type: 'api_key_created' })),
      times(3, 45, () => ({ type: 'api_key_created' })),
      times(3, 1, (index) => ({ type: 'api_key_created', by: `user${index}` })),
    ],
  },
  admin_role_granted: {
    fires: [
      [roleChange([GENERAL], [GENERAL, ADMIN])],
      [{ type: 'role_granted', details: { user_email: 'bob@acme.example', role: 'Organization Owner' } }],
    ],
    quiet: [
      [roleChange([ADMIN, GENERAL], [GENERAL])],
      [roleChange([], [GENERAL])],
      [{ ...roleChange([GENERAL], [GENERAL, ADMIN]), ok: false }],
    ],
  },
  role_or_permission_changed: {
    fires: [[{ type: 'rbac.role.created' }], [{ type: 'rbac.permission.updated' }]],
    quiet: [[roleChange([], [GENERAL])], [{ type: 'role viewed' }]],
  },
  second_factor_removed: {
    fires: [[{ type: 'UserTotpRemoved' }], [{ type: 'mfa_disabled' }], [{ type: 'mfa reset' }]],
    quiet: [[{ type: 'UserTotpEnabled' }], [{ type: 'mfa_policy_disabled' }]],
  },
  sign_in_settings_weakened: {
    fires: [
      [{ type: 'sso_disabled' }],
      [{ type: 'mfa_policy_disabled' }],
      [{ type: 'saml_settings_deleted' }],
    ],
    quiet: [[{ type: 'saml_settings_updated' }], [{ type: 'sync.deleted' }]],
  },
  sign_in_settings_changed: {
    fires: [[{ type: 'saml_settings_updated' }], [{ type: 'password policy changed' }]],
    quiet: [[{ type: 'sso_disabled' }], [{ type: 'settings.updated' }], [{ type: 'saml settings viewed' }]],
  },
  audit_log_changed: {
    fires: [
      [{ type: 'audit_log_settings_updated' }],
      [{ type: 'audit log exporter disabled', ok: false }],
      [{ type: 'audit_log_deleted' }],
    ],
    quiet: [[{ type: 'audit_log_viewed' }], [{ type: 'audit_log_exported' }]],
  },
  settings_changed: {
    fires: [[{ type: 'settings.updated' }], [{ type: 'feature_flag_enabled' }]],
    quiet: [[{ type: 'settings viewed' }], [{ type: 'saml_settings_updated' }]],
  },
  sync_destination_changed: {
    fires: [[{ type: 'destination-updated' }], [{ type: 'sync_destination_created' }]],
    quiet: [[{ type: 'destination-test' }], [{ type: 'sync.updated' }], [{ type: 'SourceCreated' }]],
  },
  mass_deletion: {
    fires: [times(10, 0.5, (index) => ({ type: index % 2 === 0 ? 'sync.deleted' : 'PolicyDeleted' }))],
    quiet: [
      times(9, 0.5, () => ({ type: 'sync.deleted' })),
      times(10, 2, () => ({ type: 'sync.deleted' })),
      times(10, 0.5, () => ({ type: 'sync.deleted', ok: false })),
      times(12, 0.5, (index) => ({ type: 'sync.deleted', by: `user${index % 2}` })),
    ],
  },
  many_exports: {
    fires: [times(20, 2, () => ({ type: 'query_exported' }))],
    quiet: [
      times(19, 1, () => ({ type: 'query_exported' })),
      times(20, 4, () => ({ type: 'query_exported' })),
    ],
  },
  short_lived_account: {
    fires: [
      [account('user_created', 'mallory'), account('user.deleted', 'mallory', 300)],
      [account('user_invited', 'mallory'), account('user.deleted', 'mallory', 20)],
    ],
    quiet: [
      [account('user_created', 'mallory'), account('user.deleted', 'oscar', 300)],
      [account('user_created', 'mallory'), account('user.deleted', 'mallory', 2 * 24 * 60)],
      [account('user_created', 'mallory'), account('user disabled', 'mallory', 20)],
    ],
  },
  many_refused_actions: {
    fires: [times(10, 0.5, () => ({ type: 'PolicyUpdated', ok: false }))],
    quiet: [
      times(9, 0.5, () => ({ type: 'PolicyUpdated', ok: false })),
      times(12, 0.5, () => failed()),
      times(12, 0.5, () => ({ type: 'sync.run.failed', ok: false })),
      times(12, 0.5, () => ({ type: 'PolicyUpdated' })),
    ],
  },
  alerting_switched_off: {
    fires: [[{ type: 'alert_muted' }], [{ type: 'notification_destination_deleted' }]],
    quiet: [[{ type: 'alert unmuted' }], [{ type: 'notification destination/tested' }]],
  },
  policy_switched_off: {
    fires: [[{ type: 'PolicyDeleted' }], [{ type: 'policy_disabled' }]],
    quiet: [[{ type: 'PolicyUpdated' }], [{ type: 'PolicyDeleted', ok: false }]],
  },
  sync_fails_again_and_again: {
    fires: [times(3, 240, () => ({ type: 'sync.run.failed', entity: 'aws-production', ok: false }))],
    quiet: [
      times(3, 24 * 60, () => ({ type: 'sync.run.failed', entity: 'aws-production', ok: false })),
      times(3, 60, (index) => ({ type: 'sync.run.failed', entity: `sync ${index}`, ok: false })),
      times(5, 60, () => ({ type: 'sync.run.finished', entity: 'aws-production' })),
    ],
  },
};
