import { gzip } from 'node:zlib';
import { promisify } from 'node:util';

import { Agent, request } from 'undici';

/**
 * The least that a forwarder can do: fetch four pages at a time, parse each once, write one envelope per event, compress lightly, post.
 * No journal, no canonical form, no proof. Every ratio of the benchmark is against this, in the same run.
 */
const [platform = '', receiver = '', posts = '1'] = process.argv.slice(2);
const compress = promisify(gzip);
const dispatcher = new Agent({ connections: 16, pipelining: 1 });
const PER_PAGE = 1000;
const LANES = 4;

interface Page {
  readonly items: readonly { readonly id: string; readonly created_at: string }[];
  readonly metadata: { readonly total_count: number };
}

async function page(number: number, perPage: number): Promise<Page> {
  const answer = await request(`${platform}/api/audit-logs?per_page=${perPage}&page=${number}`, {
    dispatcher,
  });
  return JSON.parse(await answer.body.text()) as Page;
}

async function post(body: Buffer): Promise<void> {
  const answer = await request(`${receiver}/services/collector/event`, {
    dispatcher,
    method: 'POST',
    headers: { authorization: 'Splunk token', 'content-encoding': 'gzip' },
    body,
  });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
}

const { metadata } = await page(1, 1);
const pages = Math.ceil(metadata.total_count / PER_PAGE);
let next = 1;
async function lane(): Promise<void> {
  while (next <= pages) {
    const { items } = await page(next++, PER_PAGE);
    const envelopes = items.map((event) =>
      JSON.stringify({
        time: Date.parse(event.created_at) / 1000,
        sourcetype: 'audit',
        event,
        fields: { event_id: event.id },
      }),
    );
    const body = await compress(Buffer.from(envelopes.join('\n')), { level: 1 });
    await Promise.all(Array.from({ length: Number(posts) }, () => post(body)));
  }
}
await Promise.all(Array.from({ length: LANES }, lane));
await dispatcher.close();
