/** What `init` needs to know about a kind of sink. The keys are those of its schema. */
export interface SinkKind {
  /** What `--sink` takes. */
  readonly offer: string;
  readonly type: string;
  readonly name: string;
  readonly about: string;
  readonly target: {
    readonly key: string;
    readonly question: string;
    readonly example: string;
    readonly pattern: RegExp;
    /** Taken when nothing is said. */
    readonly standard: string | null;
    /** Several, separated by commas. */
    readonly isList?: true;
  } | null;
  /** `line`: the key, with % where the reference to the secret goes. */
  readonly secret: { readonly line: string; readonly question: string; readonly variable: string } | null;
  /** Variables that `lines` or the secret's line name besides. */
  readonly needs?: readonly string[];
  /** Further lines of the sink, with their comments. */
  readonly lines: readonly string[];
}

const ADDRESS = /^https?:\/\/[^\s@#]+$/i;
const PLAIN = /^(?:tls|tcp):\/\/(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/;

/** Receivers by name, each with a page in docs/recipes that shows the same keys. A test runs every page. */
export const RECIPES: readonly SinkKind[] = [
  {
    offer: 'amazon_opensearch',
    type: 'elasticsearch',
    name: 'opensearch',
    about: 'Amazon OpenSearch Service',
    target: address('Address of the domain', 'https://search-audit-x1y2.eu-west-1.es.amazonaws.com'),
    secret: {
      line: 'password: %',
      question: 'the password of the user auditferry',
      variable: 'OPENSEARCH_PASSWORD',
    },
    lines: [
      'username: auditferry',
      'data_stream: logs-cloudquery.audit-default',
      'install: { lifecycle: 365d } # the index template, and how long documents stay',
      'format: ecs',
    ],
  },
  {
    offer: 'axiom',
    type: 'http',
    name: 'axiom',
    about: 'Axiom',
    target: address(
      'Address of the dataset',
      'https://api.axiom.co/v1/datasets/audit/ingest?timestamp-field=%40timestamp',
    ),
    secret: { line: 'bearer: %', question: 'the API token', variable: 'AXIOM_TOKEN' },
    lines: [
      'format: ecs',
      'encoding: ndjson',
      'compress: gzip',
      'expect: { failed: 0 } # Axiom answers 200 also when it refuses events',
      'max_event_bytes: 1000KB',
    ],
  },
  {
    offer: 'clickhouse',
    type: 'http',
    name: 'clickhouse',
    about: 'ClickHouse, through its HTTP interface',
    target: address(
      'Address with the INSERT',
      'https://clickhouse.example.com:8443/?query=INSERT%20INTO%20audit.cloudquery%20FORMAT%20JSONEachRow&date_time_input_format=best_effort&wait_end_of_query=1',
    ),
    secret: {
      line: 'headers: { X-ClickHouse-User: auditferry, X-ClickHouse-Key: % }',
      question: 'the password of the user auditferry',
      variable: 'CLICKHOUSE_PASSWORD',
    },
    lines: [
      'format: ecs',
      `template: { event: '{"event_id":{id},"time":{time},"event_type":{event_type},"message":{message},"event":{event_text}}' }`,
      'compress: gzip',
      'success: [200]',
      'batch: { max_events: 5000, max_bytes: 8MiB, max_wait: 5s } # a part of the table for each request: few and large',
    ],
  },
  {
    offer: 'cloudwatch',
    type: 'http',
    name: 'cloudwatch',
    about: 'Amazon CloudWatch Logs, through its HTTP log collector',
    target: address(
      'Address with log group and stream',
      'https://logs.us-east-1.amazonaws.com/services/collector/event?logGroup=cloudquery-audit&logStream=auditferry',
    ),
    secret: { line: 'bearer: %', question: 'the API key of CloudWatch Logs', variable: 'CLOUDWATCH_API_KEY' },
    lines: [
      'format: ecs',
      'encoding: json_array',
      `template: { event: '{"time":{time_s},"event":{event}}' }`,
      'max_request_size: 900KB',
      'max_event_age: 14d # or the retention of the log group, if that is less',
      'max_event_bytes: 800KB',
    ],
  },
  {
    offer: 'cribl',
    type: 'splunk_hec',
    name: 'cribl',
    about: 'Cribl Stream, through its Splunk HEC source',
    target: address('Address of the source', 'https://cribl.example.com:8088'),
    secret: { line: 'token: %', question: 'the token of the source', variable: 'CRIBL_TOKEN' },
    lines: ['ack: off', 'format: ecs'],
  },
  {
    offer: 'datadog',
    type: 'http',
    name: 'datadog',
    about: 'Datadog Logs',
    target: address(
      'Address of your site',
      'https://http-intake.logs.datadoghq.com/api/v2/logs?ddsource=cloudquery&service=cloudquery-platform',
    ),
    secret: {
      line: 'headers: { DD-API-KEY: % }',
      question: 'the API key of Datadog',
      variable: 'DD_API_KEY',
    },
    lines: [
      'format: ecs',
      'encoding: json_array',
      'compress: gzip',
      'success: [202]',
      'batch: { max_events: 1000, max_bytes: 4MiB }',
      'max_request_size: 4500KB',
      'max_event_age: 18h # Datadog takes older ones and does not keep their time',
      'max_event_bytes: 1000KB # longer ones are cut with 202',
    ],
  },
  {
    offer: 'elastic_cloud',
    type: 'elasticsearch',
    name: 'elastic',
    about: 'Elastic Cloud',
    target: address('Address of the deployment', 'https://audit-x1y2.es.eu-west-1.aws.found.io'),
    secret: {
      line: 'api_key: %',
      question: 'the API key of the deployment',
      variable: 'ELASTICSEARCH_API_KEY',
    },
    lines: ['data_stream: logs-cloudquery.audit-default', 'format: ecs'],
  },
  {
    offer: 'google_secops',
    type: 'http',
    name: 'secops',
    about: 'Google SecOps, through a webhook feed',
    target: address(
      'Address of the feed',
      'https://eu-chronicle.googleapis.com/v1alpha/projects/123456789012/locations/eu/instances/00000000-0000-0000-0000-000000000000/feeds/00000000-0000-0000-0000-000000000000:importPushLogs',
    ),
    secret: {
      line: 'headers: { Content-Type: application/json, X-goog-api-key: "${SECOPS_API_KEY}", X-Webhook-Access-Key: % }',
      question: 'the secret key of the feed',
      variable: 'SECOPS_FEED_SECRET',
    },
    needs: ['SECOPS_API_KEY'],
    lines: [
      'format: ocsf',
      'encoding: ndjson # the split delimiter of the feed is \\n',
      'max_request_size: 3500KB',
      'max_event_bytes: 3000KB',
    ],
  },
  {
    offer: 'graylog',
    type: 'http',
    name: 'graylog',
    about: 'Graylog, through a GELF HTTP input',
    target: address('Address of the input', 'https://graylog.example.com:12201/gelf'),
    secret: {
      line: 'headers: { Authorization: % }',
      question: 'the value of the header that the input asks for',
      variable: 'GRAYLOG_AUTHORIZATION',
    },
    lines: [
      'format: ecs',
      `template: { event: '{"version":"1.1","host":{instance},"short_message":{message},"full_message":{event_text},"timestamp":{time_s},"level":6,"_event_id":{id},"_event_type":{event_type},"_severity":{severity}}' }`,
      'compress: gzip',
      'success: [202]',
    ],
  },
  {
    offer: 'logscale',
    type: 'splunk_hec',
    name: 'logscale',
    about: 'CrowdStrike Falcon LogScale',
    target: address('Address of LogScale', 'https://cloud.community.humio.com'),
    secret: { line: 'token: %', question: 'the ingest token', variable: 'LOGSCALE_INGEST_TOKEN' },
    lines: [
      'ack: off',
      'format: ecs',
      'max_event_age: 30d # the retention of your repository',
      'max_event_bytes: 900KB # fields of longer ones are removed',
    ],
  },
  {
    offer: 'loki',
    type: 'http',
    name: 'loki',
    about: 'Grafana Loki',
    target: address('Address of the push API', 'https://loki.example.com/loki/api/v1/push'),
    secret: {
      line: 'password: %',
      question: 'the password of the user auditferry',
      variable: 'LOKI_PASSWORD',
    },
    lines: [
      'username: auditferry',
      'headers: { X-Scope-OrgID: audit }',
      'format: ecs',
      'encoding: json_array',
      'template:',
      `  event: '["{time_ns}",{event_text}]'`,
      `  request: '{"streams":[{"stream":{"service_name":"cloudquery","job":"auditferry"},"values":[{events}]}]}'`,
      'compress: gzip',
      'success: [204] # 260 means that ingestion is blocked',
      'max_request_size: 3500KB',
      'max_event_age: 7d # reject_old_samples_max_age of Loki',
      'max_event_bytes: 200KB # max_line_size is 256KB',
    ],
  },
  {
    offer: 'new_relic',
    type: 'http',
    name: 'newrelic',
    about: 'New Relic Logs',
    target: address('Address of your region', 'https://log-api.newrelic.com/log/v1'),
    secret: {
      line: 'headers: { Api-Key: % }',
      question: 'the licence key',
      variable: 'NEW_RELIC_LICENSE_KEY',
    },
    lines: [
      'format: cim',
      'encoding: json_array',
      'template:',
      `  event: '{"timestamp":{time_ms},"message":{event_text},"attributes":{"event_id":{id}}}'`,
      `  request: '[{"common":{"attributes":{"logtype":"cloudquery.audit"}},"logs":[{events}]}]'`,
      'compress: gzip',
      'success: [202]',
      'max_request_size: 900KB',
      'max_event_age: 48h # older ones may be dropped',
      'max_event_bytes: 100KB # the longest value is 128KB',
    ],
  },
  {
    offer: 'panther',
    type: 'http',
    name: 'panther',
    about: 'Panther, through an HTTP source',
    target: address(
      'Address of the source',
      'https://logs.acme.runpanther.net/http/00000000-0000-0000-0000-000000000000',
    ),
    secret: {
      line: 'headers: { X-Panther-Token: % }',
      question: 'the shared secret of the source',
      variable: 'PANTHER_SHARED_SECRET',
    },
    lines: ['format: ocsf', 'encoding: ndjson', 'max_request_size: 480KB', 'max_event_bytes: 480KB'],
  },
  {
    offer: 'qradar',
    type: 'syslog',
    name: 'qradar',
    about: 'IBM QRadar',
    target: {
      key: 'address',
      question: 'Address of the event collector',
      example: 'tcp://qradar.example.com:514',
      pattern: PLAIN,
      standard: null,
    },
    secret: null,
    lines: [
      'format: leef',
      'framing: lf # QRadar reads lines',
      'max_message_bytes: 4096 # the payload of a TCP event, unless you raised it',
      'oversize: trim',
    ],
  },
  {
    offer: 'sumo_logic',
    type: 'http',
    name: 'sumo',
    about: 'Sumo Logic, through a hosted HTTP source',
    target: address(
      'Address of the source, without its last part',
      'https://endpoint4.collection.sumologic.com/receiver/v1/http',
    ),
    secret: {
      line: 'path_secret: %',
      question: 'the last part of the source’s address',
      variable: 'SUMO_SOURCE_SECRET',
    },
    lines: [
      'headers: { X-Sumo-Category: cloudquery/audit }',
      'format: ecs',
      'encoding: ndjson',
      'compress: gzip',
      'success: [200]',
      'max_request_size: 900KB',
      'max_event_bytes: 64KB # longer ones are sliced',
    ],
  },
  {
    offer: 'victorialogs',
    type: 'http',
    name: 'victorialogs',
    about: 'VictoriaLogs',
    target: address(
      'Address of the JSON line API',
      'http://victorialogs:9428/insert/jsonline?_stream_fields=event.dataset,organization.id&_time_field=%40timestamp&_msg_field=message',
    ),
    secret: null,
    lines: [
      'format: ecs',
      'encoding: ndjson',
      'compress: gzip',
      'success: [200]',
      'max_event_age: 7d # -retentionPeriod: older ones are dropped with 200',
      'max_event_bytes: 256KB # -insert.maxLineSizeBytes: longer ones are dropped with 200',
    ],
  },
  {
    offer: 'wazuh',
    type: 'file',
    name: 'wazuh',
    about: 'Wazuh, through the agent on this machine',
    target: {
      key: 'path',
      question: 'Path of the file that the agent reads',
      example: '/var/log/auditferry/audit.json',
      pattern: /^[^\0{}]{1,1024}$/,
      standard: '/var/log/auditferry/audit.json',
    },
    secret: null,
    lines: [
      'format: ecs',
      'rotate: { size: 100MiB, keep: 5 }',
      'max_event_bytes: 60KB # the agent cuts longer lines',
    ],
  },
];

function address(question: string, example: string): NonNullable<SinkKind['target']> {
  return { key: 'url', question, example, pattern: ADDRESS, standard: null };
}
