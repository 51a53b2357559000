import { afterEach, describe, expect, it } from 'vitest';

import { wallClock } from '../../src/model/clock.ts';
import { ForwardError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import { kafka as bare } from '../../src/sinks/kafka.ts';
import { asFailure, isAuthenticationFailure, partitionAnswers } from '../../src/sinks/kafka/faults.ts';
import { watchSizes } from '../../src/sinks/kafka/guard.ts';
import { readBroker, validateKafka } from '../../src/sinks/kafka/options.ts';
import type { KafkaOptions, SaslOptions } from '../../src/sinks/kafka/options.ts';
import type { SinkContext } from '../../src/sinks/sink.ts';
import { makeHeartbeat, makeItem, makeItems } from '../contract/items.ts';
import { sinkContract } from '../contract/sink.ts';
import { openFakeKafka } from '../fakes/kafka.ts';
import type { FakeKafkaOptions } from '../fakes/kafka.ts';

const kafka = guardSink(bare);
const PASSWORD = 'kafka-PASS-0815-word';
const { signal } = new AbortController();

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function openBench(
  wishes: Partial<KafkaOptions> = {},
  around: Partial<SinkContext> = {},
  fakeWishes: Partial<FakeKafkaOptions> = {},
) {
  const fake = await openFakeKafka({
    topic: 'audit',
    user: { name: 'ferry', password: () => PASSWORD },
    ...fakeWishes,
  });
  const options: KafkaOptions = {
    brokers: [`127.0.0.1:${fake.port}`],
    topic: 'audit',
    compress: 'gzip',
    client_id: 'auditferry',
    request_timeout: 2000,
    sasl: { mechanism: 'plain', username: 'ferry', password: Secret.of(PASSWORD) },
    ...wishes,
  };
  const context = { name: 'bus', warn: () => undefined, forwarderVersion: '1.2.3', ...around };
  const sink = kafka.create(options, { ...context, clock: wallClock });
  const close = async (): Promise<void> => {
    await sink.close();
    await fake.close();
  };
  closers.push(close);
  return { fake, sink, close };
}

const LATE = 'a broker throttles by answering late';

sinkContract({
  name: 'kafka',
  unsupported: { throttled_seconds: LATE, throttled_date: LATE },
  // The library tries again under the same sequence number, so that a broker stores nothing twice.
  reactions: {
    server_error: ['settled'],
    accept_and_close: ['settled'],
    reset_before_body: ['settled'],
    reset_after_body: ['settled'],
    truncated_answer: ['settled'],
  },
  open: async (context) => {
    const { fake, sink, close } = await openBench({ request_timeout: 1000, compress: 'none' }, context);
    return {
      sink,
      delivered: () => fake.records.map(({ key }) => key),
      receivedBody: (id) => fake.records.find(({ key }) => key === id)?.value,
      arm: fake.arm,
      echo: fake.echo,
      heal: fake.heal,
      hits: fake.hits,
      poison: fake.poison,
      postpone: fake.postpone,
      secretTexts: [PASSWORD],
      close: async () => {
        expect(fake.problems).toEqual([]);
        await close();
      },
    };
  },
});

describe('kafka', () => {
  it('puts id, type, source and kind into headers, and marks a heartbeat', async () => {
    const { fake, sink } = await openBench();
    const item = makeItem(1);
    const text = { ...makeItem(2), kind: 'text', body: 'CEF:0|auditferry' } as const;
    await sink.send({ items: [item, text, makeHeartbeat()], attempt: 1 }, signal);
    const headers = new Map(fake.records.map((record) => [record.key, record.headers]));
    expect(headers.get(item.canonical.id)).toEqual({
      event_id: item.canonical.id,
      event_type: item.canonical.classification.eventType,
      source: item.canonical.source,
      'content-type': 'application/json',
    });
    expect(headers.get(text.canonical.id)?.['content-type']).toBe('text/plain; charset=utf-8');
    const marked = [...headers.values()].filter((one) => one['heartbeat'] === 'true');
    expect(marked).toHaveLength(1);
    expect(marked[0]).not.toHaveProperty('event_type');
  });

  it('sends no request over a million bytes, and one event however large', async () => {
    const { fake, sink } = await openBench({ compress: 'none' }, {}, { partitions: 1 });
    const items = [...makeItems(30, { padding: 90_000 }), makeItem(900, { padding: 1_200_000 })];
    const { fates } = await sink.send({ items, attempt: 1 }, signal);
    expect(fates.every(({ outcome }) => outcome === 'delivered')).toBe(true);
    const sizes = fake.produced.map(({ bytes }) => bytes);
    expect(sizes.slice(0, -1).every((bytes) => bytes <= 1_000_000)).toBe(true);
    expect(fake.produced.at(-1)).toMatchObject({ count: 1 });
  });

  it('keeps one connection over many batches', async () => {
    const { fake, sink } = await openBench();
    for (let first = 0; first < 50; first += 10) {
      const items = makeItems(10).map((_, index) => makeItem(first + index));
      await sink.send({ items, attempt: 1 }, signal);
    }
    expect(fake.records).toHaveLength(50);
    expect(fake.connections()).toBe(1);
  });

  it.each([
    [3, 'denied', /^create the topic/],
    [19, 'transient', /min\.insync\.replicas/],
    [29, 'denied', /Write/],
    [76, 'denied', /compress: gzip/],
    [56, 'transient', /^$/],
  ])('takes verdict %i as %s, with a hint', async (code, kind, hint) => {
    const { fake, sink } = await openBench();
    fake.answer(code);
    const error = await sink
      .send({ items: makeItems(2), attempt: 1 }, signal)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind });
    expect((error as { hint?: string }).hint ?? '').toMatch(hint);
    fake.heal();
    await sink.send({ items: makeItems(2), attempt: 2 }, signal);
    expect(fake.records).toHaveLength(2);
  });

  it('holds where there is no topic', async () => {
    const { sink } = await openBench({ topic: 'elsewhere' });
    await expect(sink.send({ items: makeItems(1), attempt: 1 }, signal)).rejects.toMatchObject({
      kind: 'denied',
      message: expect.stringMatching(/there is no topic elsewhere$/) as string,
    });
  });

  it('ends by its deadline, whatever a broker does not say', async () => {
    const { fake, sink } = await openBench({ request_timeout: 1000 });
    fake.arm('hang');
    await expect(sink.send({ items: makeItems(1), attempt: 1 }, signal)).rejects.toMatchObject({
      kind: 'transient',
      ambiguous: true,
    });
    fake.heal();
    await sink.send({ items: makeItems(1), attempt: 2 }, signal);
    expect(fake.records).toHaveLength(1);
  });

  it('asks the next broker where the first is away', async () => {
    const away = await openFakeKafka({ topic: 'audit' });
    await away.close();
    const { fake, sink } = await openBench();
    const both = kafka.create(
      {
        brokers: [`127.0.0.1:${away.port}`, `127.0.0.1:${fake.port}`],
        topic: 'audit',
        compress: 'gzip',
        client_id: 'auditferry',
        request_timeout: 2000,
        sasl: { mechanism: 'plain', username: 'ferry', password: Secret.of(PASSWORD) },
      },
      { name: 'both', warn: () => undefined, clock: wallClock, forwarderVersion: '1' },
    );
    closers.push(() => both.close());
    await both.send({ items: makeItems(3), attempt: 1 }, signal);
    expect(fake.records).toHaveLength(3);
    await sink.close();
  });

  it('shows the password that is good, after one that was refused, in the same call', async () => {
    let now = PASSWORD;
    const password = new Secret(() => now);
    const sasl: SaslOptions = { mechanism: 'plain', username: 'ferry', password };
    const { fake, sink } = await openBench({ sasl });
    now = 'half-writ'; // the file is being replaced: the one before still opens the door
    await sink.send({ items: makeItems(1), attempt: 1 }, signal);
    expect(fake.records).toHaveLength(1);
  });

  it.each(['', 'no parameters', 'r=,s=,i=', 'i=4096', `r=x,s=x,i=${10 ** 12}`])(
    'outlives a broker that answers SCRAM with "%s"',
    async (nonsense) => {
      const password = Secret.of(PASSWORD);
      const sasl: SaslOptions = { mechanism: 'scram-sha-256', username: 'ferry', password };
      const { fake, sink } = await openBench({ sasl }, {}, { nonsense });
      const error = await sink
        .send({ items: makeItems(1), attempt: 1 }, signal)
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ForwardError);
      expect(fake.hits()).toBeGreaterThan(0);
    },
  );

  it('says in check what stands in the clear, and what only an event shows', async () => {
    const { sink } = await openBench();
    const { items } = await sink.check(signal);
    expect(items.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['reachable', 'ok'],
      ['topic', 'warn'],
      ['writes', 'warn'],
      ['encryption', 'warn'],
    ]);
  });
});

