import { detectionRules } from './detection-rules.ts';
import { kibanaObjects } from './kibana.ts';
import { monitors } from './monitors.ts';
import { opensearchObjects } from './opensearch.ts';

/** The import files of content/elastic, line by line, by path below it. A test keeps the files the same as this. */
export function importFiles(): ReadonlyMap<string, readonly unknown[]> {
  return new Map<string, readonly unknown[]>([
    ['elasticsearch/dashboards.ndjson', kibanaObjects()],
    ['elasticsearch/detection-rules.ndjson', detectionRules()],
    ['opensearch/dashboards.ndjson', opensearchObjects()],
    ['opensearch/monitors.ndjson', monitors()],
  ]);
}
