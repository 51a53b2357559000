import { createHash } from 'node:crypto';

import { isObject } from '../../model/json.ts';
import type { JsonObject } from '../../model/json.ts';
import { at, listAt, textAt } from './json.ts';
import { auditMappings, PLACE_NAMES } from './mappings.ts';
import type { Product } from './mappings.ts';

type Tree = JsonObject;

/** What is put into the cluster for one target. */
export interface TemplatePlan {
  readonly product: Product;
  /** The target's pattern: `logs-cloudquery.audit-*`. */
  readonly pattern: string;
  readonly dataStream: boolean;
  /** How long documents are kept, in Elasticsearch's own words (`365d`); null keeps them for good. */
  readonly retention: string | null;
  /**
   * Who ends the life of an index: the stream itself, an ILM policy (Elasticsearch before 8.14, and plain indices), an
   * ISM policy of OpenSearch, or nobody.
   */
  readonly lifecycle: 'stream' | 'ilm' | 'ism' | 'none';
}

export const COMPONENT_NAME = 'auditferry@mappings';
export const PIPELINE_NAME = 'auditferry-enrich';
const MANAGER = 'auditferry';
/** Above the built-in `logs-*-*` (100) and above what most installations add (200). */
const PRIORITY = 250;
/** A backing index is closed for writing after this time or size, whichever is first. */
const ROLLOVER_AGE = '30d';
const ROLLOVER_SIZE = '50gb';

/** One name for the index template and the lifecycle of a pattern, so that two sinks do not overwrite each other. */
export function planName(plan: Pick<TemplatePlan, 'pattern'>): string {
  return `auditferry-${plan.pattern.replace(/[-_.]*\*+/g, '')}`;
}

export function componentTemplate(product: Product): Tree {
  return stamped({ template: { mappings: auditMappings(product) } });
}

export function indexTemplate(plan: TemplatePlan): Tree {
  const policy = plan.lifecycle === 'ilm' ? { 'index.lifecycle.name': planName(plan) } : {};
  const stream =
    plan.retention === null ? { enabled: true } : { enabled: true, data_retention: plan.retention };
  return stamped({
    index_patterns: [plan.pattern],
    priority: PRIORITY,
    composed_of: [COMPONENT_NAME],
    ...(plan.dataStream ? { data_stream: {} } : {}),
    template: {
      settings: { 'index.mapping.total_fields.limit': '2000', ...policy },
      ...(plan.lifecycle === 'stream' && plan.dataStream ? { lifecycle: stream } : {}),
    },
  });
}

/** Index lifecycle management of Elasticsearch. */
export function ilmPolicy(plan: TemplatePlan): Tree {
  const rollover = plan.dataStream
    ? { rollover: { max_age: ROLLOVER_AGE, max_primary_shard_size: ROLLOVER_SIZE } }
    : {};
  const gone =
    plan.retention === null
      ? {}
      : { delete: { min_age: plan.retention, actions: { delete: { delete_searchable_snapshot: true } } } };
  return { policy: stamped({ phases: { hot: { min_age: '0ms', actions: rollover }, ...gone } }) };
}

/** Index state management of OpenSearch. It finds its indices by the pattern. */
export function ismPolicy(plan: TemplatePlan): Tree {
  const rollover = { rollover: { min_index_age: ROLLOVER_AGE, min_primary_shard_size: ROLLOVER_SIZE } };
  const leave =
    plan.retention === null ? [] : [{ state_name: 'delete', conditions: { min_index_age: plan.retention } }];
  const gone =
    plan.retention === null ? [] : [{ name: 'delete', actions: [{ delete: {} }], transitions: [] }];
  return {
    policy: {
      description: `Audit events carried by ${MANAGER}: roll over, and delete when the retention has passed`,
      default_state: 'hot',
      states: [{ name: 'hot', actions: plan.dataStream ? [rollover] : [], transitions: leave }, ...gone],
      ism_template: [{ index_patterns: [plan.pattern], priority: PRIORITY }],
    },
  };
}

/**
 * An optional ingest pipeline that only adds: arrival time, and place and network of the address where the cluster can
 * look them up. It never decides whether an event is stored. OpenSearch carries no such lookup by default.
 */
