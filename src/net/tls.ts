import { createHash } from 'node:crypto';
import { checkServerIdentity } from 'node:tls';
import type { PeerCertificate } from 'node:tls';

import { ForwardError, describe } from '../model/errors.ts';
import type { OptionProblem } from '../model/option-problems.ts';
import { readSmallFile, whyUnreadable } from '../model/small-file.ts';

/** The `tls` block, alike for every source and sink. Paths absolute. */
export interface TlsOptions {
  readonly ca_file?: string;
  readonly cert_file?: string;
  readonly key_file?: string;
  /** Default true. False is honoured, warned about at each start and shown in status. */
  readonly verify?: boolean;
  /** Name to ask for and to check instead of the host in the address. */
  readonly server_name?: string;
  /** SHA-256 of the server's certificate in hex, colons allowed: accepted instead of a chain, and nothing else is. */
  readonly fingerprint?: string;
}

/** JSON Schema of the `tls` block. */
export const tlsSchema = {
  type: 'object',
  description: 'TLS towards this peer. The certificate is verified unless you turn that off.',
  additionalProperties: false,
  properties: {
    ca_file: {
      type: 'string',
      path: true,
      description: 'Own certificate authority, PEM. Replaces the built-in list.',
    },
    cert_file: { type: 'string', path: true, description: 'Client certificate, PEM.' },
    key_file: { type: 'string', path: true, description: 'Key of the client certificate, PEM.' },
    verify: {
      type: 'boolean',
      default: true,
      description: 'false accepts any certificate: for a test only.',
    },
    server_name: { type: 'string', description: 'Name to check in the certificate instead of the host.' },
    fingerprint: {
      type: 'string',
      pattern: '^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$',
      description: 'SHA-256 of the one certificate to accept, hex.',
    },
  },
  dependentRequired: { cert_file: ['key_file'], key_file: ['cert_file'] },
} as const;

/** A bundle of every authority there is takes a quarter of a megabyte. */
const PEM_LIMIT_BYTES = 4 * 2 ** 20;

/** The part of tls.connect's options that a `tls` block decides. */
export interface TlsConnect {
  minVersion: 'TLSv1.2';
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
  checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/**
 * Options for tls.connect, with the files read. Throws `config` when a file cannot be read. With a pinned fingerprint the
 * chain is not checked: the socket's owner must call `assertPinned` once the handshake is done, before it writes.
 */
export function connectOptions(tls: TlsOptions = {}): TlsConnect {
  const options: TlsConnect = { minVersion: 'TLSv1.2' };
  if (tls.ca_file !== undefined) options.ca = readPem(tls.ca_file, 'ca_file');
  if (tls.cert_file !== undefined) options.cert = readPem(tls.cert_file, 'cert_file');
  if (tls.key_file !== undefined) options.key = readPem(tls.key_file, 'key_file');
  if (tls.server_name !== undefined) {
    const name = tls.server_name;
    options.servername = name;
    options.checkServerIdentity = (_host, certificate) => checkServerIdentity(name, certificate);
  }
  if (tls.verify === false || tls.fingerprint !== undefined) options.rejectUnauthorized = false;
  return options;
}

/** The files of a `tls` block at `path` that cannot be read. They are not named: a whole key may stand where its path should. */
export function tlsProblems(tls: TlsOptions | undefined, path: string): readonly OptionProblem[] {
  return (['ca_file', 'cert_file', 'key_file'] as const).flatMap((key) => {
    const file = tls?.[key];
    if (file === undefined) return [];
    try {
      readSmallFile(file, PEM_LIMIT_BYTES);
      return [];
    } catch (error) {
      const problem = `cannot be read (${whyUnreadable(error)}); expected the path of a PEM file, counted from the configuration's folder`;
      return [{ path: `${path}.${key}`, problem }];
    }
  });
}

/** Throws `denied` unless `raw`, the peer's certificate in DER, is the pinned one. No pin: no check. */
export function assertPinned(tls: TlsOptions | undefined, raw: Buffer | undefined, where: string): void {
  if (tls?.fingerprint === undefined) return;
  const wanted = tls.fingerprint.replaceAll(':', '').toLowerCase();
  if (raw === undefined || createHash('sha256').update(raw).digest('hex') !== wanted) {
    throw new ForwardError('denied', `${where} shows a certificate that is not the pinned one`, {
      hint: 'compare tls.fingerprint with the SHA-256 of the certificate that the server should have',
    });
  }
}

function readPem(path: string, key: string): Buffer {
  try {
    return readSmallFile(path, PEM_LIMIT_BYTES);
  } catch (error) {
    throw new ForwardError('config', `tls.${key} cannot be read: ${describe(error)}`, { cause: error });
  }
}

const CERTIFICATE_CODES = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Whether a connection failed because one side's certificate was not accepted: no retry will fix that. */
export function isCertificateError(code: string): boolean {
  return (
    CERTIFICATE_CODES.has(code) ||
    /^ERR_SSL_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)/.test(code)
  );
}
