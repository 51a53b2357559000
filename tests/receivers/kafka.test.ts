import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { Secret } from '../../src/model/secret.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { openFaultFront } from '../fakes/faults.ts';
import { testClock } from '../contract/clock.ts';
import { makeCertificates } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { adminOf, readTopic, startKafka, WRITER } from './kafka.ts';
import type { Kafka } from './kafka.ts';
import { until } from './processes.ts';
import { available } from './receivers.ts';
import { deliver, hostile, idsOf, openKafka, refusal, tlsOf } from './sinks.ts';

const { signal } = new AbortController();

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function open(...args: Parameters<typeof openKafka>): Sink {
  const sink = openKafka(...args);
  closers.push(() => sink.close());
  return sink;
}

async function makeTopic(
  kafka: Kafka,
  topic: string,
  wishes: {
    readonly partitions?: number;
    readonly replicas?: number;
    readonly configs?: Readonly<Record<string, string>>;
  } = {},
): Promise<void> {
  const admin = adminOf(kafka.brokers);
  try {
    await admin.createTopics({
      topics: [topic],
      partitions: wishes.partitions ?? 3,
      replicas: wishes.replicas ?? 1,
      configs: Object.entries(wishes.configs ?? {}).map(([name, value]) => ({ name, value })),
    });
  } finally {
    await admin.close();
  }
}

describe.runIf(available('kafka'))('Apache Kafka', () => {
  let kafka: Kafka;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka.stop());

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'keeps hostile events as they were sent, once: %s',
    async (compress) => {
      const topic = `hostile.${compress}`;
      await makeTopic(kafka, topic);
      const items = hostile(9000);
      const delivery = await deliver(open(kafka.brokers, { topic, compress }), items);
      expect(delivery).toMatchObject({ errors: [], deadLetters: [], retried: 0 });
      const records = await readTopic(kafka.brokers, topic);
      const byKey = new Map(records.map((record) => [record.key, record]));
      expect(records).toHaveLength(items.length);
      for (const { canonical, body } of items) {
        const record = byKey.get(canonical.id);
        expect(record?.value).toBe(body.toWellFormed());
        expect(record?.headers).toEqual({
          event_id: canonical.id,
          event_type: canonical.classification.eventType,
          source: canonical.source,
          'content-type': 'application/json',
        });
      }
    },
  );

  it('spreads many events over partitions and sources over topics', async () => {
    await makeTopic(kafka, 'audit-platform', { partitions: 6 });
    await makeTopic(kafka, 'audit-other', { partitions: 1 });
    const items = makeItems(3000, { padding: 400 }).map((item, index) =>
      index % 3 > 0 ? item : { ...item, canonical: { ...item.canonical, source: 'other' } },
    );
    const sink = open(kafka.brokers, { topic: 'audit-{source}' });
    for (let first = 0; first < items.length; first += 500)
      await deliver(sink, items.slice(first, first + 500));
    const own = await readTopic(kafka.brokers, `audit-${items[1]?.canonical.source}`);
    const others = await readTopic(kafka.brokers, 'audit-other');
    expect(own).toHaveLength(2000);
    expect(others).toHaveLength(1000);
    expect(new Set(own.map(({ partition }) => partition)).size).toBe(6);
    expect([...own, ...others].map(({ key }) => key).sort()).toEqual([...idsOf(items)].sort());
  });

  it('makes a dead letter of what is too large, and of nothing else', async () => {
    await makeTopic(kafka, 'narrow', { configs: { 'max.message.bytes': '20000' } });
    const items = makeItems(40, { padding: 2000 });
    const large = makeItem(700, { padding: 30_000 });
    const mixed = [...items.slice(0, 20), large, ...items.slice(20)];
    const delivery = await deliver(open(kafka.brokers, { topic: 'narrow', compress: 'none' }), mixed);
    expect(delivery.deadLetters.map(({ id }) => id)).toEqual([large.canonical.id]);
    expect(delivery.deadLetters[0]?.reason).toMatch(/too large: .* 30\d{3} bytes; max\.message\.bytes/);
    const keys = (await readTopic(kafka.brokers, 'narrow')).map(({ key }) => key);
    expect(keys.sort()).toEqual([...idsOf(items)].sort());
  });

  it('holds where there is no topic, and goes on once there is', async () => {
    const sink = open(kafka.brokers, { topic: 'late' });
    const error = await refusal(sink, makeItems(2));
    expect(error).toMatchObject({
      kind: 'denied',
      hint: expect.stringMatching(/^create the topic/) as string,
    });
    expect(error.message).toMatch(/there is no topic late$/);
    expect((await sink.check(signal)).items).toMatchObject([{ outcome: 'ok' }, { outcome: 'fail' }, {}]);
    await makeTopic(kafka, 'late');
    await deliver(sink, makeItems(2));
    expect(await readTopic(kafka.brokers, 'late')).toHaveLength(2);
    const { items } = await sink.check(signal);
    expect(items.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['reachable', 'ok'],
      ['topic', 'warn'],
      ['writes', 'warn'],
    ]);
    expect(items[1]?.finding).toBe('late has 3 partitions, each on 1 broker');
  });

  it('goes on after its only broker was killed and came back', async () => {
    await makeTopic(kafka, 'revived');
    const sink = open(kafka.brokers, { topic: 'revived' });
    await deliver(sink, makeItems(5));
    const node = kafka.nodes[0];
    await node?.kill();
    const more = makeItems(5).map((item, index) => ({ ...item, ...makeItem(800 + index) }));
    expect(await refusal(sink, more)).toMatchObject({ kind: 'transient' });
    await node?.start();
    await deliver(sink, more, () => undefined);
    expect(await readTopic(kafka.brokers, 'revived')).toHaveLength(10);
  });
});

