import { createHash } from 'node:crypto';

import { afterEach, describe, expect, it } from 'vitest';

import { Secret } from '../../src/model/secret.ts';
import { parseTime } from '../../src/model/time.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import { s3 as bare } from '../../src/sinks/s3.ts';
import { bucketUrl, validateS3 } from '../../src/sinks/s3/options.ts';
import type { S3Options } from '../../src/sinks/s3/options.ts';
import type { SinkContext } from '../../src/sinks/sink.ts';
import { testClock } from '../contract/clock.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { sinkContract } from '../contract/sink.ts';
import { openFaultFront } from '../fakes/faults.ts';
import { refuse, s3Fake } from '../fakes/s3.ts';

const s3 = guardSink(bare);
const KEY_ID = 'AKIDEXAMPLE';
const SECRET = 'wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY';

function optionsFor(url: URL, wishes: Partial<S3Options> = {}): S3Options {
  return {
    bucket: 'audit',
    prefix: 'cq/',
    region: 'eu-west-1',
    endpoint: url.href,
    encoding: 'ndjson_gzip',
    parquet: { compression: 'zstd', row_group_events: 100 },
    access_key_id: KEY_ID,
    secret_access_key: Secret.of(SECRET),
    if_none_match: true,
    request_timeout: 5000,
    ...wishes,
  };
}

