import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';

import type { Clock } from '../../src/model/clock.ts';

/** What a fake receiver sees of a request, the body decompressed. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Bytes of the body as they came over the wire. */
  readonly wireBytes: number;
}

export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

/** A well-behaved receiver: the fault front stands before it. */
export type FakeReceiver = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>;

/**
 * - unauthorized       401, nothing taken, until healed
 * - too_large          413 for every body over half of the first one seen, until healed
 * - throttled_seconds  429 with Retry-After in seconds, once
 * - throttled_date     429 with Retry-After as an HTTP date, once
 * - server_error       500, nothing taken, once
 * - accept_and_close   connection accepted and closed in order without reading, as a load balancer without a backend, once
 * - reset_before_body  connection reset before the body is read, once
 * - reset_after_body   everything taken, connection reset before an answer, once
 * - truncated_answer   everything taken, half of the answer, once
 * - html_answer        a proxy's HTML page with status 200, nothing taken, once
 * - hang               no answer at all, nothing taken, until healed
 */
export const FAULTS = [
  'unauthorized',
  'too_large',
  'throttled_seconds',
  'throttled_date',
  'server_error',
  'accept_and_close',
  'reset_before_body',
  'reset_after_body',
  'truncated_answer',
  'html_answer',
  'hang',
] as const;

export type Fault = (typeof FAULTS)[number];

/** What both throttling faults ask for. */
export const RETRY_AFTER_SECONDS = 7;

const ONCE: readonly Fault[] = FAULTS.filter(
  (fault) => !['unauthorized', 'too_large', 'hang'].includes(fault),
);

export interface FaultFront {
  /** Loopback, http. */
  readonly url: URL;
  /** The next request (or every one until healed, see Fault) meets this fault. */
  readonly arm: (fault: Fault) => void;
  /** From now on until healed every request, of whatever kind, is refused with this status and its credentials quoted. */
  readonly echo: (status: number) => void;
  readonly heal: () => void;
  /** How many requests met a fault. */
  readonly hits: () => number;
  /** Everything that reached the good receiver. */
  readonly requests: readonly FakeRequest[];
  /** Connections that are open. */
  readonly open: () => number;
  readonly close: () => Promise<void>;
}

export interface FaultFrontOptions {
  /** For the date form of Retry-After. */
  readonly clock: Clock;
  /** Which requests meet faults; by default those that carry a body. */
  readonly applies?: (method: string, path: string) => boolean;
  /** The receiver's own way to say a fault, where it has one: code 3 of HEC instead of a bare 401. */
  readonly answers?: Partial<Record<Fault, FakeAnswer>>;
  /** A refusal in the receiver's own words; by default JSON with them under every key that some receiver uses. */
  readonly echoes?: (status: number, words: string) => FakeAnswer;
}