describe.runIf(available('kafka'))('three brokers of Apache Kafka', () => {
  let kafka: Kafka;
  beforeAll(async () => {
    kafka = await startKafka({ nodes: 3, settings: { 'min.insync.replicas': '2' } });
  });
  afterAll(() => kafka.stop());

  it('lose nothing while one is killed and another freezes', async () => {
    await makeTopic(kafka, 'replicated', { partitions: 6, replicas: 3 });
    const items = makeItems(4000, { padding: 300 });
    const sink = open(kafka.brokers, { topic: 'replicated', request_timeout: 6000 });
    expect((await sink.check(signal)).items[1]).toMatchObject({ name: 'topic', outcome: 'ok' });
    let killed: Promise<void> | undefined;
    for (let first = 0; first < items.length; first += 200) {
      if (first === 1000) killed = kafka.nodes[0]?.kill();
      await deliver(sink, items.slice(first, first + 200), () => undefined);
    }
    await killed;
    const records = await readTopic(kafka.brokers.slice(1), 'replicated');
    expect(new Set(records.map(({ key }) => key))).toEqual(new Set(idsOf(items)));
    await kafka.nodes[0]?.start();
    await until('all replicas in step', 30_000, async () => {
      const admin = adminOf(kafka.brokers);
      try {
        const { topics } = await admin.metadata({ topics: ['replicated'] });
        return topics.get('replicated')?.partitions.every(({ isr }) => isr.length === 3) === true;
      } finally {
        await admin.close();
      }
    });
    kafka.nodes[1]?.freeze();
    const more = makeItems(200).map((_, index) => makeItem(6000 + index));
    await deliver(sink, more, () => undefined);
    kafka.nodes[1]?.thaw();
    const keys = (await readTopic(kafka.brokers, 'replicated')).map(({ key }) => key);
    expect(new Set(keys)).toEqual(new Set([...idsOf(items), ...idsOf(more)]));
  });
});

