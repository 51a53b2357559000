import { describe, expect, it, test } from 'vitest';

import { formats } from '../../../src/formats/registry.ts';
import type { Format } from '../../../src/formats/format.ts';
import { isAnother, toldBy } from '../../../src/sinks/elastic/told.ts';
import type { Item } from '../../../src/sinks/sink.ts';
import { makeItem } from '../../contract/items.ts';
import type { ItemWishes } from '../../contract/items.ts';
import { failureOf, onBench, openSink, outcomes, send } from './bench.ts';

const STREAM = 'logs-cloudquery.audit-default';
const [raw, ecs, cim, ocsf] = ['raw', 'ecs', 'cim', 'ocsf'].map((name) => {
  const definition = formats.find((each) => each.name === name);
  if (definition === undefined) throw new Error(`no format ${name}`);
  return definition.create({});
}) as [Format, Format, Format, Format];

/** One event, as a format renders it, of the Platform at a host. */
function itemOf(format: Format, instance: string, wishes: ItemWishes = {}): Item {
  const made = makeItem(1, wishes);
  const origin = { ...made.origin, instance };
  return { ...made, origin, body: format.render(made.canonical, origin) };
}

const A = 'a.example';
const B = 'b.example';
const later: ItemWishes = { createdAt: '2026-02-02T03:04:05.125Z' };

