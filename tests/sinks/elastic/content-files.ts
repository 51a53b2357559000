import type { Json } from '../../../src/model/event.ts';
import type { Product } from '../../../src/sinks/elastic/mappings.ts';
import { DEFAULT_DATA_STREAM, readTarget, templatePattern } from '../../../src/sinks/elastic/target.ts';
import {
  componentTemplate,
  enrichPipeline,
  ilmPolicy,
  indexTemplate,
  ismPolicy,
} from '../../../src/sinks/elastic/templates.ts';
import type { TemplatePlan } from '../../../src/sinks/elastic/templates.ts';

/**
 * The files of content/elastic, by path below it: what `install: true` puts into a cluster for the default data stream,
 * for operators who would rather put it there themselves. A test keeps the files the same as this.
 */
export function contentFiles(): ReadonlyMap<string, Json> {
  return new Map<string, Json>([
    ['elasticsearch/component-template.json', componentTemplate('elasticsearch')],
    ['elasticsearch/index-template.json', indexTemplate(plan('elasticsearch', 'stream'))],
    ['elasticsearch/index-template.before-8.14.json', indexTemplate(plan('elasticsearch', 'ilm'))],
    ['elasticsearch/ilm-policy.before-8.14.json', ilmPolicy(plan('elasticsearch', 'ilm'))],
    ['elasticsearch/ingest-pipeline.json', enrichPipeline('elasticsearch')],
    ['opensearch/component-template.json', componentTemplate('opensearch')],
    ['opensearch/index-template.json', indexTemplate(plan('opensearch', 'ism'))],
    ['opensearch/ism-policy.json', ismPolicy(plan('opensearch', 'ism'))],
    ['opensearch/ingest-pipeline.json', enrichPipeline('opensearch')],
    ['opensearch/role.json', opensearchRole([])],
    ['opensearch/role.install.json', opensearchRole(OPENSEARCH_INSTALL)],
    ['elasticsearch/role.json', elasticsearchRole([])],
    ['elasticsearch/role.install.json', elasticsearchRole(ELASTICSEARCH_INSTALL)],
  ]);
}

const PATTERN = templatePattern(readTarget(DEFAULT_DATA_STREAM, undefined));

/** What OpenSearch asks of a sink with the default data stream. tests/receivers takes each away in turn from a real one. */
export const OPENSEARCH_ACTIONS = [
  'indices:data/write/bulk[s]',
  'indices:data/write/index',
  'indices:admin/mapping/put',
  'indices:admin/data_stream/get',
  'indices:admin/data_stream/create',
  'indices:data/read/search',
  'indices:data/read/mget[shard]',
  'indices:admin/refresh',
  'indices:admin/refresh[s]',
];

/** Of a plugin that cannot be had for tests: these two are as its documentation names them. */
export const UNPROVEN_ACTIONS = [
  'cluster:admin/opendistro/ism/policy/get',
  'cluster:admin/opendistro/ism/policy/write',
];
export const OPENSEARCH_INSTALL = [
  'cluster:admin/component_template/get',
  'cluster:admin/component_template/put',
  'indices:admin/index_template/get',
  'indices:admin/index_template/put',
  'cluster:admin/ingest/pipeline/get',
  'cluster:admin/ingest/pipeline/put',
  ...UNPROVEN_ACTIONS,
];

function opensearchRole(cluster: readonly string[]): Json {
  return {
    cluster_permissions: cluster,
    index_permissions: [{ index_patterns: [PATTERN], allowed_actions: OPENSEARCH_ACTIONS }],
  };
}

export const ELASTICSEARCH_PRIVILEGES = [
  'create_doc',
  'auto_configure',
  'read',
  'maintenance',
  'view_index_metadata',
];
const ELASTICSEARCH_INSTALL = ['manage_index_templates', 'manage_ilm', 'manage_pipeline'];

function elasticsearchRole(cluster: readonly string[]): Json {
  return {
    cluster: ['monitor', ...cluster],
    indices: [{ names: [PATTERN], privileges: ELASTICSEARCH_PRIVILEGES }],
  };
}

/** Long enough for most rules on audit records; the files are there to be changed. */
const RETENTION = '365d';

function plan(product: Product, lifecycle: TemplatePlan['lifecycle']): TemplatePlan {
  const pattern = templatePattern(readTarget(DEFAULT_DATA_STREAM, undefined));
  return { product, pattern, dataStream: true, retention: RETENTION, lifecycle };
}
