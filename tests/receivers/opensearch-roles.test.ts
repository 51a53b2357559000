import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ecsFormat } from '../../src/formats/ecs.ts';
import { Secret } from '../../src/model/secret.ts';
import type { GivenElasticsearchOptions } from '../../src/sinks/elastic/options.ts';
import type { Item, Sink } from '../../src/sinks/sink.ts';
import { makeItem } from '../contract/items.ts';
import type { ItemWishes } from '../contract/items.ts';
import { OPENSEARCH_ACTIONS, OPENSEARCH_INSTALL, UNPROVEN_ACTIONS } from '../sinks/elastic/content-files.ts';
import { makeCertificates } from './certificates.ts';
import type { Certificates } from './certificates.ts';
import { until } from './processes.ts';
import { available } from './receivers.ts';
import { startSecuredOpenSearch } from './search-receivers.ts';
import type { SearchReceiver } from './search-receivers.ts';
import { openElasticsearch, refusal, tlsOf } from './sinks.ts';

interface Role {
  readonly cluster_permissions: readonly string[];
  readonly index_permissions: readonly [
    { readonly index_patterns: readonly string[]; readonly allowed_actions: readonly string[] },
  ];
}

/** The very files that operators put into their cluster. */
const roleFile = (name: string): Role =>
  JSON.parse(
    readFileSync(new URL(`../../content/elastic/opensearch/${name}`, import.meta.url), 'utf8'),
  ) as Role;

const WRITER = roleFile('role.json');
const INSTALLER = roleFile('role.install.json');
const PROVEN_INSTALL = OPENSEARCH_INSTALL.filter((action) => !UNPROVEN_ACTIONS.includes(action));

/** The role without one of its privileges. */
function without(role: Role, action: string): Role {
  const left = (actions: readonly string[]) => actions.filter((each) => each !== action);
  const [indices] = role.index_permissions;
  return {
    cluster_permissions: left(role.cluster_permissions),
    index_permissions: [{ ...indices, allowed_actions: left(indices.allowed_actions) }],
  };
}

/** Every user of these tests, with what it may. */
const USERS: ReadonlyMap<string, Role> = new Map([
  ['writer', WRITER],
  ['installer', INSTALLER],
  ...OPENSEARCH_ACTIONS.map((action, index) => [`writer-${index}`, without(WRITER, action)] as const),
  ...PROVEN_INSTALL.map((action, index) => [`installer-${index}`, without(INSTALLER, action)] as const),
]);

const signal = () => new AbortController().signal;
const ecs = ecsFormat.create({});

/** An event as the ecs format writes it; labels are the only fields that the installed mapping does not know beforehand. */
function itemOf(number: number, wishes: ItemWishes = {}): Item {
  const made = makeItem(number, wishes);
  return { ...made, body: ecs.render(made.canonical, { ...made.origin, labels: wishes.labels ?? {} }) };
}

