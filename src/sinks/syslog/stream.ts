import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import type { CheckItem } from '../../model/check.ts';
import { describe, ForwardError, oneLine } from '../../model/errors.ts';
import { brokenConnection, openSocket, PeerClosedError, within } from '../../net/socket.ts';
import type { SocketTarget } from '../../net/socket.ts';
import type { Fate } from '../sink.ts';
import { frame } from './framing.ts';
import type { Transport, TransportOptions } from './transport.ts';

/** Bytes given to the kernel at a time, so that a slow receiver shows as progress and not as silence. */
const PIECE_BYTES = 64 * 1024;
/**
 * A receiver may refuse our certificate after the handshake seems done: with TLS 1.3 always, and some then just close,
 * without an alert, which looks like the orderly end that we wait for. So on TLS we listen for a while before we close
 * our side: a close that comes first is a refusal. At least this long, milliseconds, and so many times as long as the
 * connection took to make; less once this receiver has taken a batch.
 */
const LISTEN_FIRST = { leastMs: 250, times: 3 } as const;
const LISTEN_PROVEN = { leastMs: 25, times: 1 } as const;

/**
 * Syslog over TCP or TLS knows no receipt. Every batch is therefore its own checkpoint: its messages go over a connection
 * of their own, we close our side, and only when the receiver closes its side without an error has it read to the end.
 * Anything else (a reset, an early close, silence) leaves the batch unsettled, and it is sent again.
 */
export function createStreamTransport(options: TransportOptions): Transport {
  const state: StreamState = { saidSilent: false, proven: false };
  return {
    delivery: 'sent',
    send: (messages, signal) => sendBatch(messages, options, state, signal),
    check: (signal) => checkStream(options, signal),
    close: async () => {},
  };
}

interface StreamState {
  saidSilent: boolean;
  /** The receiver took our last batch: it accepts our certificate. */
  proven: boolean;
}

export function targetOf(options: TransportOptions): SocketTarget {
  const { address, tls, connectTimeoutMs, keepAliveMs } = options;
  return { host: address.host, port: address.port, tls, where: address.where, connectTimeoutMs, keepAliveMs };
}

async function sendBatch(
  messages: readonly Buffer[],
  options: TransportOptions,
  state: StreamState,
  signal: AbortSignal,
): Promise<readonly Fate[]> {
  const bytes = Buffer.concat(messages.map((message) => frame(message, options.framing)));
  const { socket, listenMs } = await connect(options, state.proven, signal);
  try {
    const closed = await writeAndClose(socket, bytes, listenMs, options, signal);
    state.proven = true;
    if (!closed && !state.saidSilent) {
      state.saidSilent = true;
      options.warn(
        `${options.address.where} does not close its side; its batches count as sent after close_timeout`,
      );
    }
    return messages.map(() => ({ outcome: 'delivered' }));
  } catch (error) {
    state.proven = false;
    socket.destroy();
    // A reset can overtake the alert that explains it: ask once more without writing, so that the alert is readable.
    if (options.tls !== undefined && error instanceof PeerClosedError)
      await listenForRefusal(options, signal);
    throw error;
  } finally {
    socket.destroy();
  }
}

async function connect(
  options: TransportOptions,
  proven: boolean,
  signal: AbortSignal,
): Promise<{ socket: Socket; listenMs: number }> {
  const began = options.clock.monotonic();
  const socket = await openSocket(targetOf(options), options.clock, signal);
  const { leastMs, times } = proven ? LISTEN_PROVEN : LISTEN_FIRST;
  const tookMs = options.clock.monotonic() - began;
  return { socket, listenMs: options.tls === undefined ? 0 : Math.max(leastMs, times * tookMs) };
}

/** Resolves true when the peer closed cleanly after us, false when it kept silent and that is allowed. */
async function writeAndClose(
  socket: Socket,
  bytes: Buffer,
  listenMs: number,
  options: TransportOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { clock, timeoutMs, closeTimeoutMs } = options;
  const where = options.address.where;
  const link = watch(socket, where);
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const written = write(socket, bytes.subarray(at, at + PIECE_BYTES));
    await within(Promise.race([written, link.failed]), timeoutMs, clock, signal, () =>
      stalled(where, timeoutMs),
    );
  }
  if (listenMs > 0) await listen(link, listenMs, options, signal);
  link.finish();
  const silence = new SilenceError();
  try {
    await within(Promise.race([link.ended, link.failed]), closeTimeoutMs, clock, signal, () => silence);
    return true;
  } catch (error) {
    if (error !== silence) throw error;
    if (!options.requireClose && socket.writableFinished) return false;
    throw silentPeer(where, closeTimeoutMs);
  }
}

