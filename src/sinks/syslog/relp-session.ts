import type { Socket } from 'node:net';

import { describe, ForwardError, oneLine } from '../../model/errors.ts';
import { brokenConnection, openSocket, PeerClosedError, within } from '../../net/socket.ts';
import type { Fate } from '../sink.ts';
import { createRelpDecoder, encodeRelp, MAX_RELP_DATA_BYTES, TXNR_LIMIT } from './relp-frame.ts';
import type { RelpFrame } from './relp-frame.ts';
import { targetOf } from './stream.ts';
import type { TransportOptions } from './transport.ts';

/** An open RELP session. Not for two sends at once. */
export interface RelpSession {
  /** False once the connection ended or the server announced that it will. */
  usable(): boolean;
  /** As Transport.send. Messages without an answer when the session breaks get the fate `retry`. */
  send(messages: readonly Buffer[], signal: AbortSignal): Promise<readonly Fate[]>;
  /** Says `close` and waits for the answer. Never throws. */
  close(signal: AbortSignal): Promise<void>;
  /** Drops the connection at once. */
  destroy(): void;
}

const RESPONSE = /^(\d{3})(?: ?([^]*))?$/;

/** Connects and agrees on the commands. Throws `denied` when the peer speaks something else. */
export async function openRelpSession(options: TransportOptions, signal: AbortSignal): Promise<RelpSession> {
  const socket = await openSocket(targetOf(options), options.clock, signal);
  const wire = watchWire(socket, options.address.where);
  try {
    await greet(wire, options, signal);
  } catch (error) {
    socket.destroy();
    throw error instanceof PeerClosedError ? unopened(options.address.where, error) : error;
  }
  return {
    usable: () => wire.failure() === null && !wire.closing(),
    send: (messages, stop) => sendWindowed(wire, messages, options, stop),
    close: async (stop) => {
      try {
        if (wire.failure() === null)
          await ask(wire, 'close', Buffer.alloc(0), options.closeTimeoutMs, options, stop);
      } catch {
        // The session is over either way; whatever had no answer was reported as such.
      } finally {
        socket.destroy();
      }
    },
    destroy: () => socket.destroy(),
  };
}

/** No event was on its way: none can have been taken, and none is to blame. */
function unopened(where: string, cause: unknown): ForwardError {
  return new ForwardError('transient', `${where} closed the connection before a RELP session was open`, {
    cause,
    hint: 'look at the receiver, and at the backend of a load balancer before it',
  });
}

async function greet(wire: Wire, options: TransportOptions, signal: AbortSignal): Promise<void> {
  const offer = `relp_version=0\nrelp_software=auditferry,${options.forwarderVersion}\ncommands=syslog`;
  const answer = await ask(wire, 'open', Buffer.from(offer), options.timeoutMs, options, signal);
  const [status = '', ...lines] = answer.toString('utf8').split('\n');
  const offers = new Map(lines.map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]));
  const commands = (offers.get('commands') ?? '').split(',').map((command) => command.trim());
  if (!status.startsWith('200') || !offers.has('relp_version') || !commands.includes('syslog')) {
    throw new ForwardError(
      'denied',
      `${options.address.where} does not take syslog over RELP: "${oneLine(status, 120)}"`,
      { hint: 'enable a RELP input for the syslog command on this port (imrelp in rsyslog)' },
    );
  }
}

// --- the connection: frames out, answers in by their number ---

interface Wire {
  /** Sends a frame and resolves with the data of its answer. Rejects when the connection breaks first. */
  ask(command: string, data: Buffer): Promise<Buffer>;
  /** True while more is waiting to be written than the socket likes. */
  full(): boolean;
  /** Resolves once it is not full any more. */
  drained(): Promise<void>;
  failure(): Error | null;
  closing(): boolean;
}

