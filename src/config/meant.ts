/** Receivers whose type goes by another name, and those that a page of docs/recipes configures. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  elasticsearch: ['elastic', 'es', 'opensearch', 'aws_opensearch'],
  file: ['ndjson', 'json', 'files', 'log'],
  http: ['https', 'webhook', 'rest'],
  kafka: ['event_hubs', 'eventhubs', 'azure_event_hubs', 'redpanda', 'msk'],
  otlp: ['otel', 'opentelemetry', 'open_telemetry', 'opentelemetry_collector'],
  s3: ['aws_s3', 'amazon_s3', 'minio', 'r2', 'gcs', 'security_lake', 'object_storage', 'parquet'],
  sentinel: ['azure', 'azure_sentinel', 'microsoft_sentinel', 'azure_monitor', 'log_analytics'],
  splunk_hec: ['splunk', 'hec', 'splunk_cloud', 'splunk_enterprise'],
  stdout: ['console', 'standard_output'],
  syslog: ['rsyslog', 'syslog_ng', 'relp', 'cef', 'leef', 'arcsight', 'logrhythm'],
};

const RECIPES: Readonly<Record<string, readonly string[]>> = {
  elasticsearch: ['amazon_opensearch', 'elastic_cloud'],
  file: ['wazuh'],
  http: [
    'axiom',
    'clickhouse',
    'cloudwatch',
    'datadog',
    'google_secops',
    'graylog',
    'loki',
    'new_relic',
    'panther',
    'sumo_logic',
    'victorialogs',
  ],
  splunk_hec: ['cribl', 'logscale'],
  syslog: ['qradar'],
};

/** Other names of what has a recipe. */
const ALSO: Readonly<Record<string, string>> = {
  aws_cloudwatch: 'cloudwatch',
  chronicle: 'google_secops',
  cloudwatch_logs: 'cloudwatch',
  crowdstrike: 'logscale',
  gelf: 'graylog',
  google_chronicle: 'google_secops',
  grafana: 'loki',
  humio: 'logscale',
  newrelic: 'new_relic',
  secops: 'google_secops',
  sumo: 'sumo_logic',
  sumologic: 'sumo_logic',
  victoria_logs: 'victorialogs',
};

export interface Meant {
  readonly type: string;
  /** A page that shows the keys, from the repository's root. */
  readonly page: string | null;
}

/** The type that a wrong one was probably meant to be, among those that there are. Null where nothing is known of the name. */
export function meantType(name: string, known: readonly string[]): Meant | null {
  const plain = name.toLowerCase().replaceAll(/[ -]/g, '_');
  const recipe = Object.hasOwn(ALSO, plain) ? (ALSO[plain] ?? plain) : plain;
  const find = (table: typeof TYPES, wanted: string): string | undefined =>
    known.find((type) => Object.hasOwn(table, type) && table[type]?.includes(wanted) === true);
  const type = find(TYPES, plain);
  if (type !== undefined) return { type, page: null };
  const shown = find(RECIPES, recipe);
  return shown === undefined ? null : { type: shown, page: `docs/recipes/${recipe}.md` };
}
