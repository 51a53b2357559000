import type { Socket } from 'node:net';

import { wallClock } from '../model/clock.ts';
import { ForwardError } from '../model/errors.ts';
import { nameOf } from './proxies.ts';
import type { Proxy } from './proxies.ts';
import { openSocket } from './socket.ts';
import { openTlsFiles } from './tls-files.ts';

/** An answer to CONNECT has a few lines. */
const HEAD_LIMIT = 16 * 1024;

/** The proxy answered and does not open a tunnel, or closed instead of answering. Nothing of a request was sent. */
export class TunnelRefusedError extends ForwardError {}

/** A TCP connection to the proxy itself, TLS with the usual authorities where its address says https. */
export function openProxySocket(
  proxy: Proxy,
  connectTimeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  const { host, port } = proxy;
  const tls = proxy.tls ? openTlsFiles({}, () => {}) : undefined;
  const where = nameOf(proxy);
  return openSocket({ host, port, tls, where, connectTimeoutMs, keepAliveMs: 60_000 }, wallClock, signal);
}

/**
 * Resolves with a connection that leads to `authority`, a host with its port. Throws a ForwardError, or the signal's
 * reason when it aborts: a proxy that never answers has to be ended by it.
 */
export async function openTunnel(
  proxy: Proxy,
  authority: string,
  connectTimeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = await openProxySocket(proxy, connectTimeoutMs, signal);
  try {
    const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, 'Proxy-Connection: keep-alive'];
    if (proxy.authorization !== undefined) lines.push(`Proxy-Authorization: ${proxy.authorization}`);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const status = await readStatus(socket, proxy, signal);
    if (status < 200 || status > 299) throw refused(proxy, authority, status);
    return socket;
  } catch (error) {
    socket.on('error', () => {}); // what a dying socket still says adds nothing
    socket.destroy();
    throw error;
  }
}

/** Leaves the socket paused after the head of the answer, with our listeners removed. */
function readStatus(socket: Socket, proxy: Proxy, signal: AbortSignal): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let head = '';
  const closed = (error?: Error): void =>
    reject(
      new TunnelRefusedError('transient', `${nameOf(proxy)} closed the connection instead of answering`, {
        cause: error,
      }),
    );
  const onEnd = (): void => closed();
  const onAbort = (): void => reject(signal.reason as Error);
  const onData = (bytes: Buffer): void => {
    head += bytes.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(head)?.[1];
    if (end < 0 ? head.length <= HEAD_LIMIT : status !== undefined && endsAnswer(head, end, status)) {
      if (end >= 0) resolve(Number(status));
      return;
    }
    reject(
      new ForwardError('denied', `${nameOf(proxy)} does not answer as an HTTP proxy`, {
        hint: `check the address in ${proxy.variable}`,
      }),
    );
  };
  socket.on('data', onData).once('error', closed).once('end', onEnd).once('close', onEnd);
  signal.addEventListener('abort', onAbort, { once: true });
  return promise.finally(() => {
    socket.pause();
    socket.off('data', onData).off('error', closed).off('end', onEnd).off('close', onEnd);
    signal.removeEventListener('abort', onAbort);
  });
}

/** Whether nothing follows the head of a success: the target's bytes come next, and it waits for the client to speak first. */
function endsAnswer(head: string, end: number, status: string): boolean {
  return !status.startsWith('2') || head.length === end + 4;
}

function refused(proxy: Proxy, authority: string, status: number): ForwardError {
  if (status === 407) return credentialsWanted(proxy);
  const passes = status === 408 || status === 429 || status >= 500;
  return new TunnelRefusedError(
    passes ? 'transient' : 'denied',
    `${nameOf(proxy)} answered ${status} instead of a connection to ${authority}`,
    { hint: `let the proxy reach it, or list the host in NO_PROXY to leave ${proxy.variable} out` },
  );
}

/** For a 407, in whichever way the proxy is used. */
export function credentialsWanted(proxy: Proxy): ForwardError {
  const given = proxy.authorization === undefined ? 'asks for credentials' : 'refuses the credentials';
  return new ForwardError('denied', `${nameOf(proxy)} ${given} (407)`, {
    hint: `put user and password of the proxy into ${proxy.variable}: http://user:password@host:port`,
  });
}
