import { describe, expect, it } from 'vitest';

import { DEFAULT_DATA_STREAM } from '../../../src/sinks/elastic/target.ts';
import { makeItems } from '../../contract/items.ts';
import { bulks, failureOf, never, onBench, openSink, outcomes, send } from './bench.ts';
import type { Bench } from './bench.ts';

const STREAM = DEFAULT_DATA_STREAM;

describe('elasticsearch: OpenSearch', () => {
  const cluster = { flavour: 'opensearch' } as const;

  it('is recognized, gets no unknown parameter, and the stream is made as one', async () => {
    await onBench({ cluster }, async ({ sink, fake, front }) => {
      expect(outcomes(await send(sink, makeItems(2)))).toEqual(['delivered', 'delivered']);
      expect([...(bulks(front)[0]?.query.keys() ?? [])]).toEqual(['filter_path']);
      expect([...fake.store.streams.keys()]).toEqual([STREAM]);
    });
  });

  it('never lets a missing template turn the stream into a plain index', async () => {
    await onBench({ cluster: { ...cluster, builtInTemplate: false } }, async ({ sink, fake }) => {
      expect((await failureOf(send(sink, makeItems(2)))).kind).toBe('denied');
      expect([...fake.store.indices.keys()]).toEqual([]);
    });
  });

  it('installs its own kind of templates', async () => {
    const wishes = {
      cluster: { ...cluster, builtInTemplate: false },
      sink: { install: { lifecycle: '90d' } },
    };
    await onBench(wishes, async ({ sink, fake }) => {
      await send(sink, makeItems(1));
      expect([...fake.stored.keys()]).toContain('/_plugins/_ism/policies/auditferry-logs-cloudquery.audit');
      expect(JSON.stringify([...fake.stored.values()])).toContain('flat_object');
      expect(JSON.stringify([...fake.stored.values()])).not.toContain('flattened');
    });
  });
});

describe('elasticsearch: what it installs', () => {
  const wishes = { cluster: { builtInTemplate: false }, sink: { install: { lifecycle: '365d' } } } as const;
  const TEMPLATE = '/_index_template/auditferry-logs-cloudquery.audit';

  it('puts templates and lifecycle there once, before the first event', async () => {
    await onBench(wishes, async ({ sink, fake, front, clock, warnings }) => {
      await send(sink, makeItems(1));
      expect([...fake.stored.keys()]).toEqual(['/_component_template/auditferry%40mappings', TEMPLATE]);
      expect(JSON.stringify(fake.stored.get(TEMPLATE))).toContain('"data_retention":"365d"');
      const again = openSink(front.url.href, wishes.sink, clock, warnings);
      await send(again, makeItems(1, {}, 2));
      await again.close();
      expect(front.requests.filter((request) => request.method === 'PUT')).toHaveLength(2);
      expect(warnings).toEqual([]);
    });
  });

  it('replaces its own older content, and leaves what an operator changed or made', async () => {
    await onBench(wishes, async ({ sink, fake, front, clock, warnings }) => {
      await send(sink, makeItems(1));
      const longer = openSink(front.url.href, { install: { lifecycle: '400d' } }, clock, warnings);
      await send(longer, makeItems(1, {}, 2));
      expect(JSON.stringify(fake.stored.get(TEMPLATE))).toContain('"data_retention":"400d"');
      const changed = { ...fake.stored.get(TEMPLATE), priority: 999 };
      fake.stored.set(TEMPLATE, changed);
      const again = openSink(front.url.href, wishes.sink, clock, warnings);
      await send(again, makeItems(1, {}, 3));
      expect(fake.stored.get(TEMPLATE)).toBe(changed);
      expect(warnings.join()).toContain('was changed after auditferry put it there');
      await Promise.all([longer.close(), again.close()]);
    });
  });

  it('uses an ILM policy where streams have no lifecycle of their own', async () => {
    await onBench(
      { ...wishes, cluster: { version: '8.13.0', builtInTemplate: false } },
      async ({ sink, fake }) => {
        await send(sink, makeItems(1));
        expect([...fake.stored.keys()]).toContain('/_ilm/policy/auditferry-logs-cloudquery.audit');
      },
    );
  });

  it('holds, with what to do, when it may not install', async () => {
    const cluster = { builtInTemplate: false, privileges: ['monitor', 'create_doc'] };
    await onBench({ ...wishes, cluster }, async ({ sink }) => {
      const error = await failureOf(send(sink, makeItems(1)));
      expect(error.kind).toBe('denied');
      expect(error.hint).toContain('manage_index_templates');
    });
  });
});

describe('elasticsearch: check', () => {
  const report = async (bench: Bench) => {
    const { items } = await bench.sink.check(never);
    return Object.fromEntries(items.map((item) => [item.name, item.outcome]));
  };

  it('names the product and finds the stream', async () => {
    await onBench({}, async (bench) => {
      await send(bench.sink, makeItems(1));
      const { items } = await bench.sink.check(never);
      expect(items[0]?.finding).toBe('Elasticsearch 9.1.2');
      expect(await report(bench)).toMatchObject({ reachable: 'ok', privileges: 'ok', target: 'ok' });
    });
  });

  it('fails on refused credentials, a missing privilege, a missing template and a missing pipeline', async () => {
    await onBench({ cluster: { authorization: 'ApiKey other' } }, async (bench) => {
      expect(await report(bench)).toEqual({ credentials: 'fail' });
    });
    const cluster = {
      builtInTemplate: false,
      privileges: ['monitor', 'view_index_metadata', 'manage_index_templates'],
    };
    await onBench({ cluster, sink: { pipeline: 'gone' } }, async (bench) => {
      const { items } = await bench.sink.check(never);
      expect(items.filter((item) => item.outcome === 'fail').map((item) => item.name)).toEqual([
        'privileges',
        'target',
        'pipeline',
      ]);
    });
  });

  it('warns about logsdb and refuses time_series', async () => {
    for (const [indexMode, outcome] of [
      ['logsdb', 'warn'],
      ['time_series', 'fail'],
    ] as const) {
      await onBench({ cluster: { indexMode } }, async (bench) => {
        await send(bench.sink, makeItems(1));
        expect(await report(bench)).toMatchObject({ 'index mode': outcome });
      });
    }
  });

  it('knows the product by its header when the credentials may not look', async () => {
    await onBench({ cluster: { privileges: ['create_doc'] } }, async ({ sink, fake, front }) => {
      await send(sink, makeItems(1));
      expect(fake.ids()).toHaveLength(1);
      expect(bulks(front)[0]?.query.get('require_data_stream')).toBe('true');
    });
  });
});
