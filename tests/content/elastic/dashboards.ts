/**
 * The dashboards and saved searches for Kibana and OpenSearch Dashboards, said once. Queries are Lucene's: both products read it, and the
 * real servers of the receiver suite run it.
 */
export interface SavedSearch {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly query: string;
  readonly columns: readonly string[];
}

/** What a number shows, or a chart draws. */
export interface Measure {
  readonly kind: 'count' | 'distinct' | 'max' | 'sum';
  /** Not for `count`. */
  readonly field?: string;
  readonly label: string;
}

export type Panel = { readonly title: string } & (
  | { readonly kind: 'number'; readonly query: string; readonly measure: Measure }
  | {
      readonly kind: 'over_time';
      readonly query: string;
      readonly by: string;
      readonly measure: Measure;
    }
  | {
      readonly kind: 'table';
      readonly query: string;
      readonly by: readonly string[];
      readonly measures: readonly Measure[];
      readonly rows: number;
    }
  | { readonly kind: 'events'; readonly search: string }
);

export interface Dashboard {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** Fields to choose values of, for the whole dashboard. */
  readonly controls: readonly { readonly field: string; readonly label: string }[];
  readonly panels: readonly Panel[];
}

export const DATA_VIEW = {
  id: 'auditferry-cloudquery-audit',
  title: 'logs-cloudquery.audit-*',
  name: 'CloudQuery audit events',
} as const;

const AUDIT = 'event.dataset:cloudquery.audit';
const HEARTBEAT = 'event.dataset:auditferry.heartbeat';
const audit = (query: string): string => `${AUDIT} AND ${query}`;

const CHANGE =
  'cloudquery.audit.verb:(create OR update OR delete OR enable OR disable OR grant OR revoke OR reset OR rotate OR invite OR lock OR unlock)';
const COMPLIANCE = audit(
  `cloudquery.audit.domain:(user OR credential OR role OR privilege OR group OR policy OR config OR settings OR security_settings OR audit) AND ${CHANGE}`,
);
const SIGN_IN = audit('cloudquery.audit.domain:auth AND cloudquery.audit.verb:login');
const FAILURE = audit('event.outcome:failure');
const FAILED_RUN = audit('cloudquery.audit.domain:run AND event.outcome:failure');
const API_KEYS = audit('cloudquery.audit.object_type:api_key');
const ROLES = audit('cloudquery.audit.domain:(privilege OR role)');
const SIGN_IN_SETTINGS = audit(
  '(cloudquery.audit.domain:security_settings OR cloudquery.audit.object_type:(mfa OR password))',
);
const UNCLASSIFIED = audit('tags:cloudquery_unclassified');

const WHO_WHAT = ['event.action', 'event.outcome', 'user.name', 'cloudquery.audit.entity_display_name'];
const EVENTS = { kind: 'count', label: 'Events' } as const;
const LAST_SEEN = { kind: 'max', field: '@timestamp', label: 'Last' } as const;

const search = (
  id: string,
  title: string,
  description: string,
  query: string,
  columns: readonly string[] = [...WHO_WHAT, 'source.address'],
): SavedSearch => ({ id, title, description, query, columns });