describe.runIf(available('secured opensearch'))('the roles of content/elastic/opensearch', () => {
  let certificates: Certificates;
  let receiver: SearchReceiver;
  const password = randomBytes(24).toString('base64url');

  beforeAll(async () => {
    certificates = makeCertificates();
    receiver = await startSecuredOpenSearch(certificates);
    await makeUsers();
    const sink = open('installer', { install: true, data_stream: stream('first') });
    await sink.send({ items: [itemOf(1)], attempt: 1 }, signal());
    await sink.close();
    // A search finds only what was refreshed, and here nothing is by itself.
    await receiver.call('PUT', '/_index_template/unrefreshed', {
      index_patterns: ['logs-cloudquery.audit-unrefreshed*'],
      data_stream: {},
      priority: 500,
      composed_of: ['auditferry@mappings'],
      template: { settings: { refresh_interval: '-1' } },
    });
  });
  afterAll(async () => {
    await receiver.stop();
    certificates.remove();
  });

  async function makeUsers(): Promise<void> {
    const add = (values: readonly (readonly [string, unknown])[]) =>
      values.map(([name, value]) => ({ op: 'add', path: `/${name}`, value }));
    const names = [...USERS.keys()];
    const changes: readonly [string, unknown][] = [
      ['internalusers', add(names.map((name) => [name, { password }]))],
      ['roles', add([...USERS])],
      ['rolesmapping', add(names.map((name) => [name, { users: [name] }]))],
    ];
    for (const [kind, patch] of changes) {
      const answer = await receiver.call('PATCH', `/_plugins/_security/api/${kind}`, patch);
      expect([answer.status, answer.text.slice(0, 200)]).toEqual([200, expect.anything()]);
    }
    const sink = open('installer', { data_stream: stream('ready') });
    await until('the roles are in force', 10_000, async () => {
      const report = await sink.check(signal());
      return !report.items.some(({ finding }) => /401|403/.test(finding));
    });
    await sink.close();
  }

  const stream = (name: string): string => `logs-cloudquery.audit-${name}`;
  const warnings: string[] = [];
  function open(user: string, options: Partial<GivenElasticsearchOptions>): Sink {
    warnings.length = 0;
    const settings = { username: user, password: Secret.of(password), tls: tlsOf(certificates), ...options };
    return openElasticsearch(receiver.url, settings, (message) => warnings.push(message));
  }
  const writerWithout = (action: string): string => `writer-${OPENSEARCH_ACTIONS.indexOf(action)}`;

  async function fates(sink: Sink, items: readonly Item[], attempt = 1): Promise<readonly string[]> {
    return (await sink.send({ items, attempt }, signal())).fates.map((fate) => fate.outcome);
  }

  it('let the writer do everything that a sink does, and no more', async () => {
    const name = stream('unrefreshed-all');
    const sink = open('writer', { data_stream: name });
    const labelled = itemOf(2, { labels: { site: 'north' } });
    const other = itemOf(2, { createdAt: '2026-03-01T00:00:00Z' });
    expect(await fates(sink, [labelled])).toEqual(['delivered']);
    expect(await fates(sink, [labelled], 2)).toEqual(['duplicate']);
    expect(await fates(sink, [labelled, other])).toEqual(['duplicate', 'delivered']);
    expect((await sink.holds?.([labelled.canonical.id], signal()))?.size).toBe(1);
    expect(warnings).toEqual([]);
    await sink.close();
    const elsewhere = open('writer', { index: 'somebody-elses' });
    expect((await refusal(elsewhere, [itemOf(3)])).kind).toBe('denied');
    await elsewhere.close();
  });

  it.each([
    ['indices:data/write/bulk[s]', {}],
    ['indices:data/write/index', {}],
    ['indices:admin/mapping/put', { labels: { unheard: 'of' } }],
  ])('need %s to write, and the refusal names it', async (action, wishes) => {
    const sink = open(writerWithout(action), { data_stream: stream('first') });
    const error = await refusal(sink, [itemOf(10, wishes)]);
    await sink.close();
    expect([error.kind, error.message]).toEqual(['denied', expect.stringContaining(action)]);
  });

  it('need no mapping/put where the mapping knows every field', async () => {
    const sink = open(writerWithout('indices:admin/mapping/put'), { data_stream: stream('first') });
    expect(await fates(sink, [itemOf(11)])).toEqual(['delivered']);
    await sink.close();
  });

  it('need data_stream/create to make the stream', async () => {
    const action = 'indices:admin/data_stream/create';
    const sink = open(writerWithout(action), { data_stream: stream('unmade') });
    const error = await refusal(sink, [itemOf(12)]);
    await sink.close();
    expect([error.kind, error.message]).toEqual(['denied', expect.stringContaining(action)]);
  });

  it('need data_stream/get to see whether there is one', async () => {
    const action = 'indices:admin/data_stream/get';
    const sink = open(writerWithout(action), { data_stream: stream('first') });
    expect(await fates(sink, [itemOf(13)])).toEqual(['delivered']);
    expect(warnings).toEqual([expect.stringContaining(action)]);
    expect((await sink.check(signal())).items).toContainEqual(
      expect.objectContaining({ name: 'target', outcome: 'warn', hint: `give ${action}` }),
    );
    await sink.close();
  });

  it('need search for the guard and for verify', async () => {
    const action = 'indices:data/read/search';
    const sink = open(writerWithout(action), { data_stream: stream('first') });
    expect(await fates(sink, [itemOf(14)], 2)).toEqual(['delivered']);
    expect(warnings).toEqual([expect.stringContaining(action)]);
    await expect(sink.holds?.([itemOf(14).canonical.id], signal())).rejects.toThrow(action);
    await sink.close();
  });

  it('need mget to tell another event from a repeat', async () => {
    const action = 'indices:data/read/mget[shard]';
    const sink = open(writerWithout(action), { data_stream: stream('first') });
    expect(await fates(sink, [itemOf(15)])).toEqual(['delivered']);
    expect(await fates(sink, [itemOf(15, { createdAt: '2026-03-01T00:00:00Z' })])).toEqual(['duplicate']);
    expect(warnings).toEqual([expect.stringContaining(action)]);
    await sink.close();
  });

  it.each(['indices:admin/refresh', 'indices:admin/refresh[s]'])(
    'need %s to see the newest documents',
    async (action) => {
      const name = stream(`unrefreshed-${OPENSEARCH_ACTIONS.indexOf(action)}`);
      const item = itemOf(16);
      const sink = open(writerWithout(action), { data_stream: name });
      expect(await fates(sink, [item])).toEqual(['delivered']);
      expect((await sink.holds?.([item.canonical.id], signal()))?.size).toBe(0);
      await sink.close();
    },
  );

  it.each(PROVEN_INSTALL)('need %s to install, and the refusal names it', async (action) => {
    for (const path of [
      '/_data_stream/logs-cloudquery.audit-*',
      '/_index_template/*',
      '/_component_template/auditferry@mappings',
      '/_ingest/pipeline/auditferry-enrich',
    ])
      await receiver.call('DELETE', path);
    const options = { install: true, pipeline: 'auditferry-enrich', data_stream: stream('installed') };
    const sink = open(`installer-${PROVEN_INSTALL.indexOf(action)}`, options);
    const error = await refusal(sink, [itemOf(20)]);
    await sink.close();
    expect([error.kind, error.message]).toEqual(['denied', expect.stringContaining(action)]);
    // With the privilege it goes on to what this build lacks: the processors of a pipeline.
    const allowed = open('installer', options);
    expect((await refusal(allowed, [itemOf(20)])).message).toContain('No processor type exists');
    await allowed.close();
  });

  it('suffice to install and to write', async () => {
    const sink = open('installer', { install: true, data_stream: stream('installed') });
    expect(await fates(sink, [itemOf(21)])).toEqual(['delivered']);
    expect(warnings).toEqual([expect.stringContaining('no such feature')]);
    await sink.close();
  });
});
