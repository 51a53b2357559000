import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsOptions as ServerTls } from 'node:tls';
import { afterEach, beforeEach, expect } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import { openHttpClient } from '../../src/net/http.ts';
import type { HttpClient, HttpClientOptions, HttpRequest, HttpResponse } from '../../src/net/http.ts';
import { makeCertificate } from '../fakes/certificates.ts';

export const SECRET = 'hunter2';
export const authority = makeCertificate({ name: 'test authority' });
export const server = makeCertificate({
  name: 'localhost',
  issuer: authority,
  dnsNames: ['localhost', 'siem.example'],
  ipv4: '127.0.0.1',
});
export const client = makeCertificate({ name: 'client', issuer: authority });
export const stranger = makeCertificate({ name: 'stranger', dnsNames: ['localhost'], ipv4: '127.0.0.1' });
export const expired = makeCertificate({
  name: 'old',
  issuer: authority,
  ipv4: '127.0.0.1',
  notAfter: new Date('2021-01-01'),
});

const PROXY_VARIABLES = ['http', 'https', 'all', 'no'].flatMap((name) => [
  `${name}_proxy`,
  `${name.toUpperCase()}_PROXY`,
]);
/** Undone after each test, the last first. */
export const ends: (() => Promise<void> | void)[] = [];
let environment: Record<string, string | undefined> = {};
let folder = '';

/** To be called once in a file: every test gets a folder and an environment of its own. */
export function useBench(): void {
  beforeEach(() => {
    environment = Object.fromEntries(PROXY_VARIABLES.map((name) => [name, process.env[name]]));
    for (const name of PROXY_VARIABLES) delete process.env[name];
    folder = mkdtempSync(join(tmpdir(), 'http-'));
    const made = folder;
    ends.push(() => rmSync(made, { recursive: true, force: true }));
  });
  afterEach(async () => {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
    for (const [name, value] of Object.entries(environment)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}

/** A folder of the test's own. */
export function dir(): string {
  return folder;
}

export function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

export async function listen(net: NetServer): Promise<number> {
  const sockets = new Set<Socket>();
  net.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => net.listen(0, '127.0.0.1', resolve));
  ends.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => net.close(() => resolve()));
  });
  return (net.address() as AddressInfo).port;
}

export async function plain(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const http = createServer(listener);
  return { url: `http://127.0.0.1:${await listen(http)}/path?query=${SECRET}`, server: http };
}

export async function secure(
  tls: ServerTls,
  listener: RequestListener = (_request, response) => void response.end('ok'),
): Promise<string> {
  return `https://127.0.0.1:${await listen(createTlsServer(tls, listener))}/path`;
}

export function open(options: HttpClientOptions = {}): HttpClient {
  const http = openHttpClient(options);
  ends.push(() => http.close());
  return http;
}

export function exchange(
  url: string,
  changes: Partial<HttpRequest> = {},
  http = open(),
  signal = new AbortController().signal,
): Promise<HttpResponse> {
  const request: HttpRequest = {
    method: 'POST',
    url: new URL(url),
    headers: { authorization: `Bearer ${SECRET}` },
    body: `body ${SECRET}`,
    timeoutMs: 5000,
    maxResponseBytes: 10_000,
    ...changes,
  };
  return http.exchange(request, signal);
}

export async function failure(work: Promise<unknown>): Promise<ForwardError> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ForwardError);
  expect((error as ForwardError).message).not.toContain(SECRET);
  return error as ForwardError;
}