export const SEARCHES: readonly SavedSearch[] = [
  search('all', 'All audit events', 'Everything that the Platform recorded.', AUDIT),
  search(
    'grave',
    'Grave events',
    'Events of high and critical severity.',
    audit('cloudquery.audit.severity:(high OR critical)'),
  ),
  search(
    'failed-sign-ins',
    'Failed sign-ins',
    'Who could not sign in, from where and why.',
    `${SIGN_IN} AND event.outcome:failure`,
    ['user.name', 'source.address', 'event.reason'],
  ),
  search('api-keys', 'API keys', 'API keys that were created, rotated, deleted or expired.', API_KEYS),
  search(
    'roles',
    'Roles and permissions',
    'Who gave which role to whom, and how roles were changed.',
    ROLES,
    [...WHO_WHAT, 'user.target.name', 'cloudquery.audit.added_roles', 'cloudquery.audit.removed_roles'],
  ),
  search(
    'sign-in-settings',
    'Sign-in settings and second factors',
    'Changes of single sign-on, passwords and second factors.',
    SIGN_IN_SETTINGS,
    [...WHO_WHAT, 'user.target.name'],
  ),
  search(
    'compliance',
    'Changes for an auditor',
    'Changes of accounts, keys, rights, policies, syncs, settings and the audit log, with who made them.',
    COMPLIANCE,
    [...WHO_WHAT, 'cloudquery.audit.domain', 'cloudquery.audit.changed_attributes', 'source.address'],
  ),
  search(
    'failures',
    'Failures',
    'Everything that failed, with the reason where the event has one.',
    FAILURE,
    [...WHO_WHAT, 'event.reason'],
  ),
  search('failed-runs', 'Failed sync runs', 'Runs of syncs that failed.', FAILED_RUN, [
    'cloudquery.audit.entity_display_name',
    'event.action',
    'event.reason',
    'user.name',
  ]),
  search(
    'data-out',
    'Exports and reads of the audit log',
    'What left the Platform, and who looked at the audit log.',
    audit('(cloudquery.audit.verb:export OR (cloudquery.audit.domain:audit AND cloudquery.audit.verb:read))'),
  ),
  search(
    'unclassified',
    'Events of unknown type',
    'Delivered and marked: give auditferry a row of normalize.event_types for each.',
    UNCLASSIFIED,
    ['event.code', 'message'],
  ),
  search(
    'heartbeats',
    'Heartbeats of auditferry',
    'One for each sink and interval, where the configuration has `heartbeat`.',
    HEARTBEAT,
    [
      'message',
      'auditferry_heartbeat.sink',
      'auditferry_heartbeat.number',
      'auditferry_heartbeat.events',
      'auditferry_heartbeat.waiting',
      'auditferry_heartbeat.open_dead_letters',
    ],
  ),
];

const number = (title: string, query: string, measure: Measure = EVENTS): Panel => ({
  kind: 'number',
  title,
  query,
  measure,
});
const overTime = (title: string, query: string, by: string, measure: Measure = EVENTS): Panel => ({
  kind: 'over_time',
  title,
  query,
  by,
  measure,
});
const table = (
  title: string,
  query: string,
  by: readonly string[],
  measures: readonly Measure[] = [EVENTS, LAST_SEEN],
): Panel => ({ kind: 'table', title, query, by, measures, rows: 50 });
const events = (title: string, id: string): Panel => ({ kind: 'events', title, search: id });

const ENTITY = 'cloudquery.audit.entity_display_name';

