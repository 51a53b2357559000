import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';

import type { Clock } from '../model/clock.ts';
import { describe, ForwardError } from '../model/errors.ts';
import { reachHint } from './reach-hint.ts';
import { assertPinned, isCertificateError } from './tls.ts';
import type { TlsFiles } from './tls-files.ts';

export interface SocketTarget {
  readonly host: string;
  readonly port: number;
  /** Present: TLS from the first byte. */
  readonly tls?: TlsFiles | undefined;
  /** An open connection that leads to the peer, through a proxy: TLS is spoken over it. */
  readonly through?: Socket | undefined;
  readonly alpn?: readonly string[];
  /** How messages name this peer: "tls://siem:6514". */
  readonly where: string;
  /** For name lookup, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** Idle time after which the kernel asks whether the peer is still there; 0 turns it off. */
  readonly keepAliveMs: number;
}

/** The time for a connection ran out before there was one: nothing was sent, and another try would take as long. */
export class NoConnectionError extends ForwardError {
  constructor(message: string) {
    super('transient', message);
    this.name = 'NoConnectionError';
  }
}

/**
 * The peer closed or reset a connection that had been made, before we were done with it. Whatever was written may have
 * been taken or not.
 */
export class PeerClosedError extends ForwardError {
  constructor(message: string, cause?: unknown) {
    super('transient', message, { cause, ambiguous: true });
    this.name = 'PeerClosedError';
  }
}

/**
 * Opens a TCP or TLS connection; resolves once bytes may be written. Throws `denied` for certificates and TLS mismatches, `transient` for the
 * rest, the signal's reason when it aborts. The caller owns the socket and must listen for its `error`.
 */
export async function openSocket(target: SocketTarget, clock: Clock, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const socket = attempt(target);
  socket.setNoDelay(true);
  if (target.keepAliveMs > 0) socket.setKeepAlive(true, target.keepAliveMs);
  const ready = new Promise<void>((resolve, reject) => {
    socket.once(target.tls === undefined ? 'connect' : 'secureConnect', () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the peer closed the connection during the handshake')));
  });
  try {
    await within(ready, target.connectTimeoutMs, clock, signal, () => tooSlow(target));
    if (socket instanceof TLSSocket) {
      assertPinned(target.tls?.options, socket.getPeerX509Certificate()?.raw, target.where);
    }
    return socket;
  } catch (error) {
    socket.on('error', () => {}); // what a dying socket still says adds nothing
    socket.destroy();
    signal.throwIfAborted();
    throw error instanceof ForwardError ? error : connectFailure(error, target);
  }
}

/** Options that TLS does not take must hold what they belong to, not end the program. */
function attempt(target: SocketTarget): Socket {
  try {
    return start(target);
  } catch (error) {
    throw new ForwardError('denied', `${target.where}: ${describe(error)}`, { cause: error });
  }
}

function start({ host, port, tls, through, alpn }: SocketTarget): Socket {
  if (tls === undefined) return connectTcp({ host, port });
  const options = tls.current();
  const servername = options.servername ?? (isIP(host) === 0 ? host : undefined);
  return connectTls({
    ...(through === undefined ? { host, port } : { socket: through, host }),
    ...options,
    ...(servername === undefined ? {} : { servername }),
    ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
  });
}

function tooSlow(target: SocketTarget): ForwardError {
  const seconds = Math.round(target.connectTimeoutMs / 100) / 10;
  return new NoConnectionError(`${target.where} did not accept a connection within ${seconds} s`);
}

/** No byte of an event had left: nothing can have been taken. */
function connectFailure(error: unknown, target: SocketTarget): ForwardError {
  const refused = tlsRefusal(error, target.where);
  if (refused !== null) return refused;
  const onTheWay = reachHint(codeOf(error));
  return new ForwardError('transient', `${target.where} cannot be reached: ${describe(error)}`, {
    cause: error,
    hint:
      onTheWay ??
      (target.tls === undefined
        ? undefined
        : 'if it stays like this, check the receiver’s log: it may refuse our certificate'),
  });
}

/** What an error on an open connection means: `denied` for certificates, else the peer is gone. */
export function brokenConnection(error: unknown, where: string): ForwardError {
  if (error instanceof ForwardError) return error;
  const refused = tlsRefusal(error, where);
  if (refused !== null) return refused;
  return new PeerClosedError(
    `${where} broke the connection (${codeOf(error) || describe(error)}); whether it took what was written is not known`,
    error,
  );
}

function tlsRefusal(error: unknown, where: string): ForwardError | null {
  const code = codeOf(error);
  if (isCertificateError(code)) {
    return new ForwardError('denied', `${where}: TLS was refused (${code}: ${describe(error)})`, {
      cause: error,
      hint: 'check tls.ca_file, the name in the certificate and its dates, and tls.cert_file if the peer asks for one',
    });
  }
  if (code.startsWith('ERR_SSL_')) {
    return new ForwardError('denied', `${where}: TLS does not work with this peer (${code})`, {
      cause: error,
      hint: 'check that the port speaks TLS, version 1.2 or later, and whether it asks for a certificate (tls.cert_file)',
    });
  }
  return null;
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : '';
}

/**
 * Waits for `work`, but neither past `ms` (then it throws what `late` gives) nor past the signal's abort (then its
 * reason). `work` itself goes on: the caller destroys what it stands for.
 */
export async function within<T>(
  work: Promise<T>,
  ms: number,
  clock: Clock,
  signal: AbortSignal,
  late: () => Error,
): Promise<T> {
  const timer = new AbortController();
  const expired = clock.sleep(ms, AbortSignal.any([signal, timer.signal])).then((): never => {
    throw late();
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    timer.abort();
  }
}
