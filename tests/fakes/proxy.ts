import { createServer, request as ask } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface FakeProxy {
  readonly port: number;
  /** Every tunnel asked for, `host:port`. */
  readonly tunnels: readonly string[];
  /** Every whole address asked for. */
  readonly addresses: readonly string[];
  /** Connections that are open. */
  open(): number;
  close(): Promise<void>;
}

export interface FakeProxyOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** The value that Proxy-Authorization must have. */
  readonly authorization?: string;
  /**
   * How CONNECT is met: with a tunnel, with this status, with a close, or with silence. As squid does, a proxy may well
   * refuse tunnels and ask itself.
   */
  readonly tunnel?: 'open' | 'close' | 'silent' | number;
}

/** An HTTP proxy on loopback that opens tunnels, and asks for whole addresses itself. */
export async function openFakeProxy(options: FakeProxyOptions = {}): Promise<FakeProxy> {
  const tunnels: string[] = [];
  const addresses: string[] = [];
  const sockets = new Set<Socket>();
  const { tls, authorization, tunnel = 'open' } = options;
  const server = tls === undefined ? createServer() : createTlsServer(tls);
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  };
  server.on('connection', keep);
  const wanted = (given: string | undefined): boolean =>
    authorization === undefined || given === authorization;
  server.on('connect', (request, socket: Socket) => {
    tunnels.push(request.url ?? '');
    socket.on('error', () => undefined);
    if (tunnel === 'silent') return void socket.resume().on('end', () => socket.destroy());
    if (tunnel === 'close') return void socket.destroy();
    if (!wanted(request.headers['proxy-authorization']))
      return void socket.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n',
      );
    if (typeof tunnel === 'number')
      return void socket.end(`HTTP/1.1 ${tunnel} No\r\ncontent-length: 0\r\n\r\n`);
    const { hostname, port } = new URL(`http://${request.url ?? ''}`);
    const upstream = connect(Number(port) || 80, hostname.replace(/^\[|\]$/g, ''), () => {
      socket.write('HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    keep(upstream);
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  server.on('request', (request, response) => {
    addresses.push(request.url ?? '');
    if (!wanted(request.headers['proxy-authorization'])) return void response.writeHead(407).end();
    const { 'proxy-authorization': _ours, ...headers } = request.headers;
    const upstream = ask(request.url ?? '', { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => void response.writeHead(502).end());
    request.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    tunnels,
    addresses,
    open: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
