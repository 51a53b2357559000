import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';

import { openTlsFiles, tlsProblems } from '../../src/net/tls-files.ts';
import { makeCertificate } from '../fakes/certificates.ts';
import { authority, client, dir, exchange, file, listen, open, server, stranger, useBench } from './bench.ts';

useBench();

const renewed = makeCertificate({ name: 'renewed', issuer: authority });

function pair(): { ca_file: string; cert_file: string; key_file: string } {
  return {
    ca_file: file('ca.pem', authority.cert),
    cert_file: file('tls.crt', client.cert),
    key_file: file('tls.key', client.key),
  };
}

/** Answers with the name in the client's certificate, and keeps connections open. */
async function naming(): Promise<string> {
  const net = createServer(
    { cert: server.cert, key: server.key, ca: authority.cert, requestCert: true },
    (request, response) =>
      void response.end(String((request.socket as TLSSocket).getPeerCertificate().subject.CN)),
  );
  return `https://127.0.0.1:${await listen(net)}/path`;
}

describe('certificate files', () => {
  it('are used as soon as they change, also on a client that keeps its connections', async () => {
    const url = await naming();
    const files = pair();
    const http = open({ tls: files, connections: 1 });
    const name = async () => (await exchange(url, {}, http)).body.toString();
    expect(await name()).toBe('client');
    expect(http.certificateReplaced?.()).toBe(false);
    writeFileSync(files.cert_file, renewed.cert);
    writeFileSync(files.key_file, renewed.key);
    expect(http.certificateReplaced?.()).toBe(true);
    expect(http.certificateReplaced?.()).toBe(false);
    expect(await name()).toBe('renewed');
  });

  it('are found behind links that are swapped, as Kubernetes does it', () => {
    for (const [folder, certificate] of [
      ['one', client],
      ['two', renewed],
    ] as const) {
      mkdirSync(join(dir(), folder));
      writeFileSync(join(dir(), folder, 'tls.crt'), certificate.cert);
      writeFileSync(join(dir(), folder, 'tls.key'), certificate.key);
    }
    symlinkSync('one', join(dir(), '..data'));
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(dir(), name));
    const warnings: string[] = [];
    const files = openTlsFiles(
      { cert_file: join(dir(), 'tls.crt'), key_file: join(dir(), 'tls.key') },
      (line) => void warnings.push(line),
    );
    const before = files.current();
    expect(files.current()).toBe(before);
    symlinkSync('two', join(dir(), '..data_tmp'));
    renameSync(join(dir(), '..data_tmp'), join(dir(), '..data'));
    expect(files.current()).not.toBe(before);
    expect(warnings).toEqual([]);
  });

  test.each<[string, (files: ReturnType<typeof pair>) => void]>([
    ['the certificate is new and the key is not', ({ cert_file }) => writeFileSync(cert_file, renewed.cert)],
    ['the key is new and the certificate is not', ({ key_file }) => writeFileSync(key_file, renewed.key)],
    ['the key is missing', ({ key_file }) => rmSync(key_file)],
    ['the certificate is missing', ({ cert_file }) => rmSync(cert_file)],
    ['the certificate is empty', ({ cert_file }) => writeFileSync(cert_file, '')],
    [
      'the certificate is half-written',
      ({ cert_file }) => writeFileSync(cert_file, renewed.cert.slice(0, 300)),
    ],
    ['the key is half-written', ({ key_file }) => writeFileSync(key_file, renewed.key.slice(0, 60))],
    [
      'the authority is half-written',
      ({ ca_file }) => writeFileSync(ca_file, authority.cert + authority.cert.slice(0, 200)),
    ],
    ['the authority is empty', ({ ca_file }) => writeFileSync(ca_file, '')],
    ['the key is something else', ({ key_file }) => writeFileSync(key_file, 'no key')],
    [
      'a folder stands in the place of the key',
      ({ key_file }) => {
        rmSync(key_file);
        mkdirSync(key_file);
      },
    ],
  ])('stay as they were while %s, which is told once; then the new ones are used', (_name, spoil) => {
    const paths = pair();
    const warnings: string[] = [];
    const files = openTlsFiles(paths, (line) => void warnings.push(line));
    const good = files.current();
    spoil(paths);
    for (let look = 0; look < 3; look += 1) expect(files.current()).toBe(good);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^tls\.(ca|cert|key)_file .* stay in use/);
    rmSync(paths.key_file, { recursive: true, force: true });
    writeFileSync(paths.ca_file, authority.cert);
    writeFileSync(paths.cert_file, renewed.cert);
    writeFileSync(paths.key_file, renewed.key);
    expect(files.current()).not.toBe(good);
    writeFileSync(paths.key_file, stranger.key);
    files.current();
    expect(warnings).toHaveLength(2);
  });

  it('that are no good at the start are problems of the configuration, at their key', () => {
    const paths = pair();
    expect(tlsProblems(paths, 'tls')).toEqual([]);
    const at = (changes: Partial<typeof paths>) =>
      tlsProblems({ ...paths, ...changes }, 'tls').map(({ path, problem }) => `${path} ${problem}`);
    expect(at({ key_file: file('other.key', stranger.key) })).toEqual([
      expect.stringContaining('tls.key_file does not belong to tls.cert_file'),
    ]);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const otherKind = file('kind.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    expect(at({ key_file: otherKind })).toEqual([
      expect.stringContaining('tls.key_file does not belong to tls.cert_file'),
    ]);
    expect(at({ cert_file: file('cut.pem', client.cert.slice(0, 200)) })).toEqual([
      expect.stringContaining('tls.cert_file holds no whole certificate'),
    ]);
    expect(at({ ca_file: '/dev/zero' })).toEqual([expect.stringContaining('tls.ca_file cannot be read')]);
    expect(at({ ca_file: '/nowhere/a', key_file: '/nowhere/b' })).toHaveLength(2);
    expect(() => openTlsFiles({ ...paths, key_file: file('other.key', stranger.key) }, () => {})).toThrow(
      expect.objectContaining({ kind: 'config' }),
    );
  });
});
