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
  ]);
}

/** Long enough for most rules on audit records; the files are there to be changed. */
const RETENTION = '365d';

function plan(product: Product, lifecycle: TemplatePlan['lifecycle']): TemplatePlan {
  const pattern = templatePattern(readTarget(DEFAULT_DATA_STREAM, undefined));
  return { product, pattern, dataStream: true, retention: RETENTION, lifecycle };
}