describe('the options of kafka', () => {
  const base: KafkaOptions = {
    brokers: ['kafka:9093'],
    topic: 'audit-{source}',
    compress: 'gzip',
    client_id: 'auditferry',
    request_timeout: 60_000,
  };

  it('are content with what is usual', () => {
    expect(validateKafka(base)).toEqual([]);
  });

  it.each([
    ['brokers.0', { brokers: ['kafka://kafka:9093'] }],
    ['brokers.0', { brokers: ['kafka:99999'] }],
    ['brokers.1', { brokers: ['kafka', '[::zz]:9092'] }],
    ['topic', { topic: 'audit events' }],
    ['topic', { topic: '__consumer_offsets' }],
    ['topic', { topic: `${'x'.repeat(200)}{source}` }],
    ['sasl', { sasl: { mechanism: 'plain' } }],
    ['sasl', { sasl: { mechanism: 'oauthbearer' } }],
    ['sasl', { sasl: { mechanism: 'plain', username: 'a', password: Secret.of('b'), extensions: {} } }],
    ['tls.ca_file', { tls: { ca_file: '/nowhere/ca.pem' } }],
  ] as const)('name what is wrong at %s', (path, wishes) => {
    expect(validateKafka({ ...base, ...wishes }).map((one) => one.path)).toEqual([path]);
  });

  it('read addresses as Kafka writes them', () => {
    expect(readBroker('kafka')).toEqual({ host: 'kafka', port: 9092 });
    expect(readBroker('[::1]:9093')).toEqual({ host: '::1', port: 9093 });
    expect(readBroker('ns.servicebus.windows.net:9093').port).toBe(9093);
  });
});

