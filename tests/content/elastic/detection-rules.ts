import { DATA_VIEW } from './dashboards.ts';
import { minutesOf, sigmaRules } from './sigma-rules.ts';
import type { Correlation, Level, SigmaRule } from './sigma-rules.ts';

/** How often rules run, and how far they look back beyond that: events of an audit log that is polled come late. */
const INTERVAL_MINUTES = 5;
const LATE_MINUTES = 30;
const SHORTEST = INTERVAL_MINUTES + LATE_MINUTES;
const HISTORY = 'now-30d';

type Rule = Readonly<Record<string, unknown>>;

/** Elastic's detection rules: every Sigma rule, and what only Elastic can say. */
export function detectionRules(): Rule[] {
  return [...sigmaRules().map(fromSigma), ...ONLY_ELASTIC];
}

const RISK: Readonly<Record<Level, readonly [severity: string, score: number]>> = {
  informational: ['low', 21],
  low: ['low', 21],
  medium: ['medium', 47],
  high: ['high', 73],
  critical: ['critical', 99],
};

interface About {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly level: Level;
  readonly tags?: readonly string[];
  readonly falsepositives?: readonly string[];
}

function common(
  { id, title, description, level, tags = [], falsepositives = [] }: About,
  lookBackMinutes: number,
): Rule {
  const [severity, riskScore] = RISK[level];
  return {
    rule_id: id,
    name: `CloudQuery: ${title}`,
    description,
    severity,
    risk_score: riskScore,
    enabled: false,
    interval: `${INTERVAL_MINUTES}m`,
    from: `now-${lookBackMinutes}m`,
    to: 'now',
    tags: ['CloudQuery', 'auditferry', ...tags],
    false_positives: falsepositives,
    references: [],
    author: ['auditferry'],
    license: 'Apache-2.0',
    version: 1,
    threat: [],
    max_signals: 100,
  };
}

const INDEX = [DATA_VIEW.title];
const FIELDS = {
  investigation_fields: {
    field_names: [
      'user.name',
      'user.target.name',
      'source.address',
      'event.action',
      'cloudquery.audit.entity_display_name',
    ],
  },
};

function fromSigma(rule: SigmaRule): Rule {
  const { correlation } = rule;
  const [query = ''] = rule.lucene;
  if (correlation === null)
    return { ...common(rule, SHORTEST), ...FIELDS, type: 'query', language: 'lucene', index: INDEX, query };
  const span = minutesOf(correlation.timespan);
  const threshold = thresholdOf(correlation);
  if (threshold !== null)
    // It counts over all that it looks back on, so that is the rule's span, and no time for late events.
    return {
      ...common(rule, span + INTERVAL_MINUTES),
      type: 'threshold',
      language: 'lucene',
      index: INDEX,
      query,
      threshold,
    };
  return {
    ...common(rule, span + SHORTEST),
    ...FIELDS,
    type: 'eql',
    language: 'eql',
    index: INDEX,
    query: SEQUENCES[rule.name],
  };
}

function thresholdOf({ type, condition, 'group-by': field }: Correlation): Rule | null {
  if (type !== 'event_count' && type !== 'value_count') return null;
  if (condition?.field === undefined) return { field, value: condition?.gte, cardinality: [] };
  return { field, value: 1, cardinality: [{ field: condition.field, value: condition.gte }] };
}

const IS_AUDIT = 'event.dataset == "cloudquery.audit"';
const SIGN_IN = `${IS_AUDIT} and cloudquery.audit.domain == "auth" and cloudquery.audit.verb == "login"`;
const SUCCEEDED = 'event.outcome == "success"';

/** What stands in an order, by the name of the Sigma rule. */
const SEQUENCES: Readonly<Record<string, string>> = {
  sign_in_after_failures:
    `sequence by user.name with maxspan=10m [any where ${SIGN_IN} and event.outcome == "failure"] with runs=5 ` +
    `[any where ${SIGN_IN} and ${SUCCEEDED}]`,
  short_lived_account:
    `sequence by user.target.name with maxspan=1d ` +
    `[any where ${IS_AUDIT} and cloudquery.audit.object_type in ("user", "invitation") and cloudquery.audit.verb in ("create", "invite") and ${SUCCEEDED}] ` +
    `[any where ${IS_AUDIT} and cloudquery.audit.object_type == "user" and cloudquery.audit.verb == "delete" and ${SUCCEEDED}]`,
};

function neverBefore(about: About, query: string, fields: readonly string[]): Rule {
  return {
    ...common(about, SHORTEST),
    ...FIELDS,
    type: 'new_terms',
    language: 'lucene',
    index: INDEX,
    query: `event.dataset:cloudquery.audit AND ${query}`,
    new_terms_fields: fields,
    history_window_start: HISTORY,
  };
}

/** `where` of ES|QL says which events must have come within the look-back. */
function noData(about: About, where: string, minutes: number): Rule {
  return {
    ...common(about, minutes),
    type: 'esql',
    language: 'esql',
    query: `from ${DATA_VIEW.title} | where ${where} | stats Esql.events = count(*) | where Esql.events == 0`,
  };
}

const ONLY_ELASTIC: readonly Rule[] = [
  neverBefore(
    {
      id: '5f0a3a4e-3d0d-4c1c-8d1e-1f4f5b0c7a01',
      title: 'API Key Made by a User Who Never Did',
      description: 'A user created or rotated an API key for the first time in 30 days.',
      level: 'medium',
      tags: ['attack.t1098.001'],
    },
    'cloudquery.audit.object_type:api_key AND cloudquery.audit.verb:(create OR rotate) AND event.outcome:success',
    ['user.name'],
  ),
  neverBefore(
    {
      id: '5f0a3a4e-3d0d-4c1c-8d1e-1f4f5b0c7a02',
      title: 'Sign-In From a New Address',
      description:
        'A user signed in from an address for the first time in 30 days. With the pipeline auditferry-enrich, change the field to source.as.number to ask for a new network.',
      level: 'low',
      tags: ['attack.t1078'],
    },
    'cloudquery.audit.domain:auth AND cloudquery.audit.verb:login AND event.outcome:success',
    ['user.name', 'source.ip'],
  ),
  neverBefore(
    {
      id: '5f0a3a4e-3d0d-4c1c-8d1e-1f4f5b0c7a03',
      title: 'API Key Used From a New Address',
      description:
        'An API key acted from an address for the first time in 30 days. Only events that name the key are seen.',
      level: 'medium',
      tags: ['attack.t1078.004'],
    },
    'cloudquery.audit.api_key.id:*',
    ['cloudquery.audit.api_key.id', 'source.ip'],
  ),
  noData(
    {
      id: '5f0a3a4e-3d0d-4c1c-8d1e-1f4f5b0c7a04',
      title: 'No Heartbeat of auditferry',
      description:
        'No heartbeat came for 15 minutes: nothing arrives at all. Needs `heartbeat: { every: 5m }` in the configuration of auditferry.',
      level: 'high',
    },
    'event.dataset == "auditferry.heartbeat"',
    15,
  ),
  noData(
    {
      id: '5f0a3a4e-3d0d-4c1c-8d1e-1f4f5b0c7a05',
      title: 'No Audit Event',
      description:
        'No audit event came for a day. For installations without heartbeat; set the time to what is usual at your site.',
      level: 'medium',
    },
    'event.dataset == "cloudquery.audit"',
    24 * 60,
  ),
];
