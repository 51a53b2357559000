import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';

import type { CheckItem } from '../../model/check.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import { within } from '../../net/socket.ts';
import type { Fate } from '../sink.ts';
import type { Transport, TransportOptions } from './transport.ts';

/** The most that one datagram carries. Source: RFC 5426 section 3.2 with the IPv4 and UDP headers taken off. */
export const MAX_DATAGRAM_BYTES = 65_507;
/** How long a host's "port unreachable" is awaited after the last datagram. Milliseconds. */
const REFUSAL_WAIT_MS = 20;

/**
 * One message, one datagram, and no word about its arrival: a full buffer anywhere on the way loses it unseen. Only what
 * this machine or the receiver's host says at once can be reported.
 */
export function createUdpTransport(options: TransportOptions): Transport {
  return {
    delivery: 'sent',
    send: (messages, signal) => sendAll(messages, options, signal),
    check: (signal) => checkUdp(options, signal),
    close: async () => {},
  };
}

async function sendAll(
  messages: readonly Buffer[],
  options: TransportOptions,
  signal: AbortSignal,
): Promise<readonly Fate[]> {
  const socket = await openUdp(options, signal);
  try {
    const failed = new Promise<never>((_resolve, reject) => {
      socket.on('error', (error) => reject(unreachable(error, options)));
    });
    failed.catch(() => {});
    for (const message of messages) {
      signal.throwIfAborted();
      await Promise.race([sendOne(socket, message, options), failed]);
    }
    const refusalWait = options.clock.sleep(REFUSAL_WAIT_MS, signal);
    await Promise.race([refusalWait, failed]);
    return messages.map(() => ({ outcome: 'delivered' }));
  } finally {
    socket.close();
  }
}

async function openUdp(options: TransportOptions, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const { host, port, where } = options.address;
  const late = () => new ForwardError('transient', `${where}: the name was not resolved in time`);
  let found: { address: string; family: number };
  try {
    found = await within(lookup(host), options.connectTimeoutMs, options.clock, signal, late);
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(error, options);
  }
  const socket = createSocket(found.family === 6 ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, found.address, () => resolve());
    });
    return socket;
  } catch (error) {
    socket.close();
    throw unreachable(error, options);
  }
}

function sendOne(socket: Socket, message: Buffer, options: TransportOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(message, (error) => (error === null ? resolve() : reject(unreachable(error, options))));
  });
}

function unreachable(error: unknown, options: TransportOptions): ForwardError {
  if (error instanceof ForwardError) return error;
  return new ForwardError('transient', `${options.address.where} cannot be reached: ${describe(error)}`, {
    cause: error,
    ambiguous: true,
  });
}

async function checkUdp(options: TransportOptions, signal: AbortSignal): Promise<readonly CheckItem[]> {
  const socket = await openUdp(options, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    return describe(error);
  });
  if (typeof socket === 'string') return [{ name: 'reachable', outcome: 'fail', finding: socket }];
  socket.close();
  return [
    {
      name: 'reachable',
      outcome: 'warn',
      finding: `${options.address.where} has an address; whether datagrams arrive cannot be known`,
      hint: 'use tls:// or relp:// where losing an event matters',
    },
  ];
}
