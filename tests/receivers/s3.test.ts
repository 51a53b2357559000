import { gunzipSync, zstdDecompressSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { makeItems } from '../contract/items.ts';
import { SOME_SIGNATURE, startMoto } from './moto.ts';
import type { Moto } from './moto.ts';
import { available } from './receivers.ts';
import { deliver, hostile, idsOf, openS3, refusal } from './sinks.ts';

const { signal } = new AbortController();
const MANY = 3000;

describe.runIf(available('moto'))('an S3 server: moto', () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto('audit');
  });
  afterAll(() => moto.stop());

  it.each(['ndjson_gzip', 'ndjson_zstd'] as const)(
    'keeps hostile events as they were sent: %s',
    async (encoding) => {
      const sink = openS3(moto.url, { encoding, prefix: `${encoding}/it's (one)=!*/` });
      const items = hostile(9000);
      await deliver(sink, items);
      const names = await listed(moto.url, encoding);
      expect(names).toHaveLength(1);
      const path = names[0]?.split('/').map(encodeURIComponent).join('/');
      const answer = await fetch(`${moto.url}/audit/${path}`, { headers: { authorization: SOME_SIGNATURE } });
      const bytes = Buffer.from(await answer.arrayBuffer());
      const text = (encoding === 'ndjson_zstd' ? zstdDecompressSync(bytes) : gunzipSync(bytes)).toString(
        'utf8',
      );
      expect(text.slice(0, -1).split('\n')).toEqual(items.map(({ body }) => body.toWellFormed()));
      await sink.close();
    },
  );

  it(`takes ${MANY} events once, again after a restart, and shows each`, async () => {
    const items = makeItems(MANY, { padding: 400 });
    const sink = openS3(moto.url, { prefix: 'many/' });
    for (let first = 0; first < MANY; first += 500) await deliver(sink, items.slice(first, first + 500));
    await sink.close();
    const again = openS3(moto.url, { prefix: 'many/' });
    const delivery = await deliver(again, items.slice(0, 2000));
    expect(delivery.duplicates).toBe(2000);
    for (let first = 0; first < MANY; first += 1000) {
      const ids = idsOf(items.slice(first, first + 1000));
      const held = await again.holds?.(ids, signal);
      expect([...(held ?? [])]).toEqual(ids.map((id) => [id, 1]));
    }
    await again.close();
  });

  it('says what it can do, and what a wrong bucket is', async () => {
    const sink = openS3(moto.url, { prefix: 'check/' });
    expect((await sink.check(signal)).items.map(({ outcome }) => outcome)).toEqual(['ok', 'ok']);
    await sink.close();
    const lost = openS3(moto.url, { bucket: 'nosuch' });
    expect(await refusal(lost, makeItems(1))).toMatchObject({
      kind: 'denied',
      message: expect.stringContaining('NoSuchBucket') as string,
    });
    await lost.close();
  });
});

async function listed(url: string, prefix: string): Promise<readonly string[]> {
  const answer = await fetch(`${url}/audit?list-type=2&prefix=${prefix}`);
  return [...(await answer.text()).matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, name = '']) => name);
}
