import { afterEach, describe, expect, it } from 'vitest';

import { Secret } from '../../src/model/secret.ts';
import { guardSink } from '../../src/sinks/credential-guard.ts';
import { httpSink } from '../../src/sinks/http.ts';
import { validateHttp } from '../../src/sinks/http/options.ts';
import type { HttpSinkOptions } from '../../src/sinks/http/options.ts';
import type { Item } from '../../src/sinks/sink.ts';
import { testClock } from '../contract/clock.ts';
import { HOSTILE_STRINGS, makeItem, makeItems } from '../contract/items.ts';
import { openFaultFront } from '../fakes/faults.ts';
import type { FakeAnswer } from '../fakes/faults.ts';

const { signal } = new AbortController();

function optionsFor(url: URL, wishes: Partial<HttpSinkOptions> = {}): HttpSinkOptions {
  return {
    url: new URL('/in', url).href,
    method: 'POST',
    encoding: 'ndjson',
    headers: {},
    signing_secrets: [],
    success: ['200-299'],
    html_is_success: false,
    isolate: true,
    compress: 'none',
    request_timeout: 5000,
    ...wishes,
  };
}

/** A receiver that answers as it is told, by the text of each request. */
async function openBench(
  wishes: Partial<HttpSinkOptions>,
  answer: (body: string) => FakeAnswer = () => ({ status: 200 }),
) {
  const clock = testClock();
  const front = await openFaultFront(({ body }) => answer(body.toString('utf8')), { clock });
  const context = { name: 'hook', warn: () => undefined, clock, forwarderVersion: '1.2.3' };
  const sink = guardSink(httpSink).create(optionsFor(front.url, wishes), context);
  closers.push(() => sink.close(), front.close);
  const send = (items: readonly Item[]) => sink.send({ items, attempt: 1 }, signal);
  return { sink, send, front, bodies: () => front.requests.map(({ body }) => body.toString('utf8')) };
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

describe('what stands around events', () => {
  it('fills every placeholder, and looks at nothing that it put in', async () => {
    const event =
      '[{event},{event_text},"{event_base64}",{id},{event_type},{instance},{message},{severity},{time},{time_s},{time_ms},"{time_ns}"]';
    const { send, bodies, front } = await openBench({
      encoding: 'json_array',
      template: { event, request: '{"logs":[{events}]}' },
    });
    const items = HOSTILE_STRINGS.map((text, index) =>
      makeItem(index, {
        id: `${text} {events} {id}`,
        body: JSON.stringify({ text: `${text.toWellFormed()} {id} {events}` }),
      }),
    );
    await send(items);
    const { logs } = JSON.parse(bodies()[0] ?? '') as { logs: unknown[][] };
    expect(logs).toHaveLength(items.length);
    for (const [index, item] of items.entries()) {
      expect(logs[index]).toEqual([
        JSON.parse(item.body),
        item.body,
        Buffer.from(item.body).toString('base64'),
        item.canonical.id,
        'user_login',
        'acme.mycloudquery.com',
        'User Login by ana.admin@acme.example from 203.0.113.7 (success)',
        'informational',
        item.canonical.createdAt,
        expect.closeTo(1767323045.123 + index / 1000, 2),
        1767323045123 + index,
        String(item.canonical.createdNs),
      ]);
    }
    expect(front.requests[0]?.headers['content-type']).toBe('application/json');
  });

  it('puts an event with its surroundings on a line, and a line of text into a string', async () => {
    const { send, bodies, front } = await openBench({ template: { event: '{"event":{event}}' } });
    await send([makeItem(1, { body: '{"a":1}' }), makeItem(2, { body: 'CEF:0|"x"', kind: 'text' })]);
    expect(bodies()).toEqual(['{"event":{"a":1}}\n{"event":"CEF:0|\\"x\\""}\n']);
    expect(front.requests[0]?.headers['content-type']).toBe('application/x-ndjson');
  });

  it.each<[string, Partial<HttpSinkOptions>, RegExp]>([
    ['template.event', { template: { event: '{"a":{evnt}}' } }, /does not know \{evnt\}; expected \{event\}/],
    ['template.event', { template: { event: '{"a":{id}}' } }, /no place for the event/],
    ['template.event', { template: { event: '{"a":"{event}"}' } }, /not JSON on one line/],
    ['template.event', { template: { event: '{"a":{event_base64}}' } }, /quotation marks/],
    ['template.event', { template: { event: '{"a":\n{event}}' } }, /not JSON on one line/],
    ['template.request', { template: { request: '{"a":[]}' } }, /no one place/],
    ['template.request', { template: { request: '[{events},{events}]' } }, /no one place/],
    ['template.request', { template: { request: '{"a":[{events}}' } }, /not JSON/],
  ])('%s is refused where it makes no JSON: %o', (path, wishes, words) => {
    expect(validateHttp(optionsFor(new URL('http://x'), wishes))).toEqual([
      { path, problem: expect.stringMatching(words) as string },
    ]);
  });

  it('counts what a template adds against the largest request', async () => {
    const wishes = { template: { event: '{"event":{event},"again":{event_text}}' }, max_request_size: 2000 };
    const { send, bodies } = await openBench(wishes);
    const { fates } = await send(makeItems(20, { padding: 100 }));
    expect(fates.every(({ outcome }) => outcome === 'delivered')).toBe(true);
    expect(bodies().length).toBeGreaterThan(3);
    expect(Math.max(...bodies().map((body) => Buffer.byteLength(body)))).toBeLessThanOrEqual(2000);
  });
});

describe('an answer that must say more than a status', () => {
  const bad = makeItem(3).canonical.id;
  const answer = (body: string): FakeAnswer => {
    const failed = body.includes(bad) ? 1 : 0;
    return { status: 200, body: JSON.stringify({ ingested: 4, failed, failures: ['no such field'] }) };
  };

  it('isolates what was not taken', async () => {
    const { send } = await openBench({ expect: { failed: 0 } }, answer);
    const { fates } = await send(makeItems(5));
    expect(fates.map(({ outcome }) => outcome)).toEqual([
      'delivered',
      'delivered',
      'rejected',
      'delivered',
      'delivered',
    ]);
    expect(fates[2]).toMatchObject({
      reason: expect.stringMatching(/^refused with 200, failed is not 0: .*no such field/) as string,
    });
  });

  it('holds instead with isolate: false', async () => {
    const { send } = await openBench({ expect: { failed: 0 }, isolate: false }, answer);
    await expect(send(makeItems(5))).rejects.toMatchObject({
      kind: 'denied',
      message: expect.stringMatching(/answered 200, but failed is not 0/) as string,
    });
  });

  it.each(['', 'ok', '[]', '{"failed":', 'null'])('does not believe %j', async (body) => {
    const { send } = await openBench({ expect: { failed: 0 } }, () => ({ status: 200, body }));
    await expect(send(makeItems(2))).rejects.toMatchObject({ kind: 'transient', ambiguous: true });
  });
});

describe('an address that is the credential', () => {
  it('is shown to the receiver alone', async () => {
    const secret = 'ZaVnC4dhaV1-path/secret==';
    const { sink, send, front } = await openBench({ path_secret: Secret.of(secret) }, () => ({
      status: 403,
      body: `no such collector: ${secret}`,
    }));
    const error = await send(makeItems(1)).catch((thrown: unknown) => thrown);
    expect(front.requests[0]?.path).toBe(`/in/${encodeURIComponent(secret)}`);
    expect(error).toMatchObject({ kind: 'denied' });
    expect(JSON.stringify(await sink.check(signal))).not.toContain('ZaVnC4dhaV1');
    expect(String(error)).not.toContain('ZaVnC4dhaV1');
    expect(front.requests.map(({ method }) => method)).toContain('HEAD');
  });
});
