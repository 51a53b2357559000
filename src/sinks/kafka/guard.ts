import { TLSSocket } from 'node:tls';

import type { Connection } from '@platformatic/kafka';

import { ForwardError } from '../../model/errors.ts';
import { assertPinned } from '../../net/tls.ts';
import type { TlsOptions } from '../../net/tls.ts';
import { isAuthenticationFailure } from './faults.ts';

/** Brokers, one topic and its partitions are a small part of this. */
const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Looks at a connection before the library does. `refused` is told what trying again does not change: credentials that are refused, a
 * certificate that is not the pinned one, a peer that speaks something else.
 */
export function guardConnection(
  connection: Connection,
  tls: TlsOptions | undefined,
  where: string,
  refused: (error: unknown) => void,
): void {
  // The library listens to the first error only, and the next would end the process.
  connection.on('error', (error) => {
    if (isAuthenticationFailure(error)) refused(error);
  });
  // The socket is made right after this, and nothing comes over it before the next turn.
  queueMicrotask(() => {
    const { socket } = connection;
    const end = (error: unknown): void => {
      refused(error);
      socket.destroy();
    };
    const sizes = watchSizes();
    let first = true;
    socket.on('data', (bytes: Buffer) => {
      if (first && tls === undefined && isTlsAlert(bytes)) end(speaksTls(where));
      else if (sizes(bytes) > ANSWER_LIMIT_BYTES) end(noKafka(where));
      first = false;
    });
    if (tls?.fingerprint === undefined) return;
    socket.prependOnceListener('secureConnect', () => {
      const raw = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
      try {
        assertPinned(tls, raw, where);
      } catch (error) {
        end(error);
      }
    });
  });
}

/** Gives the largest size that the answers which begin in a piece of the stream announce: the library would wait for all of it. */
export function watchSizes(): (bytes: Buffer) => number {
  let [left, size, digits] = [0, 0, 0];
  return (bytes) => {
    let largest = 0;
    for (let at = 0; at < bytes.length;) {
      const step = Math.min(left, bytes.length - at);
      [left, at] = [left - step, at + step];
      if (at === bytes.length) break;
      size = size * 256 + (bytes[at] ?? 0);
      [digits, at] = [digits + 1, at + 1];
      if (digits < 4) continue;
      largest = Math.max(largest, size);
      [left, size, digits] = [size, 0, 0];
    }
    return largest;
  };
}

/** An alert of TLS 1.0 or later, which is how a TLS listener answers what is none. Source: RFC 8446 5.1. */
function isTlsAlert(bytes: Buffer): boolean {
  return bytes[0] === 0x15 && bytes[1] === 0x03;
}

function speaksTls(where: string): ForwardError {
  return new ForwardError('denied', `${where} speaks TLS, and tls is not configured`, {
    hint: 'add tls: {}, with ca_file where the certificate of the brokers is of a private authority',
  });
}

function noKafka(where: string): ForwardError {
  return new ForwardError(
    'transient',
    `${where} did not answer as Kafka does, or with more than ${ANSWER_LIMIT_BYTES} bytes`,
    {
      ambiguous: true,
      hint: 'check the port, and any proxy in front of the brokers',
    },
  );
}
