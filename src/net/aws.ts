import { createHash, createHmac } from 'node:crypto';

import { describe, ForwardError } from '../model/errors.ts';
import { isInstalled } from '../model/optional-package.ts';
import type { Credential, Secret } from '../model/secret.ts';
import type { HttpRequest } from './http.ts';
import type { Around } from './oauth2.ts';

/** Keys that are given; without them the environment's, and then whatever the vendor's provider chain finds. */
export interface AwsKeyOptions {
  readonly access_key_id?: string;
  readonly secret_access_key?: Secret;
  readonly session_token?: Secret;
}

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

const CHAIN_PACKAGE = '@aws-sdk/credential-providers';
/** Temporary keys are replaced so long before their end. */
const EARLY_MS = 300_000;

export const awsKeyProperties = {
  access_key_id: {
    type: 'string',
    minLength: 1,
    description: 'Access key; without it AWS_ACCESS_KEY_ID, or what the provider chain of AWS finds.',
  },
  secret_access_key: { type: 'string', secret: true, description: 'Secret of the access key.' },
  session_token: { type: 'string', secret: true, description: 'Session token of temporary keys.' },
} as const;

export const awsKeyRules = {
  access_key_id: ['secret_access_key'],
  secret_access_key: ['access_key_id'],
  session_token: ['access_key_id'],
} as const;

/** Throws `config` where no keys are given and the package that would look for them is not installed. */
export function assertAwsKeys({ access_key_id: given }: AwsKeyOptions): void {
  if (given !== undefined || fromEnvironment() !== null || isInstalled(CHAIN_PACKAGE)) return;
  throw new ForwardError('config', 'there are no AWS credentials', {
    hint: `expected access_key_id and secret_access_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for profiles, web identity, containers and instances install the package that finds them: npm install ${CHAIN_PACKAGE}`,
  });
}

export function openAwsKeys(options: AwsKeyOptions, around: Around): Credential<AwsKeys> {
  const { access_key_id: accessKeyId, secret_access_key: secret, session_token: session } = options;
  if (accessKeyId !== undefined && secret !== undefined) return givenKeys(accessKeyId, secret, session);
  const keys = fromEnvironment();
  if (keys === null) return chainKeys(around);
  around.conceal?.(() => [
    keys.secretAccessKey,
    ...(keys.sessionToken === undefined ? [] : [keys.sessionToken]),
  ]);
  return { get: async () => ({ value: keys, version: 1 }), refused: () => false };
}

/** The version is the secret's: the session token is replaced together with it. */
function givenKeys(accessKeyId: string, secret: Secret, session: Secret | undefined): Credential<AwsKeys> {
  return {
    async get() {
      const { value, version } = await secret.get();
      const token = await session?.get();
      return {
        value: { accessKeyId, secretAccessKey: value.trim(), sessionToken: token?.value.trim() },
        version,
      };
    },
    refused: (version) => secret.refused(version),
  };
}

function fromEnvironment(): AwsKeys | null {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = process.env;
  if (id === undefined || id === '' || secret === undefined || secret === '') return null;
  return {
    accessKeyId: id,
    secretAccessKey: secret,
    ...(token === undefined || token === '' ? {} : { sessionToken: token }),
  };
}

interface Found {
  readonly value: AwsKeys;
  readonly version: number;
  readonly expiresMs: number;
  refused: boolean;
}

/** What the vendor's chain finds: profile, web identity, container, instance. Looked for again before its end, and once it is refused. */
function chainKeys({ clock, conceal }: Around): Credential<AwsKeys> {
  let found: Found | null = null;
  conceal?.(() =>
    found === null
      ? []
      : [found.value.secretAccessKey, found.value.sessionToken ?? ''].filter((text) => text !== ''),
  );
  return {
    async get(signal) {
      if (found !== null && !found.refused && clock.now() < found.expiresMs - EARLY_MS) return found;
      try {
        const { fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
        const { accessKeyId, secretAccessKey, sessionToken, expiration } = await fromNodeProviderChain({
          maxRetries: 0,
        })();
        const expiresMs = expiration?.getTime() ?? Infinity;
        const version = (found?.version ?? 0) + 1;
        found = { value: { accessKeyId, secretAccessKey, sessionToken }, version, expiresMs, refused: false };
        return found;
      } catch (error) {
        signal?.throwIfAborted();
        if (found !== null && !found.refused && clock.now() < found.expiresMs) return found;
        throw new ForwardError('denied', `AWS credentials cannot be found: ${describe(error)}`, {
          cause: error,
          hint: 'set access_key_id and secret_access_key, or see to the role, the profile or the token file of this machine',
        });
      }
    },
    refused(version) {
      if (found === null || found.version !== version || found.refused) return true;
      found.refused = true;
      // Keys of a profile do not change by being looked for again at once.
      return found.expiresMs !== Infinity;
    },
  };
}

/**
 * The request with a Signature Version 4 over all of it. S3 alone wants the path encoded once. What is signed is what is sent: a path
 * or a query that could be written in two ways is sent as it was signed.
 * Source: AWS, "Create a signed AWS API request".
 */
export function signAws(
  request: HttpRequest,
  keys: AwsKeys,
  { region, service }: { readonly region: string; readonly service: string },
  nowMs: number,
): HttpRequest {
  const url = new URL(request.url);
  url.pathname = url.pathname.split('/').map(strictly).join('/');
  const query = [...url.searchParams].map(([name, value]) => `${strict(name)}=${strict(value)}`);
  url.search = query.toSorted().join('&');
  const time = new Date(nowMs).toISOString().replace(/[:-]|\.\d{3}/g, '');
  const headers: Record<string, string> = {
    ...request.headers,
    'x-amz-content-sha256': sha256(request.body ?? ''),
    'x-amz-date': time,
    ...(keys.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
  };
  const signed = { ...headers, host: url.host } as Record<string, string>;
  const names = Object.keys(signed)
    .filter((name) => SIGNED.has(name) || name.startsWith('x-amz-'))
    .toSorted();
  const canonical = [
    request.method,
    service === 's3' ? url.pathname : url.pathname.split('/').map(strict).join('/'),
    url.search.slice(1),
    ...names.map((name) => `${name}:${(signed[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    headers['x-amz-content-sha256'],
  ].join('\n');
  const scope = [time.slice(0, 8), region, service, 'aws4_request'];
  const text = ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(canonical)].join('\n');
  const key = scope.reduce<string | Buffer>(
    (above, part) => hmac(above, part),
    `AWS4${keys.secretAccessKey}`,
  );
  const signature = hmac(key, text).toString('hex');
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { ...request, url, headers };
}

/** Beside AWS's own headers: what the connection may change under us is not signed. */
const SIGNED: ReadonlySet<string> = new Set(['host', 'content-type', 'date']);

/** A segment of a path, however it was encoded, in the one way that AWS knows. */
function strictly(segment: string): string {
  try {
    return strict(decodeURIComponent(segment));
  } catch {
    return strict(segment); // a lone percent sign
  }
}

/** RFC 3986's unreserved characters as they are, everything else encoded. */
function strict(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
