import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { parseTime } from '../../src/model/time.ts';
import { makeCorpus } from './events.ts';

/**
 * A Platform whose answers are made beforehand, so that a benchmark measures its reader: GET /api/audit-logs by time and page,
 * oldest first, with totals. Runs as a process of its own; see startPeer.
 */
const { events, spanMs } = JSON.parse(process.argv[2] ?? '{}') as { events: number; spanMs: number };
const corpus = makeCorpus(events, Date.now() - 60_000, spanMs);
const text = Buffer.concat(corpus.items.flatMap((item) => [item, Buffer.from(',')]));
const starts = new Float64Array(events + 1);
corpus.items.forEach((item, index) => {
  starts[index + 1] = (starts[index] ?? 0) + item.length + 1;
});
const ids = corpus.items.map((item) => item.toString('latin1', 7, 43));
const micros = corpus.times.map((ms, index) => ms * 1000 + (index % 1000));
const counts = { requests: 0, rows: 0 };

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://platform');
  response.setHeader('content-type', 'application/json');
  if (url.pathname !== '/api/audit-logs') {
    response.statusCode = 404;
    response.end('{"message":"not here","status":404}');
    return;
  }
  const bound = (name: string, missing: number): number => {
    const ns = parseTime(url.searchParams.get(name) ?? '');
    return ns === null ? missing : Number(ns / 1000n);
  };
  const perPage = Number(url.searchParams.get('per_page') ?? 100);
  const from = firstAtLeast(bound('start_time', 0));
  const to = firstAtLeast(bound('end_time', Number.MAX_SAFE_INTEGER) + 1);
  const first = Math.min(from + (Number(url.searchParams.get('page') ?? 1) - 1) * perPage, to);
  const last = Math.min(first + perPage, to);
  counts.requests += 1;
  counts.rows += last - first;
  const total = Math.max(to - from, 0);
  response.write('{"items":[');
  if (last > first) response.write(text.subarray(starts[first], (starts[last] ?? 1) - 1));
  response.end(`],"metadata":{"page_size":${perPage},"total_count":${total}}}`);
});

/** The index of the first event at or after a time in microseconds. */
function firstAtLeast(time: number): number {
  let low = 0;
  let high = events;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((micros[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

process.on('message', ({ want }: { want: 'counts' | 'ids' }) => {
  process.send?.(want === 'ids' ? ids : { ...counts });
  if (want === 'counts') Object.assign(counts, { requests: 0, rows: 0 });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
