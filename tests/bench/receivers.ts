import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

import { openFakeKafka } from '../fakes/kafka.ts';

/**
 * The cheapest receivers there can be, one for each sink: HEC, Elasticsearch's bulk, syslog over TCP, Azure's ingestion, an object store, a
 * broker of Kafka, and plain HTTP. They keep what they get and count it when they
 * are asked, so that counting costs the measured program nothing. Runs as a process of its own; see startPeer.
 */
const IDS = {
  hec: /"event_id":"([0-9a-f-]{36})"/g,
  elastic: /"_id":"([0-9a-f-]{36})"/g,
  syslog: /externalId=([0-9a-f-]{36})/g,
  http: /"event":\{[^{}]*?"id":"([0-9a-f-]{36})"/g,
  sentinel: /"EventId":"([0-9a-f-]{36})"/g,
};
/** Objects are put once each, so that their rows are distinct events. */
type Kind = keyof typeof IDS | 's3' | 'parquet';

let kept: { readonly kind: Kind; readonly body: Buffer; readonly zipped: boolean }[] = [];
let refusing = false;
let firstMs = 0;
let lastMs = 0;

function keep(kind: Kind, body: Buffer, zipped: boolean): void {
  firstMs ||= Date.now();
  lastMs = Date.now();
  kept.push({ kind, body, zipped });
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const http = createServer((request, response) => {
  void (async () => {
    const body = await readBody(request);
    const path = (request.url ?? '').split('?')[0] ?? '';
    const zipped = request.headers['content-encoding'] === 'gzip';
    response.setHeader('content-type', 'application/json');
    if (refusing && request.method === 'POST') {
      response.statusCode = 503;
      response.end('{"text":"Server is busy","code":9}');
    } else if (path.startsWith('/services/collector')) {
      keep('hec', body, zipped);
      response.end('{"text":"Success","code":0}');
    } else if (path.endsWith('/_bulk')) {
      const plain = zipped ? gunzipSync(body) : body;
      let lines = 0;
      for (let at = plain.indexOf(10); at >= 0; at = plain.indexOf(10, at + 1)) lines += 1;
      keep('elastic', body, zipped);
      const one = '{"create":{"status":201}}';
      const items = Array.from({ length: lines / 2 }, () => one).join(',');
      response.end(`{"errors":false,"took":1,"items":[${items}]}`);
    } else if (path.startsWith('/insert/')) {
      keep('http', body, zipped);
      response.end('{}');
    } else if (path.endsWith('/token')) {
      response.end('{"token_type":"Bearer","access_token":"a-token","expires_in":3600}');
    } else if (path.startsWith('/dataCollectionRules/')) {
      keep('sentinel', body, zipped);
      response.statusCode = 204;
      response.end();
    } else if (path.startsWith('/audit/') && request.method === 'PUT') {
      keep(path.endsWith('.parquet') ? 'parquet' : 's3', body, path.endsWith('.gz'));
      response.setHeader('etag', '"1"');
      response.end();
    } else if (path.startsWith('/audit')) {
      response.end('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
    } else if (path === '/') {
      response.setHeader('x-elastic-product', 'Elasticsearch');
      response.end(
        '{"version":{"number":"9.1.0","build_flavor":"default"},"tagline":"You Know, for Search"}',
      );
    } else {
      response.statusCode = 404;
      response.end('{"error":{"type":"not_here","reason":"not here"},"status":404}');
    }
  })();
});

const tcp = createTcpServer((socket) => {
  socket.on('data', (bytes) => keep('syslog', bytes, false));
  socket.on('error', () => {});
});

const broker = await openFakeKafka({ topic: 'audit', partitions: 3 });
/** Records of the broker that were counted before. */
let countedRecords = 0;

/** Distinct event ids by receiver, and how long the receiving took. Forgets everything. */
async function count(): Promise<object> {
  const kinds = Object.keys(IDS) as (keyof typeof IDS)[];
  const counts = Object.fromEntries(kinds.map((kind) => [kind, distinct(kind)]));
  const records = broker.records.slice(countedRecords);
  countedRecords = broker.records.length;
  const kafka = new Set(records.map(({ key }) => key)).size;
  const answer = {
    ...counts,
    kafka,
    s3: linesOfObjects(),
    parquet: await rowsOfObjects(),
    receivingMs: lastMs - firstMs,
  };
  kept = [];
  firstMs = 0;
  return answer;
}

function linesOfObjects(): number {
  const objects = kept.filter(({ kind }) => kind === 's3').map(({ body }) => gunzipSync(body));
  return objects.reduce((sum, text) => sum + text.toString('latin1').split('\n').length - 1, 0);
}

async function rowsOfObjects(): Promise<number> {
  const objects = kept.filter(({ kind }) => kind === 'parquet').map(({ body }) => body);
  if (objects.length === 0) return 0;
  const { parquetMetadata } = await import('hyparquet');
  const rows = objects.map((body) => {
    const bytes = body.buffer.slice(body.byteOffset, body.byteOffset + body.length) as ArrayBuffer;
    return Number(parquetMetadata(bytes).num_rows);
  });
  return rows.reduce((sum, one) => sum + one, 0);
}

function distinct(kind: keyof typeof IDS): number {
  const bodies = kept
    .filter((one) => one.kind === kind)
    .map(({ body, zipped }) => (zipped ? gunzipSync(body) : body));
  // A connection may have been read in the middle of an id.
  const texts = kind === 'syslog' ? [Buffer.concat(bodies)] : bodies;
  const found = new Set<string>();
  for (const text of texts)
    for (const match of text.toString('latin1').matchAll(IDS[kind])) found.add(match[1] ?? '');
  return found.size;
}

process.on('message', (question: { readonly refuse?: boolean }) => {
  if (question.refuse !== undefined) {
    refusing = question.refuse;
    process.send?.({});
  } else void count().then((counts) => process.send?.(counts));
});
http.listen(0, '127.0.0.1', () =>
  tcp.listen(0, '127.0.0.1', () => {
    const port = (http.address() as AddressInfo).port;
    const syslogPort = (tcp.address() as AddressInfo).port;
    process.send?.({ port, syslogPort, kafkaPort: broker.port });
  }),
);
