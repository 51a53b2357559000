import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import { failedItem } from '../../model/check.ts';
import type { CheckItem } from '../../model/check.ts';
import type { Clock } from '../../model/clock.ts';
import { ForwardError, oneLine } from '../../model/errors.ts';
import { brokenConnection, openSocket, PeerClosedError, within } from '../../net/socket.ts';
import type { SocketTarget } from '../../net/socket.ts';
import type { Fate } from '../sink.ts';
import { frame } from './framing.ts';
import type { Transport, TransportOptions } from './transport.ts';

/** Bytes given to the kernel at a time, so that a slow receiver shows as progress and not as silence. */
const PIECE_BYTES = 64 * 1024;
/**
 * Nobody but the peer knows whether its close answers ours. A load balancer whose backend is down closes whatever we do,
 * and with TLS 1.3 a receiver that refuses our certificate does so after the handshake. So we listen before we close our
 * side: a close that comes first is a refusal. Milliseconds; at least as often as long as it took to connect.
 */
const LISTEN_FIRST = { leastMs: 1_150, times: 3 } as const;
/** While the receiver is known to take batches. */
const LISTEN_PROVEN = { leastMs: 100, times: 1 } as const;
/** How long such a batch proves the receiver, and how long a peer that was seen well is not looked at again. */
const PROOF_MS = 10_000;
const SEEN_WELL_MS = 2_000;
/**
 * A close so soon after ours answers it, as that of a busy receiver does; a later one only when we had listened twice as
 * long as it took. Load balancers give a backend up after so many tries a second apart: no whole second lies in between.
 */
const PROMPT_MS = 800;
/**
 * A peer that leaves every connection after a time of its own may by chance leave so soon after ours, though hardly at once.
 * So a close that is not at once needs a witness: a connection that nothing is written to, which has to outlive this one.
 */
const AT_ONCE_MS = 50;
/** By how much it has to. */
const OUTLIVE_TIMES = 1.5;
const BELIEVE_TIMES = 2;
/** What is listened next time, so that a little more time taken is not doubted again. */
const LEARN_TIMES = 3;
const LISTEN_MOST_MS = 10_000;
/**
 * What one connection carries. Each costs a wait, but a slow receiver closes the later the more it has to read, and what is
 * doubted is sent again: so it grows while the receiver closes at once, and is small again when it does not. Bytes.
 */
const ROOM = { least: 1024 * 1024, most: 8 * 1024 * 1024 } as const;
/**
 * A receiver that has read it all within the first, listening included, may take twice as much: while we listen for long, a slow one looks
 * quick. One that closes later than the second has too much to read. Both are well before a close is doubted.
 */
const ROOM_MS = { quick: 200, slow: 400 } as const;
/** A receiver that dislikes our certificate says so, or closes, no later than this after the handshake. */
const REFUSAL_MS = 1_000;
/** haproxy tries a stopped backend for three seconds before it gives a connection up. */
const CHECK_LISTEN_MS = 4_000;

/**
 * Syslog over TCP or TLS knows no receipt. Every batch is therefore its own checkpoint: its messages go over a connection
 * of their own, we close our side, and only when the receiver closes its side in answer has it read to the end.
 * Anything else (a reset, a close before ours, silence) leaves the batch unsettled, and it is sent again.
 */
export function createStreamTransport(options: TransportOptions): Transport {
  const state: StreamState = {
    saidSilent: false,
    provenMs: -Infinity,
    seenWellMs: -Infinity,
    witnessedMs: -Infinity,
    listenMs: 0,
    roomBytes: ROOM.least,
  };
  return {
    delivery: 'sent',
    roomBytes: () => state.roomBytes,
    send: (messages, signal) => sendBatch(messages, options, state, signal),
    check: (signal) => checkStream(options, signal),
    close: async () => {},
  };
}

