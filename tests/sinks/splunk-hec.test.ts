import { describe, expect, it } from 'vitest';

import { Secret } from '../../src/model/secret.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import { splunkHecSink as bare } from '../../src/sinks/splunk-hec.ts';
import { testClock } from '../contract/clock.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { sinkContract } from '../contract/sink.ts';
import { openFaultFront } from '../fakes/faults.ts';
import { hec, SPLUNK_TOKEN, splunkFake } from '../fakes/splunk.ts';
import {
  EVENT_PATH,
  batch,
  closers,
  failureOf,
  idAt,
  open,
  openBench,
  optionsFor,
  outcomes,
  posts,
  signal,
} from './splunk/bench.ts';

const splunkHecSink = guardSink(bare);

for (const [name, ack] of [
  ['splunk_hec', true],
  ['splunk_hec_without_ack', false],
] as const) {
  sinkContract({
    name,
    unsupported: { partial: 'HEC takes an event or refuses it for good; its prefix rule is under poison' },
    open: async (context, clock) => {
      const fake = splunkFake({ ack });
      const answers = {
        unauthorized: hec(403, 4),
        server_error: hec(500, 8),
        throttled_seconds: { ...hec(429, 26), headers: { 'retry-after': '7' } },
      };
      const applies = (_method: string, path: string): boolean => path === EVENT_PATH;
      const front = await openFaultFront(fake.receive, { clock, answers, applies });
      const sink = splunkHecSink.create(optionsFor(front.url), context);
      return {
        sink,
        delivered: () => fake.indexed.map((event) => event.id),
        receivedBody: (id) => fake.indexed.find((event) => event.id === id)?.eventText,
        arm: front.arm,
        echo: front.echo,
        heal: front.heal,
        hits: front.hits,
        poison: (ids) => ids.forEach((id) => fake.poison.add(id)),
        secretTexts: [SPLUNK_TOKEN],
        close: async () => {
          expect(fake.faults).toEqual([]);
          await sink.close();
          await front.close();
        },
      };
    },
  });
}

it('sends a large batch again as it was, although the memory of its first request is given back', async () => {
  const { sink, fake } = await openBench();
  const items = makeItems(4, { padding: 400_000 }).map((one) => ({ ...one, utf8: Buffer.from(one.body) }));
  for (const attempt of [1, 2])
    expect(outcomes(await sink.send({ items, attempt }, signal()))).toEqual(items.map(() => 'delivered'));
  const sent = items.map(({ body }) => body);
  expect(fake.indexed.map(({ eventText }) => eventText)).toEqual([...sent, ...sent]);
});

describe('the prefix rule', () => {
  it.each([6, 12, 13, 15] as const)('settles what stands before the event named by code %i', async (code) => {
    const { sink, fake } = await openBench();
    fake.poisonCode = code;
    const items = makeItems(6);
    fake.poison.add(idAt(items, 2)).add(idAt(items, 5));
    const receipt = await sink.send({ items, attempt: 1 }, signal());
    expect(outcomes(receipt)).toEqual([
      'delivered',
      'delivered',
      'rejected',
      'delivered',
      'delivered',
      'rejected',
    ]);
    expect(fake.indexed.map((event) => event.id)).toEqual([0, 1, 3, 4].map((place) => idAt(items, place)));
    expect(receipt.fates[2]).toMatchObject({ reason: expect.stringContaining(`code ${code}`) as string });
  });

  it('does not take the prefix for delivered until it is acknowledged', async () => {
    const { sink, fake } = await openBench();
    fake.pollsUntilTrue = Number.POSITIVE_INFINITY;
    const items = makeItems(3);
    fake.poison.add(idAt(items, 2));
    const receipt = await sink.send({ items, attempt: 1 }, signal());
    expect(outcomes(receipt)).toEqual(['retry', 'retry', 'rejected']);
  });

  it('does not believe a prefix without an id where the endpoint gives ids', async () => {
    const { sink, fake } = await openBench();
    await sink.send(batch(1), signal());
    fake.scriptedPosts.push(hec(400, 6, { 'invalid-event-number': 2 }));
    const receipt = await sink.send(batch(4), signal());
    expect(outcomes(receipt)).toEqual(['retry', 'retry', 'rejected', 'delivered']);
  });

  it('stops after five refusals in a row and hands the rest back', async () => {
    const { sink, fake } = await openBench();
    const items = makeItems(30);
    for (const item of items) fake.poison.add(item.canonical.id);
    const receipt = await sink.send({ items, attempt: 1 }, signal());
    expect(outcomes(receipt).filter((outcome) => outcome === 'rejected')).toHaveLength(5);
    expect(
      outcomes(receipt)
        .slice(5)
        .every((outcome) => outcome === 'retry'),
    ).toBe(true);
    expect(posts(fake)).toHaveLength(5);
  });

  it('sends a request that could not be read once more as it is, then takes it apart', async () => {
    const { sink, fake } = await openBench();
    const items = makeItems(4);
    const damaged = hec(400, 6);
    fake.scriptedPosts.push(damaged);
    await expect(sink.send({ items, attempt: 1 }, signal())).rejects.toMatchObject({
      kind: 'transient',
      ambiguous: false,
    });
    fake.scriptedPosts.push(damaged, damaged, damaged);
    const receipt = await sink.send({ items, attempt: 2 }, signal());
    expect(outcomes(receipt)).toEqual(['rejected', 'delivered', 'delivered', 'delivered']);
  });

  it('believes no event number outside the request', async () => {
    const { sink, fake } = await openBench();
    fake.scriptedPosts.push(hec(400, 6, { 'invalid-event-number': 3 }));
    await expect(sink.send(batch(3), signal())).rejects.toMatchObject({ kind: 'transient', ambiguous: true });
  });
});