export function enrichPipeline(product: Product): Tree {
  const arrival = {
    set: { tag: 'arrival', field: 'event.ingested', value: '{{{_ingest.timestamp}}}', override: false },
  };
  const optional = { field: 'source.ip', ignore_missing: true, ignore_failure: true };
  const asn = { ...optional, database_file: 'GeoLite2-ASN.mmdb', target_field: 'source.as' };
  const rename = (tag: string, from: string, to: string) => ({
    rename: {
      tag,
      field: `source.as.${from}`,
      target_field: `source.as.${to}`,
      ignore_missing: true,
      ignore_failure: true,
    },
  });
  const lookups = [
    {
      geoip: {
        tag: 'place',
        ...optional,
        target_field: 'source.geo',
        properties: [...PLACE_NAMES.split(' '), 'location'],
      },
    },
    { geoip: { tag: 'network', ...asn, properties: ['asn', 'organization_name'] } },
    rename('network_number', 'asn', 'number'),
    rename('network_name', 'organization_name', 'organization.name'),
  ];
  return {
    description: 'Audit events of a CloudQuery Platform: adds, never decides. Installed by auditferry.',
    processors: product === 'elasticsearch' ? [arrival, ...lookups] : [arrival],
    on_failure: [
      { set: { tag: 'failure_kind', field: 'event.kind', value: 'pipeline_error' } },
      {
        append: {
          tag: 'failure_words',
          field: 'error.message',
          value:
            "Processor '{{{ _ingest.on_failure_processor_type }}}' with tag '{{{ _ingest.on_failure_processor_tag }}}' in pipeline '{{{ _ingest.pipeline }}}' failed with message '{{{ _ingest.on_failure_message }}}'",
        },
      },
    ],
  };
}

/** Whether what the cluster holds is as it was put there: by us and never changed, by us and changed since, or not ours. */
export function ownership(stored: unknown): 'unchanged' | 'changed' | 'foreign' {
  if (textAt(stored, '_meta', 'managed_by') !== MANAGER) return 'foreign';
  return textAt(stored, '_meta', 'content_hash') === contentHash(stored) ? 'unchanged' : 'changed';
}

export function storedHash(stored: unknown): string {
  return textAt(stored, '_meta', 'content_hash');
}

function stamped(content: Tree): Tree {
  return { ...content, _meta: { managed_by: MANAGER, content_hash: contentHash(content) } };
}

/**
 * SHA-256 of what a person can change, in a form that survives the cluster's own tidying: settings flat and as text,
 * members sorted, and only those members that the cluster gives back as they were sent.
 */
function contentHash(content: unknown): string {
  const lifecycle = at(content, 'template', 'lifecycle');
  const seen = {
    patterns: listAt(content, 'index_patterns'),
    composedOf: listAt(content, 'composed_of'),
    priority: at(content, 'priority') ?? null,
    dataStream: at(content, 'data_stream') !== undefined,
    settings: flatSettings(at(content, 'template', 'settings'), ''),
    mappings: at(content, 'template', 'mappings') ?? null,
    aliases: Object.keys((at(content, 'template', 'aliases') as object | undefined) ?? {}),
    retention: isObject(lifecycle) ? (lifecycle.data_retention ?? 'forever') : null,
    phases: at(content, 'phases') ?? null,
  };
  return createHash('sha256').update(sortedJson(seen)).digest('hex');
}

function flatSettings(settings: unknown, prefix: string): readonly (readonly [string, string])[] {
  if (!isObject(settings)) return [];
  return Object.entries(settings)
    .flatMap(([key, value]) => {
      const name = prefix === '' ? key : `${prefix}.${key}`;
      if (isObject(value)) return flatSettings(value, name);
      return [[name.startsWith('index.') ? name : `index.${name}`, String(value)] as const];
    })
    .sort(([left], [right]) => (left < right ? -1 : 1));
}

/** Booleans and numbers as text: the cluster gives `"false"` back for `false` in some places. */
function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(String(value));
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${sortedJson(value[key])}`);
  return `{${members.join(',')}}`;
}