export const DASHBOARDS: readonly Dashboard[] = [
  {
    id: 'overview',
    title: 'CloudQuery audit: overview',
    description: 'What happens on the Platform, what fails, and what is grave.',
    controls: [],
    panels: [
      number('Events', AUDIT),
      number('Users', AUDIT, { kind: 'distinct', field: 'user.name', label: 'Users' }),
      number('Failures', FAILURE),
      number('Grave events', audit('cloudquery.audit.severity:(high OR critical)')),
      overTime('Events by outcome', AUDIT, 'event.outcome'),
      overTime('Events by domain', AUDIT, 'cloudquery.audit.domain'),
      table('Who does most', AUDIT, ['user.name', 'cloudquery.audit.user.type']),
      table('What happens most', AUDIT, ['event.action', 'event.outcome']),
      table('What fails', FAILURE, ['event.action', 'event.reason']),
      table('Syncs that fail', FAILED_RUN, [ENTITY]),
      table('Changes for an auditor', COMPLIANCE, ['cloudquery.audit.domain', 'event.action', 'user.name']),
      table('Who deletes', audit('cloudquery.audit.verb:delete'), [
        'user.name',
        'cloudquery.audit.object_type',
      ]),
      events('Grave events', 'grave'),
    ],
  },
  {
    id: 'investigation',
    title: 'CloudQuery audit: investigation',
    description:
      'Everything about one user, entity or address: choose it above, or filter by a click on a row.',
    controls: [
      { field: 'related.user', label: 'User, as actor or as target' },
      { field: ENTITY, label: 'Entity' },
      { field: 'source.address', label: 'Address' },
    ],
    panels: [
      overTime('When', AUDIT, 'cloudquery.audit.verb'),
      overTime('With what result', AUDIT, 'event.outcome'),
      table('Who', AUDIT, ['user.name', 'user.id']),
      table('From where', AUDIT, ['source.address', 'user.name']),
      table('What was done', AUDIT, ['event.action', 'event.outcome']),
      table('To what', AUDIT, [ENTITY, 'cloudquery.audit.object_type']),
      table('Accounts that were changed', audit('user.target.name:*'), [
        'user.target.name',
        'event.action',
        'user.name',
      ]),
      table('What failed', FAILURE, ['event.action', 'event.reason']),
      events('Events', 'all'),
    ],
  },
  {
    id: 'access-review',
    title: 'CloudQuery audit: access review',
    description: 'API keys, roles, sign-ins and second factors, for the regular review of who may do what.',
    controls: [{ field: 'user.name', label: 'User' }],
    panels: [
      table('API keys: who did what', API_KEYS, [ENTITY, 'event.action', 'user.name']),
      table('API keys that acted', audit('cloudquery.audit.api_key.id:*'), [
        'cloudquery.audit.api_key.name',
        'user.name',
        'source.address',
      ]),
      table('Roles given and taken', audit('cloudquery.audit.domain:privilege'), [
        'user.target.name',
        'event.action',
        'user.name',
      ]),
      table(
        'Admin roles given',
        audit('cloudquery.audit.domain:privilege AND cloudquery.audit.severity:(high OR critical)'),
        ['user.target.name', 'cloudquery.audit.added_roles', 'user.name'],
      ),
      table('Sign-ins', `${SIGN_IN} AND event.outcome:success`, [
        'user.name',
        'cloudquery.audit.user.provider',
        'source.address',
      ]),
      table('Failed sign-ins', `${SIGN_IN} AND event.outcome:failure`, [
        'user.name',
        'source.address',
        'event.reason',
      ]),
      table(
        'Active without a second factor',
        audit('cloudquery.audit.user.mfa_configured:false AND cloudquery.audit.user.provider:local'),
        ['user.name', 'user.roles'],
      ),
      table('Active though disabled', audit('cloudquery.audit.user.enabled:false'), [
        'user.name',
        'event.action',
      ]),
      table('Administrators', audit('cloudquery.audit.user.type:admin'), ['user.name', 'user.roles']),
      table('Machines', audit('cloudquery.audit.user.type:service'), ['user.name', 'source.address']),
      events('Roles and permissions', 'roles'),
      events('Sign-in settings and second factors', 'sign-in-settings'),
    ],
  },
  {
    id: 'forwarder-health',
    title: 'auditferry: forwarder health',
    description: 'Whether events arrive. Heartbeats come only where the configuration has `heartbeat`.',
    controls: [],
    panels: [
      number('Audit events', AUDIT),
      number('Last audit event', AUDIT, LAST_SEEN),
      number('Last heartbeat', HEARTBEAT, LAST_SEEN),
      number('Open dead letters', HEARTBEAT, {
        kind: 'max',
        field: 'auditferry_heartbeat.open_dead_letters',
        label: 'Most open dead letters',
      }),
      overTime('Events by installation', AUDIT, 'cloudquery.audit.instance'),
      overTime('Events waiting, by sink', HEARTBEAT, 'auditferry_heartbeat.sink', {
        kind: 'max',
        field: 'auditferry_heartbeat.waiting',
        label: 'Waiting',
      }),
      table(
        'Heartbeats by sink',
        HEARTBEAT,
        ['auditferry_heartbeat.sink', 'auditferry_heartbeat.installation_id'],
        [
          LAST_SEEN,
          { kind: 'max', field: 'auditferry_heartbeat.number', label: 'Newest number' },
          { kind: 'sum', field: 'auditferry_heartbeat.events', label: 'Events confirmed' },
          { kind: 'sum', field: 'auditferry_heartbeat.dead_letters', label: 'Dead letters' },
        ],
      ),
      table('Versions', AUDIT, ['agent.version', 'observer.version', 'cloudquery.audit.api_version']),
      table('Event types that nobody understood', UNCLASSIFIED, ['event.code']),
      events('Heartbeats', 'heartbeats'),
    ],
  },
];
