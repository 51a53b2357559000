/**
 * The vocabulary of the classifier. Objects are the nouns of the Platform's own interface; verbs are the usual ones, each with how strongly
 * its form says that it is the verb: 3 a participle (created), 2 an imperative (create), below 2 one that is a noun too (login, list),
 * 1 a word that is as often a noun (run, query, access).
 *
 * Some verbs here are no action of their own; `meaning.ts` knows what they come to: toggle, join, leave, send, open, request, plan, undo.
 */

/** [verb, strength, spellings]. */
export const VERB_SPELLINGS: readonly (readonly [verb: string, strength: number, words: string])[] = [
  ['create', 3, 'created added inserted generated issued minted registered provisioned imported cloned copied duplicated published uploaded saved onboarded connected promoted installed deployed'],
  ['create', 2, 'create add insert generate mint register provision clone duplicate publish upload save onboard connect promote install creating creates adds deploy setup'],
  ['create', 1, 'import copy issue creation registration new'],
  ['update', 3, 'updated edited changed modified patched renamed replaced configured moved transferred upgraded migrated upserted restored undeleted merged adjusted applied'],
  ['update', 2, 'update edit modify patch rename replace configure transfer upgrade migrate upsert restore undelete merge updates changes modifies apply put'],
  ['update', 1, 'change set move modification'],
  ['delete', 3, 'deleted removed destroyed purged erased dropped unregistered deregistered deprovisioned uninstalled disconnected unpublished'],
  ['delete', 2, 'delete remove destroy purge erase drop unregister deregister deprovision uninstall disconnect deletes removes unpublish'],
  ['delete', 1, 'deletion removal clear cleared'],
  ['enable', 3, 'enabled activated reactivated unsuspended resumed unpaused unarchived unmuted unblocked'],
  ['enable', 2, 'enable activate reactivate unsuspend resume unpause unarchive unmute unblock'],
  ['disable', 3, 'disabled deactivated suspended paused archived muted snoozed'],
  ['disable', 2, 'disable deactivate suspend pause archive mute snooze'],
  ['lock', 3, 'locked'],
  ['lock', 2, 'lockout'],
  ['lock', 1.8, 'lock'],
  ['unlock', 3, 'unlocked'],
  ['unlock', 2, 'unlock'],
  ['login', 2, 'authenticate authenticated'],
  ['login', 1.8, 'login logins logon signin'],
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
  ['invite', 2, 'reinvite'],
  ['invite', 1.8, 'invite'],
  ['accept', 3, 'accepted approved'],
  ['accept', 2, 'accept approve'],
  ['expire', 3, 'expired lapsed'],
  ['read', 3, 'viewed fetched listed accessed queried searched browsed'],
  ['read', 2, 'read get fetch'],
  ['read', 1.8, 'list'],
  ['read', 1, 'view access search query browse preview'],
  ['export', 3, 'exported downloaded'],
  ['export', 1.8, 'download'],
  ['export', 1.5, 'export'],
  ['execute', 3, 'executed triggered invoked tested evaluated recomputed checked performed ran'],
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
  ['share', 2, 'unshare'],
  ['share', 1.8, 'share'],
  ['toggle', 3, 'toggled'],
  ['toggle', 2, 'toggle'],
  ['join', 3, 'joined'],
  ['join', 2, 'join joins'],
  ['leave', 3, 'left'],
  ['leave', 2, 'leave leaves'],
  ['send', 3, 'sent resent'],
  ['send', 2, 'send resend'],
  ['open', 3, 'opened'],
  ['open', 1, 'open'],
  ['request', 3, 'requested'],
  ['request', 1.8, 'request'],
  ['plan', 1, 'schedule'],
  ['undo', 3, 'undone'],
  ['undo', 2, 'undo'],
  ['expire', 1, 'timeout expire expiry'],
  ['disable', 1, 'blocked block'],
];

