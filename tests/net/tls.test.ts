import { X509Certificate } from 'node:crypto';
import { expect, it, test } from 'vitest';

import { makeCertificate } from '../fakes/certificates.ts';
import { openTlsFiles, tlsProblems } from '../../src/net/tls-files.ts';
import { assertPinned, isCertificateError } from '../../src/net/tls.ts';

const one = makeCertificate({ name: 'one' });
const raw = new X509Certificate(one.cert).raw;

it('a pin takes its own certificate, and nothing else: not another, not none', () => {
  const tls = { fingerprint: one.fingerprint };
  const other = new X509Certificate(makeCertificate({ name: 'two' }).cert).raw;
  expect(() => assertPinned(tls, raw, 'siem')).not.toThrow();
  expect(() => assertPinned(tls, other, 'siem')).toThrow(expect.objectContaining({ kind: 'denied' }));
  expect(() => assertPinned(tls, undefined, 'siem')).toThrow(expect.objectContaining({ kind: 'denied' }));
  expect(() => assertPinned(undefined, undefined, 'siem')).not.toThrow();
});

test.each([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', true],
  ['ERR_TLS_CERT_ALTNAME_INVALID', true],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', true],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', true],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', true],
  ['ERR_SSL_WRONG_VERSION_NUMBER', false],
  ['ECONNRESET', false],
  ['', false],
])('whether %s is about a certificate: %s', (code, about) => {
  expect(isCertificateError(code)).toBe(about);
});

it('a file that never ends, or is none, is refused before anything starts', () => {
  const tls = { ca_file: '/dev/zero', cert_file: '/', key_file: '/dev/null' };
  expect(
    tlsProblems(tls, 'tls').map(({ path, problem }) => `${path} ${problem.split(';')[0] ?? ''}`),
  ).toEqual([
    'tls.ca_file cannot be read (it is a device, not a regular file)',
    'tls.cert_file cannot be read (it is a directory, not a regular file)',
    'tls.key_file cannot be read (it is a device, not a regular file)',
  ]);
  expect(() => openTlsFiles(tls, () => {})).toThrow('tls.ca_file cannot be read (it is a device');
});
