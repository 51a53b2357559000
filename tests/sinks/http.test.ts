import { inspect } from 'node:util';

import { afterEach, describe, expect, it } from 'vitest';

import { ForwardError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import type { AuthOptions } from '../../src/net/auth.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import { httpSink as bare } from '../../src/sinks/http.ts';
import type { HttpSinkOptions } from '../../src/sinks/http/options.ts';
import type { Batch, Sink } from '../../src/sinks/sink.ts';
import { testClock } from '../contract/clock.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { sinkContract } from '../contract/sink.ts';
import { openFaultFront } from '../fakes/faults.ts';
import type { FakeReceiver, FaultFront } from '../fakes/faults.ts';
import { header, signatureMatches, webhookFake } from '../fakes/webhook.ts';
import type { WebhookFake } from '../fakes/webhook.ts';

const httpSink = guardSink(bare);

const TOKEN = 'hook-token-8d3f';
const NEW_SECRET = `whsec_${Buffer.from('new-signing-key-of-32-bytes-long').toString('base64')}`;
const OLD_SECRET = `whsec_${Buffer.from('old-signing-key-of-32-bytes-long').toString('base64')}`;

sinkContract({
  name: 'http',
  unsupported: { partial: 'a webhook takes a request whole or not at all' },
  open: async (context, clock) => {
    const fake = webhookFake(`Bearer ${TOKEN}`);
    const front = await openFaultFront(fake.receive, { clock });
    const sink = httpSink.create(optionsFor(front.url), context);
    return {
      sink,
      delivered: () => fake.documents.map(idOf),
      receivedBody: (id) => fake.documents.find((text) => text.includes(id)),
      arm: front.arm,
      echo: front.echo,
      heal: front.heal,
      hits: front.hits,
      poison: (ids) => ids.forEach((id) => fake.poison.add(id)),
      secretTexts: [TOKEN, NEW_SECRET, OLD_SECRET],
      close: async () => {
        await sink.close();
        await front.close();
      },
    };
  },
});

describe('the http sink', () => {
  it('signs for both secrets, keeps the id over retries, and moves the timestamp', async () => {
    const { sink, front, clock } = await openBench();
    front.arm('truncated_answer');
    await expect(sink.send(batch(3), signal())).rejects.toThrow(ForwardError);
    clock.advance(60_000);
    await sink.send(batch(3), signal());
    const [first, second] = front.requests;
    if (first === undefined || second === undefined) throw new Error('two requests were expected');
    expect(header(second, 'webhook-id')).toBe(header(first, 'webhook-id'));
    expect(second.body.equals(first.body)).toBe(true);
    expect(Number(header(second, 'webhook-timestamp'))).toBe(Number(header(first, 'webhook-timestamp')) + 60);
    for (const secret of [NEW_SECRET, OLD_SECRET]) expect(signatureMatches(second, secret)).toBe(true);
    expect(signatureMatches(second, `whsec_${Buffer.from('another').toString('base64')}`)).toBe(false);
  });

  it('sends a token that it was given, asks for another when it is refused, and shows neither', async () => {
    const tokens: string[] = [];
    const { sink, front, clock } = await openBench(
      (url) => ({ ...WITHOUT_BEARER, auth: oauthAt(url) }),
      (request) => {
        if (request.path === '/token') {
          tokens.push(`token-${tokens.length + 1}-of-the-server`);
          return { status: 200, body: JSON.stringify({ access_token: tokens.at(-1), expires_in: 3600 }) };
        }
        const good = request.headers.authorization === `Bearer ${tokens.at(-1)}` && tokens.length !== 1;
        return good
          ? { status: 200 }
          : { status: 400 + Number(tokens.length === 1), body: `${tokens.at(-1)} is old` };
      },
    );
    await expect(sink.send(batch(1), signal())).rejects.toMatchObject({ kind: 'denied' });
    await sink.send(batch(1), signal());
    clock.advance(120_000);
    await sink.send(batch(2), signal());
    expect(tokens).toHaveLength(2);
    expect(front.requests.filter(({ path }) => path === '/token')).toHaveLength(2);
    tokens.push('another');
    const told = await sink.send(batch(1), signal()).catch((error: unknown) => error);
    expect(inspect(told, { depth: 9 })).not.toMatch(/of-the-server/);
  });

  it('signs for AWS', async () => {
    const keys = { access_key_id: 'AKIDEXAMPLE', secret_access_key: Secret.of('aws-secret-1234') };
    const auth = { aws: { ...keys, region: 'eu-west-1', service: 'osis' } };
    const { sink, front } = await openBench({ ...WITHOUT_BEARER, auth }, () => ({ status: 200 }));
    await sink.send(batch(1), signal());
    const { authorization } = front.requests[0]?.headers ?? {};
    expect(authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/osis\/aws4_request, /,
    );
    expect(header(front.requests[0], 'content-type')).toBe('application/x-ndjson');
  });

  it('signs what a receiver has after decompression', async () => {
    const { sink, front } = await openBench({ compress: 'gzip' });
    await sink.send({ items: makeItems(20), attempt: 1 }, signal());
    const [request] = front.requests;
    if (request === undefined) throw new Error('a request was expected');
    expect(request.wireBytes).toBeLessThan(request.body.length);
    expect(signatureMatches(request, NEW_SECRET)).toBe(true);
  });

  it('makes one JSON array, with text documents as strings', async () => {
    const { sink, front } = await openBench({ encoding: 'json_array', method: 'PUT' });
    const items = [makeItem(1), makeItem(2, { kind: 'text', body: 'CEF:0|a "b" \\ \ud800' })];
    await sink.send({ items, attempt: 1 }, signal());
    expect(front.requests[0]?.method).toBe('PUT');
    expect(header(front.requests[0], 'content-type')).toBe('application/json');
    const [json, text] = JSON.parse(front.requests[0]?.body.toString() ?? '') as unknown[];
    expect(json).toEqual(JSON.parse(items[0]?.body ?? ''));
    expect(text).toBe('CEF:0|a "b" \\ \ufffd');
  });

  it('sends the operator’s headers, their secrets re-read, and its own name', async () => {
    let token = 'first';
    const { sink, front } = await openBench({ headers: { 'X-Api-Key': new Secret(() => token) } });
    await sink.send(batch(1), signal());
    expect(sink.credentialReplaced?.()).toBe(false);
    token = 'second';
    expect(sink.credentialReplaced?.()).toBe(true);
    await sink.send(batch(1), signal());
    expect(front.requests.map((request) => header(request, 'x-api-key'))).toEqual(['first', 'second']);
    expect(header(front.requests[0], 'user-agent')).toBe('auditferry/1.2.3');
  });

  it.each([
    [204, 'delivered'],
    [260, 'denied'],
    [301, 'denied'],
    [404, 'denied'],
    [410, 'denied'],
    [409, 'denied'],
    [501, 'denied'],
    [408, 'transient'],
    [425, 'transient'],
    [503, 'transient'],
  ])('takes status %i as %s', async (status, wanted) => {
    const answer = { status, headers: { location: 'http://127.0.0.1:1/elsewhere' } };
    const { sink, front } = await openBench({ success: [200, '202-204'] }, () => answer);
    const result = await sink.send(batch(2), signal()).catch((error: unknown) => error);
    const kind = result instanceof ForwardError ? result.kind : 'delivered';
    expect(kind).toBe(wanted);
    expect(front.requests).toHaveLength(1);
  });

  it('rejects an event that is too large alone, and remembers the size for an hour', async () => {
    const limit = 3000;
    const { sink, front, clock } = await openBench({}, (request) => ({
      status: request.body.length > limit ? 413 : 200,
    }));
    const items = [makeItem(1), makeItem(2, { padding: 5000 }), makeItem(3)];
    const receipt = await sink.send({ items, attempt: 1 }, signal());
    expect(receipt.fates.map((fate) => fate.outcome)).toEqual(['delivered', 'rejected', 'delivered']);
    const many = { items: makeItems(30), attempt: 1 };
    const refusals = () => front.requests.filter((request) => request.body.length > limit).length;
    const before = refusals();
    await sink.send(many, signal());
    expect(refusals()).toBe(before);
    clock.advance(3_600_001);
    await sink.send(many, signal());
    expect(refusals()).toBeGreaterThan(before);
  });

  it('stops isolating when one event after the other is refused for the same reason', async () => {
    const { sink, fake } = await openBench();
    const items = makeItems(40);
    for (const item of items) fake.poison.add(item.canonical.id);
    const { fates } = await sink.send({ items, attempt: 1 }, signal());
    expect(fates.filter((fate) => fate.outcome === 'rejected')).toHaveLength(5);
    expect(fates.filter((fate) => fate.outcome === 'retry')).toHaveLength(35);
  });

  it('holds instead of isolating when isolate is off', async () => {
    const { sink, fake } = await openBench({ isolate: false });
    fake.poison.add(makeItem(1).canonical.id);
    await expect(sink.send(batch(3), signal())).rejects.toMatchObject({ kind: 'denied' });
  });

  it('keeps what is delivered when a later part fails', async () => {
    let calls = 0;
    const { sink } = await openBench({}, () => {
      calls += 1;
      return { status: [413, 200, 503][calls - 1] ?? 200, headers: { 'retry-after': '9' } };
    });
    const receipt = await sink.send(batch(4), signal());
    expect(receipt.fates.map((fate) => fate.outcome)).toEqual(['delivered', 'delivered', 'retry', 'retry']);
    expect(receipt.retryAfterMs).toBe(9000);
  });

  it('takes credentials out of a refusal that echoes the request', async () => {
    const echo = `you sent Bearer ${TOKEN}\nand\u0007more`;
    const { sink } = await openBench({}, () => ({ status: 422, body: echo }));
    const { fates } = await sink.send(batch(1), signal());
    expect(fates).toEqual([
      { outcome: 'rejected', reason: 'refused with 422: you sent Bearer [secret] and more' },
    ]);
  });

  it.each([
    ['a header of its own', { headers: { 'Content-Length': Secret.of('1') } }, 'headers.Content-Length'],
    ['a header with a line break', { headers: { a: Secret.of('b\r\nc: d') } }, 'headers.a'],
    ['a signing secret that is none', { signing_secrets: [Secret.of('hunter2')] }, 'signing_secrets.0'],
    ['a range that runs backwards', { success: [200, '300-200'] }, 'success.1'],
  ])('refuses %s before anything starts, without showing a secret', (_what, wishes, path) => {
    const found = httpSink.validate?.({ ...optionsFor(new URL('http://127.0.0.1:9')), ...wishes });
    expect(found).toEqual([{ path, problem: expect.stringMatching(/; (expected|make) /) as string }]);
    expect(JSON.stringify(found)).not.toMatch(/hunter2|c: d/);
  });

  it('says that a check cannot prove more than reachability', async () => {
    const { sink, front } = await openBench();
    const report = await sink.check(signal());
    expect(report.items.map((item) => item.outcome)).toEqual(['ok', 'warn']);
    expect(front.requests.map((request) => request.method)).toEqual(['HEAD']);
    await front.close();
    expect((await sink.check(signal())).items).toMatchObject([{ name: 'reachable', outcome: 'fail' }]);
  });
});

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Bench {
  readonly sink: Sink;
  readonly front: FaultFront;
  readonly fake: WebhookFake;
  readonly clock: ReturnType<typeof testClock>;
}

async function openBench(
  wishes: Wishes | ((url: URL) => Wishes) = {},
  receive?: FakeReceiver,
): Promise<Bench> {
  const clock = testClock();
  const fake = webhookFake(`Bearer ${TOKEN}`);
  const front = await openFaultFront(receive ?? fake.receive, { clock });
  const sink = open(front.url, typeof wishes === 'function' ? wishes(front.url) : wishes, clock);
  closers.push(() => sink.close(), front.close);
  return { sink, front, fake, clock };
}

/** Undefined takes a key away. */
type Wishes = { readonly [Key in keyof HttpSinkOptions]?: HttpSinkOptions[Key] | undefined };

const WITHOUT_BEARER = { bearer: undefined } as const;

function oauthAt(url: URL): AuthOptions {
  const token_url = new URL('/token', url).href;
  return { oauth2: { token_url, client_id: 'ferry', client_secret: Secret.of('client-secret-77') } };
}

function open(url: URL, wishes: Wishes, clock = testClock()): Sink {
  const context = { name: 'hook', warn: () => undefined, clock, forwarderVersion: '1.2.3' };
  return httpSink.create({ ...optionsFor(url), ...wishes } as HttpSinkOptions, context);
}

function optionsFor(url: URL): HttpSinkOptions {
  return {
    url: new URL('/hook?tenant=acme', url).href,
    method: 'POST',
    encoding: 'ndjson',
    headers: {},
    bearer: Secret.of(TOKEN),
    signing_secrets: [Secret.of(NEW_SECRET), Secret.of(OLD_SECRET)],
    success: ['200-299'],
    html_is_success: false,
    isolate: true,
    compress: 'none',
    request_timeout: 5000,
  };
}

function batch(count: number): Batch {
  return { items: makeItems(count), attempt: 1 };
}

function signal(): AbortSignal {
  return new AbortController().signal;
}

function idOf(text: string): string {
  return (JSON.parse(text) as { event_id: string }).event_id;
}
