import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sigmaRules } from '../elastic/sigma-rules.ts';
import type { Level, SigmaRule } from '../elastic/sigma-rules.ts';

const CONVERTED = fileURLToPath(new URL('../../../content/sigma/converted/splunk/', import.meta.url));

interface Detection {
  readonly title: string;
  readonly description: string;
  readonly level: Level;
  readonly search: string;
  readonly earliest: string;
  readonly cron: string;
}

/** A search without an alert, to look at or to report. By the id of the saved search for Elastic that asks for the same. */
export interface Report {
  readonly id: string;
  readonly title: string;
  readonly search: string;
}

const AUDIT = '`cloudquery_audit`';
const ONCE = '| `cloudquery_once`';
const EVENTS = `${ONCE} | table _time actor signature entity outcome reason src severity`;
const CHANGES =
  'domain IN ("user", "credential", "role", "privilege", "group", "policy", "config", "settings", "security_settings", "audit") ' +
  'verb IN ("create", "update", "delete", "enable", "disable", "grant", "revoke", "reset", "rotate", "invite", "lock", "unlock")';

const report = (id: string, title: string, terms: string, rest = EVENTS): Report => ({
  id,
  title,
  search: [AUDIT, terms, rest].filter((part) => part !== '').join(' '),
});

export const REPORTS: readonly Report[] = [
  report('all', 'All audit events', ''),
  report('grave', 'Grave events', 'severity IN ("high", "critical")'),
  report('failed-sign-ins', 'Failed sign-ins', 'domain="auth" verb="login" outcome="failure"'),
  report('api-keys', 'API keys', 'object_type="api_key"'),
  report(
    'roles',
    'Roles and permissions',
    'domain IN ("privilege", "role")',
    `${ONCE} | table _time actor signature user entity added_roles removed_roles outcome`,
  ),
  report(
    'sign-in-settings',
    'Sign-in settings and second factors',
    '(domain="security_settings" OR object_type IN ("mfa", "password"))',
  ),
  report(
    'compliance',
    'Changes for an auditor',
    CHANGES,
    `${ONCE} | table _time actor signature entity user object_attrs outcome src event_id`,
  ),
  report('failures', 'Failures', 'outcome="failure"'),
  report('failed-runs', 'Failed sync runs', 'domain="run" outcome="failure"'),
  report('data-out', 'Exports and reads of the audit log', '(verb="export" OR (domain="audit" verb="read"))'),
  report('unclassified', 'Events of unknown type', 'unclassified="true"'),
];

/** What Sigma cannot say to Splunk, or cannot say at all. */
const OWN: readonly Detection[] = [
  {
    title: 'API Key Made by a User Who Never Did',
    description: 'A user created or rotated an API key for the first time in 30 days.',
    level: 'medium',
    search: `${AUDIT} object_type="api_key" verb IN ("create", "rotate") outcome="success" ${ONCE} | stats min(_time) as first values(entity) as entity by actor | where first>=relative_time(now(), "-70m")`,
    earliest: '-30d',
    cron: '7 * * * *',
  },
  {
    title: 'API Key Used From a New Network',
    description:
      'An API key acted from a network for the first time in 30 days. Only events that name the key are seen.',
    level: 'medium',
    search: neverBefore('api_key_id=* src_ip=*', 'api_key_id'),
    earliest: '-30d',
    cron: '13 * * * *',
  },
  {
    title: 'Sign-In From a New Network',
    description:
      'A user signed in from a network for the first time in 30 days, and from another one before.',
    level: 'low',
    search: neverBefore('domain="auth" verb="login" outcome="success" src_ip=*', 'actor'),
    earliest: '-30d',
    cron: '19 * * * *',
  },
  {
    title: 'No Heartbeat of auditferry',
    description:
      'No heartbeat came for 15 minutes: nothing arrives at all. Needs heartbeat: { every: 5m } in the configuration of auditferry.',
    level: 'high',
    search: '`auditferry_heartbeats` | stats count | where count=0',
    earliest: '-15m',
    cron: '*/5 * * * *',
  },
  {
    title: 'No Audit Event for a Day',
    description: 'For installations without heartbeat. Set the time to what is usual at your site.',
    level: 'medium',
    search: '`cloudquery_audit` | stats count | where count=0',
    earliest: '-24h',
    cron: '23 * * * *',
  },
  {
    title: 'Heartbeats Are Missing',
    description:
      'Heartbeats of a sink are numbered without holes, and some numbers did not arrive within a day.',
    level: 'high',
    search:
      '`auditferry_heartbeats` | stats min(auditferry_heartbeat.number) as oldest max(auditferry_heartbeat.number) as newest dc(auditferry_heartbeat.number) as arrived by auditferry_heartbeat.stream auditferry_heartbeat.sink | where newest-oldest+1>arrived',
    earliest: '-24h',
    cron: '29 * * * *',
  },
];

