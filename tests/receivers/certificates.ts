import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key, both PEM files. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** What the TLS tests need: made anew for each run, so that nothing in the repository ever expires. */
export interface Certificates {
  readonly folder: string;
  /** The authority that both sides trust. */
  readonly caFile: string;
  /** For localhost, 127.0.0.1 and ::1. */
  readonly server: Certificate;
  /** Common name and DNS name CLIENT_NAME: the one peer that the receivers let in. */
  readonly client: Certificate;
  /** The right names from an authority that nobody here trusts. */
  readonly foreign: Certificate;
  readonly foreignCaFile: string;
  /** The right names from our authority, but its time ran out yesterday. */
  readonly expired: Certificate;
  /** From our authority, for another host. */
  readonly wrongName: Certificate;
  remove(): void;
}

export const CLIENT_NAME = 'auditferry-client';
const LOOPBACK_NAMES = 'DNS:localhost,IP:127.0.0.1,IP:::1';
const DAYS_VALID = 2;
const OPENSSL_LIMIT_MS = 20_000;

/** Makes everything with openssl (3.0 or later) in a new folder under the system's temporary one. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'auditferry-certificates-'));
  const ca = makeAuthority(folder, 'ca');
  const foreignCa = makeAuthority(folder, 'foreign-ca');
  const issue = (name: string, subject: string, names: string, days = DAYS_VALID, by = ca) =>
    issueCertificate(folder, name, { subject, names, days, by });
  return {
    folder,
    caFile: ca.certFile,
    server: issue('server', 'localhost', LOOPBACK_NAMES),
    client: issue('client', CLIENT_NAME, `DNS:${CLIENT_NAME}`),
    foreign: issue('foreign', CLIENT_NAME, `DNS:${CLIENT_NAME},${LOOPBACK_NAMES}`, DAYS_VALID, foreignCa),
    foreignCaFile: foreignCa.certFile,
    expired: issue('expired', 'localhost', LOOPBACK_NAMES, -1),
    wrongName: issue('wrong-name', 'other.example', 'DNS:other.example'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Certificate and key in one text, as haproxy wants them. */
export function bundle(certificate: Certificate): string {
  return readFileSync(certificate.certFile, 'utf8') + readFileSync(certificate.keyFile, 'utf8');
}

function makeAuthority(folder: string, name: string): Certificate {
  const made = filesOf(folder, name);
  openssl(
    ['req', '-x509', ...NEW_KEY, '-keyout', made.keyFile, '-out', made.certFile],
    ['-days', String(DAYS_VALID), '-subj', `/CN=auditferry tests ${name}`],
    ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  );
  return made;
}

interface Wishes {
  readonly subject: string;
  readonly names: string;
  /** Negative: already over. */
  readonly days: number;
  readonly by: Certificate;
}

function issueCertificate(folder: string, name: string, wishes: Wishes): Certificate {
  const made = filesOf(folder, name);
  const request = join(folder, `${name}.csr`);
  openssl(
    ['req', '-new', ...NEW_KEY, '-keyout', made.keyFile, '-out', request],
    ['-subj', `/CN=${wishes.subject}`, '-addext', `subjectAltName=${wishes.names}`],
  );
  openssl(
    ['x509', '-req', '-in', request, '-out', made.certFile, '-copy_extensions', 'copy'],
    ['-CA', wishes.by.certFile, '-CAkey', wishes.by.keyFile, '-CAcreateserial'],
    ['-days', String(wishes.days)],
  );
  return made;
}

/** Elliptic keys are made in milliseconds; RSA ones would cost seconds on a small machine. */
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function filesOf(folder: string, name: string): Certificate {
  return { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) };
}

function openssl(...args: readonly (readonly string[])[]): void {
  execFileSync('openssl', args.flat(), { stdio: 'pipe', timeout: OPENSSL_LIMIT_MS });
}
