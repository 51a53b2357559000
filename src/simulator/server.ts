import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { wallClock } from '../model/clock.ts';
import type { Clock } from '../model/clock.ts';
import { describe, ForwardError, oneLine } from '../model/errors.ts';
import type { PlatformResponse } from './answers.ts';
import { answerControl, CONTROL_PREFIX } from './control.ts';
import { createPlatform } from './platform.ts';
import type { Platform } from './platform.ts';
import type { SimulatorPatch } from './options.ts';

/** A `slow` answer comes in this many parts, with this long before each. */
const SLOW_PARTS = 10;
const SLOW_PAUSE_MS = 500;
/** A `hang` lets go after this, so that a forgotten client does not stay for good. */
const HANG_LIMIT_MS = 300_000;
const LISTEN = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]*)):(\d{1,5})$/;

export interface RunningSimulator {
  /** Without /api: what a source's `url` takes. */
  readonly url: string;
  readonly platform: Platform;
  /** Cuts open connections and frees the port. */
  close(): Promise<void>;
}

/** A simulated Platform that listens. Throws a `config` error when an option or the address cannot be used. */
export async function startSimulator(
  patch: SimulatorPatch = {},
  clock: Clock = wallClock,
): Promise<RunningSimulator> {
  const platform = createPlatform(patch, () => clock.now());
  const { host, port } = readAddress(platform.options().listen);
  const stop = new AbortController();
  const server = createServer((request, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const signal = AbortSignal.any([stop.signal, gone.signal]);
    serve(platform, clock, request, response, signal).catch(() => response.destroy());
  });
  await listen(server, host, port);
  return {
    url: urlOf(server.address() as AddressInfo),
    platform,
    close: async () => {
      stop.abort();
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(
  platform: Platform,
  clock: Clock,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://simulator.example');
  if (url.pathname.startsWith(CONTROL_PREFIX)) {
    send(response, await answerControl(request, url.pathname, platform), request.method);
    return;
  }
  request.resume(); // a body means nothing here; unread it would block the connection
  const { latency } = platform.options();
  if (latency > 0) await clock.sleep(latency, signal);
  const answer = platform.handle({
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
  });
  await carry(answer, clock, request, response, signal);
}

async function carry(
  answer: PlatformResponse,
  clock: Clock,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  switch (answer.fault) {
    case undefined:
      send(response, answer, request.method);
      return;
    case 'reset':
      request.socket.resetAndDestroy();
      return;
    case 'truncate': {
      const body = Buffer.from(answer.body);
      response.writeHead(answer.status, { ...answer.headers, 'content-length': body.length });
      response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
      return;
    }
    case 'hang':
      await clock.sleep(HANG_LIMIT_MS, signal);
      response.destroy();
      return;
    case 'slow':
      await drip(answer, clock, response, signal);
  }
}

async function drip(
  answer: PlatformResponse,
  clock: Clock,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const body = Buffer.from(answer.body);
  const step = Math.max(1, Math.ceil(body.length / SLOW_PARTS));
  response.writeHead(answer.status, { ...answer.headers, 'content-length': body.length });
  for (let from = 0; from < body.length; from += step) {
    await clock.sleep(SLOW_PAUSE_MS, signal);
    response.write(body.subarray(from, from + step));
  }
  response.end();
}

function send(response: ServerResponse, answer: PlatformResponse, method: string | undefined): void {
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, { ...answer.headers, 'content-length': body.length });
  response.end(method === 'HEAD' ? undefined : body);
}

function readAddress(text: string): { host: string; port: number } {
  const match = LISTEN.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new ForwardError('config', `the simulator cannot listen on ${oneLine(text, 80)}`, {
      hint: 'write host:port, such as 127.0.0.1:9465 or [::1]:0',
    });
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen({ port, host: host === '' ? undefined : host }, () => {
      server.off('error', failed);
      done();
    });
  }).catch((error: unknown) => {
    throw new ForwardError('config', `the simulator cannot listen on ${host}:${port}: ${describe(error)}`, {
      cause: error,
      hint: 'choose another address with listen, or port 0 for any free one',
    });
  });
}

function urlOf(address: AddressInfo): string {
  const any = address.address === '::' || address.address === '0.0.0.0';
  const host = any ? '127.0.0.1' : address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
