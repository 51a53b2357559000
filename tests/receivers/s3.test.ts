import { gunzipSync, zstdDecompressSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Secret } from '../../src/model/secret.ts';
import { makeItems } from '../contract/items.ts';
import { startMoto } from './moto.ts';
import { available } from './receivers.ts';
import type { S3Server } from './s3-server.ts';
import { deliver, hostile, idsOf, openS3, refusal } from './sinks.ts';
import { startVersitygw } from './versitygw.ts';

const { signal } = new AbortController();
const MANY = 3000;
const SERVERS = { moto: startMoto, versitygw: startVersitygw } as const;

for (const name of ['moto', 'versitygw'] as const) {
  describe.runIf(available(name))(`an S3 server: ${name}`, () => {
    let server: S3Server;
    beforeAll(async () => {
      server = await SERVERS[name]();
    });
    afterAll(() => server.stop());

    it.each(['ndjson_gzip', 'ndjson_zstd'] as const)(
      'keeps hostile events as they were sent: %s',
      async (encoding) => {
        const sink = openS3(server.url, { encoding, prefix: `${encoding}/it's (one)=!*/` });
        const items = hostile(9000);
        await deliver(sink, items);
        const names = await server.names(encoding);
        expect(names).toHaveLength(1);
        const bytes = await server.read(names[0] ?? '');
        const text = (encoding === 'ndjson_zstd' ? zstdDecompressSync(bytes) : gunzipSync(bytes)).toString(
          'utf8',
        );
        expect(text.slice(0, -1).split('\n')).toEqual(items.map(({ body }) => body.toWellFormed()));
        await sink.close();
      },
    );

    it(`takes ${MANY} events once, again after a restart, and shows each`, async () => {
      const items = makeItems(MANY, { padding: 400 });
      const prefix = 'many/{source}/{year}/{month}/{day}/';
      const sink = openS3(server.url, { prefix });
      for (let first = 0; first < MANY; first += 500) await deliver(sink, items.slice(first, first + 500));
      await sink.close();
      const again = openS3(server.url, { prefix });
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
      const sink = openS3(server.url, { prefix: 'check/' });
      expect((await sink.check(signal)).items.map(({ outcome }) => outcome)).toEqual(['ok', 'ok']);
      await sink.close();
      const lost = openS3(server.url, { bucket: 'nosuch' });
      expect(await refusal(lost, makeItems(1))).toMatchObject({
        kind: 'denied',
        message: expect.stringContaining('NoSuchBucket') as string,
      });
      await lost.close();
    });
  });
}

// moto looks at no signature.
describe.runIf(available('versitygw'))('an S3 server that checks signatures', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startVersitygw();
  });
  afterAll(() => server.stop());

  it.each([
    [
      'a wrong secret',
      { secret_access_key: Secret.of('not-the-secret-of-this-key') },
      'SignatureDoesNotMatch',
    ],
    ['an unknown key', { access_key_id: 'AKIDOTHER' }, 'XAdminUserNotFound'],
    ['another region', { region: 'eu-west-1' }, 'AuthorizationHeaderMalformed'],
  ])('%s holds, with a hint, in check and in a batch', async (_what, wishes, code) => {
    const sink = openS3(server.url, wishes);
    const error = await refusal(sink, makeItems(2));
    expect(error.message).toContain(code);
    expect(error.kind).toBe('denied');
    expect(error.hint).toMatch(/^check /);
    const { items } = await sink.check(signal);
    expect(items).toMatchObject([
      { outcome: 'fail', finding: expect.stringContaining(code) as string },
      { outcome: 'fail' },
    ]);
    expect(JSON.stringify([items, error.message])).not.toContain('not-the-secret');
    await sink.close();
  });
});
