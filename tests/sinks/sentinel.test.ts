import { afterEach, describe, expect, it } from 'vitest';

import { Secret } from '../../src/model/secret.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import { sentinel as bare } from '../../src/sinks/sentinel.ts';
import { validateSentinel } from '../../src/sinks/sentinel/options.ts';
import type { SentinelOptions } from '../../src/sinks/sentinel/options.ts';
import type { SinkContext } from '../../src/sinks/sink.ts';
import { testClock } from '../contract/clock.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { sinkContract } from '../contract/sink.ts';
import { openFaultFront } from '../fakes/faults.ts';
import { sentinelFake } from '../fakes/sentinel.ts';

const sentinel = guardSink(bare);
const SECRET = 'Zx8~secret.of-the-application';

function optionsFor(url: URL, secret = Secret.of(SECRET)): SentinelOptions {
  return {
    endpoint: url.href,
    rule_id: 'dcr-00aa',
    stream: 'Custom-CloudQueryAudit',
    tenant_id: 'tenant-1',
    client_id: 'app-1',
    client_secret: secret,
    authority: url.href,
    audience: 'https://monitor.azure.com',
    compress: 'gzip',
    request_timeout: 5000,
  };
}

async function openBench(context?: SinkContext, clock = testClock(), secret = Secret.of(SECRET)) {
  const fake = sentinelFake(SECRET);
  const front = await openFaultFront(fake.receive, {
    clock,
    applies: (method, path) => method === 'POST' && !path.endsWith('/token'),
  });
  const around = { name: 'azure', warn: () => undefined, clock, forwarderVersion: '1.2.3' };
  const sink = sentinel.create(optionsFor(front.url, secret), context ?? around);
  const close = async (): Promise<void> => {
    await sink.close();
    await front.close();
  };
  return { fake, front, sink, clock, close };
}

sinkContract({
  name: 'sentinel',
  unsupported: { partial: 'a request is taken whole or not at all' },
  open: async (context, clock) => {
    const { fake, front, sink, close } = await openBench(context, clock);
    return {
      sink,
      delivered: () => fake.rows.map(({ EventId }) => EventId),
      arm: front.arm,
      echo: front.echo,
      heal: front.heal,
      hits: front.hits,
      poison: (ids) => ids.forEach((id) => fake.poison.add(id)),
      secretTexts: [SECRET, 'token-number-1'],
      close,
    };
  },
});

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const { signal } = new AbortController();

describe('the sentinel sink', () => {
  it('sends the event, its time twice, and one token for all', async () => {
    const { sink, fake, front, close } = await openBench();
    closers.push(close);
    const text = makeItem(2, { kind: 'text', body: 'CEF:0|a "b"' });
    await sink.send({ items: [makeItem(1), text], attempt: 1 }, signal);
    await sink.send({ items: makeItems(3, {}, 10), attempt: 1 }, signal);
    const [first, second] = fake.rows.map((row) => JSON.parse(row.text) as Record<string, unknown>);
    expect(first).toMatchObject({
      TimeGenerated: '2026-01-02T03:04:05.124456Z',
      EventTime: '2026-01-02T03:04:05.124456Z',
      EventType: 'user_login',
      ActorEmail: 'ana.admin@acme.example',
      Event: { event_id: makeItem(1).canonical.id },
    });
    expect(second?.['Event']).toBe('CEF:0|a "b"');
    expect(fake.tokens).toHaveLength(1);
    expect(front.requests.filter(({ path }) => path.endsWith('/token'))).toHaveLength(1);
  });

  it('keeps every request under one megabyte before compression', async () => {
    const { sink, fake, front, close } = await openBench();
    closers.push(close);
    const items = makeItems(30, { padding: 60_000 });
    const { fates } = await sink.send({ items, attempt: 1 }, signal);
    expect(fates.every(({ outcome }) => outcome === 'delivered')).toBe(true);
    expect(fake.rows).toHaveLength(30);
    const sizes = front.requests.slice(1).map(({ body }) => body.length);
    expect(sizes).toHaveLength(2);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000_000);
  });

  it('makes a dead letter of an event that would be cut', async () => {
    const { sink, fake, close } = await openBench();
    closers.push(close);
    const items = [makeItem(1), makeItem(2, { padding: 70_000 })];
    const { fates } = await sink.send({ items, attempt: 1 }, signal);
    expect(fates).toMatchObject([{ outcome: 'delivered' }, { outcome: 'rejected' }]);
    expect(fates[1]).toMatchObject({ reason: expect.stringMatching(/cuts values over 65536$/) as string });
    expect(fake.rows).toHaveLength(1);
  });

  it.each([
    [403, 'denied', /Monitoring Metrics Publisher/],
    [404, 'denied', /immutable ID/],
    [503, 'transient', /^$/],
  ])('takes %i as %s, with a hint', async (status, kind, hint) => {
    const { sink, fake, close } = await openBench();
    closers.push(close);
    fake.refusal = { status, body: '{"error":{"code":"SomeCode","message":"m"}}' };
    const error = await sink
      .send({ items: makeItems(2), attempt: 1 }, signal)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind, message: expect.stringContaining('SomeCode') as string });
    expect((error as { hint?: string }).hint ?? '').toMatch(hint);
  });

  it('splits what took the receiver too long to read', async () => {
    const { sink, fake, front, close } = await openBench();
    closers.push(close);
    fake.refusal = { status: 400, body: '{"error":{"code":"ReadyBody_TimeoutExpired"}}' };
    const sending = sink.send({ items: makeItems(4), attempt: 1 }, signal);
    await expect(sending).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringContaining('ReadyBody') as string,
    });
    const posts = front.requests.filter(({ path }) => !path.endsWith('/token'));
    expect(posts.map(({ body }) => (JSON.parse(body.toString()) as unknown[]).length)).toEqual([4, 2, 1]);
  });

  it('takes up a new secret', async () => {
    let now = 'wrong-secret-4711';
    const { sink, fake, close } = await openBench(undefined, testClock(), new Secret(() => now));
    closers.push(close);
    const error = await sink
      .send({ items: makeItems(1), attempt: 1 }, signal)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'denied', hint: expect.stringMatching(/not its ID/) as string });
    expect(String(error)).not.toContain('4711');
    now = SECRET;
    expect(sink.credentialReplaced?.()).toBe(true);
    await sink.send({ items: makeItems(1), attempt: 1 }, signal);
    expect(fake.rows).toHaveLength(1);
  });

  it('tells the ID of a secret from its value', () => {
    const id = Secret.of('0b8f6c52-3e1d-4a77-8f0e-000000000001');
    expect(validateSentinel(optionsFor(new URL('https://x.ingest.monitor.azure.com'), id))).toMatchObject([
      { path: 'client_secret', problem: expect.stringMatching(/is the ID of a secret/) as string },
    ]);
  });
});
