import { DATA_VIEW } from './dashboards.ts';
import { minutesOf, sigmaRules } from './sigma-rules.ts';
import type { SigmaRule } from './sigma-rules.ts';

type Tree = Readonly<Record<string, unknown>>;

const INTERVAL_MINUTES = 5;
/** Events of an audit log that is polled come late; what is found twice is the same finding. */
const LATE_MINUTES = 30;

/** Monitors of OpenSearch's alerting plugin: every Sigma rule that needs no order of events, and "no data". */
export function monitors(): Tree[] {
  const counted = sigmaRules().filter(
    ({ correlation }) => correlation === null || correlation.condition !== undefined,
  );
  return [
    ...counted.map(monitor),
    silence('No heartbeat of auditferry', 'event.dataset:auditferry.heartbeat', 15, '1'),
    silence('No audit event for a day', 'event.dataset:cloudquery.audit', 24 * 60, '3'),
  ];
}

const SEVERITIES = { critical: '1', high: '2', medium: '3', low: '4', informational: '5' } as const;

function monitor({ title, level, correlation, lucene: [query = ''] }: SigmaRule): Tree {
  if (correlation === null)
    return made(title, search(query, LATE_MINUTES), 'ctx.results[0].hits.total.value > 0', SEVERITIES[level]);
  const {
    condition = { gte: 1 },
    timespan,
    'group-by': [field],
  } = correlation;
  const body = search(query, minutesOf(timespan));
  const groups = 'ctx.results[0].aggregations.groups.buckets';
  if (condition.field === undefined) {
    const terms = { field, size: 1, min_doc_count: condition.gte };
    return made(title, { ...body, aggs: { groups: { terms } } }, `${groups}.size() > 0`, SEVERITIES[level]);
  }
  // The group with the most different values comes first.
  const terms = { field, size: 1, order: { different: 'desc' } };
  const aggs = { different: { cardinality: { field: condition.field } } };
  const enough = `${groups}.size() > 0 && ${groups}[0].different.value >= ${condition.gte}`;
  return made(title, { ...body, aggs: { groups: { terms, aggs } } }, enough, SEVERITIES[level]);
}

function silence(title: string, query: string, minutes: number, severity: string): Tree {
  return made(title, search(query, minutes), 'ctx.results[0].hits.total.value == 0', severity);
}

function search(query: string, minutes: number): Tree {
  const time = { gte: `{{period_end}}||-${minutes}m`, lte: '{{period_end}}', format: 'epoch_millis' };
  return {
    size: 0,
    track_total_hits: true,
    query: { bool: { filter: [{ range: { '@timestamp': time } }, { query_string: { query } }] } },
  };
}

function made(title: string, query: Tree, condition: string, severity: string): Tree {
  const name = `CloudQuery: ${title}`;
  const trigger = {
    name,
    severity,
    condition: { script: { source: condition, lang: 'painless' } },
    actions: [],
  };
  return {
    type: 'monitor',
    monitor_type: 'query_level_monitor',
    name,
    enabled: false,
    schedule: { period: { interval: INTERVAL_MINUTES, unit: 'MINUTES' } },
    inputs: [{ search: { indices: [DATA_VIEW.title], query } }],
    triggers: [{ query_level_trigger: trigger }],
  };
}