/** Resolves after `ms` of silence; rejects with what is heard meanwhile. */
async function listen(link: Link, ms: number, options: TransportOptions, signal: AbortSignal): Promise<void> {
  const silence = new SilenceError();
  try {
    await within(link.failed, ms, options.clock, signal, () => silence);
  } catch (error) {
    if (error !== silence) throw error;
  }
}

class SilenceError extends Error {}

interface Link {
  /** Rejects as soon as the connection is of no use: error, data, or a close that we did not ask for. */
  readonly failed: Promise<never>;
  /** Resolves when the peer closed its side after we closed ours. */
  readonly ended: Promise<void>;
  /** Closes our side: FIN, and close_notify before it with TLS. */
  finish(): void;
}

/** A syslog receiver says nothing, so anything readable is news about the connection. */
function watch(socket: Socket, where: string): Link {
  const failed = Promise.withResolvers<never>();
  const ended = Promise.withResolvers<void>();
  failed.promise.catch(() => {}); // it may fail while nobody is waiting; the next wait sees it
  let finishing = false;
  socket.on('error', (error) => failed.reject(brokenConnection(error, where)));
  socket.on('data', (data) => failed.reject(talkative(where, data)));
  socket.on('end', () => {
    if (finishing) ended.resolve();
    else failed.reject(new PeerClosedError(`${where} closed the connection while it was being written to`));
  });
  socket.on('close', () =>
    failed.reject(new PeerClosedError(`${where} dropped the connection before it was closed in order`)),
  );
  socket.resume();
  return {
    failed: failed.promise,
    ended: ended.promise,
    finish: () => {
      finishing = true;
      socket.end();
    },
  };
}

function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    // Errors come through the socket's own event, which knows more than this callback.
    socket.write(bytes, (error) => {
      if (error == null) resolve();
    });
  });
}

function talkative(where: string, data: Buffer): ForwardError {
  const said = oneLine(data.toString('latin1', 0, 60), 60);
  return new ForwardError('denied', `${where} answers where a syslog receiver keeps silent: "${said}"`, {
    hint: 'check that host and port are those of a syslog input, and that it expects TLS only if the address says so',
  });
}

function stalled(where: string, ms: number): ForwardError {
  return new ForwardError('transient', `${where} took no bytes for ${Math.round(ms / 1000)} s`, {
    ambiguous: true,
  });
}

function silentPeer(where: string, ms: number): ForwardError {
  const seconds = Math.round(ms / 100) / 10;
  return new ForwardError(
    'transient',
    `${where} did not close its side within ${seconds} s, so it may not have read the batch`,
    {
      ambiguous: true,
      hint: 'raise close_timeout if the receiver is slow; set require_close: false only if it never closes',
    },
  );
}

/** Opens a connection and writes nothing: a peer that closes it even so does not want us. Throws what was heard. */
async function listenForRefusal(options: TransportOptions, signal: AbortSignal): Promise<void> {
  const { socket, listenMs } = await connect(options, false, signal);
  try {
    await listen(watch(socket, options.address.where), listenMs, options, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof PeerClosedError ? unwanted(options.address.where, error) : error;
  } finally {
    socket.destroy();
  }
}

function unwanted(where: string, cause: unknown): ForwardError {
  return new ForwardError('denied', `${where} closes connections right after the TLS handshake`, {
    cause,
    hint: 'check tls.cert_file against the certificates that the receiver accepts; its log says why it refuses',
  });
}

async function checkStream(options: TransportOptions, signal: AbortSignal): Promise<readonly CheckItem[]> {
  const where = options.address.where;
  try {
    if (options.tls !== undefined) await listenForRefusal(options, signal);
    const { socket } = await connect(options, true, signal);
    try {
      const closed = await writeAndClose(socket, Buffer.alloc(0), 0, options, signal);
      return [{ name: 'reachable', outcome: 'ok', finding: foundOpen(where, socket, closed) }];
    } finally {
      socket.destroy();
    }
  } catch (error) {
    signal.throwIfAborted();
    const hint = error instanceof ForwardError ? error.hint : undefined;
    return [
      {
        name: 'reachable',
        outcome: 'fail',
        finding: describe(error),
        ...(hint === undefined ? {} : { hint }),
      },
    ];
  }
}

function foundOpen(where: string, socket: Socket, closed: boolean): string {
  const version = socket instanceof TLSSocket ? `, ${socket.getProtocol() ?? 'TLS'}` : '';
  return `${where} takes connections${version}${closed ? ' and closes them in order' : ''}`;
}
