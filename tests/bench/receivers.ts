import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/**
 * The cheapest receivers there can be: HEC, Elasticsearch's bulk and syslog over TCP. They keep what they get and count it when they
 * are asked, so that counting costs the measured program nothing. Runs as a process of its own; see startPeer.
 */
const IDS = {
  hec: /"event_id":"([0-9a-f-]{36})"/g,
  elastic: /"_id":"([0-9a-f-]{36})"/g,
  syslog: /externalId=([0-9a-f-]{36})/g,
};
type Kind = keyof typeof IDS;

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

/** Distinct event ids by receiver, and how long the receiving took. Forgets everything. */
function count(): object {
  const answer = {
    hec: distinct('hec'),
    elastic: distinct('elastic'),
    syslog: distinct('syslog'),
    receivingMs: lastMs - firstMs,
  };
  kept = [];
  firstMs = 0;
  return answer;
}

function distinct(kind: Kind): number {
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
  } else process.send?.(count());
});
http.listen(0, '127.0.0.1', () =>
  tcp.listen(0, '127.0.0.1', () => {
    const port = (http.address() as AddressInfo).port;
    process.send?.({ port, syslogPort: (tcp.address() as AddressInfo).port });
  }),
);
