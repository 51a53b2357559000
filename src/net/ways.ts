import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import type { Agent, buildConnector, Dispatcher } from 'undici';

import { wallClock } from '../model/clock.ts';
import { ForwardError } from '../model/errors.ts';
import { openAgent } from './agent.ts';
import { nameOf } from './proxies.ts';
import type { Proxies, Proxy } from './proxies.ts';
import { NoConnectionError, openSocket } from './socket.ts';
import type { TlsFiles } from './tls-files.ts';
import { openProxySocket, openTunnel } from './tunnel.ts';

/** For name lookup, TCP, the proxy's answer and TLS together. */
const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 60_000;
/** An idle connection is kept for the next poll, which comes after 15 s, or for less where the peer says so. */
const IDLE_CONNECTION_MS = 20_000;

/** The connections of one client. */
export interface Ways {
  /** To the peer, through a tunnel where a proxy leads there. New connections use the certificates that are there now. */
  direct(): Dispatcher;
  /** To a proxy that asks on our behalf: for requests that name the whole address. */
  through(proxy: Proxy): Dispatcher;
  close(): Promise<void>;
}

interface Opening {
  /** Whose fault it is when it takes too long, as the beginning of a sentence. */
  slow(target: buildConnector.Options): string;
  open(target: buildConnector.Options, signal: AbortSignal): Promise<Socket>;
}

export function openWays(tls: TlsFiles, proxies: Proxies, connections: number): Ways {
  const closing = new AbortController();
  const agents = new Set<Agent>();
  const byProxy = new Map<string, Agent>();
  const newAgent = (opening: Opening): Agent => {
    const agent = openAgent({
      connections,
      pipelining: 1,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      allowH2: false, // or all requests wait while the first connection finds out which protocol it is
      connect: (target, done) => {
        connectInTime(opening, target, closing.signal).then(
          (socket) => done(null, socket),
          (error: Error) => done(error, null),
        );
      },
    });
    agents.add(agent);
    return agent;
  };
  const newDirect = (): Agent =>
    newAgent({
      slow: (target) => {
        const proxy = proxies.for(target);
        return proxy === null ? `${originOf(target)} accepted no` : `${nameOf(proxy)} gave no`;
      },
      open: (target, signal) => openDirect(target, tls, proxies, signal),
    });
  let certificates = tls.current();
  let direct = newDirect();
  return {
    direct: () => {
      if (tls.current() !== certificates) {
        // Connections that are open keep their certificates to the end: they end with what is under way on them.
        const retired = direct;
        void retired.close().then(() => agents.delete(retired));
        certificates = tls.current();
        direct = newDirect();
      }
      return direct;
    },
    through: (proxy) => {
      const agent =
        byProxy.get(proxy.variable) ??
        newAgent({
          slow: () => `${nameOf(proxy)} accepted no`,
          open: (_target, signal) => openProxySocket(proxy, CONNECT_TIMEOUT_MS, signal),
        });
      byProxy.set(proxy.variable, agent);
      return agent;
    },
    close: async () => {
      closing.abort(new ForwardError('transient', 'the client was closed'));
      await Promise.all([...agents].map((agent) => agent.destroy()));
    },
  };
}

/** Whatever a name server, a proxy or a peer does, an attempt ends: a pool would wait for it without end. */
async function connectInTime(
  opening: Opening,
  target: buildConnector.Options,
  closing: AbortSignal,
): Promise<Socket> {
  const late = new AbortController();
  const timer = setTimeout(() => {
    const message = `${opening.slow(target)} connection within ${CONNECT_TIMEOUT_MS / 1000} s`;
    late.abort(new NoConnectionError(message));
  }, CONNECT_TIMEOUT_MS);
  try {
    const socket = await opening.open(target, AbortSignal.any([late.signal, closing]));
    // With TLS 1.3 a refused client certificate shows only now, as an alert that undici would cover with its own words.
    if (socket instanceof TLSSocket)
      socket.prependOnceListener('error', (alert: Error) => socket.destroy(alert));
    return socket;
  } finally {
    clearTimeout(timer);
  }
}

async function openDirect(
  target: buildConnector.Options,
  tls: TlsFiles,
  proxies: Proxies,
  signal: AbortSignal,
): Promise<Socket> {
  const secure = target.protocol === 'https:';
  const port = Number(target.port) || (secure ? 443 : 80);
  const peer = {
    host: target.hostname,
    port,
    where: originOf(target),
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    keepAliveMs: KEEP_ALIVE_MS,
    ...(secure ? { tls, alpn: ['http/1.1'] } : {}),
  };
  const proxy = proxies.for(target);
  if (proxy === null) return openSocket(peer, wallClock, signal);
  const name = target.hostname.includes(':') ? `[${target.hostname}]` : target.hostname;
  const tunnel = await openTunnel(proxy, `${name}:${port}`, CONNECT_TIMEOUT_MS, signal);
  return secure ? openSocket({ ...peer, through: tunnel }, wallClock, signal) : tunnel;
}

function originOf({ protocol, host, hostname }: buildConnector.Options): string {
  return `${protocol}//${host ?? hostname}`;
}
