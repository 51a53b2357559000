import type { Parts } from '../../src/config/config.ts';
import { expectation } from '../../src/config/expected.ts';
import { assembleSchema, partSchema } from '../../src/config/schema.ts';
import type { Schema } from '../../src/config/schema.ts';
import { whereSchema } from '../../src/config/sections.ts';
import { formatDuration, formatSize } from '../../src/model/units.ts';
import { tlsSchema } from '../../src/net/tls.ts';

/** What stands in the full example where a key has no default but has to be there. */
const SAMPLES: Readonly<Record<string, string>> = {
  'sources.cloudquery.url': 'https://acme.mycloudquery.com',
  'sources.cloudquery.api_key': '${CLOUDQUERY_API_KEY}',
  'sources.cloudquery.poll_interval': '15s',
  'sinks.splunk_hec.url': 'https://splunk.example.com:8088',
  'sinks.splunk_hec.token': '${SPLUNK_HEC_TOKEN}',
  'sinks.elasticsearch.url': 'https://es.example.com:9200',
  'sinks.elasticsearch.api_key': '${ELASTICSEARCH_API_KEY}',
  'sinks.syslog.address': 'tls://siem.example.com:6514',
  'sinks.file.path': './out/audit.ndjson',
  'sinks.http.url': 'https://collector.example.com/events',
  'sinks.s3.bucket': 'audit',
  'sinks.kafka.brokers': '[kafka.example.com:9093]',
  'sinks.kafka.topic': 'cloudquery-audit',
  'sinks.sentinel.endpoint': 'https://audit-x1y2.westeurope-1.ingest.monitor.azure.com',
  'sinks.sentinel.rule_id': 'dcr-00000000000000000000000000000000',
  'sinks.sentinel.stream': 'Custom-CloudQueryAudit',
  'sinks.sentinel.tenant_id': '00000000-0000-0000-0000-000000000000',
  'sinks.sentinel.client_id': '00000000-0000-0000-0000-000000000000',
  'sinks.sentinel.client_secret': '${SENTINEL_CLIENT_SECRET}',
  'sinks.otlp.url': 'https://otel.example.com:4318',
  'sinks.otlp.endpoint': 'https://otel.example.com:4318',
};

/** The `$defs` that keys refer to: those of no single part. */
const DEFINITIONS: Readonly<Record<string, Schema>> = {
  '#/$defs/tls': { ...tlsSchema },
  '#/$defs/where': whereSchema,
};

function followed(schema: Schema): Schema {
  const { $ref, ...rest } = schema;
  return typeof $ref === 'string' ? { ...DEFINITIONS[$ref], ...rest } : schema;
}

const COMMON_SINK_KEYS = [
  'format',
  'format_options',
  'batch',
  'where',
  'concurrent',
  'rate_limit',
  'max_event_age',
  'max_event_bytes',
  'on_mass_rejection',
];

/** config/full.yaml: every key with its meaning and its default. */
export function fullExample(parts: Parts): string {
  const { properties } = assembleSchema(parts) as { properties: Record<string, Schema> };
  const lines = [
    '# yaml-language-server: $schema=./config.schema.json',
    '# Every key, its meaning and its default. A key behind "#" has no default, or excludes one that is given.',
    '# Generated from the schemas: UPDATE=1 npx vitest run --project unit tests/config writes it anew.',
  ];
  for (const [key, schema] of Object.entries(properties)) {
    lines.push('');
    if (key !== 'sources' && key !== 'sinks') {
      lines.push(...block(key, schema, key, '', key === 'simulator'));
      continue;
    }
    lines.push(...comment(schema, ''), `${key}:`);
    const { oneOf } = schema['additionalProperties'] as { oneOf: Schema[] };
    oneOf.forEach((part, index) => {
      const { type } = part['properties'] as { type: { const: string } };
      if (index > 0) lines.push('');
      lines.push(...comment(part, '  '), `  ${type.const}:`, `    type: ${type.const}`);
      for (const [name, below] of Object.entries(part['properties'] as Record<string, Schema>)) {
        if (name !== 'type') lines.push(...block(name, below, `${key}.${type.const}.${name}`, '    ', false));
      }
    });
  }
  return `${lines.join('\n')}\n`;
}

/** Keys of a journal in a database, which exclude one in a folder. */
const EXCLUDED = new Set(['state.schema', 'state.lease']);

function block(key: string, referring: Schema, path: string, indent: string, off: boolean): string[] {
  const schema = followed(referring);
  const initial = schema['default'];
  const sample = SAMPLES[path];
  const given = !off && !EXCLUDED.has(path) && (sample !== undefined || initial !== undefined);
  const mark = given ? '' : '# ';
  const below = schema['properties'];
  if (typeof below === 'object' && below !== null && Object.keys(below).length > 0) {
    const inner = Object.entries(below as Record<string, Schema>).flatMap(([name, part]) =>
      block(name, part, `${path}.${name}`, `${indent}  `, !given),
    );
    return [...comment(schema, indent), `${indent}${mark}${key}:`, ...inner];
  }
  const value = sample ?? shown(schema, initial);
  return [...comment(schema, indent), `${indent}${mark}${key}:${value === '' ? '' : ` ${value}`}`];
}

