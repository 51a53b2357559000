import { describe, expect, it } from 'vitest';

import { Secret } from '../../src/model/secret.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import { elasticsearch as bare } from '../../src/sinks/elasticsearch.ts';
import { validateElasticsearch } from '../../src/sinks/elastic/options.ts';
import type { GivenElasticsearchOptions } from '../../src/sinks/elastic/options.ts';
import { DEFAULT_DATA_STREAM } from '../../src/sinks/elastic/target.ts';
import { BODY_MARK, makeItem, makeItems } from '../contract/items.ts';
import { sinkContract } from '../contract/sink.ts';
import { fakeElasticsearch, MAPPING_TROUBLE, THROTTLED } from '../fakes/elasticsearch.ts';
import { openFaultFront } from '../fakes/faults.ts';
import type { FakeAnswer, FakeReceiver } from '../fakes/faults.ts';
import {
  bulks,
  failureOf,
  idsOf,
  never,
  onBench,
  openSink,
  outcomes,
  reasonOf,
  send,
} from './elastic/bench.ts';

const elasticsearch = guardSink(bare);

const API_KEY = 'dmVyeTptYXJrLTQ3MTEtYXBp';
const STREAM = DEFAULT_DATA_STREAM;

sinkContract({
  name: 'elasticsearch',
  neverRepeats: true,
  open: async (context, clock) => {
    const fake = fakeElasticsearch({ builtInTemplate: true, authorization: `ApiKey ${API_KEY}` });
    const front = await openFaultFront(fake.receive, {
      clock,
      applies: (_method, path) => path.endsWith('/_bulk'),
    });
    const sink = elasticsearch.create({ url: front.url.href, api_key: Secret.of(API_KEY) }, context);
    return {
      sink,
      delivered: () => fake.ids(),
      receivedBody: (id) => fake.source(id)?.replace(/^\{"@timestamp":"[^"]+",/, '{'),
      arm: front.arm,
      echo: front.echo,
      heal: front.heal,
      hits: front.hits,
      poison: (ids) => fake.trouble(ids, MAPPING_TROUBLE),
      postpone: (ids) => fake.trouble(ids, THROTTLED, true),
      secretTexts: [API_KEY, 'mark-4711-api'],
      close: async () => {
        await sink.close();
        await front.close();
      },
    };
  },
});

describe('elasticsearch: the request', () => {
  it('is the whole batch again at another try, although the memory of the first is given back', async () => {
    await onBench({}, async ({ sink, fake, front }) => {
      const made = makeItems(4, { padding: 400_000 });
      const items = made.map((one) => ({ ...one, utf8: Buffer.from(one.body) }));
      fake.trouble(idsOf(items).slice(2), THROTTLED, true);
      expect(outcomes(await send(sink, items))).toEqual(['delivered', 'delivered', 'retry', 'retry']);
      const left = items.slice(2);
      expect(outcomes(await send(sink, left, 2))).toEqual(['delivered', 'delivered']);
      expect(bulks(front)).toHaveLength(2);
      for (const { canonical, body } of items)
        expect(fake.source(canonical.id)?.replace(/^\{"@timestamp":"[^"]+",/, '{')).toBe(body);
    });
  });

  it('creates with the event id in the data stream, gzipped, and asks for what it needs to judge', async () => {
    await onBench({}, async ({ sink, fake, front }) => {
      const items = makeItems(3);
      expect(outcomes(await send(sink, items))).toEqual(['delivered', 'delivered', 'delivered']);
      const [request] = bulks(front);
      expect(request?.path).toBe(`/${STREAM}/_bulk`);
      expect(request?.headers['content-encoding']).toBe('gzip');
      expect(request?.query.get('require_data_stream')).toBe('true');
      expect(request?.query.get('include_source_on_error')).toBe('false');
      expect(request?.query.get('filter_path')).toContain('items.*.status');
      expect(fake.ids()).toEqual(idsOf(items));
    });
  });

  it('answers duplicate to what the stream holds already', async () => {
    await onBench({}, async ({ sink, fake }) => {
      const items = makeItems(2);
      await send(sink, items);
      expect(outcomes(await send(sink, [...items, makeItem(3)]))).toEqual([
        'duplicate',
        'duplicate',
        'delivered',
      ]);
      expect(fake.ids()).toHaveLength(3);
    });
  });

  it('leaves out the parameters that an older cluster does not know, and does not ask twice', async () => {
    await onBench({ cluster: { version: '8.10.4' } }, async ({ sink, fake, front }) => {
      await send(sink, makeItems(1));
      await send(sink, makeItems(1, {}, 2));
      expect(fake.ids()).toHaveLength(2);
      expect(bulks(front)).toHaveLength(3);
      expect(bulks(front)[2]?.query.has('require_data_stream')).toBe(false);
    });
  });

  it('writes into the index of the month of the event, where even a late resend is a duplicate', async () => {
    await onBench({ sink: { index: 'audit-{yyyy.MM}' } }, async ({ sink, fake }) => {
      const items = [
        makeItem(1, { createdAt: '2025-12-31T23:59:59.999Z' }),
        makeItem(2, { createdAt: '2026-01-01T00:00:00Z' }),
      ];
      await send(sink, items);
      expect([...fake.store.indices.keys()]).toEqual(['audit-2025.12', 'audit-2026.01']);
      expect(outcomes(await send(sink, items, 2))).toEqual(['duplicate', 'duplicate']);
      expect(await sink.holds?.(idsOf(items), never)).toEqual(new Map(idsOf(items).map((id) => [id, 1])));
    });
  });

  it('passes over a node that cannot be reached', async () => {
    await onBench({}, async ({ front, clock, fake }) => {
      const warnings: string[] = [];
      const sink = openSink('', { urls: ['http://127.0.0.1:1', front.url.href] }, clock, warnings);
      for (const number of [1, 2, 3])
        expect(outcomes(await send(sink, [makeItem(number)]))).toEqual(['delivered']);
      expect(fake.ids()).toHaveLength(3);
      await sink.close();
    });
  });

  it('turns id:key into an API key, and reads a changed one again', async () => {
    let key = 'wrong:key';
    const secret = new Secret(() => key);
    const authorization = `ApiKey ${Buffer.from('id:key').toString('base64')}`;
    await onBench({ cluster: { authorization }, sink: { api_key: secret } }, async ({ sink }) => {
      const error = await failureOf(send(sink, makeItems(1)));
      expect(error.kind).toBe('denied');
      key = 'id:key';
      expect(sink.credentialReplaced?.()).toBe(true);
      expect(outcomes(await send(sink, makeItems(1)))).toEqual(['delivered']);
    });
  });
});

describe('elasticsearch: other credentials', () => {
  it('signs every request for AWS, and sends the headers of the operator', async () => {
    const keys = { access_key_id: 'AKIDEXAMPLE', secret_access_key: Secret.of('aws-secret-4711') };
    const auth = { aws: { ...keys, region: 'eu-west-1', service: 'es' } };
    const headers = { 'X-Tenant': 'audit' };
    await onBench({ sink: { auth, headers } }, async ({ sink, front }) => {
      expect(outcomes(await send(sink, makeItems(3)))).toEqual(['delivered', 'delivered', 'delivered']);
      expect(front.requests.length).toBeGreaterThan(1);
      for (const request of front.requests) {
        expect(request.headers.authorization).toMatch(
          /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/es\/aws4_request, /,
        );
        expect(request.headers['x-tenant']).toBe('audit');
      }
    });
  });

  it('takes one kind of them, and headers that are not its own', () => {
    const url = 'http://es:9200';
    const auth = { oauth2: { token_url: 'https://', client_id: 'a', client_secret: Secret.of('b') } };
    const problems = validateElasticsearch({
      url,
      auth,
      headers: { Authorization: 'Basic x', 'X-Fine': 'y' },
    });
    expect(problems.map(({ path }) => path)).toEqual(['headers.Authorization', 'auth.oauth2.token_url']);
    expect(validateElasticsearch({ url, headers: { Authorization: 'Negotiate x' } })).toEqual([]);
  });
});

describe('elasticsearch: a key that may sign in but not write', () => {
  const old = `ApiKey ${Buffer.from('id:old').toString('base64')}`;

  it('gives way to the one before it where every document is refused', async () => {
    let key = 'id:old';
    const secret = new Secret(() => key);
    await onBench({ cluster: { writer: old }, sink: { api_key: secret } }, async ({ sink }) => {
      expect(outcomes(await send(sink, makeItems(3)))).toEqual(['delivered', 'delivered', 'delivered']);
      key = 'id:new';
      expect(outcomes(await send(sink, [makeItem(7), makeItem(8)]))).toEqual(['delivered', 'delivered']);
    });
  });

  it('holds the sink where there is no other', async () => {
    const secret = Secret.of('id:new');
    await onBench({ cluster: { writer: old }, sink: { api_key: secret } }, async ({ sink }) => {
      expect(await failureOf(send(sink, makeItems(2)))).toMatchObject({ kind: 'denied' });
    });
  });
});

describe('elasticsearch: the fate of each item', () => {
  it('rejects what the mapping refuses, with the type and the field but no value', async () => {
    await onBench({}, async ({ sink, fake }) => {
      const items = makeItems(3);
      fake.trouble([items[1]?.canonical.id ?? ''], MAPPING_TROUBLE);
      const receipt = await send(sink, items);
      expect(outcomes(receipt)).toEqual(['delivered', 'rejected', 'delivered']);
      expect(reasonOf(receipt.fates[1])).toContain('document_parsing_exception');
      expect(reasonOf(receipt.fates[1])).toContain('source.ip');
      expect(reasonOf(receipt.fates[1])).not.toContain(BODY_MARK);
    });
  });

  it('sends again only what was throttled, and slows down', async () => {
    await onBench({}, async ({ sink, fake }) => {
      const items = makeItems(3);
      fake.trouble([items[0]?.canonical.id ?? ''], THROTTLED, true);
      const receipt = await send(sink, items);
      expect(outcomes(receipt)).toEqual(['retry', 'delivered', 'delivered']);
      expect(receipt.slowDown).toBe(true);
    });
  });

  it('counts the failure store as taken, and says so', async () => {
    await onBench({ cluster: { failureStore: true } }, async ({ sink, fake }) => {
      const items = makeItems(2);
      fake.trouble([items[0]?.canonical.id ?? ''], MAPPING_TROUBLE);
      const receipt = await send(sink, items);
      expect(outcomes(receipt)).toEqual(['delivered', 'delivered']);
      expect(receipt.notice).toContain('1 documents went to the failure store');
      expect(fake.store.streams.get(STREAM)?.failures).toHaveLength(1);
    });
  });

  it('counts what an ingest pipeline dropped as taken, and says so', async () => {
    await onBench({}, async ({ sink, fake }) => {
      fake.trouble(idsOf(makeItems(1)), { status: 200, type: '', reason: '' });
      const receipt = await send(sink, makeItems(2));
      expect(outcomes(receipt)).toEqual(['delivered', 'delivered']);
      expect(receipt.notice).toContain('dropped by an ingest pipeline');
    });
  });

  const FAULTY = [
    {
      status: 400,
      type: 'illegal_argument_exception',
      reason: 'Limit of total fields [1000] has been exceeded',
    },
    {
      status: 400,
      type: 'illegal_argument_exception',
      reason: 'only write ops with an op_type of create are allowed in data streams',
    },
    { status: 400, type: 'index_closed_exception', reason: 'closed' },
    {
      status: 403,
      type: 'cluster_block_exception',
      reason: 'index [x] blocked by: [FORBIDDEN/8/index write (api)];',
    },
    {
      status: 403,
      type: 'security_exception',
      reason: 'action [indices:data/write/bulk[s]] is unauthorized',
    },
    { status: 404, type: 'index_not_found_exception', reason: 'no such index [x]' },
  ] as const;

  it.each(FAULTY)('holds for $type $status when no item got in', async (trouble) => {
    await onBench({}, async ({ sink, fake }) => {
      fake.trouble(idsOf(makeItems(2)), trouble);
      const error = await failureOf(send(sink, makeItems(2)));
      expect(error.kind).toBe('denied');
      expect(error.message).toContain(trouble.type);
    });
  });

  it('keeps what was created when the index refuses the rest', async () => {
    await onBench({}, async ({ sink, fake }) => {
      const items = makeItems(3);
      fake.trouble(idsOf(items.slice(1)), FAULTY[0]);
      expect(outcomes(await send(sink, items))).toEqual(['delivered', 'retry', 'retry']);
      expect((await failureOf(send(sink, items.slice(1)))).kind).toBe('denied');
    });
  });

  it('rejects an immense term and retries a missing shard', async () => {
    await onBench({}, async ({ sink, fake }) => {
      const items = makeItems(2);
      const immense =
        'Document contains at least one immense term in field="event.reason" (whose UTF8 encoding is longer than the max length 32766)';
      fake.trouble([items[0]?.canonical.id ?? ''], {
        status: 400,
        type: 'illegal_argument_exception',
        reason: immense,
      });
      fake.trouble(
        [items[1]?.canonical.id ?? ''],
        { status: 503, type: 'unavailable_shards_exception', reason: 'primary shard is not active' },
        true,
      );
      const receipt = await send(sink, items);
      expect(outcomes(receipt)).toEqual(['rejected', 'retry']);
      expect(reasonOf(receipt.fates[0])).toContain('event.reason');
    });
  });

  it('believes no answer with fewer items than were sent', async () => {
    const behind =
      (receive: FakeReceiver): FakeReceiver =>
      async (request) => {
        const answer = await receive(request);
        if (!request.path.endsWith('/_bulk')) return answer;
        const parsed = JSON.parse(String(answer.body ?? '')) as { items: unknown[] };
        return { ...answer, body: JSON.stringify({ ...parsed, items: parsed.items.slice(1) }) };
      };
    await onBench({ behind }, async ({ sink }) => {
      const error = await failureOf(send(sink, makeItems(3)));
      expect([error.kind, error.ambiguous]).toEqual(['transient', true]);
    });
  });
});

describe('elasticsearch: sizes and unreadable requests', () => {
  it('learns the limit behind a 413, splits, and rejects the one document that alone is too large', async () => {
    await onBench({ cluster: { maxBytes: 4000 } }, async ({ sink, fake, front }) => {
      const items = [...makeItems(20), makeItem(21, { padding: 5000 }), ...makeItems(3, {}, 30)];
      const receipt = await send(sink, items);
      expect(outcomes(receipt)).toEqual(items.map((_, place) => (place === 20 ? 'rejected' : 'delivered')));
      expect(reasonOf(receipt.fates[20])).toContain('413');
      expect(fake.ids()).toHaveLength(23);
      const before = front.requests.length;
      await send(sink, makeItems(20, {}, 100));
      const later = front.requests.slice(before).filter((request) => request.path.endsWith('/_bulk'));
      for (const request of later) expect(request.body.length).toBeLessThanOrEqual(4000);
    });
  });

  const refuse =
    (bad: (body: string) => boolean) =>
    (receive: FakeReceiver): FakeReceiver =>
    (request) =>
      request.path.endsWith('/_bulk') && bad(request.body.toString()) ? MALFORMED : receive(request);
  const MALFORMED: FakeAnswer = {
    status: 400,
    body: JSON.stringify({
      error: { type: 'illegal_argument_exception', reason: 'Malformed action/metadata line [5]' },
    }),
  };

  it('finds the one document that makes a request unreadable', async () => {
    const bad = makeItem(13);
    await onBench({ behind: refuse((body) => body.includes(bad.canonical.id)) }, async ({ sink, fake }) => {
      const items = makeItems(40);
      const receipt = await send(sink, items);
      expect(outcomes(receipt)).toEqual(items.map((_, place) => (place === 12 ? 'rejected' : 'delivered')));
      expect(fake.ids()).toHaveLength(39);
    });
  });

  it('holds after one look when every request is unreadable', async () => {
    await onBench({ behind: refuse(() => true) }, async ({ sink, front, fake }) => {
      expect((await failureOf(send(sink, makeItems(40)))).kind).toBe('denied');
      expect(bulks(front)).toHaveLength(3);
      expect(fake.ids()).toEqual([]);
    });
  });
});

describe('elasticsearch: resends and rollovers', () => {
  it('asks before a resend, so that a rollover in between makes no second copy', async () => {
    await onBench({ sink: { guard_after: 86_400_000 } }, async ({ sink, fake, front }) => {
      const items = makeItems(4);
      front.arm('reset_after_body');
      expect((await failureOf(send(sink, items.slice(0, 3)))).ambiguous).toBe(true);
      fake.rollOver(STREAM);
      expect(outcomes(await send(sink, items, 2))).toEqual([
        'duplicate',
        'duplicate',
        'duplicate',
        'delivered',
      ]);
      expect(fake.ids()).toHaveLength(4);
    });
  });

  it('asks about old events after a restart, and not about fresh ones', async () => {
    await onBench({ sink: { guard_after: 300_000 } }, async ({ sink, fake, clock, front }) => {
      await send(sink, makeItems(2));
      fake.rollOver(STREAM);
      const again = openSink(front.url.href, { guard_after: 300_000 }, clock, []);
      expect(outcomes(await send(again, makeItems(2)))).toEqual(['duplicate', 'duplicate']);
      const fresh = openSink(front.url.href, { guard_after: 86_400_000 }, clock, []);
      const before = front.requests.length;
      await send(fresh, makeItems(1, {}, 50));
      expect(front.requests.slice(before).map((request) => request.path)).not.toContain(`/${STREAM}/_search`);
      await Promise.all([again.close(), fresh.close()]);
    });
  });

  it('goes on, with one warning, when it may not ask', async () => {
    await onBench(
      { cluster: { privileges: ['create_doc', 'monitor'] } },
      async ({ sink, warnings, fake }) => {
        await send(sink, makeItems(2), 2);
        await send(sink, makeItems(2, {}, 10), 2);
        expect(fake.ids()).toHaveLength(4);
        expect(warnings.filter((line) => line.includes('read'))).toHaveLength(1);
      },
    );
  });

  it('counts copies for verify, and concludes nothing while a shard is missing', async () => {
    await onBench({}, async ({ sink, fake }) => {
      const items = makeItems(3);
      await send(sink, items);
      fake.rollOver(STREAM);
      const stream = fake.store.streams.get(STREAM);
      const [first] = idsOf(items);
      stream?.indices.at(-1)?.documents.set(first ?? '', { id: first ?? '', source: '{}', visible: true });
      const held = await sink.holds?.([...idsOf(items), 'unknown'], never);
      expect(held).toEqual(new Map(idsOf(items).map((id, index) => [id, index === 0 ? 2 : 1])));
    });
    await onBench({ cluster: { shardMissing: true } }, async ({ sink }) => {
      expect((await failureOf(sink.holds?.(['a'], never) ?? Promise.resolve())).kind).toBe('transient');
    });
  });

  it('stores an id of more than 512 bytes under its hash, and finds it again', async () => {
    await onBench({}, async ({ sink }) => {
      const id = 'é'.repeat(300);
      const item = makeItem(1, { id });
      expect(outcomes(await send(sink, [item]))).toEqual(['delivered']);
      expect(await sink.holds?.([id], never)).toEqual(new Map([[id, 1]]));
    });
  });
});

describe('elasticsearch: configuration', () => {
  it.each<readonly [string, GivenElasticsearchOptions, string]>([
    ['a Cloud ID that is none', { cloud_id: 'x:y' }, 'cloud_id'],
    ['a password in the address', { url: 'http://user:pass@a' }, 'url'],
    ['a port that is none', { urls: ['http://a', 'http://b:99999'] }, 'urls.1'],
    ['an index name with a slash', { url: 'http://a', index: '../_security' }, 'index'],
    ['an index name in upper case', { url: 'http://a', index: 'Audit' }, 'index'],
    ['a pattern as a stream', { url: 'http://a', data_stream: 'logs-*' }, 'data_stream'],
  ])('refuses %s', (_title, options, path) => {
    const found = elasticsearch.validate?.(options);
    expect(found?.map((one) => one.path)).toEqual([path]);
    expect(JSON.stringify(found)).not.toContain('pass@');
  });
});
