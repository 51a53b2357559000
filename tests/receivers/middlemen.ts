import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import type { Certificates } from './certificates.ts';
import { accepts, fillTemplate, freePorts, removeFolder, runFolder, startProgram } from './processes.ts';
import type { Running } from './processes.ts';
import { findProgram } from './receivers.ts';

/** What haproxy does to HTTP requests while the fault is in force. */
export type HttpFault =
  /** 503 with Retry-After in seconds, and as a date. */
  | 'busy_seconds'
  | 'busy_date'
  /** 429 with Retry-After. */
  | 'throttled'
  /** 401 with a plain word. */
  | 'unauthorized'
  /** 500 with a plain word. */
  | 'broken'
  /** 200 with a log-in page. */
  | 'html_page'
  /** The connection goes silent: no answer, no FIN. */
  | 'dropped'
  /** The connection is closed without an answer. */
  | 'closed'
  /** 500 after two seconds. */
  | 'tarpit'
  /** 503 for two requests of five. */
  | 'random'
  /** The server behind is gone: 503 by haproxy itself. */
  | 'stopped';

/** What haproxy does to new TCP connections. */
export type TcpFault = 'refused' | 'dropped' | 'stopped';

export interface Haproxy {
  /** `http` and `tcp`, each in front of its upstream. */
  readonly ports: Readonly<Record<'http' | 'tcp', number>>;
  /** Puts a fault in force at once, or takes it away. */
  setHttpFault(fault: HttpFault | 'none'): Promise<void>;
  setTcpFault(fault: TcpFault | 'none'): Promise<void>;
  /** Cuts every TCP connection that runs through the `tcp` port. */
  cutConnections(): Promise<void>;
  readonly running: Running;
  stop(): Promise<void>;
}

export interface HaproxyUpstreams {
  /** Port on loopback of the HTTP server behind it. */
  readonly httpPort: number;
  /** True when that one speaks TLS; its certificate is not looked at. */
  readonly httpTls?: boolean;
  /** Port on loopback of the TCP server behind it. */
  readonly tcpPort: number;
}

const START_LIMIT_MS = 20_000;

export async function startHaproxy(upstreams: HaproxyUpstreams): Promise<Haproxy> {
  const folder = runFolder('haproxy');
  const ports = await freePorts('http', 'tcp', 'nobody');
  const config = join(folder, 'haproxy.cfg');
  writeFileSync(join(folder, 'faults.map'), 'http none\ntcp none\n');
  fillTemplate('haproxy.cfg', config, {
    ...ports,
    folder,
    upstream: `127.0.0.1:${upstreams.httpPort}`,
    upstreamTls: upstreams.httpTls === true ? 'ssl verify none' : '',
    tcpUpstream: `127.0.0.1:${upstreams.tcpPort}`,
  });
  const running = await startProgram({
    command: findProgram('haproxy') ?? 'haproxy',
    args: ['-db', '-f', config],
    folder,
    readyWithinMs: START_LIMIT_MS,
    ready: async () => (await accepts(ports.http)) && (await accepts(ports.tcp)),
  });
  const admin = (command: string) => ask(join(folder, 'admin.sock'), command);
  const setFault = async (key: string, fault: string) => {
    await admin(`set map ${join(folder, 'faults.map')} ${key} ${fault}`);
  };
  return {
    ports,
    running,
    setHttpFault: (fault) => setFault('http', fault),
    setTcpFault: (fault) => setFault('tcp', fault),
    cutConnections: async () => void (await admin('shutdown sessions server tcp_upstream/upstream')),
    stop: async () => {
      await running.stop();
      removeFolder(folder);
    },
  };
}

/** One command on haproxy's admin socket; it answers with nothing but a line break when it obeyed. */
async function ask(path: string, command: string): Promise<string> {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(path);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => (text += part));
    socket.once('error', reject);
    socket.once('close', () => resolve(text.trim()));
    socket.end(`${command}\n`);
  });
  if (answer !== '') throw new Error(`haproxy did not obey "${command}": ${answer}`);
  return answer;
}

/**
 * nginx's ports: `too_large` answers 413 over `maxBodyBytes`, `throttled` 429 from the second request of a second on,
 * `bad_gateway` 502, `gateway_timeout` 504 after one second without an answer, `good_tls`, `expired` and `wrong_name` show such a
 * certificate, and `client_certificate` answers 400 with a page to whoever shows none of our authority.
 */
export type NginxPort =
  | 'too_large'
  | 'throttled'
  | 'bad_gateway'
  | 'gateway_timeout'
  | 'good_tls'
  | 'client_certificate'
  | 'expired'
  | 'wrong_name';

export interface Nginx {
  readonly ports: Readonly<Record<NginxPort, number>>;
  readonly running: Running;
  stop(): Promise<void>;
}

export interface NginxOptions {
  /** Where the good requests go: "http://127.0.0.1:8088". Its certificate is not looked at. */
  readonly upstream: string;
  /** Port on loopback of a server that accepts connections and never answers. */
  readonly silentPort: number;
  readonly maxBodyBytes: number;
}

export async function startNginx(certificates: Certificates, options: NginxOptions): Promise<Nginx> {
  const folder = runFolder('nginx');
  const ports = await freePorts(...NGINX_PORTS);
  const { nobody } = await freePorts('nobody');
  const config = join(folder, 'nginx.conf');
  for (const name of ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']) mkdirSync(join(folder, name));
  fillTemplate('nginx.conf', config, {
    ...ports,
    ...wordsOf(certificates),
    folder,
    nobody,
    upstream: options.upstream,
    silent: options.silentPort,
    maxBody: options.maxBodyBytes,
  });
  const running = await startProgram({
    command: findProgram('nginx') ?? 'nginx',
    args: ['-c', config, '-p', folder, '-e', join(folder, 'error.log')],
    folder,
    readyWithinMs: START_LIMIT_MS,
    ready: async () => (await Promise.all(Object.values(ports).map((port) => accepts(port)))).every(Boolean),
  });
  const stop = async () => {
    await running.stop();
    removeFolder(folder);
  };
  return { ports, running, stop };
}

const NGINX_PORTS = [
  'too_large',
  'throttled',
  'bad_gateway',
  'gateway_timeout',
  'good_tls',
  'client_certificate',
  'expired',
  'wrong_name',
] as const satisfies readonly NginxPort[];

function wordsOf(certificates: Certificates): Record<string, string> {
  return {
    caFile: certificates.caFile,
    certFile: certificates.server.certFile,
    keyFile: certificates.server.keyFile,
    expiredCertFile: certificates.expired.certFile,
    expiredKeyFile: certificates.expired.keyFile,
    wrongNameCertFile: certificates.wrongName.certFile,
    wrongNameKeyFile: certificates.wrongName.keyFile,
  };
}