function comment(schema: Schema, indent: string): string[] {
  const description = schema['description'];
  return typeof description === 'string' ? [`${indent}# ${description}`] : [];
}

function shown(schema: Schema, value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'number' && schema['duration'] === true) return formatDuration(value);
  if (typeof value === 'number' && schema['size'] === true) return formatSize(value);
  const plain = typeof value === 'string' && /^[A-Za-z.~/][A-Za-z0-9_./~-]*$/.test(value);
  const measured = typeof value === 'string' && (schema['duration'] === true || schema['size'] === true);
  return plain || measured ? value : JSON.stringify(value);
}

/** The tables of docs/configuration.md. */
export function referenceTables(parts: Parts): string {
  const { properties } = assembleSchema(parts) as { properties: Record<string, Schema> };
  const top = Object.entries(properties).filter(([key]) => !['sources', 'sinks', 'simulator'].includes(key));
  const [anySink] = (properties['sinks']?.['additionalProperties'] as { oneOf: Schema[] }).oneOf;
  const sinkProperties = Object.entries((anySink?.['properties'] ?? {}) as Record<string, Schema>);
  const sections: [string, string, readonly [string, Schema][], readonly string[]][] = [
    ['Top level', '', top, []],
    ...parts.sources.map((part): [string, string, [string, Schema][], readonly string[]] => [
      `Source \`${part.type}\``,
      part.schema.description,
      entriesOf(partSchema(part.schema)),
      part.schema.required ?? [],
    ]),
    [
      'Keys of every sink',
      'The batch limits and the format have other defaults per sink: see config/full.yaml.',
      sinkProperties.filter(([key]) => COMMON_SINK_KEYS.includes(key)).map(withoutDefaults),
      [],
    ],
    ...parts.sinks.map((part): [string, string, [string, Schema][], readonly string[]] => [
      `Sink \`${part.type}\``,
      part.schema.description,
      entriesOf(partSchema(part.schema)),
      part.schema.required ?? [],
    ]),
    ...parts.formats.map((part): [string, string, [string, Schema][], readonly string[]] => [
      `\`format_options\` of \`${part.name}\``,
      part.schema.description,
      entriesOf(partSchema(part.schema)),
      part.schema.required ?? [],
    ]),
  ];
  return sections
    .map(([title, text, entries, required]) => table(title, text, entries, required))
    .join('\n\n');
}

/** The first sink's own defaults must not pass for everybody's. */
function withoutDefaults([key, schema]: [string, Schema]): [string, Schema] {
  const { default: _initial, ...rest } = schema;
  if (key === 'format') return [key, rest];
  if (key !== 'batch') return [key, followed(schema)];
  const below = Object.entries(schema['properties'] as Record<string, Schema>);
  const plain = below.map(([name, part]) => [name, { ...part, default: undefined }]);
  return [key, { ...schema, properties: Object.fromEntries(plain) as Schema }];
}

function entriesOf(schema: Schema): [string, Schema][] {
  return Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
}

function table(
  title: string,
  text: string,
  entries: readonly (readonly [string, Schema])[],
  required: readonly string[],
): string {
  const head = text === '' ? [`### ${title}`, ''] : [`### ${title}`, '', text, ''];
  const body = entries.flatMap(([key, schema]) => rows(key, schema, required.includes(key)));
  if (body.length === 0) return [...head, 'No keys of its own.'].join('\n');
  return [...head, '| key | type | default | meaning |', '|---|---|---|---|', ...body].join('\n');
}

function rows(path: string, schema: Schema, required: boolean): string[] {
  const initial = required
    ? 'required'
    : schema['default'] === undefined
      ? ''
      : `\`${shown(schema, schema['default'])}\``;
  const below = entriesOf(schema);
  const needed = Array.isArray(schema['required']) ? schema['required'] : [];
  const own = [path, below.length > 0 && initial === '`{}`' ? '' : initial];
  const meaning = typeof schema['description'] === 'string' ? schema['description'] : '';
  const cells = [`\`${own[0]}\``, typeOf(schema), own[1] ?? '', meaning].map((cell) =>
    cell.replaceAll('|', '\\|'),
  );
  return [
    `| ${cells.join(' | ')} |`,
    ...below.flatMap(([key, part]) => rows(`${path}.${key}`, part, needed.includes(key))),
  ];
}

function typeOf(schema: Schema): string {
  if (schema['type'] === 'array' && typeof schema['items'] === 'object' && schema['items'] !== null) {
    return `list of ${typeOf(schema['items'] as Schema)}`;
  }
  if (Array.isArray(schema['anyOf']))
    return schema['anyOf'].map((branch) => typeOf(branch as Schema)).join(' or ');
  const names: readonly [string, string][] = [
    ['duration', 'duration'],
    ['size', 'size'],
    ['secret', 'secret'],
    ['header', 'text or secret'],
    ['path', 'path'],
    ['listen', 'address'],
  ];
  const custom = names.find(([keyword]) => schema[keyword] === true)?.[1];
  if (custom !== undefined) return custom;
  if (schema['type'] === 'object') return 'mapping';
  return expectation(schema).replace(/^an? /, '').replace(' such as https://host:8088', '');
}