function neverBefore(terms: string, by: string): string {
  return (
    `${AUDIT} ${terms} ${ONCE} | eval network=\`cloudquery_network(src_ip)\` | stats min(_time) as first values(src_ip) as src_ip by ${by} network ` +
    `| eventstats min(first) as first_ever by ${by} | where first>=relative_time(now(), "-70m") AND first>first_ever`
  );
}

/** Splunk's own words for rules whose conversion is missing, or counts in a way that misses some. By name of the Sigma rule. */
const REPLACED: Readonly<Record<string, string>> = {
  sign_in_after_failures: `${AUDIT} domain="auth" verb="login" ${ONCE} | sort 0 _time | streamstats time_window=10m count(eval(outcome=="failure")) as failures by actor | where outcome=="success" AND failures>=5`,
  short_lived_account: `${AUDIT} ((object_type IN ("user", "invitation") verb IN ("create", "invite")) OR (object_type="user" verb="delete")) outcome="success" ${ONCE} | stats min(eval(if(verb!="delete", _time, null()))) as created max(eval(if(verb=="delete", _time, null()))) as deleted by user | where deleted>created AND deleted-created<=86400`,
};

/** Where a search begins that runs every ten minutes, the window of its rule and the time in which events may come late. */
const EARLIEST: Readonly<Record<string, string>> = { '10m': '-40m@m', '1h': '-90m@m', '1d': '-25h@h' };

function fromSigma(rule: SigmaRule): Detection {
  const { name, title, description, level, correlation } = rule;
  return {
    title,
    description,
    level,
    search: REPLACED[name] ?? converted(name),
    earliest: EARLIEST[correlation?.timespan ?? '10m'] ?? '-40m@m',
    cron: '*/10 * * * *',
  };
}

/** The conversion of sigma-cli with the macros of the app: the index is the operator's, and copies count once. */
function converted(name: string): string {
  const text = readFileSync(`${CONVERTED}cloudquery_${name}.txt`, 'utf8').replace(/\s+/g, ' ').trim();
  const [terms = '', ...rest] = text.replace('sourcetype="cloudquery:platform:audit"', AUDIT).split(' | ');
  if (rest.length === 0) return `${terms} ${EVENTS}`;
  return [`${terms} ${ONCE}`, ...rest].join(' | ');
}

const SEVERITIES: Readonly<Record<Level, number>> = {
  informational: 2,
  low: 3,
  medium: 4,
  high: 5,
  critical: 6,
};

/** default/savedsearches.conf of the app. */
export function savedSearches(): string {
  const reports = REPORTS.map(({ title, search }) =>
    stanza(`CloudQuery: ${title}`, [
      `search = ${search}`,
      'dispatch.earliest_time = -7d',
      'dispatch.latest_time = now',
    ]),
  );
  const detections = [...sigmaRules().map(fromSigma), ...OWN].map((one) =>
    stanza(`CloudQuery detection: ${one.title}`, [
      `description = ${one.description}`,
      `search = ${one.search}`,
      `dispatch.earliest_time = ${one.earliest}`,
      'dispatch.latest_time = now',
      'disabled = 1',
      'enableSched = 1',
      `cron_schedule = ${one.cron}`,
      'schedule_window = auto',
      'counttype = number of events',
      'relation = greater than',
      'quantity = 0',
      'alert.track = 1',
      'alert.suppress = 1',
      'alert.suppress.period = 1h',
      `alert.severity = ${SEVERITIES[one.level]}`,
    ]),
  );
  return `${HEAD}\n${[...reports, ...detections].join('\n')}`;
}

const HEAD = `# Reports and detections. Detections are off: enable the ones you want, and give them an action. Most are rules of content/sigma.
`;

function stanza(name: string, lines: readonly string[]): string {
  return `[${name}]\n${lines.join('\n')}\n`;
}
