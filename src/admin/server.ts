import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, ForwardError, oneLine } from '../model/errors.ts';
import { act } from './actions.ts';
import { json, readBody, refusal, Refused, unanswerable, write } from './answer.ts';
import type { Answer } from './answer.ts';
import { limitConnections } from './connections.ts';
import type { ConnectionLimits } from './connections.ts';
import { assertHost, assertMayChange, assertMayReadEvents, carriesToken } from './guard.ts';
import { openMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import type { AdminOptions } from './options.ts';
import { loadPage } from './page-files.ts';
import { readers } from './readers.ts';
import type { Readers } from './readers.ts';
import { createSeries } from './series.ts';
import type { Series } from './series.ts';

export interface Admin {
  /** Where it listens: `http://127.0.0.1:9464`. */
  readonly url: string;
  /** Answers no more. */
  close(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 10_000;
/** A client that takes nothing of its answer for so long is let go. */
const SILENCE_MS = 20_000;
/** How often the times above are looked at; Node's own half a minute would make them meaningless. */
const CHECK_EVERY_MS = 1_000;
/** File descriptors are left for the journal and the sinks; an answer that nobody takes holds a few megabytes at most. */
const LIMITS: ConnectionLimits = { connections: 768, requests: 32, graceMs: 100 };
const HEADERS_LIMIT_BYTES = 16_384;
const SAMPLE_EVERY_MS = 5_000;

/**
 * Starts the listener for health, metrics, the status page and its API. Rejects with a ForwardError of kind `config` when
 * the address cannot be listened on.
 */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const series = createSeries();
  const room: Room = {
    options,
    metrics: openMetrics(options),
    page: loadPage(),
    readers: readers(options, series),
    hasToken: (request) => carriesToken(request, options.token),
  };
  const server = createServer(
    {
      maxHeaderSize: HEADERS_LIMIT_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      // A request without a Host header is answered by our own check.
      requireHostHeader: false,
    },
    (request, response) => void serve(room, request, response),
  );
  server.setTimeout(SILENCE_MS);
  limitConnections(server, LIMITS);
  const ended = new AbortController();
  try {
    await listen(server, options.listen);
  } catch (error) {
    await room.metrics.close();
    throw error;
  }
  const sampling = keepSampling(options, series, ended.signal);
  const { port } = server.address() as AddressInfo;
  const { host } = options.listen;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    async close() {
      ended.abort(new Error('closed'));
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await Promise.all([closed, sampling]);
      await room.metrics.close();
    },
  };
}

interface Room {
  readonly options: AdminOptions;
  readonly metrics: Metrics;
  readonly page: ReadonlyMap<string, Answer>;
  readonly readers: Readers;
  readonly hasToken: (request: IncomingMessage) => boolean;
}

async function serve(room: Room, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.socket.destroyed) return;
  let answer: Answer;
  try {
    answer = await route(room, request);
  } catch (error) {
    if (error instanceof Refused) answer = refusal(error);
    // The loops log that the journal cannot be reached. Logging each request as well would fill the log.
    else if (error instanceof ForwardError) answer = unanswerable(error);
    else {
      // A disk that fails or a fault of our own: the listener itself goes on.
      room.options.log.warn({ error: describe(error) }, 'a request to the status page failed');
      answer = json({ error: 'the request failed; the log says why' }, 500);
    }
  }
  if (!response.destroyed) write(request, response, answer);
}

async function route(room: Room, request: IncomingMessage): Promise<Answer> {
  const { options } = room;
  assertHost(request, options);
  const url = new URL(`http://listener${request.url?.startsWith('/') === true ? request.url : '/'}`);
  const { method = '' } = request;
  if (method === 'GET' || method === 'HEAD') return read(room, request, url);
  if (method !== 'POST') throw new Refused(405, `the method ${oneLine(method, 20)} is not supported`);
  assertMayChange(request, room.hasToken, options.token);
  return act(options, url.pathname, await readBody(request));
}

async function read(room: Room, request: IncomingMessage, url: URL): Promise<Answer> {
  const { options } = room;
  const file = room.page.get(url.pathname);
  if (file !== undefined) return file;
  if (url.pathname === '/metrics') {
    const { contentType, body } = await room.metrics.expose(request.headers.accept);
    return { status: 200, contentType, body };
  }
  const reader = room.readers.get(url.pathname);
  if (reader === undefined) throw new Refused(404, 'not found');
  let mayReadEvents = true;
  try {
    assertMayReadEvents(request, room.hasToken, options.token);
  } catch (error) {
    if (reader.showsEvents) throw error;
    mayReadEvents = false;
  }
  return reader.read(url.searchParams, mayReadEvents);
}

async function listen(server: Server, at: AdminOptions['listen']): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const place = `admin.listen ${at.host}:${at.port}`;
      const why =
        error.code === 'EADDRINUSE'
          ? 'is taken by another program'
          : `cannot be listened on: ${describe(error)}`;
      const hint = 'choose another port or address for admin.listen, or "off"';
      reject(new ForwardError('config', `${place} ${why}`, { cause: error, hint }));
    });
    server.listen({ host: at.host, port: at.port }, resolve);
  });
  server.removeAllListeners('error');
  server.on('error', () => {}); // a connection that could not be accepted costs only itself
}

async function keepSampling(options: AdminOptions, series: Series, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { status } = options.view();
    if (status !== null) series.sample(status, options.clock.now());
    await options.clock.sleep(SAMPLE_EVERY_MS, signal).catch(() => {});
  }
}
