import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { buildParts } from '../../src/cli/build-parts.ts';
import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { wallClock } from '../../src/model/clock.ts';
import { silentLog } from '../../src/model/log.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { makeItems } from '../contract/items.ts';
import { makeCertificate } from '../fakes/certificates.ts';
import { openFaultFront } from '../fakes/faults.ts';
import type { FakeAnswer, FakeRequest } from '../fakes/faults.ts';
import { openFakeKafka } from '../fakes/kafka.ts';
import { refuse } from '../fakes/s3.ts';

/** Every credential in these configurations holds this. */
const CREDENTIAL = 'Zx8-QwVb-4711';
const { signal } = new AbortController();

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** A sink as a configuration makes it. JSON is YAML. */
async function open(type: string, keys: object): Promise<Sink> {
  const platform = { type: 'cloudquery', url: 'https://acme.example.com', api_key: '${KEY}' };
  const text = JSON.stringify({ sources: { platform }, sinks: { siem: { type, ...keys } } });
  const config = parseConfig(text, '/etc/name.yaml', { KEY: 'k' }, await loadParts());
  const parts = await buildParts(config, silentLog);
  closers.push(() => parts.close());
  const part = parts.sinks.get('siem');
  if (part === undefined) throw new Error('the sink was not built');
  return part.sink;
}

/** A server that refuses everything in one way; a request for a token in another. */
async function refusing(answer: FakeAnswer, token: FakeAnswer = GIVEN): Promise<string> {
  const receive = (request: FakeRequest): FakeAnswer =>
    request.path.endsWith('/token') ? token : request.method === 'HEAD' ? { ...answer, body: '' } : answer;
  const front = await openFaultFront(receive, { clock: wallClock, applies: () => false });
  closers.push(() => front.close());
  return front.url.href.replace(/\/$/, '');
}

const JSON_TYPE = { 'content-type': 'application/json' };
const GIVEN: FakeAnswer = {
  status: 200,
  headers: JSON_TYPE,
  body: JSON.stringify({ token_type: 'Bearer', access_token: `token-${CREDENTIAL}`, expires_in: 3600 }),
};

/** As Entra refuses a token, quoting what it was sent. */
function entra(number: string, error = 'invalid_request'): FakeAnswer {
  const body = { error, error_description: `${number}: ${CREDENTIAL}` };
  return { status: error === 'invalid_client' ? 401 : 400, headers: JSON_TYPE, body: JSON.stringify(body) };
}

function azure(url: string): object {
  return {
    endpoint: url,
    authority: url,
    rule_id: 'dcr-77',
    stream: 'Custom-Audit',
    tenant_id: 'acme.onmicrosoft.com',
    client_id: 'app-9',
    client_secret: CREDENTIAL,
  };
}

function bucket(url: string): object {
  return {
    bucket: 'trail',
    region: 'ap-south-1',
    endpoint: url,
    access_key_id: 'AKIA77',
    secret_access_key: CREDENTIAL,
  };
}

const aws = {
  region: 'eu-north-1',
  service: 'logs',
  access_key_id: 'AKIA77',
  secret_access_key: CREDENTIAL,
};

/** What the sink says in check, and what it does with events. */
async function judged(sink: Sink): Promise<{ check: string; sent: unknown }> {
  const { items } = await sink.check(signal);
  const sent = await sink.send({ items: makeItems(3), attempt: 1 }, signal).catch((error: unknown) => error);
  expect(`${JSON.stringify(items)} ${String(sent)} ${JSON.stringify(sent)}`).not.toContain(CREDENTIAL);
  return {
    check: items
      .filter(({ outcome }) => outcome === 'fail')
      .map(({ finding, hint }) => `${finding} | ${hint}`)
      .join('\n'),
    sent,
  };
}

describe('sentinel', () => {
  it.each<[string, FakeAnswer, RegExp]>([
    [
      'a tenant that is not there',
      entra('AADSTS90002'),
      /AADSTS90002.* \| there is no such tenant: check tenant_id/,
    ],
    [
      'an application of another tenant',
      entra('AADSTS700016', 'unauthorized_client'),
      /\| the application is not known in this tenant: check client_id and tenant_id/,
    ],
    [
      'a secret that has expired',
      entra('AADSTS7000222', 'invalid_client'),
      /\| the secret has expired: make a new/,
    ],
    [
      'the ID of a secret',
      entra('AADSTS7000215', 'invalid_client'),
      /\| the secret is wrong: give its value, not/,
    ],
    ['an audience of another cloud', entra('AADSTS500011', 'invalid_scope'), /\| check scope/],
  ])('says of %s what to do, in check, and holds', async (_what, token, said) => {
    const { check, sent } = await judged(
      await open('sentinel', azure(await refusing({ status: 500 }, token))),
    );
    expect(check).toMatch(said);
    expect(sent).toMatchObject({ kind: 'denied' });
  });

  it.each<[string, number, string, RegExp]>([
    ['a role that is missing', 403, 'OperationFailed', /Monitoring Metrics Publisher/],
    ['another rule or stream', 404, 'NotFound', /check endpoint, rule_id .* and stream/],
    ['a token for another cloud', 401, 'InvalidToken', /^check audience/],
  ])('holds for %s, with a hint', async (_what, status, code, hint) => {
    const answer = {
      status,
      headers: JSON_TYPE,
      body: JSON.stringify({ error: { code, message: CREDENTIAL } }),
    };
    const { sent } = await judged(await open('sentinel', azure(await refusing(answer))));
    expect(sent).toMatchObject({ kind: 'denied', hint: expect.stringMatching(hint) as string });
  });
});

