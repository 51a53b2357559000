import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { statSync } from 'node:fs';
import { checkServerIdentity, createSecureContext } from 'node:tls';
import type { PeerCertificate, SecureContext } from 'node:tls';

import { describe, ForwardError } from '../model/errors.ts';
import type { OptionProblem } from '../model/option-problems.ts';
import { readSmallFile, whyUnreadable } from '../model/small-file.ts';
import type { TlsOptions } from './tls.ts';

/** The part of tls.connect's options that a `tls` block decides. */
export interface TlsConnect {
  readonly minVersion: 'TLSv1.2';
  readonly secureContext?: SecureContext;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
  readonly checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/** A `tls` block with what its files hold. */
export interface TlsFiles {
  readonly options: TlsOptions;
  /** What a new connection has to use: the same object until the files have changed and are good. */
  current(): TlsConnect;
}

const KEYS = ['ca_file', 'cert_file', 'key_file'] as const;
type FileKey = (typeof KEYS)[number];

/** A bundle of every authority there is takes a quarter of a megabyte. */
const SIZE_LIMIT = 4 * 1024 * 1024;

/**
 * Reads the files of a `tls` block, and again whenever they change, also behind a symbolic link. Throws `config` when
 * they are no good to begin with. Later, a file that is missing or half-written, or a key and a certificate that do not
 * belong together, as in the middle of a rotation, changes nothing: what was read before stays in use, `warn` is told
 * once, and the files are looked at again. With a pinned fingerprint the chain is not checked: the socket's owner must
 * call `assertPinned` once the handshake is done, before it writes.
 */
export function openTlsFiles(options: TlsOptions = {}, warn: (message: string) => void): TlsFiles {
  const files = KEYS.flatMap((key) => options[key] ?? []);
  let seen = versionOf(files);
  let current = build(options);
  let warned = false;
  return {
    options,
    current: () => {
      if (files.length === 0) return current;
      const version = versionOf(files);
      if (version === seen && !warned) return current;
      seen = version;
      try {
        current = build(options);
        warned = false;
      } catch (error) {
        if (!warned) warn(`${describe(error)}; ${KEPT}`);
        warned = true;
      }
      return current;
    },
  };
}

const KEPT =
  'the certificates read before stay in use (replace key and certificate by files that belong together: they are read again by themselves)';

/** The faults of the files of a `tls` block at `path`. They are not named: a whole key may stand where its path should. */
export function tlsProblems(tls: TlsOptions | undefined, path: string): readonly OptionProblem[] {
  if (tls === undefined) return [];
  const unreadable = KEYS.flatMap((key) => problemOf(path, () => read(tls, key)));
  return unreadable.length > 0 ? unreadable : problemOf(path, () => contextOf(tls));
}

function problemOf(path: string, work: () => unknown): readonly OptionProblem[] {
  try {
    work();
    return [];
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    return [{ path: `${path}.${error.key}`, problem: error.problem }];
  }
}

class FileFault extends Error {
  readonly key: FileKey;
  readonly problem: string;

  constructor(key: FileKey, problem: string, cause?: unknown) {
    super(`tls.${key} ${problem}`, { cause });
    this.key = key;
    this.problem = problem;
  }
}

function build(tls: TlsOptions): TlsConnect {
  const { server_name: name } = tls;
  return {
    minVersion: 'TLSv1.2',
    ...contextIn(tls),
    ...(name === undefined
      ? {}
      : {
          servername: name,
          checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
        }),
    ...(tls.verify === false || tls.fingerprint !== undefined ? { rejectUnauthorized: false } : {}),
  };
}

function contextIn(tls: TlsOptions): { secureContext?: SecureContext } {
  if (KEYS.every((key) => tls[key] === undefined)) return {};
  try {
    return { secureContext: contextOf(tls) };
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    const why = error.cause === undefined ? '' : `: ${describe(error.cause)}`;
    throw new ForwardError('config', `${error.message}${why}`, { cause: error });
  }
}

function contextOf(tls: TlsOptions): SecureContext {
  const [ca, cert, key] = KEYS.map((name) => read(tls, name));
  if (ca !== undefined) assertCertificates(ca, 'ca_file');
  const leaf = cert === undefined ? null : assertCertificates(cert, 'cert_file');
  const privateKey = key === undefined ? null : readKey(key);
  // OpenSSL itself compares only keys of one kind.
  if (leaf !== null && privateKey !== null && !leaf.checkPrivateKey(privateKey))
    throw new FileFault('key_file', 'does not belong to tls.cert_file; expected the key of that certificate');
  try {
    return createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
  } catch (error) {
    throw new FileFault('cert_file', 'cannot be used for TLS', error);
  }
}

function readKey(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new FileFault('key_file', 'holds no whole key; expected PEM, without a passphrase', error);
  }
}

/** A certificate cut short is an error here: OpenSSL silently leaves it out of an authority file. */
function assertCertificates(pem: Buffer, key: FileKey): X509Certificate {
  const text = pem.toString('latin1');
  const [first = '', ...rest] = text.split(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/);
  const whole = rest.every((part) => /-----END (?:X509 |TRUSTED )?CERTIFICATE-----/.test(part));
  try {
    if (rest.length === 0 || !whole) throw new Error('no whole certificate in PEM form');
    return new X509Certificate(text.slice(first.length));
  } catch (error) {
    throw new FileFault(key, 'holds no whole certificate; expected PEM', error);
  }
}

function read(tls: TlsOptions, key: FileKey): Buffer | undefined {
  const path = tls[key];
  if (path === undefined) return undefined;
  try {
    return readSmallFile(path, SIZE_LIMIT);
  } catch (error) {
    throw new FileFault(
      key,
      `cannot be read (${whyUnreadable(error)}); expected the path of a PEM file, counted from the configuration's folder`,
      error,
    );
  }
}

/** Changes whenever a file may have: another one in its place, or the same one written to. */
function versionOf(files: readonly string[]): string {
  return files
    .map((file) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
        return [dev, ino, size, mtimeNs, ctimeNs].join();
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? '';
      }
    })
    .join(';');
}
