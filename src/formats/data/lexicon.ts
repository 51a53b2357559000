/**
 * The vocabulary of the classifier. Objects are the nouns of the Platform's own interface; verbs are the usual ones, each with how strongly
 * its form says that it is the verb: 3 a participle (created), 2 an imperative (create), 1 a word that is as often a noun (run, query, access).
 */

/** [verb, strength, spellings]. */
export const VERB_SPELLINGS: readonly (readonly [verb: string, strength: number, words: string])[] = [
  ['create', 3, 'created added inserted generated issued minted registered provisioned imported cloned copied duplicated published uploaded saved onboarded connected promoted installed deployed joined'],
  ['create', 2, 'create add insert generate mint register provision clone duplicate publish upload save onboard connect promote install creating creates adds deploy new join setup'],
  ['create', 1, 'import copy issue creation registration'],
  ['update', 3, 'updated edited changed modified patched renamed replaced configured moved transferred upgraded migrated upserted restored undeleted merged adjusted applied'],
  ['update', 2, 'update edit modify patch rename replace configure transfer upgrade migrate upsert restore undelete merge updates changes modifies apply put'],
  ['update', 1, 'change set move modification'],
  ['delete', 3, 'deleted removed destroyed purged erased dropped unregistered deregistered deprovisioned uninstalled disconnected unpublished left'],
  ['delete', 2, 'delete remove destroy purge erase drop unregister deregister deprovision uninstall disconnect deletes removes unpublish'],
  ['delete', 1, 'deletion removal clear cleared'],
  ['enable', 3, 'enabled activated reactivated unsuspended resumed unpaused unarchived unmuted unblocked'],
  ['enable', 2, 'enable activate reactivate unsuspend resume unpause unarchive unmute unblock'],
  ['disable', 3, 'disabled deactivated suspended paused archived muted snoozed'],
  ['disable', 2, 'disable deactivate suspend pause archive mute snooze'],
  ['lock', 3, 'locked'],
  ['lock', 2, 'lock lockout'],
  ['unlock', 3, 'unlocked'],
  ['unlock', 2, 'unlock'],
  ['login', 2, 'login logins logon signin authenticate authenticated'],
  ['logout', 2.6, 'logout logoff signout'],
  ['grant', 3, 'assigned granted attached bound'],
  ['grant', 2, 'assign grant attach bind'],
  ['revoke', 3, 'unassigned revoked unbound detached ungranted'],
  ['revoke', 2, 'unassign revoke unbind detach'],
  ['reset', 2.6, 'reset'],
  ['rotate', 3, 'rotated renewed regenerated'],
  ['rotate', 2, 'rotate renew regenerate'],
  ['rotate', 1, 'rotation rollover'],
  ['invite', 3, 'invited reinvited'],
  ['invite', 2, 'invite reinvite'],
  ['accept', 3, 'accepted approved'],
  ['accept', 2, 'accept approve'],
  ['expire', 3, 'expired lapsed'],
  ['read', 3, 'viewed fetched listed accessed opened queried searched browsed'],
  ['read', 2, 'read get fetch list'],
  ['read', 1, 'view access open search query browse preview'],
  ['export', 3, 'exported downloaded'],
  ['export', 2, 'download'],
  ['export', 1.5, 'export'],
  ['execute', 3, 'executed triggered invoked tested evaluated recomputed checked ran'],
  ['execute', 2, 'execute trigger invoke recompute evaluate'],
  ['execute', 1, 'run test check evaluation execution'],
  ['start', 3, 'started initiated scheduled launched'],
  ['start', 2, 'start begin initiate launch'],
  ['stop', 3, 'stopped cancelled canceled aborted terminated ended closed invalidated'],
  ['stop', 2, 'stop cancel abort terminate'],
  ['stop', 1, 'end'],
  ['finish', 3, 'completed finished'],
  ['finish', 2, 'complete finish'],
  ['verify', 3, 'verified confirmed validated'],
  ['verify', 2, 'verify confirm validate'],
  ['share', 3, 'shared unshared'],
  ['share', 2, 'share unshare'],
  ['toggle', 3, 'toggled'],
  ['toggle', 2, 'toggle'],
  ['expire', 1, 'timeout expire expiry'],
  ['disable', 1, 'blocked block'],
];

/** Two words that are one verb. */
export const VERB_PHRASES: Readonly<Record<string, string>> = {
  'logged in': 'login',
  'log in': 'login',
  'signed in': 'login',
  'sign in': 'login',
  'logged on': 'login',
  'logged out': 'logout',
  'log out': 'logout',
  'signed out': 'logout',
  'sign out': 'logout',
  'log off': 'logout',
  'logged off': 'logout',
  'turned on': 'enable',
  'turn on': 'enable',
  'turned off': 'disable',
  'turn off': 'disable',
  'set up': 'create',
};

