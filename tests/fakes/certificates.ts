import { createPrivateKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export interface MadeCertificate {
  readonly name: string;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** SHA-256, hex with colons. */
  readonly fingerprint: string;
}

export interface CertificateWishes {
  readonly name: string;
  /** Absent: signed by itself, and an authority. */
  readonly issuer?: MadeCertificate;
  readonly dnsNames?: readonly string[];
  readonly ipv4?: string;
  readonly notAfter?: Date;
}

/** Makes a certificate with a fresh P-256 key, so that no key has to be kept with the tests and none ever expires there. */
export function makeCertificate(wishes: CertificateWishes): MadeCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuerKey = wishes.issuer === undefined ? privateKey : createPrivateKey(wishes.issuer.key);
  const body = certificateBody(wishes, publicKey);
  const signature = sign('sha256', body, issuerKey);
  const der = sequence(body, ECDSA_WITH_SHA256, bitString(signature));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  const cert = ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
  return {
    name: wishes.name,
    cert,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    fingerprint: new X509Certificate(cert).fingerprint256,
  };
}

function certificateBody(wishes: CertificateWishes, publicKey: KeyObject): Buffer {
  const serial = Buffer.concat([Buffer.of(1), Buffer.from(wishes.name).subarray(0, 12)]);
  return sequence(
    tagged(0xa0, tagged(0x02, Buffer.of(2))), // version 3
    tagged(0x02, serial),
    ECDSA_WITH_SHA256,
    distinguishedName(wishes.issuer?.name ?? wishes.name),
    sequence(
      utcTime(new Date('2020-01-01T00:00:00Z')),
      utcTime(wishes.notAfter ?? new Date('2049-01-01T00:00:00Z')),
    ),
    distinguishedName(wishes.name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(wishes))),
  );
}

function extensions(wishes: CertificateWishes): readonly Buffer[] {
  const isAuthority = wishes.issuer === undefined;
  const constraints = isAuthority ? sequence(tagged(0x01, Buffer.of(0xff))) : sequence();
  const names = [
    ...(wishes.dnsNames ?? []).map((name) => tagged(0x82, Buffer.from(name, 'ascii'))),
    ...(wishes.ipv4 === undefined ? [] : [tagged(0x87, Buffer.from(wishes.ipv4.split('.').map(Number)))]),
  ];
  const found = [sequence(objectId('551d13'), tagged(0x04, constraints))];
  if (names.length > 0) found.push(sequence(objectId('551d11'), tagged(0x04, sequence(...names))));
  return found;
}

// --- DER ---

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function objectId(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

function bitString(content: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.of(0), content]));
}

function distinguishedName(commonName: string): Buffer {
  const attribute = sequence(objectId('550403'), tagged(0x0c, Buffer.from(commonName)));
  return sequence(tagged(0x31, attribute));
}

function utcTime(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`, 'ascii'));
}

const ECDSA_WITH_SHA256 = sequence(objectId('2a8648ce3d040302'));