describe('the sizes that answers announce', () => {
  it('are seen however the stream is cut', () => {
    const answer = (size: number) => {
      const bytes = Buffer.alloc(4 + size, 0xff);
      bytes.writeUInt32BE(size);
      return bytes;
    };
    const stream = Buffer.concat([answer(3), answer(0), answer(70), answer(5)]);
    for (let step = 1; step <= stream.length; step += 1) {
      const sizes = watchSizes();
      const seen: number[] = [];
      for (let at = 0; at < stream.length; at += step) seen.push(sizes(stream.subarray(at, at + step)));
      expect(Math.max(...seen)).toBe(70);
    }
    expect(watchSizes()(Buffer.from('HTTP/1.1 400'))).toBe(0x48545450);
  });
});

describe('what the client library throws', () => {
  const network = { code: 'PLT_KFK_NETWORK', message: 'Connection closed' };

  it('is no refusal of credentials when the line broke while they were shown', () => {
    const wrapped = {
      code: 'PLT_KFK_AUTHENTICATION',
      message: 'SASL authentication failed.',
      cause: network,
    };
    expect(isAuthenticationFailure(wrapped)).toBe(false);
    expect(isAuthenticationFailure({ code: 'PLT_KFK_AUTHENTICATION', message: 'x' })).toBe(true);
    expect(asFailure(wrapped, 'kafka://k')).toMatchObject({ kind: 'transient', ambiguous: true });
  });

  it('tells of each partition what became of it, and once stored stays stored', () => {
    const answer = (...codes: number[]) => ({
      response: {
        responses: [{ partitionResponses: codes.map((errorCode, index) => ({ index, errorCode })) }],
      },
    });
    const error = {
      errors: [answer(0, 10, 19), answer(45, 10, 46)],
      produced: { offsets: [{ partition: 9 }] },
    };
    expect([...partitionAnswers(error)]).toEqual([
      [9, null],
      [0, null],
      [1, { code: 10, said: '' }],
      [2, null],
    ]);
  });

  it('ends even where causes go round in a circle', () => {
    const circle: { cause?: unknown; message: string } = { message: 'round' };
    circle.cause = circle;
    expect(asFailure(circle, 'kafka://k')).toMatchObject({ kind: 'transient' });
  });
});