/** Object: its names in the singular, parted by a bar. Plurals are derived. */
export const OBJECT_NAMES: Readonly<Record<string, string>> = {
  session: 'session|user session|login session|web session',
  authentication: 'authentication|auth',
  sso: 'sso|single sign on',
  user: 'user|account|profile|user profile|user account|invitation|user invitation|invite',
  member: 'member|membership',
  password: 'password|user password',
  mfa: 'mfa|totp|otp|2fa|mfa factor|two factor|two factor authentication|multi factor authentication|authenticator',
  role: 'role|rbac role|custom role',
  permission: 'permission|rbac permission|privilege|access grant',
  assignment: 'assignment|role assignment|role binding|permission assignment',
  team: 'team|workspace|organization|organisation|org|tenant|group|user group',
  api_key: 'api key|apikey|api token|access token|personal access token|pat|access key|token|service account|credential|platform destination token|secret',
  policy: 'policy|rule|control|app membership policy|membership policy',
  policy_group: 'policy group|rule set|ruleset',
  sync: 'sync|sync job|sync schedule|schedule',
  sync_source: 'sync source|source',
  sync_destination: 'sync destination|destination',
  sync_integration: 'sync integration|integration|integration group|sync integration group|connector',
  sync_transformer: 'sync transformer|transformer|transformation',
  sync_run: 'sync run|run|external sync run|job run',
  external_sync: 'external sync',
  test_connection: 'test connection|connection test|sync test connection|sync source test connection|sync destination test connection|sync integration test connection|connection',
  plugin: 'plugin|plugin version',
  onboarding: 'onboarding|cloud account|aws account|aws organization|aws onboarding',
  query: 'query|saved query|saved search|search|sql query',
  filter: 'filter|saved filter|insight filter|platform insight filter|table filter',
  insight: 'insight|violation|policy violation',
  report: 'report|dashboard|visualization',
  report_template: 'report template|template',
  custom_column: 'custom column|column',
  alert: 'alert|query alert',
  notification_destination: 'notification destination|notification|webhook|slack connection|slack channel|slack',
  app: 'app|application|app list item',
  agent_context: 'agent custom context|custom context|agent context',
  agent_chat: 'agent chat|agent chat session|chat session|chat',
  settings: 'setting|platform setting|data setting|platform data setting|config|configuration|preference|feature|feature flag|branding|retention|retention policy|system setting|workspace setting|account setting|user setting|login setting|sync setting|smtp|smtp setting|environment variable',
  security_settings: 'saml|saml config|saml configuration|saml setting|sso config|sso configuration|sso setting|scim|scim config|scim setting|security setting|authentication setting|auth setting|mfa setting|mfa policy|password policy|ip allowlist|ip allow list|allowlist|identity provider|idp|oidc|oidc config|session policy|saml rollover|saml certificate',
  audit_log: 'audit log|audit event|audit trail|activity log|audit log setting',
  billing: 'billing|plan|subscription|license|payment|checkout|invoice|stripe checkout|stripe portal',
  data: 'table|data|row|asset|resource|inventory|table data|table row',
};

/** Domain: the objects that belong to it. */
export const DOMAIN_OBJECTS: Readonly<Record<string, string>> = {
  auth: 'session authentication',
  security_settings: 'sso security_settings',
  user: 'user member password mfa',
  role: 'role permission',
  privilege: 'assignment role_assignment',
  group: 'team team_member',
  credential: 'api_key',
  policy: 'policy policy_group',
  config: 'sync sync_source sync_destination sync_integration sync_transformer plugin onboarding external_sync notification_destination',
  run: 'test_connection sync_run',
  content: 'query filter insight report report_template custom_column alert app agent_context agent_chat',
  settings: 'settings billing',
  audit: 'audit_log',
  data: 'data',
};

export const PREPOSITIONS: ReadonlySet<string> = words('to from for of on by with as via into onto');
export const FAILURE_WORDS: ReadonlySet<string> = words('failed fail failure fails error errored denied deny rejected reject unauthorized forbidden invalid unsuccessful refused');
export const SUCCESS_WORDS: ReadonlySet<string> = words('succeeded success successful successfully');
/** Verbs when nothing else is, but a failure beside another verb: "user blocked", "login blocked". */
export const FAILURE_BESIDE_VERB: ReadonlySet<string> = words('blocked timeout');
/** Words that say nothing about what happened. */
export const STOP_WORDS: ReadonlySet<string> = words('the a an was were has have been is event cloudquery v1 v2');

function words(text: string): Set<string> {
  return new Set(text.split(' '));
}
