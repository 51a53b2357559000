import { createHash } from 'node:crypto';

import { ForwardError } from '../model/errors.ts';
import type { Means } from '../model/options.ts';

/** The `tls` block, alike for every source and sink. Paths absolute. What its files hold is in tls-files.ts. */
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
export const tlsSchema: Means<TlsOptions> & { readonly properties: object } = {
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
