import { RECIPES } from './init-recipes.ts';
import type { SinkKind } from './init-recipes.ts';

/** Where a secret is to be found: never the secret itself. */
export type SecretPlace =
  { readonly kind: 'variable'; readonly name: string } | { readonly kind: 'file'; readonly path: string };

export interface InitAnswers {
  readonly url: string;
  readonly apiKey: SecretPlace;
  readonly sink: SinkKind;
  /** Address, URL or path, as the kind of sink takes it; null where it takes none. */
  readonly target: string | null;
  /** Null where the kind takes none, or the operator wants none. */
  readonly secret: SecretPlace | null;
  /** Splunk's index. */
  readonly index: string | null;
  readonly stateDir: string;
  readonly heartbeat: boolean;
}

const HTTP_URL = /^https?:\/\/[^\s@?#/]+(?:\/[^\s@?#]*)?$/i;

/** In the order in which they are offered. */
export const SINK_KINDS: readonly SinkKind[] = [
  {
    offer: 'splunk_hec',
    type: 'splunk_hec',
    name: 'splunk',
    about: 'Splunk, through the HTTP Event Collector',
    target: target('url', 'Address of the collector', 'https://splunk.example.com:8088', HTTP_URL),
    secret: { line: 'token: %', question: 'the HEC token', variable: 'SPLUNK_HEC_TOKEN' },
    lines: [
      'ack: auto # wait for the indexer where the token offers it',
      'format: cim # the Common Information Model',
    ],
  },
  {
    offer: 'elasticsearch',
    type: 'elasticsearch',
    name: 'elastic',
    about: 'Elasticsearch or OpenSearch',
    target: target('url', 'Address of the cluster', 'https://es.example.com:9200', HTTP_URL),
    secret: { line: 'api_key: %', question: 'the API key of the cluster', variable: 'ELASTICSEARCH_API_KEY' },
    lines: ['data_stream: logs-cloudquery.audit-default', 'format: ecs # the Elastic Common Schema'],
  },
  {
    offer: 'syslog',
    type: 'syslog',
    name: 'syslog',
    about: 'any syslog receiver (TLS, TCP or RELP)',
    target: target(
      'address',
      'Address of the receiver',
      'tls://siem.example.com:6514',
      /^(?:tls|tcp|relp|relp\+tls):\/\/(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/,
    ),
    secret: null,
    lines: ['format: cef', 'max_message_bytes: 8192 # what the receiver takes at most'],
  },
  {
    offer: 'http',
    type: 'http',
    name: 'webhook',
    about: 'any HTTP endpoint',
    target: target('url', 'Address of the endpoint', 'https://hooks.example.com/audit', HTTP_URL),
    secret: { line: 'bearer: %', question: 'the bearer token', variable: 'WEBHOOK_TOKEN' },
    lines: ['encoding: ndjson # or json_array'],
  },
  {
    offer: 'otlp',
    type: 'otlp',
    name: 'otlp',
    about: 'an OpenTelemetry collector',
    target: target('url', 'Address of the collector', 'https://collector.example.com:4318', HTTP_URL),
    secret: null,
    lines: [],
  },
  {
    offer: 'sentinel',
    type: 'sentinel',
    name: 'sentinel',
    about: 'Microsoft Sentinel, through the Logs Ingestion API',
    target: target(
      'endpoint',
      'Logs ingestion endpoint of the data collection rule',
      'https://audit-x1y2.westeurope-1.ingest.monitor.azure.com',
      HTTP_URL,
    ),
    secret: {
      line: 'client_secret: %',
      question: 'the client secret of the application',
      variable: 'AZURE_CLIENT_SECRET',
    },
    needs: ['AZURE_TENANT_ID', 'AZURE_CLIENT_ID', 'SENTINEL_RULE_ID'],
    lines: [
      'tenant_id: ${AZURE_TENANT_ID}',
      'client_id: ${AZURE_CLIENT_ID}',
      'rule_id: ${SENTINEL_RULE_ID} # immutable ID of the data collection rule: dcr-…',
      'stream: Custom-CloudQueryAudit # as content/sentinel/deploy.json declares it',
      'format: ecs',
    ],
  },
  {
    offer: 's3',
    type: 's3',
    name: 'lake',
    about: 'Amazon S3, Security Lake, MinIO, R2',
    target: target('bucket', 'Name of the bucket', 'audit-log', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
    secret: {
      line: 'secret_access_key: %',
      question: 'the secret access key',
      variable: 'AWS_SECRET_ACCESS_KEY',
    },
    needs: ['AWS_ACCESS_KEY_ID', 'AWS_REGION'],
    lines: [
      'access_key_id: ${AWS_ACCESS_KEY_ID} # without the two keys: those of the profile, pod or instance',
      'region: ${AWS_REGION}',
      '# endpoint: https://minio.example.com:9000 # for another store than Amazon',
      'prefix: cloudquery/',
      'format: ocsf # the Open Cybersecurity Schema Framework',
      'encoding: ndjson_gzip # or parquet',
      'batch: { max_bytes: 64MiB, max_wait: 5m } # one object for each batch',
    ],
  },
  {
    offer: 'kafka',
    type: 'kafka',
    name: 'bus',
    about: 'Apache Kafka, Event Hubs, Redpanda',
    target: {
      ...target(
        'brokers',
        'Brokers, separated by commas',
        'kafka-1.example.com:9093,kafka-2.example.com:9093',
        /^[^\s,"{}[\]]+:\d{1,5}(?:,[^\s,"{}[\]]+:\d{1,5})*$/,
      ),
      isList: true,
    },
    secret: {
      line: 'sasl: { mechanism: scram-sha-512, username: auditferry, password: % } # plain for Event Hubs',
      question: 'the password of the user auditferry',
      variable: 'KAFKA_PASSWORD',
    },
    lines: ['topic: cloudquery-audit', 'tls: {}', 'format: ocsf'],
  },
  {
    offer: 'file',
    type: 'file',
    name: 'archive',
    about: 'a file on this machine',
    target: {
      ...target('path', 'Path of the file', './out/audit.ndjson', /^[^\0{}]{1,1024}$/),
      standard: './out/audit.ndjson',
    },
    secret: null,
    lines: [
      'format: raw # as the Platform gave it',
      'rotate: { size: 100MiB, keep: 10 } # older files are removed',
    ],
  },
  {
    offer: 'stdout',
    type: 'stdout',
    name: 'out',
    about: 'standard output, to try it',
    target: null,
    secret: null,
    lines: ['format: raw'],
  },
  ...RECIPES,
];

function target(
  key: string,
  question: string,
  example: string,
  pattern: RegExp,
): NonNullable<SinkKind['target']> {
  return { key, question, example, pattern, standard: null };
}

/** The name of an environment variable, or the path of a file; null for anything else, which may be the secret itself. */
export function readSecretPlace(text: string): SecretPlace | null {
  if (/^[A-Z_][A-Z0-9_]{0,99}$/.test(text)) return { kind: 'variable', name: text };
  return /^\.{0,2}\/[^\0\n{}]{1,1024}$/.test(text) ? { kind: 'file', path: text } : null;
}

/** The configuration file as text. No secret is in it, because none was asked for. */
export function composeConfig(answers: InitAnswers): string {
  const { sink } = answers;
  return [
    '# Configuration of auditferry, written by auditferry init. "auditferry schema" prints what every key takes;',
    '# docs/configuration.md explains them. A relative path starts at this file.',
    '',
    '# The journal: every event read, and how far each sink is. Keep it on a disk that lasts.',
    'state:',
    `  dir: ${scalar(answers.stateDir)}`,
    '  retention: 7d # how long an event stays after every sink has it',
    '  max_size: 2GiB # above it reading waits for the sinks; nothing is dropped',
    '',
    '# Health, metrics and the status page.',
    'admin:',
    '  listen: 127.0.0.1:9464',
    '',
    '# A marked event for each sink at an interval: alert when none comes, and prove what was delivered from exported records.',
    '# See docs/heartbeat.md, also for a key that signs them.',
    `${answers.heartbeat ? '' : '# '}heartbeat: { every: 5m }`,
    '',
    '# The name of a source or sink is its identity: under another name it starts over.',
    'sources:',
    '  platform:',
    '    type: cloudquery',
    `    url: ${scalar(answers.url)}`,
    '    # Where the key is found, never the key itself. A file is read again when it changes.',
    `    api_key: ${reference(answers.apiKey)}`,
    '    start: 30d # how far back the first run reaches',
    '',
    'sinks:',
    `  ${sink.name}:`,
    ...sinkLines(answers).map((line) => `    ${line}`),
    '',
  ].join('\n');
}

/** The keys of the sink. */
export function sinkLines({
  sink,
  target,
  secret,
  index,
}: Pick<InitAnswers, 'sink' | 'target' | 'secret' | 'index'>): readonly string[] {
  return [
    `type: ${sink.type}`,
    ...(sink.target === null || target === null ? [] : [targetLine(sink.target, target)]),
    ...(sink.secret === null || secret === null
      ? []
      : [sink.secret.line.replace('%', () => quotedWithin(sink.secret?.line ?? '', reference(secret)))]),
    ...(index === null ? [] : [`index: ${scalar(index)}`]),
    ...sink.lines,
  ];
}

function targetLine({ key, isList }: NonNullable<SinkKind['target']>, target: string): string {
  return isList === true
    ? `${key}: [${target.split(',').map(scalar).join(', ')}]`
    : `${key}: ${scalar(target)}`;
}

/** Within braces YAML takes a reference for a mapping. */
function quotedWithin(line: string, text: string): string {
  return line.includes('{') && !text.startsWith('"') ? JSON.stringify(text) : text;
}

function reference(place: SecretPlace): string {
  return place.kind === 'variable' ? `\${${place.name}}` : JSON.stringify(`\${file:${place.path}}`);
}

/** JSON text is YAML text; a dollar would begin a variable. */
function scalar(text: string): string {
  const doubled = text.replaceAll('$', '$$$$');
  return /^[A-Za-z0-9./][A-Za-z0-9._/-]*$/.test(doubled) && !/^[\d.]/.test(doubled.replace(/^\.{1,2}\//, 'x'))
    ? doubled
    : JSON.stringify(doubled);
}
