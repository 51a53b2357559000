import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';

import { clientProblems, isTimeout, openHttpClient } from '../../src/net/http.ts';
import { openFakeProxy } from '../fakes/proxy.ts';
import type { FakeProxy, FakeProxyOptions } from '../fakes/proxy.ts';
import {
  authority,
  ends,
  exchange,
  failure,
  file,
  listen,
  open,
  plain,
  SECRET,
  secure,
  server,
  useBench,
} from './bench.ts';

useBench();

const tls = { cert: server.cert, key: server.key };
const ca = () => ({ tls: { ca_file: file('ca.pem', authority.cert) } });

async function proxy(options: FakeProxyOptions = {}): Promise<FakeProxy> {
  const fake = await openFakeProxy(options);
  ends.push(() => fake.close());
  return fake;
}

function environment(variables: Readonly<Record<string, string>>): void {
  Object.assign(process.env, variables);
}

const echo = () =>
  plain((request, response) => {
    const { host, authorization, 'proxy-authorization': leaked } = request.headers;
    response.end(JSON.stringify({ host, authorization, leaked, url: request.url }));
  });

describe('through a proxy from the environment', () => {
  it('an exchange is carried, and its TLS is checked end to end', async () => {
    const fake = await proxy();
    environment({ HTTPS_PROXY: `127.0.0.1:${fake.port}` });
    const url = await secure(tls);
    expect(await failure(exchange(url))).toMatchObject({ kind: 'denied' });
    expect((await exchange(url, {}, open(ca()))).status).toBe(200);
    expect((await exchange(url, {}, open({ tls: { fingerprint: server.fingerprint } }))).status).toBe(200);
    const other = 'ab'.repeat(32);
    expect(await failure(exchange(url, {}, open({ tls: { fingerprint: other } })))).toMatchObject({
      kind: 'denied',
      hint: expect.stringContaining('fingerprint') as string,
    });
    expect(new Set(fake.tunnels)).toEqual(new Set([new URL(url).host]));
  });

  it('a proxy may itself speak TLS', async () => {
    const fake = await proxy({ tls });
    environment({
      HTTPS_PROXY: `https://127.0.0.1:${fake.port}`,
      HTTP_PROXY: `https://127.0.0.1:${fake.port}`,
    });
    const error = await failure(exchange(await secure(tls), {}, open(ca())));
    // Its certificate is checked as well, against the authorities that Node knows.
    expect(error).toMatchObject({ kind: 'denied' });
    expect(error.message).toContain('the proxy in HTTPS_PROXY');
  });

  it.each([
    ['a tunnel', {}, 'tunnel'],
    ['its own request, where it refuses tunnels', { tunnel: 403 }, 'address'],
    ['its own request, where it closes instead', { tunnel: 'close' }, 'address'],
  ] as const)('plain HTTP goes by %s', async (_name, options, way) => {
    const fake = await proxy(options);
    environment({ http_proxy: `http://127.0.0.1:${fake.port}` });
    const { url } = await echo();
    const http = open();
    for (let round = 0; round < 3; round += 1) {
      const answer = JSON.parse((await exchange(url, {}, http)).body.toString()) as Record<string, unknown>;
      expect(answer).toEqual({
        host: new URL(url).host,
        authorization: `Bearer ${SECRET}`,
        url: `/path?query=${SECRET}`,
      });
    }
    expect(fake.addresses).toEqual(way === 'tunnel' ? [] : [url, url, url]);
    expect(fake.tunnels.length).toBeLessThan(3); // it is not asked for a tunnel again and again
  });

  it.each([{}, { tunnel: 405 }] as const)(
    'credentials are given to it, and to nobody else: %j',
    async (more) => {
      const authorization = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
      const fake = await proxy({ authorization, ...more });
      const { url } = await echo();
      environment({ http_proxy: `http://me:p%40ss@127.0.0.1:${fake.port}` });
      expect((await exchange(url)).body.toString()).not.toContain('leaked');
      environment({ http_proxy: `http://me:wr0ngpass@127.0.0.1:${fake.port}` });
      const wrong = await failure(exchange(url));
      expect(wrong).toMatchObject({ kind: 'denied', ambiguous: false });
      expect(`${wrong.message} ${wrong.hint}`).toContain('http_proxy');
      expect(`${wrong.message} ${wrong.hint}`).not.toContain('wr0ngpass');
      environment({ http_proxy: `http://127.0.0.1:${fake.port}` });
      expect((await failure(exchange(url))).message).toContain('asks for credentials (407)');
    },
  );

  it('a 407 to an https address names the variable', async () => {
    const fake = await proxy({ authorization: 'Basic x' });
    environment({ HTTPS_PROXY: `127.0.0.1:${fake.port}` });
    const error = await failure(exchange(await secure(tls), {}, open(ca())));
    expect(error).toMatchObject({
      kind: 'denied',
      message: expect.stringContaining('HTTPS_PROXY') as string,
      hint: expect.stringContaining('HTTPS_PROXY') as string,
    });
  });

  it.each([
    [403, 'denied'],
    [502, 'transient'],
    [503, 'transient'],
  ] as const)('a refusal with %i is %s, and nothing was taken', async (status, kind) => {
    const fake = await proxy({ tunnel: status });
    environment({ HTTPS_PROXY: `127.0.0.1:${fake.port}` });
    const error = await failure(exchange(await secure(tls), {}, open(ca())));
    expect(error).toMatchObject({ kind, ambiguous: false });
    expect(error.message).toContain(`answered ${status}`);
  });

  it('a proxy that never answers holds neither the deadline nor a stop, and nothing is left of it', async () => {
    const fake = await proxy({ tunnel: 'silent' });
    environment({ HTTPS_PROXY: `127.0.0.1:${fake.port}` });
    const url = await secure(tls);
    const http = open(ca());
    const started = performance.now();
    const late = await failure(exchange(url, { timeoutMs: 150 }, http));
    expect(late).toMatchObject({ kind: 'transient', ambiguous: false });
    expect(late.message).toMatch(/no connection by the proxy in HTTPS_PROXY .* within 0.2 s/);
    expect(isTimeout(late)).toBe(false);
    const stop = new AbortController();
    const work = exchange(url, {}, http, stop.signal);
    stop.abort(new Error('enough'));
    await expect(work).rejects.toThrow('enough');
    expect(performance.now() - started).toBeLessThan(2000);
    await http.close();
    const end = performance.now() + 2000;
    while (fake.open() > 0 && performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
    expect(fake.open()).toBe(0);
  });

  it.each([
    [
      'talks for ever',
      (write: (text: string) => void) => {
        write('HTTP/1.1 200 OK\r\n');
        for (let line = 0; line < 4000; line += 1) write(`x-${line}: ${'y'.repeat(20)}\r\n`);
      },
    ],
    ['is none', (write: (text: string) => void) => write('SSH-2.0-OpenSSH_9.6\r\n\r\n')],
    ['sends more than its answer', (write: (text: string) => void) => write('HTTP/1.1 200 OK\r\n\r\nmore')],
  ])('a proxy that %s is denied', async (_name, talk) => {
    const port = await listen(
      createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => talk((text) => void socket.write(text)));
      }),
    );
    environment({ HTTPS_PROXY: `127.0.0.1:${port}` });
    const error = await failure(exchange(await secure(tls), {}, open(ca())));
    expect(error).toMatchObject({ kind: 'denied', ambiguous: false });
    expect(error.message).toContain('does not answer as an HTTP proxy');
  });

  it('hosts in NO_PROXY are reached directly', async () => {
    const fake = await proxy();
    environment({ https_proxy: `http://127.0.0.1:${fake.port}`, NO_PROXY: '127.0.0.0/8' });
    expect((await exchange(await secure(tls), {}, open(ca()))).status).toBe(200);
    expect(fake.tunnels).toEqual([]);
  });

  it('a variable that names no proxy is an error of the configuration', () => {
    environment({ HTTPS_PROXY: `socks5://me:${SECRET}@127.0.0.1:1` });
    expect(() => openHttpClient()).toThrow(expect.objectContaining({ kind: 'config' }));
    const [problem, ...others] = clientProblems(undefined, 'search.tls');
    expect(others).toEqual([]);
    expect(problem).toMatchObject({
      path: 'search',
      problem: expect.stringContaining('HTTPS_PROXY') as string,
    });
    expect(problem?.problem).not.toContain(SECRET);
  });
});