interface StreamState {
  saidSilent: boolean;
  /** When a batch was last taken after long listening. On the monotonic clock, as all times here. */
  provenMs: number;
  /** When the peer last took a batch or left an idle connection alone. */
  seenWellMs: number;
  /** When an idle connection last outlived one that carried a batch. */
  witnessedMs: number;
  /** A receiver that is slow to close is listened to for longer: how long. */
  listenMs: number;
  /** What the next connection may carry. */
  roomBytes: number;
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
  const { clock } = options;
  const bytes = Buffer.concat(messages.map((message) => frame(message, options.framing)));
  const { socket, tookMs } = await connect(options, signal);
  const openedMs = clock.monotonic();
  try {
    const { leastMs, times } = clock.monotonic() - state.provenMs < PROOF_MS ? LISTEN_PROVEN : LISTEN_FIRST;
    const listenMs = Math.max(leastMs, times * tookMs, state.listenMs);
    const closeMs = await writeAndClose(socket, bytes, listenMs, options, signal);
    if (closeMs === null) saySilent(options, state);
    else {
      believe(closeMs, listenMs, options, state);
      const livedMs = clock.monotonic() - openedMs;
      if (closeMs > AT_ONCE_MS) await callWitness(livedMs, options, state, signal);
    }
    state.roomBytes = roomAfter(bytes.length, listenMs, closeMs, state.roomBytes);
    // Only what was listened to for long proves the receiver, or one short listening would lean on another.
    if (listenMs >= LISTEN_FIRST.leastMs) state.provenMs = clock.monotonic();
    state.seenWellMs = clock.monotonic();
    return messages.map(() => ({ outcome: 'delivered' }));
  } catch (error) {
    state.provenMs = -Infinity;
    state.roomBytes = ROOM.least;
    socket.destroy();
    // Whether it left because of what it read, or leaves every connection, shows on one that nothing is written to. And
    // a reset can overtake the alert that explains it, which is readable there.
    const recently = clock.monotonic() - state.seenWellMs < SEEN_WELL_MS;
    if (error instanceof PeerClosedError && (options.tls !== undefined || !recently)) {
      const livedMs = Math.min(clock.monotonic() - openedMs, LISTEN_MOST_MS);
      await listenForRefusal(options, Math.max(LISTEN_FIRST.leastMs, livedMs * OUTLIVE_TIMES), signal);
      state.seenWellMs = clock.monotonic();
    }
    throw error;
  } finally {
    socket.destroy();
  }
}

function roomAfter(sentBytes: number, listenMs: number, closeMs: number | null, room: number): number {
  if (closeMs === null || closeMs > ROOM_MS.slow) return ROOM.least;
  const quick = listenMs + closeMs <= ROOM_MS.quick;
  return quick && sentBytes >= room / 2 ? Math.min(room * 2, ROOM.most) : room;
}

/** Throws when the peer closed so late that it may have done so without us. */
function believe(closeMs: number, listenMs: number, options: TransportOptions, state: StreamState): void {
  const prompt = closeMs <= PROMPT_MS;
  state.listenMs = prompt ? state.listenMs / 2 : Math.min(closeMs * LEARN_TIMES, LISTEN_MOST_MS);
  if (!prompt && listenMs < Math.min(closeMs * BELIEVE_TIMES, LISTEN_MOST_MS))
    throw doubtful(options.address.where, closeMs);
}

/** Throws when the peer leaves a connection as soon although nothing was sent on it; from then on it is listened to for longer than that. */
async function callWitness(
  livedMs: number,
  options: TransportOptions,
  state: StreamState,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = options;
  if (clock.monotonic() - state.witnessedMs < SEEN_WELL_MS) return;
  const before = state.listenMs;
  state.listenMs = Math.min(livedMs * LEARN_TIMES, LISTEN_MOST_MS);
  await listenForRefusal(options, Math.min(livedMs * OUTLIVE_TIMES, LISTEN_MOST_MS), signal);
  state.listenMs = before;
  state.witnessedMs = clock.monotonic();
}

function saySilent(options: TransportOptions, state: StreamState): void {
  if (state.saidSilent) return;
  state.saidSilent = true;
  options.warn(
    `${options.address.where} does not close its side; its batches count as sent after close_timeout`,
  );
}

async function connect(
  options: TransportOptions,
  signal: AbortSignal,
): Promise<{ socket: Socket; tookMs: number }> {
  const began = options.clock.monotonic();
  const socket = await openSocket(targetOf(options), options.clock, signal);
  return { socket, tookMs: options.clock.monotonic() - began };
}

/** Resolves with how long the peer took to close in order after us; null when it kept silent and that is allowed. */
async function writeAndClose(
  socket: Socket,
  bytes: Buffer,
  listenMs: number,
  options: TransportOptions,
  signal: AbortSignal,
): Promise<number | null> {
  const { clock, timeoutMs, closeTimeoutMs } = options;
  const where = options.address.where;
  const link = watch(socket, where);
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const written = write(socket, bytes.subarray(at, at + PIECE_BYTES));
    await within(Promise.race([written, link.failed]), timeoutMs, clock, signal, () =>
      stalled(where, timeoutMs),
    );
  }
  await listen(link, listenMs, options, signal);
  const hearing = countHearing(clock, signal);
  link.finish();
  const silence = new SilenceError();
  try {
    await within(Promise.race([link.ended, link.failed]), closeTimeoutMs, clock, signal, () => silence);
    return hearing.readMs();
  } catch (error) {
    if (error !== silence) throw error;
    if (!options.requireClose && socket.writableFinished) return null;
    throw silentPeer(where, closeTimeoutMs);
  } finally {
    hearing.stop();
  }
}