/** Two words that are one. */
export const PHRASES: Readonly<Record<string, string>> = {
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
  'built in': 'builtin',
  'plug in': 'plugin',
  'on demand': 'ondemand',
  'timed out': 'timeout',
  'not allowed': 'denied',
  'not authorized': 'denied',
};

/** Object: its names in the singular, parted by a bar. Plurals are derived. */
export const OBJECT_NAMES: Readonly<Record<string, string>> = {
  session: 'session|user session|login session|web session',
  authentication: 'authentication|auth',
  sso: 'sso|single sign on',
  user: 'user|account|profile|user profile|user account',
  invitation: 'invitation|user invitation|invite|team invitation|team invite',
  member: 'member|membership',
  password: 'password|user password',
  mfa: 'mfa|totp|otp|2fa|mfa factor|two factor|two factor authentication|multi factor authentication|authenticator|authenticator app|mfa app|mfa secret|totp secret|otp secret|2fa secret',
  role: 'role|rbac role|custom role',
  permission: 'permission|rbac permission|privilege|access grant|permission set',
  assignment: 'assignment|role assignment|role binding|permission assignment',
  team: 'team|workspace|organization|organisation|org|tenant|group|user group',
  api_key: 'api key|apikey|api token|access token|personal access token|pat|access key|token|service account|service account key|credential|platform destination token|secret',
  policy: 'policy|rule|control|app membership policy|membership policy',
  policy_group: 'policy group|rule set|ruleset',
  sync: 'sync|sync job|sync schedule|schedule',
  sync_source: 'sync source|source',
  sync_destination: 'sync destination|destination',
  sync_integration: 'sync integration|integration|integration group|sync integration group|connector',
  sync_transformer: 'sync transformer|transformer|transformation',
  sync_run: 'sync run|run|external sync run|job run',
  external_sync: 'external sync',
  test_connection: 'test connection|connection test|sync test connection|sync source test connection|sync destination test connection|sync integration test connection',
  connection: 'connection',
  plugin: 'plugin|plugin version',
  onboarding: 'onboarding|cloud account|aws account|aws organization|aws onboarding|gcp account|gcp project|gcp organization|azure account|azure subscription|azure tenant',
  query: 'query|saved query|saved search|search|sql query',
  filter: 'filter|saved filter|insight filter|platform insight filter|table filter',
  insight: 'insight|violation|policy violation',
  report: 'report|dashboard|visualization',
  report_template: 'report template|template',
  custom_column: 'custom column|column',
  alert: 'alert|query alert|alert rule',
  notification_destination: 'notification destination|alert destination|notification channel|notification|webhook|slack connection|slack channel|slack',
  app: 'app|application|app list item',
  agent_context: 'agent custom context|custom context|agent context',
  agent_chat: 'agent chat|agent chat session|chat session|chat',
  settings: 'setting|platform setting|data setting|platform data setting|config|configuration|preference|feature|feature flag|branding|retention|retention policy|system setting|workspace setting|account setting|user setting|login setting|sync setting|smtp|smtp setting|environment variable',
  security_settings: 'saml|saml config|saml configuration|saml setting|sso config|sso configuration|sso setting|scim|scim config|scim setting|security setting|authentication setting|auth setting|mfa setting|mfa policy|password policy|user password policy|ip allowlist|ip allow list|allowlist|identity provider|idp|oidc|oidc config|session policy|saml rollover|saml certificate|saml metadata|saml connection|sso connection|allowlist entry|auth provider|authentication provider|auth method|authentication method|auth policy|authentication policy|login method|login policy|password auth|password authentication',
  audit_log: 'audit log|audit event|audit trail|activity log|audit log setting|audit logging|auditing|audit config|audit configuration|audit setting|audit log config|audit log configuration|audit log retention|audit log retention policy|audit log destination|audit log sink|audit log exporter|audit log stream|audit log streaming',
  billing: 'billing|plan|subscription|license|payment|checkout|invoice|stripe checkout|stripe portal|payment method|license key',
  data: 'table|data|data set|dataset|row|asset|resource|inventory|table data|table row',
};