describe('sizes', () => {
  it('refuses an event over the limit before it is compressed, with its size', async () => {
    const { sink, fake } = await openBench({ max_event_size: 2000 });
    const items = [makeItem(1), makeItem(2, { padding: 3000 }), makeItem(3)];
    const receipt = await sink.send({ items, attempt: 1 }, signal());
    expect(outcomes(receipt)).toEqual(['delivered', 'rejected', 'delivered']);
    expect(fake.indexed).toHaveLength(2);
  });

  it('learns a smaller limit from code 6 at event 0 of a large request, and keeps it for an hour', async () => {
    const { sink, fake, clock } = await openBench();
    fake.cloud = true;
    fake.maxBodyBytes = 1_200_000;
    const many = { items: makeItems(16, { padding: 150_000 }), attempt: 1 };
    const tooLarge = () => fake.requests.filter((request) => request.body.length > fake.maxBodyBytes).length;
    expect(new Set(outcomes(await sink.send(many, signal())))).toEqual(new Set(['delivered']));
    expect(tooLarge()).toBe(1);
    await sink.send(many, signal());
    expect(tooLarge()).toBe(1);
    clock.advance(3_600_001);
    await sink.send(many, signal());
    expect(tooLarge()).toBe(2);
    expect(fake.indexed).toHaveLength(48);
  });

  it('cuts what a batch holds beyond five million bytes by itself', async () => {
    const { sink, fake } = await openBench({ compress: 'none' });
    const items = makeItems(6, { padding: 1_500_000 });
    expect(new Set(outcomes(await sink.send({ items, attempt: 1 }, signal())))).toEqual(
      new Set(['delivered']),
    );
    for (const request of posts(fake)) expect(request.body.length).toBeLessThanOrEqual(5_000_000);
    expect(posts(fake)).toHaveLength(2);
  });
});

describe('several endpoints', () => {
  it('takes turns, and leaves the one that fails out without waiting for it', async () => {
    const clock = testClock();
    const [one, two] = [splunkFake(), splunkFake()];
    const fronts = [
      await openFaultFront(one.receive, { clock }),
      await openFaultFront(two.receive, { clock }),
    ];
    for (const front of fronts) closers.push(front.close);
    const sink = open(
      fronts.map((front) => front.url),
      {},
      clock,
    );
    await sink.send(batch(1), signal());
    await sink.send(batch(1), signal());
    expect([posts(one).length, posts(two).length]).toEqual([1, 1]);
    one.scriptedPosts.push({ ...hec(503, 23), headers: { 'retry-after': '600' } });
    const error = await failureOf(sink.send(batch(1), signal()));
    expect([error.kind, error.retryAfterMs]).toEqual(['transient', undefined]);
    for (let turn = 0; turn < 3; turn += 1) await sink.send(batch(1), signal());
    expect([posts(one).length, posts(two).length]).toEqual([2, 4]);
    clock.advance(600_000);
    await sink.send(batch(1), signal());
    await sink.send(batch(1), signal());
    expect(posts(one).length).toBe(3);
  });
});

describe('options', () => {
  it.each(['', '/', '/services/collector', '/services/collector/event', '/services/collector/event/1.0'])(
    'finds the collector under the address %s',
    async (path) => {
      const { front, fake } = await openBench();
      const sink = open(`${front.url.origin}${path}`);
      await sink.send(batch(1), signal());
      expect(fake.indexed).toHaveLength(1);
    },
  );

  it('refuses tokens with a line break or a blank, without showing them', () => {
    const options = optionsFor('http://127.0.0.1:9');
    const search = { url: 'https://splunk:80890', token: Secret.of('hidden too') };
    const found = splunkHecSink.validate?.({ ...options, token: Secret.of('hidden\ntoken'), search });
    expect(found?.map(({ path }) => path)).toEqual(['token', 'search.url', 'search.token']);
    expect(JSON.stringify(found)).not.toContain('hidden');
  });

  it('reads a changed token again', async () => {
    let token = 'old';
    const { sink, fake } = await openBench({ token: new Secret(() => token) });
    await expect(sink.send(batch(1), signal())).rejects.toMatchObject({ kind: 'denied' });
    expect(sink.credentialReplaced?.()).toBe(false);
    token = SPLUNK_TOKEN;
    expect(sink.credentialReplaced?.()).toBe(true);
    await sink.send(batch(1), signal());
    expect(fake.indexed).toHaveLength(1);
  });
});