describe('s3', () => {
  it.each<[string, number, string, RegExp]>([
    ['a bucket that is not there', 404, 'NoSuchBucket', /check bucket, region and endpoint/],
    ['another region', 301, 'PermanentRedirect', /the bucket is in another region/],
    ['another region, signed for', 400, 'AuthorizationHeaderMalformed', /check region/],
    ['a token that has expired', 400, 'ExpiredToken', /temporary credentials have expired/],
    ['a key that is unknown', 403, 'InvalidAccessKeyId', /check access_key_id/],
    ['a wrong secret', 403, 'SignatureDoesNotMatch', /check secret_access_key, region/],
    ['a key without the right', 403, 'AccessDenied', /allow s3:PutObject/],
    ['a clock that is off', 403, 'RequestTimeTooSkewed', /set the clock of this machine/],
  ])('says of %s what to do, in check, and holds', async (_what, status, code, said) => {
    const { check, sent } = await judged(await open('s3', bucket(await refusing(refuse(status, code)))));
    expect(check).toContain(code);
    expect(check).toMatch(said);
    expect(sent).toMatchObject({ kind: 'denied', hint: expect.stringMatching(said) as string });
  });
});

describe.each(['http', 'otlp'])('%s with signatures of AWS', (type) => {
  it.each<[string, number, string, string, RegExp]>([
    [
      'a key that is unknown',
      400,
      'UnrecognizedClientException',
      'The security token is invalid.',
      /access_key_id/,
    ],
    ['a token that has expired', 400, 'ExpiredTokenException', 'The token is expired', /have expired/],
    [
      'a wrong secret or region',
      403,
      'InvalidSignatureException',
      'Credential should be scoped',
      /region and service/,
    ],
    [
      'a clock that is off',
      400,
      'InvalidSignatureException',
      'Signature expired: 20261130T101500Z is now earlier than 20261130T111500Z',
      /set the clock/,
    ],
  ])(
    'holds for %s, whatever the status, and takes no event for refused',
    async (_what, status, code, message, hint) => {
      const headers = { ...JSON_TYPE, 'x-amzn-errortype': `${code}:http://internal.amazon.com/` };
      const body = JSON.stringify({ __type: `com.amazonaws.logs#${code}`, message });
      const url = await refusing({ status, headers, body });
      const { check, sent } = await judged(await open(type, { url: `${url}/v1/logs`, auth: { aws } }));
      expect(check).toContain(code);
      expect(sent).toMatchObject({ kind: 'denied', hint: expect.stringMatching(hint) as string });
    },
  );

  it('names the missing right', async () => {
    const body = JSON.stringify({ __type: 'AccessDeniedException', message: 'no' });
    const url = await refusing({ status: 403, headers: JSON_TYPE, body });
    const { sent } = await judged(await open(type, { url: `${url}/v1/logs`, auth: { aws } }));
    expect(sent).toMatchObject({ kind: 'denied', hint: expect.stringMatching(/allowed to do/) as string });
  });
});

describe('kafka', () => {
  async function bus(keys: object, topic = 'trail'): Promise<Sink> {
    const user = { name: 'ferry', password: () => 'another' };
    const fake = await openFakeKafka({ topic, ...('sasl' in keys ? { user } : {}) });
    closers.push(() => fake.close());
    return open('kafka', {
      brokers: [`127.0.0.1:${fake.port}`],
      topic: 'trail',
      request_timeout: '2s',
      ...keys,
    });
  }

  it('says that there is no such topic, in check, and holds', async () => {
    const { check, sent } = await judged(await bus({}, 'trial'));
    expect(check).toMatch(/there is no topic trail.* \| create the topic, or check its name/);
    expect(sent).toMatchObject({ kind: 'denied' });
  });

  it('says that the password is refused, in check, and holds', async () => {
    const sasl = { mechanism: 'plain', username: 'ferry', password: CREDENTIAL };
    const { check, sent } = await judged(await bus({ sasl }));
    expect(check).toMatch(/\| check sasl: mechanism, user and password/);
    expect(sent).toMatchObject({ kind: 'denied', hint: expect.stringMatching(/^check sasl/) as string });
  });
});

describe('a certificate that nobody vouches for', () => {
  async function stranger(): Promise<string> {
    const { cert, key } = makeCertificate({ name: 'stranger', ipv4: '127.0.0.1' });
    const server = createServer({ cert, key }, (_request, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => server.close(() => resolve())));
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it.each<[string, (url: string) => object]>([
    ['sentinel', azure],
    ['s3', bucket],
    ['otlp', (url) => ({ url, headers: {} })],
    ['http', (url) => ({ url, bearer: CREDENTIAL })],
  ])('is told by check of %s, with a hint, and holds', async (type, keys) => {
    const { check, sent } = await judged(await open(type, keys(await stranger())));
    expect(check).toMatch(/certificate.* \| check tls\.ca_file, the name in the certificate and its dates/);
    expect(sent).toMatchObject({ kind: 'denied' });
  });
});
