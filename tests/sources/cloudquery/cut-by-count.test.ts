import { expect, it } from 'vitest';

import { NS_PER_SECOND } from '../../../src/model/time.ts';
import type { Client } from '../../../src/sources/cloudquery/client.ts';
import { readOpen } from '../../../src/sources/cloudquery/read-open-windows.ts';
import type { ReadItem } from '../../../src/sources/cloudquery/wire.ts';

const DAY_NS = 86_400n * NS_PER_SECOND;
const END_NS = 1_767_355_200n * NS_PER_SECOND;
const MONTH = { startNs: END_NS - 30n * DAY_NS, endNs: END_NS };

/** Reads a month of events at these times, ascending, from a list that says `counted` of its rows. */
async function readMonth(times: readonly bigint[], counted: (rows: number) => number | null) {
  const asked = { requests: 0, rows: 0 };
  const client: Pick<Client, 'page'> = {
    page: async (window, page, perPage) => {
      const all = times.flatMap((createdNs, index) =>
        createdNs >= window.startNs && createdNs <= window.endNs ? [{ createdNs, index }] : [],
      );
      const shown = all.slice((page - 1) * perPage, page * perPage);
      asked.requests += 1;
      asked.rows += shown.length;
      const items = shown.map(({ createdNs, index }): ReadItem => {
        const event = {
          id: `e${index}`,
          createdAt: '',
          createdNs,
          original: '{}',
          eventType: '',
          wanted: true,
        };
        return { event };
      });
      return { items, malformed: [], rows: shown.length, totalCount: counted(all.length), pageSize: perPage };
    },
  };
  const seen = new Set<string>();
  const precision = { unitNs: NS_PER_SECOND, probed: false };
  const never = new AbortController().signal;
  for await (const { read } of readOpen(client as Client, [MONTH], precision, 1, never))
    for (const { event } of read.items) seen.add(event.id);
  return { seen: seen.size, ...asked };
}

const spread = (events: number, fromNs: bigint): bigint[] =>
  Array.from({ length: events }, (_, index) => fromNs + ((END_NS - fromNs) * BigInt(index)) / BigInt(events));

it('a month is cut by its count: few requests, and hardly a row is fetched twice', async () => {
  for (const days of [30n, 20n]) {
    const read = await readMonth(spread(20_000, END_NS - days * DAY_NS), (rows) => rows);
    expect(read.seen).toBe(20_000);
    expect(read.requests).toBeLessThanOrEqual(36);
    expect(read.rows).toBeLessThan(22_100);
  }
});

it('a month with nothing in it is one request', async () => {
  expect(await readMonth([], (rows) => rows)).toEqual({ seen: 0, requests: 1, rows: 0 });
});

it('rows that lie close together are found however much else there is', async () => {
  const burst = Array.from(
    { length: 3_000 },
    (_, index) => END_NS - 9n * DAY_NS + BigInt(index) * 40_000_000n,
  );
  const times = [...spread(4_000, MONTH.startNs), ...burst].toSorted((a, b) => (a < b ? -1 : 1));
  expect(await readMonth(times, (rows) => rows)).toMatchObject({ seen: 7_000 });
});

it('a count that means nothing costs some requests, and no row', async () => {
  const times = spread(2_500, MONTH.startNs);
  for (const counted of [() => 1_000_000, () => 1_500, (rows: number) => rows * 30, () => null]) {
    const read = await readMonth(times, counted);
    expect(read.seen).toBe(2_500);
    expect(read.requests).toBeLessThan(600);
  }
});