/** A server on loopback that hands requests to `receiver` and misbehaves on demand. */
export async function openFaultFront(
  receiver: FakeReceiver,
  options: FaultFrontOptions,
): Promise<FaultFront> {
  const applies = options.applies ?? ((method) => method === 'POST' || method === 'PUT');
  const requests: FakeRequest[] = [];
  const sockets = new Set<Socket>();
  let armed: Fault | null = null;
  let sizeLimit: number | null = null;
  let echoed: number | null = null;
  let hits = 0;

  const answerFault = async (fault: Fault, request: IncomingMessage, response: ServerResponse) => {
    hits += 1;
    if (ONCE.includes(fault)) armed = null;
    if (fault === 'reset_before_body') return request.socket.resetAndDestroy();
    const seen = await readRequest(request);
    if (fault === 'hang') return;
    if (fault === 'too_large') {
      sizeLimit ??= Math.ceil(seen.body.length / 2);
      if (seen.body.length <= sizeLimit) return respond(response, await take(seen));
    }
    if (fault === 'reset_after_body') {
      await take(seen);
      return request.socket.resetAndDestroy();
    }
    if (fault === 'truncated_answer') return truncate(response, await take(seen));
    return respond(response, options.answers?.[fault] ?? plainAnswer(fault, options.clock.now()));
  };
  const take = (seen: FakeRequest) => {
    requests.push(seen);
    return receiver(seen);
  };

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://fake').pathname;
    const fault =
      armed !== null && armed !== 'accept_and_close' && applies(request.method ?? '', path) ? armed : null;
    const echo = options.echoes ?? plainEcho;
    const status = echoed;
    const work =
      status !== null
        ? readRequest(request).then((seen) => respond(response, echo(status, wordsOf(seen))))
        : fault === null
          ? readRequest(request)
              .then(take)
              .then((answer) => respond(response, answer))
          : answerFault(fault, request, response);
    work.catch(() => request.socket.destroy());
  });
  // Before the server's own listener, which would read.
  server.prependListener('connection', (socket) => {
    if (armed !== 'accept_and_close') return;
    hits += 1;
    armed = null;
    socket.end();
    setImmediate(() => socket.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined); // a client that gives up is part of these tests
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    arm: (fault) => {
      armed = fault;
      sizeLimit = null;
    },
    echo: (status) => {
      echoed = status;
    },
    heal: () => {
      armed = null;
      echoed = null;
      sizeLimit = null;
    },
    hits: () => hits,
    requests,
    open: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** What a receiver or the proxy before it says when it has no dialect of its own. */
export function plainAnswer(fault: Fault, nowMs: number): FakeAnswer {
  switch (fault) {
    case 'unauthorized':
      return { status: 401, body: '{"error":"unauthorized"}' };
    case 'too_large':
      return html(413, '413 Request Entity Too Large');
    case 'throttled_seconds':
      return { status: 429, headers: { 'retry-after': String(RETRY_AFTER_SECONDS) }, body: 'slow down' };
    case 'throttled_date': {
      const at = (ms: number): string => new Date(ms).toUTCString();
      // The receiver's own clock wrote both dates.
      const headers = { 'retry-after': at(nowMs + RETRY_AFTER_SECONDS * 1000), date: at(nowMs) };
      return { status: 429, headers, body: 'slow down' };
    }
    case 'html_answer':
      return html(200, 'Sign in to continue');
    case 'server_error':
    case 'accept_and_close':
    case 'reset_before_body':
    case 'reset_after_body':
    case 'truncated_answer':
    case 'hang':
      return html(500, '500 Internal Server Error');
  }
}

/** The credentials of a request as a careless receiver quotes them. */
/** As they came, cut, in capitals, escaped for HTML, in hex and in base64. */
function wordsOf({ headers }: FakeRequest): string {
  const value = headers.authorization ?? '';
  const bare = value.slice(value.indexOf(' ') + 1);
  const bytes = Buffer.from(bare);
  return [
    `bad token ${value} of you`,
    `cut ${bare.slice(0, 9)}…`,
    bare.toUpperCase(),
    bare.replaceAll('-', '&#x2d;').replaceAll('=', '&equals;'),
    bytes
      .toString('hex')
      .toUpperCase()
      .replace(/..(?=.)/g, '$&:'),
    bytes.toString('base64'),
  ].join(' | ');
}

function plainEcho(status: number, words: string): FakeAnswer {
  const body = { code: 4, text: words, message: words, error: { type: words, reason: words } };
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function html(status: number, title: string): FakeAnswer {
  return {
    status,
    headers: { 'content-type': 'text/html' },
    body: `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`,
  };
}

async function readRequest(request: IncomingMessage): Promise<FakeRequest> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  const wire = Buffer.concat(parts);
  const url = new URL(request.url ?? '/', 'http://fake');
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body: request.headers['content-encoding'] === 'gzip' ? gunzipSync(wire) : wire,
    wireBytes: wire.length,
  };
}

function respond(response: ServerResponse, answer: FakeAnswer): void {
  const headers = Object.entries(answer.headers ?? {});
  for (const [name, value] of headers) response.setHeader(name, value);
  response.statusCode = answer.status;
  response.end(answer.body ?? '');
}

/** Promises the whole answer, sends half of it, and goes away. */
function truncate(response: ServerResponse, answer: FakeAnswer): void {
  const body = Buffer.from(
    answer.body === undefined || answer.body === '' ? '{"accepted":true}' : answer.body,
  );
  response.writeHead(answer.status === 204 ? 200 : answer.status, { 'content-length': body.length });
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.socket?.destroy());
}
