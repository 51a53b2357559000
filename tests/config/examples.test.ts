import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, expect, test } from 'vitest';

import { loadConfig } from '../../src/config/load.ts';
import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { makeCertificate } from '../fakes/certificates.ts';

const allParts = await loadParts();

const folder = fileURLToPath(new URL('../../config/', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'auditferry-examples-'));
writeFileSync(join(temporary, 'ca.pem'), makeCertificate({ name: 'authority' }).cert);
afterAll(() => rmSync(temporary, { recursive: true }));
const env = {
  CLOUDQUERY_API_KEY: 'a-key',
  CLOUDQUERY_URL: 'https://acme.mycloudquery.com',
  SPLUNK_HEC_TOKEN: 'a-token',
  ELASTICSEARCH_API_KEY: 'another-key',
  SENTINEL_CLIENT_SECRET: 'a-secret',
  KAFKA_PASSWORD: 'a-password',
  SYSLOG_CA_FILE: join(temporary, 'ca.pem'),
};

const examples = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

test('there are examples', () => {
  expect(examples).toEqual(
    expect.arrayContaining([
      'demo.yaml',
      'elasticsearch.yaml',
      'full.yaml',
      'kafka.yaml',
      'minimal.yaml',
      'splunk.yaml',
      'syslog.yaml',
    ]),
  );
});

test.each(examples)('config/%s loads without a warning', (name) => {
  // The one file that an example names is not there on a machine that only runs the tests.
  const text = readFileSync(`${folder}${name}`, 'utf8').replace(/\$\{file:[^}]*\}/, '${CLOUDQUERY_API_KEY}');
  const config = parseConfig(text, `${folder}${name}`, env, allParts);
  expect(config.warnings).toEqual([]);
  expect(text.split('\n', 1)).toEqual(['# yaml-language-server: $schema=./config.schema.json']);
});

test('the demo runs on this machine alone', async () => {
  const config = await loadConfig(`${folder}demo.yaml`, {}, loadParts);
  expect(config.simulator).toMatchObject({ listen: '127.0.0.1:9465', api_key: 'demo-key', seed: 7, rate: 6 });
  expect(config.sources.get('platform')).toMatchObject({ type: 'cloudquery', schedule: { everyMs: 5000 } });
  expect(config.sinks.get('file')).toMatchObject({ type: 'file', format: 'raw' });
});
