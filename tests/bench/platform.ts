import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { parseTime } from '../../src/model/time.ts';
import { makeCorpus, textOf, timeOf } from './events.ts';

/**
 * A Platform whose answers are made beforehand, so that a benchmark measures its reader: GET /api/audit-logs by time and page,
 * oldest first, with totals. Runs as a process of its own; see startPeer. With `onDemand` answers are made when they are asked for: millions
 * of events would not fit in memory. Then there may be several Platforms, each behind a path of its own (`/2/api/audit-logs`), whose events
 * differ by their ids; `firstIndex` is where these begin.
 */
const {
  events,
  spanMs,
  onDemand = false,
  firstIndex = 0,
} = JSON.parse(process.argv[2] ?? '{}') as {
  events: number;
  spanMs: number;
  onDemand?: boolean;
  firstIndex?: number;
};
const endMs = Date.now() - 60_000;
/** Where the events of a Platform begin among all. */
const firstOf = (platform: number): number => firstIndex + platform * events;
const microsOf = (index: number, first: number): number =>
  timeOf(index, events, endMs, spanMs) * 1000 + ((first + index) % 1000);
const rowsOf = onDemand ? madeRows : keptRows();
const counts = { requests: 0, rows: 0, firstRequestMs: 0 };

function madeRows(from: number, to: number, platform: number): string {
  const rows: string[] = [];
  for (let index = from; index < to; index += 1)
    rows.push(textOf(firstOf(platform) + index, timeOf(index, events, endMs, spanMs)));
  return rows.join(',');
}

function keptRows(): (from: number, to: number) => Buffer {
  const { items } = makeCorpus(events, endMs, spanMs);
  const text = Buffer.concat(items.flatMap((item) => [item, Buffer.from(',')]));
  const starts = new Float64Array(events + 1);
  items.forEach((item, index) => {
    starts[index + 1] = (starts[index] ?? 0) + item.length + 1;
  });
  return (from, to) => text.subarray(starts[from], (starts[to] ?? 1) - 1);
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://platform');
  response.setHeader('content-type', 'application/json');
  const path = /^(?:\/(\d+))?\/api\/audit-logs$/.exec(url.pathname);
  if (path === null) {
    response.statusCode = 404;
    response.end('{"message":"not here","status":404}');
    return;
  }
  const bound = (name: string, missing: number): number => {
    const ns = parseTime(url.searchParams.get(name) ?? '');
    return ns === null ? missing : Number(ns / 1000n);
  };
  const perPage = Number(url.searchParams.get('per_page') ?? 100);
  const platform = Number(path[1] ?? 0);
  const from = firstAtLeast(bound('start_time', 0), platform);
  const to = firstAtLeast(bound('end_time', Number.MAX_SAFE_INTEGER) + 1, platform);
  const first = Math.min(from + (Number(url.searchParams.get('page') ?? 1) - 1) * perPage, to);
  const last = Math.min(first + perPage, to);
  counts.requests += 1;
  counts.firstRequestMs ||= Date.now();
  counts.rows += last - first;
  const total = Math.max(to - from, 0);
  response.write('{"items":[');
  if (last > first) response.write(rowsOf(first, last, platform));
  response.end(`],"metadata":{"page_size":${perPage},"total_count":${total}}}`);
});

/** The index of the first event at or after a time in microseconds. */
function firstAtLeast(time: number, platform: number): number {
  let low = 0;
  let high = events;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (microsOf(middle, firstOf(platform)) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

server.keepAliveTimeout = 75_000; // as a proxy in front of a Platform usually has it
process.on('message', () => {
  process.send?.({ ...counts });
  Object.assign(counts, { requests: 0, rows: 0, firstRequestMs: 0 });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