function watchWire(socket: Socket, where: string): Wire {
  const waiting = new Map<number, PromiseWithResolvers<Buffer>>();
  const decode = createRelpDecoder(MAX_RELP_DATA_BYTES);
  let txnr = 0;
  let failed: Error | null = null;
  let closing = false;
  let drain: PromiseWithResolvers<void> | null = null;

  const fail = (error: Error): void => {
    failed ??= error;
    for (const one of waiting.values()) one.reject(failed);
    waiting.clear();
    drain?.resolve();
    socket.destroy();
  };
  const take = (frame: RelpFrame): void => {
    if (frame.txnr === 0) closing ||= frame.command === 'serverclose';
    const one = waiting.get(frame.txnr);
    if (frame.command !== 'rsp' || one === undefined) return; // an answer to nothing we asked changes nothing
    waiting.delete(frame.txnr);
    one.resolve(frame.data);
  };
  socket.on('error', (error) => fail(brokenConnection(error, where)));
  socket.on('end', () => fail(new PeerClosedError(`${where} closed the RELP session`)));
  socket.on('close', () => fail(new PeerClosedError(`${where} dropped the RELP session`)));
  socket.on('drain', () => drain?.resolve());
  socket.on('data', (bytes) => {
    try {
      for (const frame of decode(bytes)) take(frame);
    } catch (error) {
      fail(garbled(where, error));
    }
  });
  return {
    ask: (command, data) => {
      const answer = Promise.withResolvers<Buffer>();
      answer.promise.catch(() => {}); // a caller that sends many awaits them in turn
      if (failed !== null) {
        answer.reject(failed);
        return answer.promise;
      }
      txnr = txnr >= TXNR_LIMIT ? 1 : txnr + 1;
      waiting.set(txnr, answer);
      socket.write(encodeRelp({ txnr, command, data }));
      return answer.promise;
    },
    full: () => socket.writableNeedDrain && failed === null,
    drained: async () => {
      if (!socket.writableNeedDrain || failed !== null) return;
      drain = Promise.withResolvers<void>();
      await drain.promise;
    },
    failure: () => failed,
    closing: () => closing,
  };
}

function garbled(where: string, error: unknown): ForwardError {
  return new ForwardError('denied', `${where} does not speak RELP: ${describe(error)}`, {
    hint: 'check that host and port are those of a RELP input, and that both sides agree on TLS',
  });
}

function ask(
  wire: Wire,
  command: string,
  data: Buffer,
  ms: number,
  options: TransportOptions,
  signal: AbortSignal,
): Promise<Buffer> {
  return within(wire.ask(command, data), ms, options.clock, signal, () => unanswered(options));
}

function unanswered(options: TransportOptions): ForwardError {
  const seconds = Math.round(options.timeoutMs / 1000);
  return new ForwardError('transient', `${options.address.where} gave no RELP answer for ${seconds} s`, {
    ambiguous: true,
  });
}

// --- sending with a window ---

/**
 * Keeps at most `window` messages without an answer. Answers are matched by number alone; the oldest one is waited for,
 * the others come when they come.
 */
async function sendWindowed(
  wire: Wire,
  messages: readonly Buffer[],
  options: TransportOptions,
  signal: AbortSignal,
): Promise<readonly Fate[]> {
  const answers: Promise<Buffer>[] = [];
  const fates: Fate[] = [];
  let failure: Error | null = null;
  const settle = async (index: number): Promise<void> => {
    try {
      const answer = answers[index] ?? Promise.reject(new Error('no such message'));
      fates.push(
        fateOf(await within(answer, options.timeoutMs, options.clock, signal, () => unanswered(options))),
      );
    } catch (error) {
      signal.throwIfAborted();
      failure ??= error as Error;
      fates.push({ outcome: 'retry', reason: describe(error) });
    }
  };
  for (const message of messages) {
    if (failure !== null || wire.closing()) break;
    if (answers.length - fates.length >= options.window) await settle(fates.length);
    if (failure !== null) break;
    answers.push(wire.ask('syslog', message));
    if (!wire.full()) continue;
    const late = () => unanswered(options);
    await within(wire.drained(), options.timeoutMs, options.clock, signal, late).catch((error: unknown) => {
      signal.throwIfAborted();
      failure = error as Error;
    });
  }
  while (fates.length < answers.length && !isLate(failure)) await settle(fates.length);
  const unsent: Fate = { outcome: 'retry', reason: `${options.address.where} ended the RELP session` };
  while (fates.length < messages.length) fates.push(unsent);
  if (fates.every((fate) => fate.outcome === 'retry')) {
    throw failure ?? new PeerClosedError(`${options.address.where} announced the end of the RELP session`);
  }
  return fates;
}

/** After one answer stayed away for the whole timeout, the rest is not waited for one by one. */
function isLate(failure: unknown): boolean {
  return failure instanceof ForwardError && !(failure instanceof PeerClosedError);
}

/** 200 is the only success. Source: librelp's description of `rsp`. */
function fateOf(answer: Buffer): Fate {
  const match = RESPONSE.exec(answer.toString('utf8'));
  if (match?.[1] === '200') return { outcome: 'delivered' };
  const said = oneLine(match?.[2] ?? answer.toString('utf8'), 200);
  return { outcome: 'rejected', reason: `RELP answer ${match?.[1] ?? 'without a code'}: ${said}` };
}
