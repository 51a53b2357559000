import { expect, it } from 'vitest';

import { createOriginOf } from '../../src/pipeline/origin.ts';
import type { OriginOf } from '../../src/pipeline/origin.ts';
import type { SourceOrigin } from '../../src/sources/source.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

const CONSTANTS = { forwarderVersion: '0.1.0', labels: { site: 'north' } };

function stage(constants = CONSTANTS as Parameters<typeof createOriginOf>[1]): {
  readonly originOf: OriginOf;
  readonly learn: (origin: SourceOrigin) => void;
} {
  let known: SourceOrigin = { product: CLOUDQUERY, instance: 'acme.example', apiVersion: 'v2' };
  const sources = new Map([['platform', { source: { origin: () => known } }]]);
  return { originOf: createOriginOf(sources, constants), learn: (origin) => (known = origin) };
}

it('is one object until the source knows more', () => {
  const { originOf, learn } = stage();
  const first = originOf('platform');
  expect(first).toEqual({ product: CLOUDQUERY, instance: 'acme.example', apiVersion: 'v2', ...CONSTANTS });
  expect(originOf('platform')).toBe(first);
  learn({ product: CLOUDQUERY, instance: 'acme.example', apiVersion: 'v1', platformVersion: '1.42.0' });
  expect(originOf('platform')).toMatchObject({ apiVersion: 'v1', platformVersion: '1.42.0' });
});

it('of a source that has left the configuration has its name', () => {
  expect(stage().originOf('gone')).toMatchObject({ product: CLOUDQUERY, instance: 'gone', apiVersion: 'v2' });
});

it('shows the installation as the operator calls it', () => {
  expect(stage({ ...CONSTANTS, instance: 'audit.acme' }).originOf('platform').instance).toBe('audit.acme');
});

it('holds no half of a character, whoever wrote it', () => {
  const { originOf, learn } = stage({
    forwarderVersion: '0',
    labels: { a: '\ud800z', ['__proto__']: 'kept' },
  });
  learn({
    product: CLOUDQUERY,
    instance: 'x',
    apiVersion: 'v2',
    platformVersion: '1\udc00',
    tenantId: 't\ud800',
  });
  const origin = originOf('platform');
  expect([origin.platformVersion, origin.tenantId]).toEqual(['1\ufffd', 't\ufffd']);
  expect(Object.entries(origin.labels)).toEqual([
    ['a', '\ufffdz'],
    ['__proto__', 'kept'],
  ]);
});
