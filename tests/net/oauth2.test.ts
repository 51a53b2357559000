import { expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import type { HttpRequest, HttpResponse } from '../../src/net/http.ts';
import { openOauth2 } from '../../src/net/oauth2.ts';
import type { Oauth2Options } from '../../src/net/oauth2.ts';
import { testClock } from '../contract/clock.ts';

type Answer = readonly [status: number, body: object | string, headers?: Record<string, string>];

/** A token server that answers as told, one answer after the other, the last one for ever. */
function tokenServer(...answers: readonly Answer[]) {
  const forms: URLSearchParams[] = [];
  const requests: HttpRequest[] = [];
  const exchange = async (request: HttpRequest): Promise<HttpResponse> => {
    requests.push(request);
    forms.push(new URLSearchParams(String(request.body)));
    const [status, body, headers = {}] = answers[Math.min(forms.length, answers.length) - 1] ?? [500, ''];
    await Promise.resolve();
    return { status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) };
  };
  return { exchange, forms, requests };
}

const token = (value: string, life: unknown = 3600): Answer => [
  200,
  { access_token: value, expires_in: life },
];

function open(server: ReturnType<typeof tokenServer>, wishes: Partial<Oauth2Options> = {}) {
  const clock = testClock();
  const options = {
    token_url: 'https://login.example/token',
    client_id: 'ferry',
    client_secret: Secret.of('p+/= %&word'),
    scope: 'audit/.default',
    ...wishes,
  };
  return { clock, credential: openOauth2(options, { client: server, clock }) };
}

it('asks once for all who wait, and again shortly before the end', async () => {
  const server = tokenServer(token('one'), token('two'));
  const { credential, clock } = open(server);
  const all = await Promise.all([credential.get(), credential.get(), credential.get()]);
  expect(all.map(({ value }) => value)).toEqual(['one', 'one', 'one']);
  clock.advance(3_299_000);
  expect((await credential.get()).value).toBe('one');
  clock.advance(2_000);
  expect((await credential.get()).value).toBe('two');
  expect(server.forms).toHaveLength(2);
});

it('sends the secret form-encoded, in the body or as Basic credentials', async () => {
  const inBody = tokenServer(token('one'));
  await open(inBody).credential.get();
  expect(Object.fromEntries(inBody.forms[0] ?? [])).toEqual({
    grant_type: 'client_credentials',
    client_id: 'ferry',
    client_secret: 'p+/= %&word',
    scope: 'audit/.default',
  });
  const asBasic = tokenServer(token('one'));
  await open(asBasic, { client_auth: 'basic' }).credential.get();
  const { authorization = '' } = asBasic.requests[0]?.headers ?? {};
  expect(Buffer.from(authorization.slice(6), 'base64').toString()).toBe('ferry:p%2B%2F%3D+%25%26word');
  expect(asBasic.forms[0]?.has('client_secret')).toBe(false);
});

it.each([
  ['a text', '100', 80],
  ['null', null, 240],
  ['nonsense', 'soon', 240],
])('takes a life that is %s', async (_, life, freshFor) => {
  const server = tokenServer(token('one', life), token('two'));
  const { credential, clock } = open(server);
  await credential.get();
  clock.advance((freshFor - 1) * 1000);
  expect((await credential.get()).value).toBe('one');
  clock.advance(2000);
  expect((await credential.get()).value).toBe('two');
});

it('keeps a token while the server is away, until its end', async () => {
  const server = tokenServer(token('one', 1000), [503, '']);
  const { credential, clock } = open(server);
  await credential.get();
  clock.advance(900_000);
  expect((await credential.get()).value).toBe('one');
  clock.advance(101_000);
  await expect(credential.get()).rejects.toMatchObject({ kind: 'transient' });
});

it('replaces an old token that is refused, and does not ask again for one that was just given', async () => {
  const server = tokenServer(token('one'), token('two'), token('three'));
  const { credential, clock } = open(server);
  const first = await credential.get();
  clock.advance(120_000);
  expect(credential.refused(first.version)).toBe(true);
  const second = await credential.get();
  expect(second.value).toBe('two');
  expect(credential.refused(first.version)).toBe(true); // a late word about the old one
  expect((await credential.get()).value).toBe('two');
  expect(credential.refused(second.version)).toBe(false);
  expect((await credential.get()).value).toBe('three');
});

it('goes back to the secret before when the new one is refused, whatever the status', async () => {
  let now = 'old';
  const secret = new Secret(() => now);
  now = 'new';
  const server = tokenServer([400, { error: 'invalid_client' }], token('one'));
  const { credential } = open(server, { client_secret: secret });
  expect((await credential.get()).value).toBe('one');
  expect(server.forms.map((form) => form.get('client_secret'))).toEqual(['new', 'old']);
});

it.each<[Answer, string, RegExp]>([
  [
    [401, { error: 'invalid_client', error_description: 'AADSTS7000215: secret p+/= is wrong' }],
    'denied',
    /\(invalid_client, AADSTS7000215\)$/,
  ],
  [[400, { error: 'invalid_scope' }], 'denied', /answered 400 \(invalid_scope\)$/],
  [[404, '<html>nothing</html>'], 'denied', /answered 404$/],
  [[429, {}, { 'retry-after': '60' }], 'transient', /answered 429$/],
  [[500, 'p+/= %&word'], 'transient', /answered 500$/],
  [[200, '<html>login</html>'], 'transient', /answered 200$/],
  [[200, { access_token: 'two words' }], 'transient', /answered 200$/],
])('tells what it was refused with, and no more', async (answer, kind, words) => {
  const { credential } = open(tokenServer(answer));
  const error = await credential.get().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ForwardError);
  expect(error).toMatchObject({ kind, message: expect.stringMatching(words) as string });
  if (answer[0] === 429) expect((error as ForwardError).retryAfterMs).toBe(60_000);
  expect(String(error)).not.toContain('word');
});

it('lets go at once of whoever is stopped, and leaves the token to the others', async () => {
  const server = tokenServer(token('one'));
  const { credential } = open(server);
  const stop = new AbortController();
  const stopped = credential.get(stop.signal);
  const other = credential.get();
  stop.abort(new Error('stopped'));
  await expect(stopped).rejects.toThrow('stopped');
  expect((await other).value).toBe('one');
});
