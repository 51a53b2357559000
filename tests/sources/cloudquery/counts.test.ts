import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Window } from '../../../src/model/event.ts';
import { msToNs } from '../../../src/model/time.ts';
import type { HttpResponse } from '../../../src/net/http.ts';
import { insertEvents, sourceRoom } from '../../fakes/source-room.ts';
import type { Exchange, SourceRoom } from '../../fakes/source-room.ts';
import { elapse, startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';

const START = Date.parse('2026-03-02T12:00:00Z');
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const quiet = new AbortController().signal;

/** What a server says instead of the true count; undefined leaves it out. */
type Lie = (count: number, ask: { page: number; perPage: number; items: number; number: number }) => unknown;

function lying(lie: Lie): (exchange: Exchange) => HttpResponse {
  return ({ path, query, response, number }) => {
    if (!path.endsWith('/audit-logs')) return response;
    const ask = { page: Number(query.get('page')), perPage: Number(query.get('per_page')), number };
    const { items, metadata } = JSON.parse(response.body.toString()) as {
      items: unknown[];
      metadata: { total_count: number };
    };
    const total_count = lie(metadata.total_count, { ...ask, items: items.length });
    const body = Buffer.from(JSON.stringify({ items, metadata: { ...metadata, total_count } }));
    return { ...response, body };
  };
}

const at = (ms: number): string => new Date(ms).toISOString();
const told = (room: SourceRoom): number =>
  room.ledger.findings.filter(({ kind }) => kind === 'counts_not_credible').length;

beforeEach(() => startSimulatedTime(START));
afterEach(() => stopSimulatedTime());

/** Rows of one day, and some of the last hour; read, closed and counted. */
async function readAll(room: SourceRoom, rows: number): Promise<void> {
  insertEvents(room, rows, START - 13 * HOUR, Math.floor((22 * HOUR) / rows));
  insertEvents(room, 30, START - 30 * MINUTE - 1, 20 * SECOND);
  await room.settle();
  room.restart();
  await room.settle();
  expect(room.missing()).toEqual([]);
}

const wobble = (count: number, number: number): number => Math.round(count * (1 + ((number % 7) - 3) / 20));

const LIES: [string, Lie, number, { told: boolean }][] = [
  ['a cap of 500', (count) => Math.min(count, 500), 1500, { told: true }],
  ['a cap of 1000', (count) => Math.min(count, 1000), 1500, { told: true }],
  ['a cap of 1001', (count) => Math.min(count, 1001), 2500, { told: true }],
  ['a cap of 13', (count) => Math.min(count, 13), 600, { told: true }],
  ['an estimate that wobbles', (count, { number }) => wobble(count, number), 1200, { told: true }],
  ['an estimate that is never updated', () => 4711, 1200, { told: true }],
  ['the rows of the page', (_count, { items }) => items, 1200, { told: true }],
  ['the whole table', (count) => count + 1_000_000, 1200, { told: true }],
  ['always 0', () => 0, 1200, { told: true }],
  ['one too many', (count) => count + 1, 1200, { told: true }],
  ['one too few', (count) => Math.max(0, count - 1), 1200, { told: true }],
  ['negative', (count) => -count, 1200, { told: false }],
  ['no whole number', (count) => count + 0.5, 1200, { told: false }],
  ['a text', (count) => String(count), 1200, { told: false }],
  ['null', () => null, 1200, { told: false }],
  ['on page 1 only', (count, { page }) => (page === 1 ? count : undefined), 1200, { told: false }],
  ['0 on an empty page', (count, { items }) => (items === 0 ? 0 : count), 1200, { told: false }],
];

describe('a total_count that is', () => {
  it.each(LIES)(
    '%s: late rows are found, it costs little, and is told once',
    async (_name, lie, rows, expected) => {
      const room = sourceRoom({}, { start: '2d' });
      room.change = lying(lie);
      await readAll(room, rows);
      const late = [-34 * HOUR, -20 * HOUR - 7, -14 * HOUR - 7, -2 * HOUR + 11, -40 * MINUTE];
      room.platform.insert(late.map((ms) => ({ createdAt: at(START + ms) })));
      await room.poll(6, 5 * HOUR);
      await room.settle();
      expect(room.missing()).toEqual([]);
      const asked = room.asked.length;
      room.restart();
      await room.settle();
      // Some 30 windows reach back over the two days, each takes one request, and a few more find out about the counts.
      expect(room.asked.length - asked).toBeLessThan(60);
      const before = told(room);
      await room.poll(5, 20 * MINUTE);
      expect(told(room)).toBe(before);
      // There were three starts, and it was said once.
      expect(before).toBe(expected.told ? 1 : 0);
      expect(room.ledger.findings).toHaveLength(before);
    },
  );

  it('capped at 10,000 over 12,000 rows of a day', { timeout: 60_000 }, async () => {
    const room = sourceRoom({}, { start: '2d' });
    room.change = lying((count) => Math.min(count, 10_000));
    await readAll(room, 12_000);
    room.platform.insert([
      { createdAt: at(START - 14 * HOUR - 3) },
      { createdAt: at(START - 35 * HOUR - 3) },
    ]);
    const asked = room.asked.length;
    await room.poll(1, 26 * HOUR);
    await room.settle();
    expect(room.missing()).toEqual([]);
    expect(room.asked.length - asked).toBeLessThan(250);
    expect(told(room)).toBe(1);
  });

  it('without the rows on the edges of the window: they and a late row cannot cancel out', async () => {
    const room = sourceRoom({}, { start: '2d' });
    room.platform.insert([9, 8, 7, 6, 5, 4].map((hours) => ({ createdAt: at(START - hours * HOUR) })));
    room.change = (exchange) => {
      const { query, response } = exchange;
      const edges = [query.get('start_time'), query.get('end_time')].filter(
        (time) => time !== null && room.platform.visibleEvents().some(({ createdAt }) => createdAt === time),
      );
      return lying((count) => count - edges.length)({ ...exchange, response });
    };
    await readAll(room, 100);
    room.platform.insert([{ createdAt: at(START - 5 * HOUR + 7) }, { createdAt: at(START - 8 * HOUR + 7) }]);
    await room.poll(6, 5 * HOUR);
    await room.settle();
    expect(room.missing()).toEqual([]);
    expect(told(room)).toBeLessThanOrEqual(1);
  });

  it('behind the list by half an hour', async () => {
    const room = sourceRoom({}, { start: '2d' });
    const visibleAt = new Map<string, number>();
    const seen = (): void => {
      for (const { id } of room.platform.visibleEvents())
        if (id !== null && !visibleAt.has(id)) visibleAt.set(id, Date.now());
    };
    room.change = (exchange) => {
      seen();
      const { query } = exchange;
      const from = Date.parse(query.get('start_time') ?? '') || 0;
      const to = Date.parse(query.get('end_time') ?? '') || Infinity;
      const counted = room.platform.visibleEvents().filter(({ id, createdAt }) => {
        const ms = Date.parse(createdAt);
        return ms >= from && ms <= to && (visibleAt.get(id ?? '') ?? 0) < Date.now() - 30 * MINUTE;
      });
      return lying(() => counted.length)(exchange);
    };
    await readAll(room, 300);
    room.platform.insert([{ createdAt: at(START - 5 * HOUR + 7) }, { createdAt: at(START - 40 * MINUTE) }]);
    await room.poll(6, 20 * MINUTE);
    expect(room.missing()).toEqual([]);
    expect(told(room)).toBeLessThanOrEqual(1);
  });
});

describe('a Platform that ignores its own filter when it counts', () => {
  it('is reported with the first poll, and no window is called suspect', async () => {
    const room = sourceRoom({}, { start: '2d' });
    insertEvents(room, 40, START - HOUR, MINUTE);
    room.change = lying(() => 3000);
    await room.poll(10);
    expect(room.ledger.findings).toMatchObject([{ kind: 'counts_not_credible', detail: { counted: 3000 } }]);
    expect(room.missing()).toEqual([]);
  });
});

describe('the count that a verification asks for', () => {
  const window: Window = { startNs: msToNs(START - 2 * HOUR), endNs: msToNs(START) };
  it.each<[string, Lie]>([
    ['true', (count) => count],
    ['capped', (count) => Math.min(count, 20)],
    ['of the page', (_count, { items }) => items],
    ['of the whole table', () => 5000],
    ['an old one', () => 41],
    ['zero', () => 0],
    ['one too few', (count) => count - 1],
    ['one too many', (count) => count + 1],
    ['absent', () => null],
  ])('is what the list holds, and nothing else, where the total is %s', async (_name, lie) => {
    const room = sourceRoom();
    insertEvents(room, 40, START - MINUTE, MINUTE);
    room.change = lying(lie);
    for (const wrong of [0, 39, 41, 20])
      expect(await elapse(room.source.count(window, wrong, quiet))).not.toBe(wrong);
    expect(await elapse(room.source.count(window, 40, quiet))).toBe(40);
  });
});

describe('a list without pages past its end', () => {
  it.each<[string, (exchange: Exchange, shown: number) => HttpResponse]>([
    ['that refuses them', ({ response }, shown) => (shown > 0 ? response : { ...response, status: 404 })],
    ['that fails on them', ({ response }, shown) => (shown > 0 ? response : { ...response, status: 500 })],
  ])('%s: late rows are found all the same', async (_name, answer) => {
    const room = sourceRoom({}, { start: '1d' });
    insertEvents(room, 60, START - HOUR, 5 * MINUTE);
    room.change = (exchange) => {
      if (exchange.query.get('page') === '1' || !exchange.path.endsWith('/audit-logs'))
        return exchange.response;
      const { items } = JSON.parse(exchange.response.body.toString()) as { items: unknown[] };
      return answer(exchange, items.length);
    };
    await room.settle();
    room.platform.insert([{ createdAt: at(START - 5 * HOUR + 7) }]);
    await room.poll(4, 6 * HOUR);
    await room.settle();
    expect(room.missing()).toEqual([]);
    expect(room.ledger.findings).toEqual([]);
  });
});