describe('an id that another event has at the receiver', () => {
  test.each<[string, Format, Item, Item]>([
    ['ecs, another Platform', ecs, itemOf(ecs, A), itemOf(ecs, B)],
    ['cim, another Platform', cim, itemOf(cim, A), itemOf(cim, B)],
    ['ocsf, another Platform', ocsf, itemOf(ocsf, A), itemOf(ocsf, B)],
    ['ecs, another time', ecs, itemOf(ecs, A), itemOf(ecs, A, later)],
    ['ocsf, another time', ocsf, itemOf(ocsf, A), itemOf(ocsf, A, later)],
    ['raw, another time', raw, itemOf(raw, A), itemOf(raw, B, later)],
    ['raw, another type', raw, itemOf(raw, A), itemOf(raw, A, { eventType: 'sync' })],
  ])('costs neither of them its way: %s', async (_name, _format, one, other) => {
    for (const index of ['audit', undefined])
      await onBench({ sink: index === undefined ? {} : { index } }, async ({ sink, fake }) => {
        expect(outcomes(await send(sink, [one]))).toEqual(['delivered']);
        expect(outcomes(await send(sink, [other, one]))).toEqual(['delivered', 'duplicate']);
        expect(outcomes(await send(sink, [other, one]))).toEqual(['duplicate', 'duplicate']);
        const { id } = one.canonical;
        expect(fake.ids()[0]).toBe(id);
        expect(fake.ids()).toEqual([id, expect.stringMatching(new RegExp(`^${id}#[0-9a-f]{32}$`))]);
        expect(fake.source(id)).toContain(one.body.slice(1, 40));
      });
  });

  it('within one batch costs neither', async () => {
    await onBench({}, async ({ sink, fake }) => {
      const receipt = await send(sink, [itemOf(ecs, A), itemOf(ecs, B), itemOf(ecs, A)]);
      expect(outcomes(receipt)).toEqual(['delivered', 'delivered', 'duplicate']);
      expect(fake.ids()).toHaveLength(2);
    });
  });

  it('is taken for a repeat where OpenSearch refuses each document by itself, with one warning that names the privilege', async () => {
    const error = {
      type: 'security_exception',
      reason: 'no permissions for [indices:data/read/mget[shard]] and User [name=ana, backend_roles=[]]',
    };
    const behind: Parameters<typeof onBench>[0]['behind'] = (receive) => (request) =>
      request.path === '/_mget'
        ? { status: 200, body: JSON.stringify({ docs: [{ _index: 'x', _id: 'y', error }] }) }
        : receive(request);
    await onBench({ behind }, async ({ sink, warnings }) => {
      await send(sink, [itemOf(ecs, A)]);
      expect(outcomes(await send(sink, [itemOf(ecs, B)]))).toEqual(['duplicate']);
      expect(outcomes(await send(sink, [itemOf(ecs, B)]))).toEqual(['duplicate']);
      expect(warnings).toEqual([expect.stringContaining('(indices:data/read/mget[shard])')]);
    });
  });

  it('is not taken for a repeat by the rollover guard', async () => {
    await onBench({}, async ({ sink, fake }) => {
      await send(sink, [itemOf(ecs, A)]);
      fake.rollOver(STREAM);
      expect(outcomes(await send(sink, [itemOf(ecs, B), itemOf(ecs, A)], 2))).toEqual([
        'delivered',
        'duplicate',
      ]);
      expect(outcomes(await send(sink, [itemOf(ecs, B), itemOf(ecs, A)], 2))).toEqual([
        'duplicate',
        'duplicate',
      ]);
      expect(fake.ids()).toHaveLength(2);
    });
  });

  it('waits for a look that fails in passing', async () => {
    let busy = true;
    const behind: Parameters<typeof onBench>[0]['behind'] = (receive) => (request) =>
      busy && request.path === '/_mget' ? { status: 503, body: '{}' } : receive(request);
    await onBench({ behind }, async ({ sink, fake }) => {
      await send(sink, [itemOf(ecs, A)]);
      expect((await failureOf(send(sink, [itemOf(ecs, B)]))).kind).toBe('transient');
      expect(outcomes(await send(sink, [itemOf(ecs, B), makeItem(2)]))).toEqual(['retry', 'delivered']);
      busy = false;
      expect(outcomes(await send(sink, [itemOf(ecs, B), makeItem(2)]))).toEqual(['delivered', 'duplicate']);
      expect(fake.ids()).toHaveLength(3);
    });
  });

  it('cannot be told from a repeat without the privilege to read, which is said once', async () => {
    await onBench({ cluster: { privileges: ['create_doc', 'monitor'] } }, async ({ sink, warnings }) => {
      await send(sink, [itemOf(ecs, A)]);
      for (let round = 0; round < 3; round += 1)
        expect(outcomes(await send(sink, [itemOf(ecs, B)]))).toEqual(['duplicate']);
      expect(warnings.filter((line) => line.includes('may not look at documents'))).toHaveLength(1);
    });
  });

  it('costs one look, and only where something stood in the way', async () => {
    await onBench({ sink: { index: 'audit' } }, async ({ sink, front, clock }) => {
      const looks = () => front.requests.filter(({ path }) => path === '/_mget').length;
      await send(sink, [itemOf(ecs, A), itemOf(ecs, A, { id: 'other' })]);
      expect(looks()).toBe(0);
      const again = openSink(front.url.href, { index: 'audit' }, clock, []);
      await send(again, [itemOf(ecs, A), itemOf(ecs, A, { id: 'other' }), itemOf(ecs, A, { id: 'third' })]);
      expect(looks()).toBe(1);
      await again.close();
    });
  });
});

describe('what two documents tell', () => {
  const document = { '@timestamp': '2026-01-02T03:04:05.123456789Z', event_type: 'a', dvc: A };
  test.each<[string, object, boolean]>([
    ['nothing', {}, false],
    ['the same', document, false],
    ['the time to the millisecond', { ...document, '@timestamp': '2026-01-02T03:04:05.123Z' }, false],
    ['another time', { ...document, '@timestamp': '2026-01-02T03:04:05.124Z' }, true],
    ['a time that nobody can read', { ...document, '@timestamp': 'now' }, false],
    ['another type', { ...document, event_type: 'b' }, true],
    ['another Platform', { dvc: B }, true],
    ['something of another kind', { dvc: [B], event_type: 7 }, false],
  ])('%s', (_name, theirs, another) => {
    expect(isAnother(toldBy(document), toldBy(theirs))).toBe(another);
  });

  it('is their own time before that of a pipeline', () => {
    const ours = toldBy({ created_at: '2026-01-02T03:04:05Z', '@timestamp': '2026-01-02T03:04:05Z' });
    expect(
      isAnother(ours, toldBy({ created_at: '2026-01-02T03:04:05Z', '@timestamp': '2026-05-05T00:00:00Z' })),
    ).toBe(false);
  });
});
