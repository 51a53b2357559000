import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';

import { Secret } from '../../src/model/secret.ts';
import { httpSink } from '../../src/sinks/http.ts';
import { openLimitedClient } from '../../src/sinks/request-limit.ts';
import type { Limit } from '../../src/net/rate-limit.ts';
import { testClock } from '../contract/clock.ts';
import { makeItems } from '../contract/items.ts';
import { makeCertificate } from '../fakes/certificates.ts';
import { openFaultFront } from '../fakes/faults.ts';

it('counts each request of a batch that is taken apart, not the batch', async () => {
  const clock = testClock();
  const one = ({ body }: { readonly body: Buffer }): { status: number } => ({
    status: body.toString('utf8').trimEnd().includes('\n') ? 413 : 200,
  });
  const front = await openFaultFront(one, { clock });
  let passed = 0;
  const limit: Limit = (work) => {
    passed += 1;
    return work();
  };
  const options = {
    url: front.url.href,
    method: 'POST',
    encoding: 'ndjson',
    headers: {},
    bearer: Secret.of('token'),
    signing_secrets: [],
    success: ['200-299'],
    html_is_success: false,
    isolate: true,
    compress: 'none',
    request_timeout: 5000,
  } as const;
  const context = { name: 'hook', warn: () => undefined, clock, forwarderVersion: '0', limit };
  const sink = httpSink.create(options, context);
  const receipt = await sink.send({ items: makeItems(16), attempt: 1 }, new AbortController().signal);
  expect(receipt.fates.every(({ outcome }) => outcome === 'delivered')).toBe(true);
  expect(front.requests.length).toBeGreaterThan(16);
  expect(passed).toBe(front.requests.length);
  await sink.close();
  await front.close();
});

it('is how every sink gets its HTTP client', () => {
  const room = resolve(import.meta.dirname, '../../src/sinks');
  const files = readdirSync(room, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const open = files.filter((name) => readFileSync(join(room, name), 'utf8').includes('openHttpClient'));
  expect(open).toEqual(['request-limit.ts']);
});

const folder = mkdtempSync(join(tmpdir(), 'auditferry-limited-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('tells of certificates that were replaced, so that a hold may end', async () => {
  const file = join(folder, 'ca.pem');
  writeFileSync(file, makeCertificate({ name: 'before' }).cert);
  const asked: (() => boolean)[] = [];
  const client = openLimitedClient(
    { tls: { ca_file: file } },
    {
      name: 'hook',
      warn: () => undefined,
      clock: testClock(),
      forwarderVersion: '0',
      watchCredential: (changed) => void asked.push(changed),
    },
  );
  expect(asked.map((changed) => changed())).toEqual([false]);
  writeFileSync(file, makeCertificate({ name: 'after' }).cert);
  expect(asked.map((changed) => changed())).toEqual([true]);
  expect(asked.map((changed) => changed())).toEqual([false]);
  await client.close();
});
