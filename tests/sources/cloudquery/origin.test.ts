import { expect, it, test } from 'vitest';

import { ForwardError } from '../../../src/model/errors.ts';
import type { HttpResponse } from '../../../src/net/http.ts';
import { learnOrigin } from '../../../src/sources/cloudquery/origin.ts';
import type { SourceOrigin } from '../../../src/sources/source.ts';
import { scriptedClient } from '../../fakes/scripted-client.ts';
import { CLOUDQUERY } from '../../../src/sources/cloudquery/product.ts';

const quiet = new AbortController().signal;
const KNOWN: SourceOrigin = { product: CLOUDQUERY, instance: 'acme.example', apiVersion: 'v2' };
const spec = (parameters: unknown): unknown => ({ paths: { '/audit-logs': { get: { parameters } } } });
const answer = (body: unknown, status = 200): HttpResponse => ({
  status,
  headers: {},
  body: Buffer.from(JSON.stringify(body)),
});

function learn(
  openapi: HttpResponse | Error,
  info: HttpResponse | Error,
  api: 'auto' | 'v1' | 'v2' = 'auto',
): Promise<SourceOrigin> {
  const client = {
    ...scriptedClient([]),
    get: async (path: string): Promise<HttpResponse> => {
      const said = path === 'openapi.json' ? openapi : info;
      if (said instanceof Error) throw said;
      return said;
    },
  };
  return learnOrigin(client, api, KNOWN, quiet);
}

const silent = answer({}, 404);

test.each<[string, unknown, 'v1' | 'v2']>([
  ['a team parameter', spec([{ name: 'page' }, { name: 'team_name' }]), 'v1'],
  ['none', spec([{ name: 'page' }]), 'v2'],
  ['an odd list', spec(['team_name', null, 7]), 'v2'],
  ['no parameters', spec(undefined), 'v2'],
  ['no paths', {}, 'v2'],
  ['a list', [], 'v2'],
])('the API version follows the installation’s own document: %s', async (_name, document, apiVersion) => {
  expect((await learn(answer(document), silent)).apiVersion).toBe(apiVersion);
});

it('the configured version needs no document', async () => {
  expect((await learn(new TypeError('not to be asked'), silent, 'v1')).apiVersion).toBe('v1');
});

test.each<[string, unknown, object]>([
  ['both', { version: '1.5.0', tenant_id: 't-1' }, { platformVersion: '1.5.0', tenantId: 't-1' }],
  ['neither', { public_ips: [] }, {}],
  ['odd ones', { version: 7, tenant_id: '' }, {}],
  ['endless ones', { version: 'x'.repeat(129) }, {}],
])('version and tenant are taken where they are said: %s', async (_name, info, learned) => {
  expect(await learn(silent, answer(info))).toEqual({ ...KNOWN, ...learned });
});

it('what cannot be reached stays unknown; a fault of ours comes out', async () => {
  const down = new ForwardError('transient', 'down');
  expect(await learn(down, down)).toEqual(KNOWN);
  await expect(learn(silent, new TypeError('a bug'))).rejects.toThrow('a bug');
});