const TICK_MS = 50;

/** Counts the time in which we could have heard the peer: none of it passes while this process is busy otherwise. */
function countHearing(clock: Clock, signal: AbortSignal): { readMs(): number; stop(): void } {
  const stopped = new AbortController();
  let ticks = 0;
  const tick = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(TICK_MS, AbortSignal.any([stopped.signal, signal]));
      ticks += 1;
    }
  };
  tick().catch(() => {}); // it ends by being stopped
  return { readMs: () => ticks * TICK_MS, stop: () => stopped.abort() };
}

/** Resolves after `ms` of silence; rejects with what is heard meanwhile. */
async function listen(link: Link, ms: number, options: TransportOptions, signal: AbortSignal): Promise<void> {
  const silence = new SilenceError();
  try {
    await within(link.failed, ms, options.clock, signal, () => silence);
  } catch (error) {
    if (error !== silence) throw error;
    // While this process was busy, what was said may be there and not yet be read.
    await Promise.race([link.failed, options.clock.sleep(1, signal)]);
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

/** A syslog receiver sends nothing, so anything readable is about the connection itself. */
function watch(socket: Socket, where: string): Link {
  const failed = Promise.withResolvers<never>();
  const ended = Promise.withResolvers<void>();
  failed.promise.catch(() => {}); // it may fail between two waits; the next one sees it
  let finishing = false;
  socket.on('error', (error) => failed.reject(brokenConnection(error, where)));
  socket.on('data', (data) => failed.reject(talkative(where, data)));
  socket.on('end', () => {
    if (finishing) ended.resolve();
    else
      failed.reject(
        new PeerClosedError(`${where} closed the connection before we did: it may have read nothing`),
      );
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

function doubtful(where: string, closeMs: number): ForwardError {
  const seconds = Math.round(closeMs / 100) / 10;
  return new ForwardError(
    'transient',
    `${where} closed its side only ${seconds} s after ours, which may have had another reason than ours`,
    {
      ambiguous: true,
      hint: 'the batch is sent again and listened to for longer; a slow receiver does this, or a load balancer whose backend is down',
    },
  );
}

/** Opens a connection and writes nothing: a peer that closes it even so does not want us. Throws what was heard. */
async function listenForRefusal(
  options: TransportOptions,
  leastMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { socket, tookMs } = await connect(options, signal);
  const openedMs = options.clock.monotonic();
  try {
    const listenMs = Math.max(leastMs, LISTEN_FIRST.times * tookMs);
    await listen(watch(socket, options.address.where), listenMs, options, signal);
  } catch (error) {
    signal.throwIfAborted();
    const livedMs = options.clock.monotonic() - openedMs;
    throw error instanceof PeerClosedError ? unwanted(options, livedMs, error) : error;
  } finally {
    socket.destroy();
  }
}

/** A certificate is refused at once. Without TLS, or later, it is something that passes, such as a backend that is down. */
function unwanted(options: TransportOptions, livedMs: number, cause: unknown): ForwardError {
  const { where } = options.address;
  if (options.tls === undefined || livedMs > REFUSAL_MS) {
    return new ForwardError('transient', `${where} closes connections although nothing was sent on them`, {
      cause,
      ambiguous: true,
      hint: 'a load balancer whose backend is down does this, and a receiver that does not allow our address',
    });
  }
  return new ForwardError('denied', `${where} closes connections right after the TLS handshake`, {
    cause,
    hint: 'check tls.cert_file against the certificates that the receiver accepts, and the backend of a load balancer; their logs say why',
  });
}

async function checkStream(options: TransportOptions, signal: AbortSignal): Promise<readonly CheckItem[]> {
  const where = options.address.where;
  try {
    await listenForRefusal(options, CHECK_LISTEN_MS, signal);
    const { socket } = await connect(options, signal);
    try {
      const closeMs = await writeAndClose(socket, Buffer.alloc(0), 0, options, signal);
      return [{ name: 'reachable', outcome: 'ok', finding: foundOpen(where, socket, closeMs !== null) }];
    } finally {
      socket.destroy();
    }
  } catch (error) {
    signal.throwIfAborted();
    return [failedItem('reachable', error)];
  }
}

function foundOpen(where: string, socket: Socket, closed: boolean): string {
  const version = socket instanceof TLSSocket ? `, ${socket.getProtocol() ?? 'TLS'}` : '';
  return `${where} takes connections${version}${closed ? ' and closes them in order' : ''}`;
}
