import { expect } from 'vitest';

import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';

const allParts = await loadParts();

/** Variables that the configurations of deploy/ and docs/ ask for. */
const ENVIRONMENT = {
  CLOUDQUERY_API_KEY: 'a-key',
  CLOUDQUERY_URL: 'https://acme.mycloudquery.com',
  ELASTICSEARCH_API_KEY: 'another-key',
  OPENSEARCH_PASSWORD: 'a-password',
  SPLUNK_HEC_TOKEN: 'a-token',
  STATE_URL: 'postgres://auditferry:a-password@db.example.com:5432/auditferry',
};

/** Loads a configuration as the program does, with these warnings only. Files that lie elsewhere are taken as there. */
export function load(text: string, ca: string, warnings: readonly unknown[] = []): Config {
  const here = text
    .replaceAll(/\$\{file:[^}]*\/url\}/g, '${STATE_URL}')
    .replaceAll(/\$\{file:[^}]*\}/g, '${CLOUDQUERY_API_KEY}')
    .replaceAll(/(ca_file: *)[^\s}]+/g, `$1${ca}`);
  const config = parseConfig(here, '/etc/auditferry/auditferry.yaml', ENVIRONMENT, allParts);
  expect(config.warnings).toEqual(warnings);
  return config;
}
