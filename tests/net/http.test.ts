import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsOptions as ServerTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import { isTimeout, isTooLarge, mediaType, openHttpClient, retryAfterMs } from '../../src/net/http.ts';
import type { HttpClient, HttpClientOptions, HttpRequest, HttpResponse } from '../../src/net/http.ts';
import { makeCertificate } from '../fakes/certificates.ts';

const SECRET = 'hunter2';
const authority = makeCertificate({ name: 'test authority' });
const server = makeCertificate({
  name: 'localhost',
  issuer: authority,
  dnsNames: ['localhost', 'siem.example'],
  ipv4: '127.0.0.1',
});
const client = makeCertificate({ name: 'client', issuer: authority });
const stranger = makeCertificate({ name: 'stranger', dnsNames: ['localhost'], ipv4: '127.0.0.1' });
const expired = makeCertificate({
  name: 'old',
  issuer: authority,
  ipv4: '127.0.0.1',
  notAfter: new Date('2021-01-01'),
});

const PROXY_VARIABLES = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY'];
const ends: (() => Promise<void> | void)[] = [];
let environment: Record<string, string | undefined> = {};
let dir = '';

beforeEach(() => {
  environment = Object.fromEntries(PROXY_VARIABLES.map((name) => [name, process.env[name]]));
  for (const name of PROXY_VARIABLES) delete process.env[name];
  dir = mkdtempSync(join(tmpdir(), 'http-'));
  ends.push(() => rmSync(dir, { recursive: true, force: true }));
});
afterEach(async () => {
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

async function listen(net: NetServer): Promise<number> {
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

async function plain(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const http = createServer(listener);
  return { url: `http://127.0.0.1:${await listen(http)}/path?query=${SECRET}`, server: http };
}

async function secure(
  tls: ServerTls,
  listener: RequestListener = (_request, response) => void response.end('ok'),
): Promise<string> {
  return `https://127.0.0.1:${await listen(createTlsServer(tls, listener))}/path`;
}

function open(options: HttpClientOptions = {}): HttpClient {
  const http = openHttpClient(options);
  ends.push(() => http.close());
  return http;
}

function exchange(
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

async function failure(work: Promise<unknown>): Promise<ForwardError> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ForwardError);
  expect((error as ForwardError).message).not.toContain(SECRET);
  return error as ForwardError;
}

describe('an exchange', () => {
  it('resolves with any status, headers and the whole body, and follows nothing', async () => {
    const { url } = await plain((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () =>
        response.writeHead(302, { location: '/elsewhere', 'x-method': request.method ?? '' }).end(body),
      );
    });
    const response = await exchange(url);
    expect(response).toMatchObject({ status: 302, headers: { location: '/elsewhere', 'x-method': 'POST' } });
    expect(response.body.toString()).toBe(`body ${SECRET}`);
  });

  it('whose answer is too long is refused, at the first byte too many, announced or not', async () => {
    const { url } = await plain((_request, response) => {
      response.write(Buffer.alloc(10_000));
      setImmediate(() => response.write('x'));
    });
    const error = await failure(exchange(url));
    expect(error).toMatchObject({ kind: 'transient', ambiguous: true });
    expect(isTooLarge(error)).toBe(true);
    expect(isTimeout(error)).toBe(false);
    const { url: exact } = await plain((_request, response) => void response.end(Buffer.alloc(10_000)));
    expect((await exchange(exact)).body).toHaveLength(10_000);
  });

  test.each<[string, RequestListener]>([
    ['nothing', () => {}],
    ['headers only', (_request, response) => response.writeHead(200).flushHeaders()],
    [
      'a byte now and then',
      (_request, response) => {
        const timer = setInterval(() => response.write('x'), 20);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('that gives %s ends at its deadline, and may have been taken', async (_name, listener) => {
    const { url } = await plain(listener);
    const started = performance.now();
    const error = await failure(exchange(url, { timeoutMs: 200 }));
    expect(performance.now() - started).toBeLessThan(1500);
    expect(error).toMatchObject({
      kind: 'transient',
      ambiguous: true,
      message: expect.stringContaining('within 0.2 s') as string,
    });
    expect(isTimeout(error)).toBe(true);
  });

  it('that is cut in its body is no answer', async () => {
    const { url } = await plain((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
      setImmediate(() => response.destroy());
    });
    expect(await failure(exchange(url))).toMatchObject({ kind: 'transient', ambiguous: true });
  });

  it('that is reset after the request may have been taken', async () => {
    const { url } = await plain((request) => {
      request.resume().on('end', () => request.socket.resetAndDestroy());
    });
    expect(await failure(exchange(url))).toMatchObject({ kind: 'transient', ambiguous: true });
  });

  it('with nobody there was taken by nobody', async () => {
    const net = createTcpServer();
    const port = await listen(net);
    await new Promise<void>((resolve) => net.close(() => resolve()));
    const error = await failure(exchange(`http://127.0.0.1:${port}/path`));
    expect(error).toMatchObject({ kind: 'transient', ambiguous: false });
    expect(error.message).toContain('ECONNREFUSED');
    expect(await failure(exchange('http://nowhere.invalid/path'))).toMatchObject({ ambiguous: false });
  });

  it('with a header that no header can be is denied, before a byte is sent, without quoting it', async () => {
    const { url } = await plain(() => {});
    const error = await failure(exchange(url, { headers: { authorization: `Bearer ${SECRET}\nx: y` } }));
    expect(error).toMatchObject({
      kind: 'denied',
      ambiguous: false,
      hint: expect.stringContaining('line break') as string,
    });
  });

  it('rejects with the reason of an abort at once, at any moment', async () => {
    const asked = Promise.withResolvers<undefined>();
    const { url } = await plain((_request, response) => {
      response.writeHead(200).write('x');
      asked.resolve(undefined);
    });
    const stop = new AbortController();
    const work = exchange(url, {}, open(), stop.signal);
    await asked.promise;
    const started = performance.now();
    stop.abort(new Error('enough'));
    await expect(work).rejects.toThrow('enough');
    expect(performance.now() - started).toBeLessThan(500);
    await expect(exchange(url, {}, open(), stop.signal)).rejects.toThrow('enough');
  });
});

describe('TLS', () => {
  const tls: ServerTls = { cert: server.cert, key: server.key };
  const ca = (): string => file('ca.pem', authority.cert);

  it('refuses a certificate that no authority vouches for, a name that does not fit, and one that is over', async () => {
    const own = await secure({ cert: stranger.cert, key: stranger.key });
    expect(await failure(exchange(own))).toMatchObject({
      kind: 'denied',
      hint: expect.stringContaining('ca_file') as string,
    });
    const url = await secure(tls);
    expect(await failure(exchange(url))).toMatchObject({ kind: 'denied' });
    expect(
      await failure(exchange(url, {}, open({ tls: { ca_file: ca(), server_name: 'other.example' } }))),
    ).toMatchObject({ kind: 'denied' });
    const old = await secure({ cert: expired.cert, key: expired.key });
    expect((await failure(exchange(old, {}, open({ tls: { ca_file: ca() } })))).message).toContain(
      'CERT_HAS_EXPIRED',
    );
  });

  it.each<[string, () => HttpClientOptions]>([
    ['an authority of our own', () => ({ tls: { ca_file: ca() } })],
    ['another name', () => ({ tls: { ca_file: ca(), server_name: 'siem.example' } })],
    ['no verification', () => ({ tls: { verify: false } })],
    ['a pinned certificate', () => ({ tls: { fingerprint: server.fingerprint } })],
    [
      'a pin without colons',
      () => ({ tls: { fingerprint: server.fingerprint.replaceAll(':', '').toLowerCase() } }),
    ],
  ])('takes %s', async (_name, options) => {
    expect((await exchange(await secure(tls), {}, open(options()))).status).toBe(200);
  });

  it('checks the pin on every connection, also on one that resumes a session', async () => {
    const url = await secure(
      tls,
      (_request, response) => void response.writeHead(200, { connection: 'close' }).end('ok'),
    );
    const http = open({ tls: { fingerprint: server.fingerprint } });
    for (let round = 0; round < 4; round += 1) expect((await exchange(url, {}, http)).status).toBe(200);
  });

  it('sends nothing to a server with another certificate than the pinned one', async () => {
    let requests = 0;
    const url = await secure(tls, () => (requests += 1));
    const http = open({ tls: { fingerprint: stranger.fingerprint } });
    for (let round = 0; round < 2; round += 1)
      expect(await failure(exchange(url, {}, http))).toMatchObject({
        kind: 'denied',
        hint: expect.stringContaining('fingerprint') as string,
      });
    expect(requests).toBe(0);
  });

  it('shows a client certificate, and is denied without one', async () => {
    const url = await secure({ ...tls, ca: authority.cert, requestCert: true, rejectUnauthorized: true });
    const files = {
      ca_file: ca(),
      cert_file: file('c.pem', client.cert),
      key_file: file('c.key', client.key),
    };
    expect((await exchange(url, {}, open({ tls: files }))).status).toBe(200);
    expect(await failure(exchange(url, {}, open({ tls: { ca_file: files.ca_file } })))).toMatchObject({
      kind: 'denied',
    });
  });

  it('says at the start which file cannot be read', () => {
    expect(() => openHttpClient({ tls: { ca_file: join(dir, 'none.pem') } })).toThrow(
      expect.objectContaining({
        kind: 'config',
        message: expect.stringMatching(/tls\.ca_file.*none\.pem/) as string,
      }),
    );
  });
});

describe('a proxy from the environment', () => {
  async function proxy(): Promise<{ url: string; targets: string[] }> {
    const targets: string[] = [];
    const net = createServer();
    net.on('connect', (request, socket: Socket) => {
      targets.push(request.url ?? '');
      const [host = '', port = ''] = (request.url ?? '').split(':');
      const upstream = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket);
        socket.pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
      ends.push(() => void upstream.destroy());
    });
    return { url: `http://127.0.0.1:${await listen(net)}`, targets };
  }

  it('carries the exchange, whose TLS is still checked end to end', async () => {
    const { url: through, targets } = await proxy();
    process.env['HTTPS_PROXY'] = through;
    const url = await secure({ cert: server.cert, key: server.key });
    expect(await failure(exchange(url))).toMatchObject({ kind: 'denied' });
    expect((await exchange(url, {}, open({ tls: { ca_file: file('ca.pem', authority.cert) } }))).status).toBe(
      200,
    );
    expect(targets).toEqual([new URL(url).host, new URL(url).host]);
  });

  it('is left out for hosts in NO_PROXY', async () => {
    const { url: through, targets } = await proxy();
    process.env['https_proxy'] = through;
    process.env['no_proxy'] = '127.0.0.1';
    const url = await secure({ cert: server.cert, key: server.key });
    expect((await exchange(url, {}, open({ tls: { ca_file: file('ca.pem', authority.cert) } }))).status).toBe(
      200,
    );
    expect(targets).toEqual([]);
  });

  it('cannot be combined with a pin, which would silently not be checked', () => {
    process.env['HTTPS_PROXY'] = 'http://127.0.0.1:9';
    expect(() => openHttpClient({ tls: { fingerprint: server.fingerprint } })).toThrow(
      expect.objectContaining({ kind: 'config' }),
    );
  });
});

describe('retryAfterMs', () => {
  const NOW = Date.parse('2026-01-02T12:00:00Z');
  test.each<[string | string[] | undefined, number | undefined]>([
    ['0', 0],
    ['120', 120_000],
    [' 5 ', 5000],
    ['999999999', 3_600_000],
    ['9999999999', undefined],
    ['Fri, 02 Jan 2026 12:00:30 GMT', 30_000],
    ['Fri, 02 Jan 2026 11:00:00 GMT', 0],
    ['Fri, 01 Jan 2027 12:00:00 GMT', 3_600_000],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    [['1', '2'], undefined],
    [undefined, undefined],
  ])('%j', (value, ms) => {
    expect(retryAfterMs({ 'retry-after': value }, NOW)).toBe(ms);
  });

  test.each<[string, string | undefined, number | undefined]>([
    ['Fri, 02 Jan 2026 12:00:30 GMT', 'Fri, 02 Jan 2026 12:00:10 GMT', 20_000],
    // The peer's clock is two days ahead, or years behind, in both headers alike.
    ['Sun, 04 Jan 2026 12:00:30 GMT', 'Sun, 04 Jan 2026 12:00:00 GMT', 30_000],
    ['Mon, 02 Jan 2012 12:02:00 GMT', 'Mon, 02 Jan 2012 12:00:00 GMT', 120_000],
    ['Friday, 02-Jan-26 12:00:30 GMT', 'Fri Jan  2 12:00:00 2026', 30_000],
    ['Fri, 02 Jan 2026 12:00:30 GMT', 'soon', 30_000],
    ['Fri, 02 Jan 2026 12:00:30 GMT', undefined, 30_000],
    ['May', 'Fri, 02 Jan 2026 12:00:00 GMT', undefined],
    ['in 5 May', 'Fri, 02 Jan 2026 12:00:00 GMT', undefined],
  ])('%j in an answer of %j', (value, date, ms) => {
    expect(retryAfterMs({ 'retry-after': value, date }, NOW)).toBe(ms);
  });
});

test.each<[string | string[] | undefined, string]>([
  ['Application/JSON; charset=utf-8', 'application/json'],
  [undefined, ''],
  [['a/b', 'c/d'], ''],
])('the media type of %j', (value, type) => {
  expect(mediaType({ 'content-type': value })).toBe(type);
});