async function openBench(wishes: Partial<S3Options> = {}, context?: SinkContext, clock = testClock()) {
  const fake = s3Fake('audit', KEY_ID);
  const front = await openFaultFront(fake.receive, { clock, applies: (method) => method === 'PUT' });
  const around = { name: 'lake', warn: () => undefined, clock, forwarderVersion: '1.2.3' };
  const open = () => s3.create(optionsFor(front.url, wishes), context ?? around);
  const sink = open();
  const close = async (): Promise<void> => {
    await sink.close();
    await front.close();
  };
  closers.push(close);
  return { fake, front, sink, clock, open, close };
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const { signal } = new AbortController();

for (const encoding of ['ndjson_gzip', 'ndjson_zstd'] as const) {
  sinkContract({
    name: encoding === 'ndjson_gzip' ? 's3' : 's3, zstd',
    neverRepeats: true,
    unsupported: {
      partial: 'an object is taken whole or not at all',
      poison: 'a store gives no verdict on events',
      too_large: 'events this alike are compressed to the size of one: see the test of its own',
    },
    open: async (context, clock) => {
      const { fake, front, sink, close } = await openBench({ encoding }, context, clock);
      return {
        sink,
        delivered: () => fake.lines().map((line) => (JSON.parse(line) as { event_id: string }).event_id),
        receivedBody: (id) => fake.lines().find((line) => line.includes(id)),
        arm: front.arm,
        echo: front.echo,
        heal: front.heal,
        hits: front.hits,
        secretTexts: [SECRET],
        close,
      };
    },
  });
}

const at = (day: string) => ({ createdAt: `${day}T10:00:00Z` });

describe('the s3 sink', () => {
  it('names objects by source, day and range of the journal', async () => {
    const { sink, fake } = await openBench({
      storage_class: 'STANDARD_IA',
      server_side_encryption: 'AES256',
    });
    const items = [
      makeItem(1, at('2026-01-02')),
      makeItem(2, at('2026-01-03')),
      makeItem(3, at('2026-01-02')),
    ];
    const { fates } = await sink.send({ items, attempt: 1 }, signal);
    expect(fates.map(({ outcome }) => outcome)).toEqual(['delivered', 'delivered', 'delivered']);
    expect([...fake.objects.keys()].map((key) => key.replace(/[0-9a-f]{16}\.nd/, 'HASH.nd'))).toEqual([
      'cq/source=platform/date=2026-01-02/auditferry-0000000000000001-0000000000000003-HASH.ndjson.gz',
      'cq/source=platform/date=2026-01-03/auditferry-0000000000000002-0000000000000002-HASH.ndjson.gz',
    ]);
    expect([...fake.headers.values()][0]).toMatchObject({
      'content-type': 'application/gzip',
      'if-none-match': '*',
      'x-amz-server-side-encryption': 'AES256',
      'x-amz-storage-class': 'STANDARD_IA',
    });
  });

  it('finds after a crash what it had put, however the batches are cut then', async () => {
    const { sink, fake, open } = await openBench();
    await sink.send({ items: makeItems(4), attempt: 1 }, signal);
    await sink.send({ items: makeItems(3, {}, 5), attempt: 1 }, signal);
    const again = open();
    const { fates } = await again.send({ items: makeItems(10), attempt: 1 }, signal);
    expect(fates.filter(({ outcome }) => outcome === 'duplicate')).toHaveLength(7);
    expect(fake.lines()).toHaveLength(10);
    await again.close();
  });

  it('takes other events under the same numbers for what they are: another journal', async () => {
    const { sink, fake, open } = await openBench();
    await sink.send({ items: makeItems(4), attempt: 1 }, signal);
    const again = open();
    const others = makeItems(4).map((item, index) =>
      makeItem(index + 1, { id: `other-${item.canonical.id}` }),
    );
    const { fates } = await again.send({ items: others, attempt: 1 }, signal);
    expect(fates.every(({ outcome }) => outcome === 'delivered')).toBe(true);
    expect(fake.lines()).toHaveLength(8);
    await again.close();
  });

  it('shows which events its objects hold, day by day, and repeats', async () => {
    const { sink, front, clock } = await openBench();
    const items = [
      makeItem(1, at('2026-01-02')),
      makeItem(2, at('2026-01-03')),
      makeItem(3, at('2026-01-04')),
    ];
    await sink.send({ items, attempt: 1 }, signal);
    await sink.send({ items: [makeItem(0, at('2026-01-02')), ...items.slice(0, 1)], attempt: 1 }, signal);
    const ids = [...items.map(({ canonical }) => canonical.id), 'nobody'];
    const day = (text: string): bigint => parseTime(`${text}T12:00:00Z`) ?? 0n;
    const within = { startNs: day('2026-01-02'), endNs: day('2026-01-03') };
    const held = await sink.holds?.(ids, signal, within);
    expect([...(held ?? [])]).toEqual([
      [ids[0], 2],
      [ids[1], 1],
    ]);
    const asked = () => front.requests.filter(({ method }) => method === 'GET').length;
    const before = asked();
    await sink.holds?.(ids.slice(0, 2), signal, within);
    expect(asked()).toBe(before);
    clock.advance(2000);
    expect([...((await sink.holds?.(ids, signal)) ?? [])]).toHaveLength(3);
  });

  it.each([
    [403, 'AccessDenied', 'denied', /s3:PutObject/],
    [403, 'RequestTimeTooSkewed', 'denied', /clock/],
    [403, 'SignatureDoesNotMatch', 'denied', /secret_access_key/],
    [400, 'ExpiredToken', 'denied', /expired/],
    [400, 'RequestTimeout', 'transient', /^$/],
    [404, 'NoSuchBucket', 'denied', /bucket/],
    [301, 'PermanentRedirect', 'denied', /region/],
    [409, 'ConditionalRequestConflict', 'transient', /^$/],
    [501, 'NotImplemented', 'denied', /if_none_match/],
    [503, 'SlowDown', 'transient', /^$/],
    [400, 'InvalidArgument', 'denied', /^$/],
  ])('takes %i %s as %s, and never for a fault of an event', async (status, code, kind, hint) => {
    const { sink, fake } = await openBench();
    fake.refusal = refuse(status, code);
    const error = await sink
      .send({ items: makeItems(3), attempt: 1 }, signal)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind, message: expect.stringContaining(code) as string });
    expect((error as { hint?: string }).hint ?? '').toMatch(hint);
  });

  it('does not ask a store for ever that shows the same names each time', async () => {
    const { sink, fake } = await openBench();
    const body =
      '<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>';
    fake.refusal = { status: 200, body };
    await expect(sink.holds?.(['a'], signal)).rejects.toThrow(/lists the same names again/);
  });

  it('cuts what is too large, and remembers the size', async () => {
    const { sink, fake, front } = await openBench();
    fake.maxBytes = 9000;
    const noise = (number: number): string => createHash('sha512').update(`${number}`).digest('hex');
    const items = makeItems(64).map((_, index) =>
      makeItem(index, { details: Array.from({ length: 8 }, (__, part) => noise(index * 8 + part)) }),
    );
    const { fates } = await sink.send({ items, attempt: 1 }, signal);
    expect(fates.every(({ outcome }) => outcome === 'delivered')).toBe(true);
    expect(fake.lines()).toHaveLength(64);
    const before = front.requests.length;
    await sink.send({ items: makeItems(64, { padding: 1000 }, 100), attempt: 1 }, signal);
    expect(front.requests.slice(before).filter(({ method }) => method === 'PUT').length).toBeGreaterThan(1);
    fake.maxBytes = 100;
    const alone = await sink.send({ items: makeItems(1, {}, 900), attempt: 1 }, signal);
    expect(alone.fates).toMatchObject([
      { outcome: 'rejected', reason: expect.stringMatching(/413/) as string },
    ]);
  });

  it('goes back to the key before when the new one is refused with a code of S3', async () => {
    let now = 'old-secret-key-1';
    const secret = new Secret(() => now);
    const { sink, fake, front } = await openBench({ secret_access_key: secret });
    now = 'new-secret-key-2';
    fake.refusal = refuse(400, 'ExpiredToken');
    await sink.send({ items: makeItems(1), attempt: 1 }, signal).catch(() => undefined);
    expect(front.requests.length).toBeGreaterThan(1);
  });

  it('says what a bucket can do, and leaves one empty object there', async () => {
    const { sink, fake, open } = await openBench();
    expect((await sink.check(signal)).items.map(({ outcome }) => outcome)).toEqual(['ok', 'ok']);
    expect([...fake.objects.keys()]).toEqual(['cq/auditferry-check']);
    fake.ignoresConditions = true;
    fake.mayList = false;
    const items = (await open().check(signal)).items;
    expect(items).toMatchObject([
      { name: 'writes', outcome: 'warn', finding: expect.stringMatching(/ignores If-None-Match/) as string },
      { name: 'lists', outcome: 'fail' },
    ]);
  });

  it.each<[string, Partial<S3Options>, string]>([
    ['a host of its own', { region: 'eu-west-1' }, 'https://audit.s3.eu-west-1.amazonaws.com/'],
    [
      'the path for a name with a dot',
      { bucket: 'audit.acme' },
      'https://s3.us-east-1.amazonaws.com/audit.acme/',
    ],
    ['the path of another store', { endpoint: 'http://minio:9000' }, 'http://minio:9000/audit/'],
    [
      'a host of another store',
      { endpoint: 'https://r2.example', path_style: false },
      'https://audit.r2.example/',
    ],
  ])('reaches the bucket by %s', (_, wishes, wanted) => {
    const { endpoint: _endpoint, ...options } = optionsFor(new URL('http://x'), { region: 'us-east-1' });
    expect(bucketUrl({ ...options, ...wishes }).href).toBe(wanted);
    expect(validateS3({ ...options, ...wishes })).toEqual([]);
  });
});