describe.runIf(available('kafka'))('Apache Kafka with SASL over TLS', () => {
  let kafka: Kafka;
  let certificates: Certificates;
  const user = { username: WRITER.name, password: Secret.of(WRITER.password) };
  beforeAll(async () => {
    certificates = makeCertificates();
    kafka = await startKafka({ certificates });
    for (const topic of ['allowed', 'forbidden']) await makeTopic(kafka, topic);
    const admin = adminOf(kafka.brokers);
    const rule = { resourceType: 2, resourcePatternType: 3, host: '*', permissionType: 3 } as const;
    await admin.createAcls({
      creations: [4, 8].map((operation) => ({
        ...rule,
        resourceName: 'allowed',
        principal: `User:${WRITER.name}`,
        operation,
      })) as never,
    });
    await admin.close();
  });
  afterAll(async () => {
    await kafka.stop();
    certificates.remove();
  });

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('delivers with %s', async (mechanism) => {
    const items = makeItems(20).map((_, index) => makeItem(1000 * mechanism.length + index));
    const sink = open(kafka.secured, {
      topic: 'allowed',
      tls: tlsOf(certificates),
      sasl: { mechanism, ...user },
    });
    expect(await deliver(sink, items)).toMatchObject({ errors: [], retried: 0 });
    const keys = (await readTopic(kafka.brokers, 'allowed')).map(({ key }) => key);
    expect(keys).toEqual(expect.arrayContaining([...idsOf(items)]));
    expect((await sink.check(signal)).items.filter(({ outcome }) => outcome === 'fail')).toEqual([]);
  });

  it('delivers with a token that an OAuth 2 server gave', async () => {
    const front = await openFaultFront(
      () => {
        const body = JSON.stringify({ access_token: unsignedToken(), expires_in: 300 });
        return { status: 200, headers: { 'content-type': 'application/json' }, body };
      },
      { clock: testClock() },
    );
    closers.push(front.close);
    const oauth2 = {
      token_url: front.url.href,
      client_id: 'ferry',
      client_secret: Secret.of('of-the-client'),
    };
    const sasl = { mechanism: 'oauthbearer', oauth2, extensions: { logicalCluster: 'lkc-1' } } as const;
    const sink = open(kafka.secured, { topic: 'allowed', tls: tlsOf(certificates), sasl });
    await deliver(sink, [makeItem(77_000)]);
    expect(front.requests).toHaveLength(1);
  });

  it('takes up a password that was changed, without losing a batch', async () => {
    let now = 'not-the-password-4711';
    const password = new Secret(() => now);
    const sasl = { mechanism: 'scram-sha-512', username: WRITER.name, password } as const;
    const sink = open(kafka.secured, { topic: 'allowed', tls: tlsOf(certificates), sasl });
    const error = await refusal(sink, makeItems(1));
    expect(error).toMatchObject({ kind: 'denied', hint: expect.stringMatching(/^check sasl/) as string });
    expect(`${error.message} ${error.hint}`).not.toContain('4711');
    now = WRITER.password;
    await deliver(sink, [makeItem(78_000)]);
  });

  it('holds without the right to the topic, and says which', async () => {
    const sasl = { mechanism: 'plain', ...user } as const;
    const sink = open(kafka.secured, { topic: 'forbidden', tls: tlsOf(certificates), sasl });
    expect(await refusal(sink, makeItems(1))).toMatchObject({
      kind: 'denied',
      message: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED') as string,
      hint: expect.stringContaining('Write') as string,
    });
    const { items } = await sink.check(signal);
    expect(items.find(({ name }) => name === 'topic')).toMatchObject({ outcome: 'fail' });
  });

  it('holds with a certificate that it does not trust, and with none where one is needed', async () => {
    const sasl = { mechanism: 'plain', ...user } as const;
    const foreign = { ca_file: certificates.foreignCaFile };
    expect(await refusal(open(kafka.secured, { tls: foreign, sasl }), makeItems(1))).toMatchObject({
      kind: 'denied',
      message: expect.stringContaining('TLS was refused') as string,
    });
    const plain = open(kafka.secured, { sasl });
    expect(await refusal(plain, makeItems(1))).toMatchObject({
      kind: 'denied',
      hint: expect.stringContaining('tls: {}') as string,
    });
    const pinned = { fingerprint: 'ab'.repeat(32) };
    expect(await refusal(open(kafka.secured, { tls: pinned, sasl }), makeItems(1))).toMatchObject({
      kind: 'denied',
      message: expect.stringContaining('not the pinned one') as string,
    });
    const unexpected = open(kafka.brokers, { tls: tlsOf(certificates), sasl });
    expect((await refusal(unexpected, makeItems(1))).hint).toMatch(/port, tls and sasl/);
  });
});

/** A token as a test's server gives it: no signature, and the broker asks for none. */
function unsignedToken(): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  return `${part({ alg: 'none' })}.${part({ sub: WRITER.name, iat: now - 1, exp: now + 300, scope: 'kafka' })}.`;
}
