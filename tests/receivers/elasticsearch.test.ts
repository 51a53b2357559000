import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Secret } from '../../src/model/secret.ts';
import type { Item } from '../../src/sinks/sink.ts';
import { makeItem, makeItems } from '../contract/items.ts';
import { ELASTICSEARCH_PRIVILEGES } from '../sinks/elastic/content-files.ts';
import { makeCertificates } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { available } from './receivers.ts';
import { startElasticsearch, startOpenSearch, WRITER_NAME } from './search-receivers.ts';
import type { SearchReceiver, StoredDocument } from './search-receivers.ts';
import { deliver, hostile, idsOf, openElasticsearch, refusal, tlsOf, parseWellFormed } from './sinks.ts';

/** The role that operators are given, without one of its privileges each, for the indices of these tests. */
const ROLES = Object.fromEntries(
  ['nothing', ...ELASTICSEARCH_PRIVILEGES].map((privilege) => [
    roleWithout(privilege),
    {
      cluster: ['monitor'],
      indices: [
        {
          names: ['audit-*'],
          privileges: ELASTICSEARCH_PRIVILEGES.filter((each) => each !== privilege),
        },
      ],
    },
  ]),
);

function roleWithout(privilege: string): string {
  return `without-${privilege}`;
}

const MANY = 3000;
const signal = () => new AbortController().signal;

/** Strings as sent (halves of a character as U+FFFD), and every digit of every number. */
function expectUnharmed(document: StoredDocument | undefined, item: Item): void {
  const { '@timestamp': time, ...rest } = JSON.parse(document?.source ?? '{}') as Record<string, unknown>;
  expect(rest).toEqual(parseWellFormed(item.body));
  expect(String(time)).toContain(item.canonical.createdAt.slice(0, 19));
  const digits = /"number":([-+.0-9eE]+)/;
  expect(digits.exec(document?.source ?? '')?.[1]).toBe(digits.exec(item.body)?.[1]);
}

/** Every event is a document under its id, or a dead letter, and nothing else is there. */
async function expectSettled(
  receiver: SearchReceiver,
  index: string,
  items: readonly Item[],
  deadIds: readonly string[],
): Promise<void> {
  const documents = await receiver.documents(index);
  const taken = items.filter((item) => !deadIds.includes(item.canonical.id));
  expect(documents.map((document) => document.id).toSorted()).toEqual(idsOf(taken).toSorted());
  const byId = new Map(documents.map((document) => [document.id, document]));
  for (const item of taken) expectUnharmed(byId.get(item.canonical.id), item);
}

describe.runIf(available('opensearch'))('OpenSearch', () => {
  let receiver: SearchReceiver;
  beforeAll(async () => {
    receiver = await startOpenSearch();
  });
  afterAll(() => receiver.stop());

  it('takes hostile events once into a data stream', async () => {
    const stream = 'logs-cloudquery.audit-hostile';
    await receiver.call('PUT', '/_index_template/hostile', {
      index_patterns: [stream],
      data_stream: {},
      priority: 500,
      template: { mappings: { dynamic: false } },
    });
    const sink = openElasticsearch(receiver.url, { data_stream: stream });
    const items = hostile(9000);
    const delivery = await deliver(sink, items);
    const again = await deliver(sink, items);
    const held = await sink.holds?.(idsOf(items), signal());
    await sink.close();
    const dead = delivery.deadLetters.map((one) => one.id);
    await expectSettled(receiver, stream, items, dead);
    expect(again.duplicates).toBe(items.length - dead.length);
    expect(held?.size).toBe(items.length - dead.length);
    expect([...(held?.values() ?? [])].every((count) => count === 1)).toBe(true);
    // Only a number that no double holds may be refused.
    expect(dead.every((id) => items.find((item) => item.canonical.id === id)?.body.includes('1e400'))).toBe(
      true,
    );
  });

  it('installs its templates where the server has no index state management', async () => {
    const stream = 'logs-cloudquery.audit-installed';
    const sink = openElasticsearch(receiver.url, { data_stream: stream, install: true });
    const items = hostile(9000);
    const delivery = await deliver(sink, items);
    await sink.close();
    const dead = delivery.deadLetters.map((one) => one.id);
    await expectSettled(receiver, stream, items, dead);
    expect((await receiver.call('GET', `/_data_stream/${stream}`)).text).toContain('auditferry');
  });

  it('takes hostile events once into a plain index', async () => {
    const sink = openElasticsearch(receiver.url, { index: 'audit-plain' });
    const items = hostile(9000);
    const delivery = await deliver(sink, items);
    await sink.close();
    await expectSettled(
      receiver,
      'audit-plain',
      items,
      delivery.deadLetters.map((one) => one.id),
    );
    for (const { reason } of delivery.deadLetters) expect(reason).toMatch(/mapper|parse|range|number/i);
  });

  it('splits what the server answers with 413, and stores everything once', async () => {
    const sink = openElasticsearch(receiver.url, { index: 'audit-large', compress: 'none' });
    const items = makeItems(600, { padding: 10_000 });
    const delivery = await deliver(sink, items);
    await sink.close();
    expect(delivery.deadLetters).toEqual([]);
    expect((await receiver.documents('audit-large')).length).toBe(items.length);
  });

  it(`takes ${MANY} events into indices named by the month`, async () => {
    const sink = openElasticsearch(receiver.url, { index: 'audit-{yyyy.MM}' });
    const items = [
      ...makeItems(MANY - 1),
      makeItem(MANY, { createdAt: '2026-02-01T00:00:00Z', padding: 10 }),
    ];
    for (let first = 0; first < MANY; first += 1000) await deliver(sink, items.slice(first, first + 1000));
    await sink.close();
    const documents = await receiver.documents('audit-2026.*');
    expect(documents.map((document) => document.id).toSorted()).toEqual(idsOf(items).toSorted());
    expect([...new Set(documents.map((one) => one.index))].toSorted()).toEqual([
      'audit-2026.01',
      'audit-2026.02',
    ]);
  });

  it('isolates a document that the mapping refuses', async () => {
    await receiver.call('PUT', '/audit-strict', {
      mappings: { properties: { details: { properties: { count: { type: 'integer' } } } } },
    });
    const sink = openElasticsearch(receiver.url, { index: 'audit-strict' });
    const good = makeItems(20, { details: { count: 1 } });
    const poison = makeItem(500, { details: { count: 'not a number' } });
    const delivery = await deliver(sink, [...good.slice(0, 10), poison, ...good.slice(10)]);
    await sink.close();
    expect(delivery.deadLetters.map((one) => one.id)).toEqual([poison.canonical.id]);
    expect((await receiver.documents('audit-strict')).length).toBe(good.length);
  });

  it('checks as usable', async () => {
    const sink = openElasticsearch(receiver.url, { index: 'audit-plain' });
    const report = await sink.check(signal());
    await sink.close();
    expect(report.items.filter((item) => item.outcome === 'fail')).toEqual([]);
  });
});

