import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { RequestListener } from 'node:http';
import type { TlsOptions as ServerTls } from 'node:tls';
import { describe, expect, it, test } from 'vitest';

import { isTimeout, isTooLarge, mediaType, openHttpClient, retryAfterMs } from '../../src/net/http.ts';
import type { HttpClientOptions } from '../../src/net/http.ts';
import {
  authority,
  client,
  dir,
  exchange,
  expired,
  failure,
  file,
  listen,
  open,
  plain,
  SECRET,
  secure,
  server,
  stranger,
  useBench,
} from './bench.ts';

useBench();

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

  test.each<[string, (socket: Socket) => void]>([
    ['interim answers', (socket) => void socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(200))],
    [
      'headers',
      (socket) => void socket.write(`HTTP/1.1 200 OK\r\n${'x-flood: yyyyyyyyyyyyyyyy\r\n'.repeat(2000)}`),
    ],
  ])('with a flood of %s ends at once', async (_name, flood) => {
    const port = await listen(createTcpServer((socket) => void socket.once('data', () => flood(socket))));
    expect(await failure(exchange(`http://127.0.0.1:${port}/path`))).toMatchObject({
      kind: 'transient',
      ambiguous: true,
    });
  });

  it('may have a few interim answers', async () => {
    const { url } = await plain((_request, response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: '</x>; rel=preload' });
      response.end('ok');
    });
    expect((await exchange(url)).body.toString()).toBe('ok');
  });

  it('over a connection that the peer closed while it was idle takes another one', async () => {
    const { url, server: peer } = await plain((_request, response) => void response.end('ok'));
    const http = open();
    const closed = new Promise<void>((resolve) => {
      peer.once('connection', (socket: Socket) => socket.once('close', () => resolve()));
    });
    expect((await exchange(url, {}, http)).status).toBe(200);
    peer.closeAllConnections();
    await closed;
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect((await exchange(url, {}, http)).status).toBe(200);
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

  it('keeps no request waiting for a connection of another one', async () => {
    const working = new URL(await secure(tls));
    let connections = 0;
    const stuckFirst = await listen(
      createTcpServer((socket) => {
        connections += 1;
        if (connections === 1) return; // no handshake ever
        socket.pipe(connectTcp(Number(working.port), '127.0.0.1')).pipe(socket);
      }),
    );
    const http = open({ tls: { ca_file: ca() } });
    const url = `https://127.0.0.1:${stuckFirst}/path`;
    const stuck = failure(exchange(url, { timeoutMs: 1500 }, http));
    expect(await exchange(url, { timeoutMs: 1000 }, http)).toMatchObject({ status: 200 });
    expect((await stuck).message).toContain('was given no connection');
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
    expect(() => openHttpClient({ tls: { ca_file: join(dir(), 'none.pem') } })).toThrow(
      expect.objectContaining({
        kind: 'config',
        message: expect.stringMatching(/tls\.ca_file.*none\.pem/) as string,
      }),
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