/** Domain: the objects that belong to it. */
export const DOMAIN_OBJECTS: Readonly<Record<string, string>> = {
  auth: 'session authentication',
  security_settings: 'sso security_settings',
  user: 'user invitation member password mfa',
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

/**
 * What a word after an object makes of the two, where it is the verb's object and not the verb: enforcing second factors is a setting,
 * nobody's factor.
 */
export const PART_NAMES: Readonly<Record<string, string>> = {
  assignment: 'user access|member access',
  audit_log: 'audit_log export',
  mfa: 'mfa device|mfa method',
  sso: 'sso enforcement',
  security_settings: 'mfa enforcement|mfa requirement|mfa grace period|session timeout|session lifetime|password login|sso login|security_settings login|sso provider|security_settings provider',
};

/**
 * Nouns that many systems have, and the words that make them the Platform's own: a `security group` is no group of users, an `agent session`
 * no sign-in. After any other noun, known or not, they are a part of that.
 */
export const GENERIC_NOUNS: Readonly<Record<string, string>> = {
  account: 'user local guest member',
  group: 'user team saml sso scim',
  team: 'user',
  tenant: 'user',
  organization: 'user parent',
  organisation: 'user parent',
  org: 'user parent',
  workspace: 'user',
  subscription: 'billing plan license stripe team organization account',
  session: 'user login web browser saml sso auth member cli api',
  connection: 'sync source destination integration plugin test',
  run: 'sync job source destination integration',
  schedule: 'sync source job',
  assignment: 'role permission user',
};
/** Words before a generic noun that only say where it is: `platform account`, `iam.group`. */
export const PLACES: ReadonlySet<string> = words('platform admin iam rbac identity auth core system management directory web api');
/** An account is not created by connecting it: these are accounts, groups and tenants of somebody else. */
export const CONNECTING: ReadonlySet<string> = words('connect connected disconnect disconnected');

/** Nouns that are nobody's attribute: who changes one has not changed what it hangs on, as with a name. */
export const OTHER_THINGS: ReadonlySet<string> = words('mapping comment note bookmark device seat exception widget consent view registration creation deletion page file ticket');
/** Words that say how or how much, and name nothing. */
export const MODIFIERS: ReadonlySet<string> = words('ad hoc bulk batch mass all everywhere id ids uuid and or old own self again attempt attempts attempted detected observed occurred ondemand builtin auto automatic manual forced temporary permanent soft hard custom internal');
/** Ways to sign in, which may stand after it: `login google`. */
export const SIGN_IN_WAYS: ReadonlySet<string> = words('local basic magic web cli api oauth oauth2 ldap google github gitlab okta microsoft azure entra challenge');

export const PREPOSITIONS: ReadonlySet<string> = words('to from for of on by with as via into onto in using');
/** Prepositions before the actor, not before what was acted on. */
export const AGENT_PREPOSITIONS: ReadonlySet<string> = words('by with as via using');
/** Prepositions of somebody who comes or goes: `user added to team`. */
export const MOTION_PREPOSITIONS: ReadonlySet<string> = words('to from into onto');
export const FAILURE_WORDS: ReadonlySet<string> = words('failed fail failure fails error errored denied deny rejected reject unauthorized forbidden invalid unsuccessful refused cannot');
export const SUCCESS_WORDS: ReadonlySet<string> = words('succeeded success successful successfully ok');
/** A failure only as the last word: "login blocked", "query timeout"; "session timeout changed" is none. */
export const FAILURE_AT_END: ReadonlySet<string> = words('blocked timeout');
/** Words before something that has not happened. */
export const BEFOREHAND: ReadonlySet<string> = words('before pre');
/** Words that say nothing about what happened. */
export const STOP_WORDS: ReadonlySet<string> = words('the a an was were has have been is event cloudquery v1 v2');

function words(text: string): Set<string> {
  return new Set(text.split(' '));
}
