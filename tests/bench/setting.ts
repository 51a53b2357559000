import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import type { Peer } from './measure.ts';

/** The built program. */
export const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js');
/** How long the events of a run are spread over. */
export const HISTORY_MS = 20 * 86_400_000;

export const SINKS = ['hec', 'elastic', 'syslog', 'http', 'sentinel', 's3', 'parquet', 'kafka'] as const;
export type SinkName = (typeof SINKS)[number];

/** A configuration in a folder of its own, which `remove` takes away with its journal. */
export function inFolder(text: string): {
  readonly config: string;
  readonly journal: string;
  readonly remove: () => void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'auditferry-bench-'));
  const config = join(folder, 'bench.yaml');
  writeFileSync(config, text);
  return {
    config,
    journal: join(folder, 'data/journal.db'),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

export function configuration(
  from: Peer,
  to: Peer,
  sinks: readonly SinkName[],
  { concurrent = 4, batch = '' } = {},
): string {
  return `state: { dir: ./data, max_size: 20GiB }
admin: { listen: "off" }
sources:
  platform: { type: cloudquery, url: "http://127.0.0.1:${from.ports.port}", api_key: "\${TOKEN}", start: 30d, rate_limit: { requests_per_second: 100, concurrent: ${concurrent} } }
sinks:
${sinksOf(to, sinks, batch)}
`;
}

/** The section of these sinks. */
export function sinksOf(to: Peer, sinks: readonly SinkName[], batch = ''): string {
  const http = `http://127.0.0.1:${to.ports.port}`;
  const all: Record<SinkName, string> = {
    hec: `hec: { type: splunk_hec, url: ${http}, token: "\${TOKEN}", format: cim${batch} }`,
    elastic: `elastic: { type: elasticsearch, url: ${http}, api_key: "\${TOKEN}", format: ecs${batch} }`,
    // The recipe of VictoriaLogs: one document a line.
    http: `http: { type: http, url: "${http}/insert/jsonline", format: ecs, encoding: ndjson, compress: gzip, success: [200]${batch} }`,
    sentinel: `sentinel: { type: sentinel, endpoint: "${http}", authority: "${http}", rule_id: dcr-1, stream: Custom-Audit, tenant_id: t, client_id: c, client_secret: "\${TOKEN}", format: ecs${batch} }`,
    s3: `s3: { ${bucket(http)}, format: ocsf, encoding: ndjson_gzip }`,
    parquet: `parquet: { ${bucket(http)}, format: ocsf, encoding: parquet }`,
    kafka: `kafka: { type: kafka, brokers: ["127.0.0.1:${to.ports.kafkaPort}"], topic: audit, format: ocsf${batch} }`,
    syslog: `syslog: { type: syslog, address: "tcp://127.0.0.1:${to.ports.syslogPort}", format: cef, framing: octet_counting, max_message_bytes: 65536${batch} }`,
  };
  return sinks.map((sink) => `  ${all[sink]}`).join('\n');
}

function bucket(http: string): string {
  return `type: s3, bucket: audit, endpoint: "${http}", region: eu-west-1, access_key_id: AKIA, secret_access_key: "\${TOKEN}"`;
}