describe.runIf(available('elasticsearch'))('Elasticsearch', () => {
  let certificates: Certificates;
  let receiver: SearchReceiver;
  beforeAll(async () => {
    certificates = makeCertificates();
    receiver = await startElasticsearch(certificates, ROLES);
  });
  afterAll(async () => {
    await receiver.stop();
    certificates.remove();
  });

  // This build of the server has no front page to ask for its version, and no data streams.
  const credentials = () => ({
    flavour: 'elasticsearch' as const,
    username: WRITER_NAME,
    password: Secret.of(receiver.password),
    tls: tlsOf(certificates),
  });

  it('takes hostile events once over HTTPS', async () => {
    const sink = openElasticsearch(receiver.url, { ...credentials(), index: 'audit-hostile' });
    const items = hostile(9000);
    const delivery = await deliver(sink, items);
    const again = await deliver(sink, items);
    await sink.close();
    const dead = delivery.deadLetters.map((one) => one.id);
    await expectSettled(receiver, 'audit-hostile', items, dead);
    expect(again.duplicates).toBe(items.length - dead.length);
  });

  it(`takes ${MANY} events once`, async () => {
    const sink = openElasticsearch(receiver.url, { ...credentials(), index: 'audit-many' });
    const items = makeItems(MANY);
    for (let first = 0; first < MANY; first += 1000) await deliver(sink, items.slice(first, first + 1000));
    await sink.close();
    const documents = await receiver.documents('audit-many');
    expect(documents.map((document) => document.id).toSorted()).toEqual(idsOf(items).toSorted());
  });

  describe('the privileges of content/elastic/elasticsearch/role.json', () => {
    const openWithout = (privilege: string, index: string, warn?: (message: string) => void) =>
      openElasticsearch(receiver.url, { ...credentials(), username: roleWithout(privilege), index }, warn);
    const unrefreshed = async (index: string): Promise<void> => {
      const settings = { index: { refresh_interval: '-1' } };
      expect((await receiver.call('PUT', `/${index}`, { settings })).status).toBe(200);
    };

    it.each([
      ['create_doc', 'audit-plain', 'create_doc'],
      ['auto_configure', 'audit-unmade', 'auto_configure'],
    ])('need %s to write to %s, and the refusal names it', async (privilege, index, named) => {
      await receiver.call('PUT', '/audit-plain');
      const sink = openWithout(privilege, index);
      const error = await refusal(sink, makeItems(2));
      await sink.close();
      expect([error.kind, error.message]).toEqual(['denied', expect.stringContaining(named)]);
    });

    it('need read to verify and to see whose document is in the way', async () => {
      const warnings: string[] = [];
      const sink = openWithout('read', 'audit-unread', (message) => warnings.push(message));
      await deliver(sink, makeItems(1));
      await deliver(sink, makeItems(1));
      expect(warnings).toEqual([expect.stringMatching(/granted by the index privileges \[.*\bread\b/)]);
      await expect(sink.holds?.(idsOf(makeItems(1)), signal())).rejects.toThrow(/\bread\b/);
      await sink.close();
    });

    it.each([
      ['maintenance', 0],
      ['nothing', 2],
    ])('without %s show %i of the newest documents', async (privilege, seen) => {
      const index = `audit-newest-${privilege}`;
      await unrefreshed(index);
      const sink = openWithout(privilege, index);
      await deliver(sink, makeItems(2));
      expect((await sink.holds?.(idsOf(makeItems(2)), signal()))?.size).toBe(seen);
      await sink.close();
    });
  });

  it('holds on refused credentials, a missing privilege and an unknown authority', async () => {
    const refused = [
      { ...credentials(), index: 'audit-x', password: Secret.of('not the password') },
      {
        flavour: 'elasticsearch' as const,
        index: 'audit-x',
        api_key: Secret.of('bm8tc3VjaC1pZDpuby1zdWNoLWtleQ=='),
        tls: tlsOf(certificates),
      },
      { ...credentials(), index: 'somebody-elses' },
      { ...credentials(), index: 'audit-x', tls: { ca_file: certificates.foreignCaFile } },
    ];
    for (const options of refused) {
      const sink = openElasticsearch(receiver.url, options);
      const error = await refusal(sink, makeItems(3));
      expect(error.kind).toBe('denied');
      expect(`${error.message} ${error.hint ?? ''}`).not.toContain('not the password');
      await sink.close();
    }
  });
});
