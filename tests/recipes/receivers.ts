import { mkdtempSync, readFileSync, rmSync } from 'node:fs';

import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Clock } from '../../src/model/clock.ts';
import { fakeElasticsearch } from '../fakes/elasticsearch.ts';
import { openFaultFront } from '../fakes/faults.ts';
import type { FakeReceiver } from '../fakes/faults.ts';
import { splunkFake } from '../fakes/splunk.ts';
import { openFakeSyslog } from '../fakes/syslog.ts';
import { demand, httpReceiver, linesOf, plainRead } from './http-receiver.ts';
import type { Rules } from './http-receiver.ts';

/** A running substitute of a receiver. */
export interface Running {
  /** The text of a page's YAML with the receiver's address taken for this one. */
  move(yaml: string): string;
  /** Texts that were taken, each with one event in it. */
  taken(): readonly string[];
  close(): Promise<void>;
}

export interface Substitute {
  /** By the names that the page uses. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Which of them is no secret of the receiver's: a wrong one is refused as `denied`. Absent where it asks for none. */
  readonly wrong?: string;
  /** Documents may be longer than the receiver takes: then `trimmed`, or there is no limit. */
  readonly large: 'dead letter' | 'taken' | 'trimmed';
  readonly old: 'dead letter' | 'taken';
  open(clock: Clock): Promise<Running>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SECRET = 'S3cr3t-of-the-receiver-0815';
const OTHER = 'An0ther-secret-4711';

export const SUBSTITUTES: Readonly<Record<string, Substitute>> = {
  axiom: http(
    { AXIOM_TOKEN: SECRET },
    {
      path: '/v1/datasets/audit/ingest',
      query: { 'timestamp-field': '@timestamp' },
      credentials: { authorization: `Bearer ${SECRET}` },
      refusal: 403,
      contentType: 'application/x-ndjson',
      maxBytes: 10_000_000,
      maxEvents: 10_000,
      maxEventBytes: 1_000_000,
      read: (body) => linesOf(body).map(plainRead),
      answer: { status: 200, body: '{"ingested":1,"failed":0,"failures":[]}' },
    },
    { old: 'taken' },
  ),
  clickhouse: http(
    { CLICKHOUSE_PASSWORD: SECRET },
    {
      path: '/',
      query: {
        query: 'INSERT INTO audit.cloudquery FORMAT JSONEachRow',
        date_time_input_format: 'best_effort',
        wait_end_of_query: '1',
      },
      headers: { 'x-clickhouse-user': 'auditferry', 'content-encoding': 'gzip' },
      credentials: { 'x-clickhouse-key': SECRET },
      refusal: 403,
      contentType: 'application/x-ndjson',
      maxBytes: Infinity,
      read: (body) =>
        linesOf(body).map((line) => {
          const row = JSON.parse(line) as Record<string, string>;
          demand(Object.keys(row).join() === 'event_id,time,event_type,message,event', 'a column is unknown');
          return { ...plainRead(row['event'] ?? ''), timeMs: Date.parse(row['time'] ?? '') };
        }),
      answer: { status: 200 },
    },
    { old: 'taken', large: 'taken' },
  ),
  cloudwatch: http(
    { CLOUDWATCH_API_KEY: SECRET },
    {
      path: '/services/collector/event',
      query: { logGroup: 'cloudquery-audit', logStream: 'auditferry' },
      credentials: { authorization: `Bearer ${SECRET}` },
      refusal: 401,
      contentType: 'application/json',
      maxBytes: 1_048_576,
      maxEvents: 10_000,
      maxEventBytes: 1_000_000,
      maxAgeMs: 14 * DAY_MS,
      read: (body) =>
        (JSON.parse(body) as { time?: number; event?: object }[]).map(({ time, event }) => {
          demand(typeof event === 'object', 'what has no event is skipped');
          demand(typeof time === 'number' && time < 1e11, 'the time is not in seconds');
          return { ...plainRead(JSON.stringify(event)), timeMs: (time ?? 0) * 1000 };
        }),
      answer: { status: 200, body: '{}' },
    },
  ),
  datadog: http(
    { DD_API_KEY: SECRET },
    {
      path: '/api/v2/logs',
      query: { ddsource: 'cloudquery', service: 'cloudquery-platform' },
      credentials: { 'dd-api-key': SECRET },
      refusal: 403,
      contentType: 'application/json',
      maxBytes: 5_000_000,
      maxEvents: 1000,
      maxEventBytes: 1_000_000,
      maxAgeMs: 18 * HOUR_MS,
      read: (body) => (JSON.parse(body) as object[]).map((log) => plainRead(JSON.stringify(log))),
      answer: { status: 202, body: '{}' },
    },
  ),
  google_secops: http(
    { SECOPS_API_KEY: OTHER, SECOPS_FEED_SECRET: SECRET },
    {
      path: '/v1alpha/projects/123456789012/locations/eu/instances/00000000-0000-0000-0000-000000000000/feeds/00000000-0000-0000-0000-000000000000:importPushLogs',
      credentials: { 'x-goog-api-key': OTHER, 'x-webhook-access-key': SECRET },
      refusal: 403,
      contentType: 'application/json',
      maxBytes: 4_000_000,
      read: (body) => linesOf(body).map(plainRead),
      answer: { status: 200, body: '{}' },
    },
    { old: 'taken' },
  ),
  graylog: http(
    { GRAYLOG_AUTHORIZATION: SECRET },
    {
      path: '/gelf',
      credentials: { authorization: SECRET },
      refusal: 401,
      contentType: 'application/x-ndjson',
      maxBytes: Infinity,
      read: (body) =>
        linesOf(body).map((line) => {
          const message = JSON.parse(line) as Record<string, unknown>;
          const { version, host, short_message: short, full_message: full, timestamp } = message;
          demand(version === '1.1' && typeof host === 'string' && host !== '', 'no GELF 1.1');
          demand(typeof short === 'string' && short !== '', 'a message without a short one is refused');
          for (const [key, value] of Object.entries(message)) {
            demand(/^[\w.-]+$/.test(key) && key !== '_id', `${key} is no name of a field`);
            demand(
              typeof value === 'string' || typeof value === 'number',
              `${key} is neither text nor number`,
            );
          }
          return { ...plainRead(String(full)), timeMs: Number(timestamp) * 1000 };
        }),
      answer: { status: 202 },
    },
    { old: 'taken', large: 'taken' },
  ),
  loki: http(
    { LOKI_PASSWORD: SECRET },
    {
      path: '/loki/api/v1/push',
      headers: { 'x-scope-orgid': 'audit' },
      credentials: { authorization: `Basic ${Buffer.from(`auditferry:${SECRET}`).toString('base64')}` },
      refusal: 401,
      contentType: 'application/json',
      maxBytes: 4 * 1024 * 1024,
      maxEventBytes: 256 * 1000,
      maxAgeMs: 7 * DAY_MS,
      read: (body) => {
        const push = JSON.parse(body) as {
          streams: { stream: Record<string, string>; values: string[][] }[];
        };
        demand(Object.keys(push).join() === 'streams' && push.streams.length > 0, 'a push without streams');
        return push.streams.flatMap(({ stream, values }) => {
          demand(Object.keys(stream).length > 0, 'a stream without labels');
          return values.map(([ns = '', line = '', ...more]) => {
            demand(/^\d{19}$/.test(ns) && more.length === 0, 'a value is not [time in nanoseconds, line]');
            return { ...plainRead(line), timeMs: Number(BigInt(ns) / 1_000_000n) };
          });
        });
      },
      answer: { status: 204 },
    },
  ),
  new_relic: http(
    { NEW_RELIC_LICENSE_KEY: SECRET },
    {
      path: '/log/v1',
      credentials: { 'api-key': SECRET },
      refusal: 403,
      contentType: 'application/json',
      maxBytes: 1_000_000,
      maxEventBytes: 128 * 1024,
      maxAgeMs: 48 * HOUR_MS,
      read: (body) => {
        const [block, ...more] = JSON.parse(body) as {
          common: { attributes: object };
          logs: { timestamp: number; message: string; attributes: object }[];
        }[];
        demand(block !== undefined && more.length === 0, 'not one block');
        return (block?.logs ?? []).map(({ timestamp, message }) => ({
          document: message,
          timeMs: timestamp,
          bytes: Buffer.byteLength(message),
        }));
      },
      answer: { status: 202, body: '{"requestId":"0"}' },
    },
  ),
  panther: http(
    { PANTHER_SHARED_SECRET: SECRET },
    {
      path: '/http/00000000-0000-0000-0000-000000000000',
      credentials: { 'x-panther-token': SECRET },
      refusal: 401,
      contentType: 'application/x-ndjson',
      maxBytes: 500_000,
      read: (body) => linesOf(body).map(plainRead),
      answer: { status: 200 },
    },
    { old: 'taken' },
  ),
  sumo_logic: http(
    { SUMO_SOURCE_SECRET: SECRET },
    {
      path: `/receiver/v1/http/${SECRET}`,
      headers: { 'x-sumo-category': 'cloudquery/audit' },
      credentials: {},
      refusal: 401,
      contentType: 'application/x-ndjson',
      maxBytes: 1_000_000,
      maxEventBytes: 64 * 1024,
      read: (body) => linesOf(body).map(plainRead),
      answer: { status: 200 },
    },
    { old: 'taken' },
  ),
  victorialogs: {
    ...http(
      {},
      {
        path: '/insert/jsonline',
        query: {
          _stream_fields: 'event.dataset,organization.id',
          _time_field: '@timestamp',
          _msg_field: 'message',
        },
        credentials: {},
        refusal: 401,
        contentType: 'application/x-ndjson',
        maxBytes: 64 * 1024 * 1024,
        maxEventBytes: 256 * 1024,
        maxAgeMs: 7 * DAY_MS,
        read: (body) =>
          linesOf(body).map((line) => {
            demand(typeof (JSON.parse(line) as { message?: unknown }).message === 'string', 'no message');
            return plainRead(line);
          }),
        answer: { status: 200 },
      },
    ),
  },
  cribl: hec('CRIBL_TOKEN', { old: 'taken', large: 'taken' }),
  logscale: hec('LOGSCALE_INGEST_TOKEN', { old: 'dead letter', large: 'dead letter' }),
  elastic_cloud: elastic('ELASTICSEARCH_API_KEY', () =>
    fakeElasticsearch({ authorization: `ApiKey ${SECRET}`, builtInTemplate: true }),
  ),
  amazon_opensearch: elastic('OPENSEARCH_PASSWORD', () =>
    fakeElasticsearch({
      flavour: 'opensearch',
      version: '2.19.1',
      authorization: `Basic ${Buffer.from(`auditferry:${SECRET}`).toString('base64')}`,
    }),
  ),
  qradar: {
    secrets: {},
    large: 'trimmed',
    old: 'taken',
    open: async () => {
      const fake = await openFakeSyslog({ framing: 'lf' });
      return {
        move: (yaml) => yaml.replace('tcp://qradar.example.com:514', `tcp://127.0.0.1:${fake.port}`),
        taken: () => {
          demand(fake.problems.length === 0, fake.problems.join());
          return fake.messages.map((message) => {
            demand(message.length <= 4096, `a payload of ${message.length} bytes would be cut`);
            const text = message.toString('utf8');
            demand(/^<\d+>1 .* LEEF:2\.0\|CloudQuery\|/.test(text), 'no LEEF');
            return text;
          });
        },
        close: () => fake.close(),
      };
    },
  },
  wazuh: {
    secrets: {},
    large: 'dead letter',
    old: 'taken',
    open: async () => {
      const folder = mkdtempSync(join(tmpdir(), 'auditferry-wazuh-'));
      const path = join(folder, 'audit.json');
      return {
        move: (yaml) => yaml.replace('/var/log/auditferry/audit.json', path),
        taken: () =>
          linesOf(readFileSync(path, 'utf8')).map((line) => {
            demand(Buffer.byteLength(line) < 65_535, 'a line would be cut');
            JSON.parse(line);
            return line;
          }),
        close: async () => rmSync(folder, { recursive: true }),
      };
    },
  },
};

function http(
  secrets: Readonly<Record<string, string>>,
  rules: Rules,
  fates: Partial<Pick<Substitute, 'large' | 'old'>> = {},
): Substitute {
  const wrong = Object.keys(secrets).at(-1);
  return {
    secrets,
    ...(wrong === undefined ? {} : { wrong }),
    large: 'dead letter',
    old: 'dead letter',
    ...fates,
    open: async (clock) => {
      const receiver = httpReceiver(rules, () => clock.now());
      return openFront(receiver.receive, clock, () => receiver.documents);
    },
  };
}

/** HEC to the letter; what both of them take beside it is not used. */
function hec(variable: string, fates: Pick<Substitute, 'large' | 'old'>): Substitute {
  return {
    secrets: { [variable]: SECRET },
    wrong: variable,
    ...fates,
    open: async (clock) => {
      const fake = splunkFake({ ack: false });
      fake.token = SECRET;
      return openFront(fake.receive, clock, () => {
        demand(fake.faults.length === 0, fake.faults.join());
        return fake.indexed.map(({ eventText }) => eventText);
      });
    },
  };
}

function elastic(variable: string, start: () => ReturnType<typeof fakeElasticsearch>): Substitute {
  return {
    secrets: { [variable]: SECRET },
    wrong: variable,
    large: 'taken',
    old: 'taken',
    open: async (clock) => {
      const fake = start();
      return openFront(fake.receive, clock, () => fake.ids().map((id) => fake.source(id) ?? ''));
    },
  };
}

async function openFront(
  receive: FakeReceiver,
  clock: Clock,
  taken: () => readonly string[],
): Promise<Running> {
  const front = await openFaultFront(receive, { clock });
  return {
    // Scheme, host and port alone: path and query stay as the page has them.
    move: (yaml) => yaml.replace(/^( +url: "?)https?:\/\/[^/\s"]+/m, `$1${front.url.origin}`),
    taken,
    close: front.close,
  };
}
