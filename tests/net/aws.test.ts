import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, expect, it, vi } from 'vitest';

import { Secret } from '../../src/model/secret.ts';
import { assertAwsKeys, openAwsKeys, signAws } from '../../src/net/aws.ts';
import { testClock } from '../contract/clock.ts';

afterEach(() => vi.unstubAllEnvs());

const client = { exchange: () => Promise.reject(new Error('not asked')) };

/** The examples of AWS's documentation, "Authenticating Requests (AWS Signature Version 4)". */
const EXAMPLE_KEYS = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

it.each([
  {
    method: 'PUT',
    path: '/test%24file.text',
    headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
    body: 'Welcome to Amazon S3.',
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
  {
    method: 'GET',
    path: '/?max-keys=2&prefix=J',
    headers: {},
    body: '',
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
] as const)(
  'signs as the examples of AWS do: $method $path',
  ({ method, path, headers, body, signature }) => {
    const url = new URL(path, 'https://examplebucket.s3.amazonaws.com');
    const request = { method, url, headers, body, timeoutMs: 1000, maxResponseBytes: 1000 };
    const at = Date.parse('2013-05-24T00:00:00Z');
    const signed = signAws(request, EXAMPLE_KEYS, { region: 'us-east-1', service: 's3' }, at);
    expect(signed.url.href).toBe(url.href);
    expect(signed.headers['authorization']?.split('Signature=')[1]).toBe(signature);
  },
);

it('takes the keys that are given before those of the environment', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'from-outside');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'outside-secret');
  vi.stubEnv('AWS_SESSION_TOKEN', '');
  const concealed: (() => readonly string[])[] = [];
  const around = {
    client,
    clock: testClock(),
    conceal: (known: () => readonly string[]) => void concealed.push(known),
  };
  const given = openAwsKeys({ access_key_id: 'given', secret_access_key: Secret.of('s3cr3t\n') }, around);
  expect((await given.get()).value).toMatchObject({ accessKeyId: 'given', secretAccessKey: 's3cr3t' });
  const outside = openAwsKeys({}, around);
  expect((await outside.get()).value).toEqual({
    accessKeyId: 'from-outside',
    secretAccessKey: 'outside-secret',
  });
  expect(concealed.flatMap((known) => known())).toEqual(['outside-secret']);
  expect(() => assertAwsKeys({})).not.toThrow();
});

it('finds the keys of a container, looks again before their end, and after a refusal', async () => {
  let asked = 0;
  const clock = testClock();
  const server = createServer((request, response) => {
    asked += 1;
    const ok = request.headers.authorization === 'of-the-pod';
    response.statusCode = ok ? 200 : 403;
    const Expiration = new Date(clock.now() + 3_600_000).toISOString();
    response.end(
      JSON.stringify({ AccessKeyId: `key-${asked}`, SecretAccessKey: 's', Token: 't', Expiration }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
      vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere/config');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere/credentials');
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${port}/keys`);
    vi.stubEnv('AWS_CONTAINER_AUTHORIZATION_TOKEN', 'of-the-pod');
    const keys = openAwsKeys({}, { client, clock });
    const first = await keys.get();
    expect(first.value).toMatchObject({ accessKeyId: 'key-1', sessionToken: 't' });
    expect((await keys.get()).version).toBe(first.version);
    clock.advance(3_400_000);
    expect((await keys.get()).value.accessKeyId).toBe('key-2');
    expect(keys.refused(2)).toBe(true);
    expect((await keys.get()).value.accessKeyId).toBe('key-3');
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
