import { afterEach, expect, it } from 'vitest';

import { buildParts } from '../../src/cli/build-parts.ts';
import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { wallClock } from '../../src/model/clock.ts';
import { silentLog } from '../../src/model/log.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { makeItem } from '../contract/items.ts';
import { openFaultFront } from '../fakes/faults.ts';

const { signal } = new AbortController();

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function open(keys: object): Promise<Sink> {
  const platform = { type: 'cloudquery', url: 'https://acme.example.com', api_key: '${KEY}' };
  const text = JSON.stringify({ sources: { platform }, sinks: { siem: keys } });
  const config = parseConfig(text, '/etc/name.yaml', { KEY: 'k' }, await loadParts());
  const parts = await buildParts(config, silentLog);
  closers.push(() => parts.close());
  const part = parts.sinks.get('siem');
  if (part === undefined) throw new Error('the sink was not built');
  return part.sink;
}

const entra = { tenant_id: 't', client_id: 'c', client_secret: 'the-client-secret' };
const plain = { compress: 'none' };
const template = { event: '{"at":{time_ms},"e":{event}}', request: '{"all":[{events}]}' };

/** Stands for a receiver that gives a token, tells nothing of itself, and refuses every event. */
const answer = (path: string) =>
  path.endsWith('/token')
    ? { status: 200, body: '{"token_type":"Bearer","access_token":"t-1","expires_in":3600}' }
    : { status: 400, headers: { 'content-type': 'application/json' }, body: '{"text":"no","code":6}' };

it.each<[string, (url: string) => object]>([
  ['http', (url) => ({ type: 'http', url, encoding: 'json_array', template, ...plain })],
  ['http, lines', (url) => ({ type: 'http', url, encoding: 'ndjson', ...plain })],
  ['otlp', (url) => ({ type: 'otlp', url, encoding: 'json', ...plain })],
  ['splunk_hec', (url) => ({ type: 'splunk_hec', url, token: 'the-hec-token', ack: 'off', ...plain })],
  [
    'sentinel',
    (url) => {
      const place = { endpoint: url, authority: url, rule_id: 'dcr-1', stream: 'Custom-A' };
      return { type: 'sentinel', ...place, ...entra, ...plain };
    },
  ],
])('what is kept of an event that %s sent stood in the request', async (_type, keys) => {
  const front = await openFaultFront(({ path }) => answer(path), { clock: wallClock, applies: () => false });
  closers.push(() => front.close());
  const sink = await open(keys(front.url.href.replace(/\/$/, '')));
  const item = makeItem(7, { padding: 300 });
  await sink.send({ items: [item], attempt: 1 }, signal).catch(() => undefined);
  const kept = sink.asSent?.(item) ?? '';
  expect(kept.length).toBeGreaterThan(300);
  expect(kept).toContain(item.canonical.id);
  expect(front.requests.map(({ body }) => body.toString()).join('\n')).toContain(kept);
  expect(kept).not.toMatch(/the-hec-token|the-client-secret|t-1"/);
});

it.each<[string, object]>([
  ['syslog', { type: 'syslog', address: 'tcp://127.0.0.1:9', max_message_bytes: 500 }],
  ['splunk_hec', { type: 'splunk_hec', url: 'https://127.0.0.1:9', token: 't', max_event_size: '1KiB' }],
  [
    'sentinel',
    { type: 'sentinel', endpoint: 'https://127.0.0.1:9', rule_id: 'dcr-1', stream: 'Custom-A', ...entra },
  ],
])('nothing is kept of an event that is too large for %s to be sent', async (_type, keys) => {
  const sink = await open(keys);
  const item = makeItem(7, { padding: 70_000 });
  expect(sink.asSent?.(item)).toBe(null);
});

it('a syslog message is kept with its header', async () => {
  const sink = await open({ type: 'syslog', address: 'tcp://127.0.0.1:9', rfc: 5424 });
  expect(sink.asSent?.(makeItem(7))).toMatch(/^<\d+>1 \d{4}-/);
});

it('a document is kept as Elasticsearch stores it', async () => {
  const sink = await open({ type: 'elasticsearch', url: 'http://127.0.0.1:9', data_stream: 'logs-a-b' });
  expect(sink.asSent?.(makeItem(7))).toMatch(/"@timestamp":"/);
});
