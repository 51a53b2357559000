import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { HttpResponse } from '../../../src/net/http.ts';
import { insertEvents, sourceRoom } from '../../fakes/source-room.ts';
import type { Exchange, SourceRoom } from '../../fakes/source-room.ts';
import { startSimulatedTime, stopSimulatedTime } from '../../fakes/simulated-time.ts';

const START = Date.parse('2026-03-02T12:00:00Z');
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

const dated = (response: HttpResponse, date: string | undefined): HttpResponse => ({
  ...response,
  headers: { ...response.headers, date },
});
const dateOf = (ms: number): string => new Date(ms).toUTCString();
const off = (ms: number, which: (exchange: Exchange) => boolean = () => true) => {
  return (exchange: Exchange): HttpResponse =>
    which(exchange) ? dated(exchange.response, dateOf(Date.now() + ms)) : exchange.response;
};

const frontierMs = (room: SourceRoom): number => Number((room.source.state().frontierNs ?? 0n) / 1_000_000n);

/** One event per half minute from now on, for `minutes`. */
async function live(room: SourceRoom, minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    insertEvents(room, 2, Date.now(), 30 * SECOND);
    await room.poll(1, MINUTE);
  }
}

beforeEach(() => startSimulatedTime(START));
afterEach(() => stopSimulatedTime());

const ABSURD: [string, number][] = [
  ['1970', -START],
  ['fourteen years ago', -14 * YEAR],
  ['two days ago', -2 * DAY],
  ['days ahead', 3 * DAY],
  ['far in the future', 150 * YEAR],
];

describe('one answer with a wrong Date', () => {
  it.each(ABSURD)('%s, does not stop the source nor move its frontier', async (_name, ms) => {
    const room = sourceRoom();
    await live(room, 3);
    const wrongAt = room.asked.length + 1;
    room.change = off(ms, ({ number }) => number === wrongAt);
    await live(room, 1);
    const asked = room.asked.length;
    await live(room, 1);
    expect(room.asked.length).toBeGreaterThan(asked);
    expect(room.missing().length).toBeLessThanOrEqual(2);
    await room.poll(2);
    expect(room.missing()).toEqual([]);
    expect(frontierMs(room)).toBeGreaterThan(Date.now() - 2 * MINUTE);
    expect(room.warnings).toEqual([]);
  });

  it.each(ABSURD)('%s, as the very first, is outvoted', async (_name, ms) => {
    const room = sourceRoom({}, { start: '1d' });
    insertEvents(room, 40, START - 5 * MINUTE, 30 * MINUTE);
    room.change = off(ms, ({ number }) => number === 1);
    await room.poll(2);
    expect(room.missing()).toEqual([]);
    expect(frontierMs(room)).toBeGreaterThanOrEqual(Date.now() - MINUTE - SECOND);
    const { start } = room.ledger.progress as { start: string };
    expect(Math.abs(Number(start) / 1e6 - (START - DAY))).toBeLessThan(5 * SECOND);
  });

  it.each(ABSURD)('%s, from every third host, holds nothing up', async (_name, ms) => {
    const room = sourceRoom();
    room.change = off(ms, ({ number }) => number % 3 === 0);
    await live(room, 12);
    await room.poll(1);
    expect(room.missing()).toEqual([]);
    expect(room.asked.length).toBeLessThan(13 * 6);
    expect(room.ledger.findings).toEqual([]);
  });

  it.each([undefined, '', 'soon', '7', 'Fri, 99 Foo 2026 12:00:00 GMT'])(
    'that is %j, is none',
    async (date) => {
      const room = sourceRoom();
      room.change = ({ response }) => dated(response, date);
      await live(room, 3);
      await room.poll(1);
      expect(room.missing()).toEqual([]);
      expect(room.source.state()).toMatchObject({ clockSkewMs: null, clock: null });
    },
  );
});

describe('a Date that is days ahead at the first start', () => {
  it.each([
    ['1d', 2 * DAY],
    ['30d', 40 * DAY],
    ['6h', 7 * HOUR],
    ['now', 2 * DAY],
  ])('start %s: everything is read, then and after the correction', async (start, ms) => {
    const room = sourceRoom({}, { start });
    if (start !== 'now') insertEvents(room, 40, START - MINUTE, 8 * MINUTE);
    room.change = off(ms);
    await room.poll(2);
    await live(room, 2);
    await room.poll(1);
    expect(room.missing()).toEqual([]);
    expect(room.warnings).toEqual([
      expect.stringMatching(
        /the clock of the Platform is .* ahead of that of this machine, and no event shows/,
      ),
    ]);
    expect(room.source.state().clock).toMatchObject({ wrong: 'apart' });
    room.change = ({ response }) => response;
    await live(room, 3);
    await room.poll(1);
    expect(room.missing()).toEqual([]);
    expect(room.ledger.findings).toEqual([]);
    expect(room.source.state().clock).toBeNull();
    expect(room.warnings.at(-1)).toMatch(/agree again/);
  });

  it.each([10 * MINUTE, 2 * HOUR])(
    'while ours is %i ms behind: events prove no more than their own time',
    async (ms) => {
      const room = sourceRoom({ clock_skew: ms }, { start: '41d' });
      insertEvents(room, 60, START + ms - MINUTE, 8 * HOUR);
      insertEvents(room, 30, START + ms - SECOND, 10 * SECOND);
      room.change = off(40 * DAY);
      await room.poll(1);
      expect(room.missing()).toEqual([]);
      expect(frontierMs(room)).toBeLessThanOrEqual(Date.now() + ms);
      for (let minute = 0; minute < 5; minute += 1) {
        insertEvents(room, 4, Date.now() + ms, 10 * SECOND);
        await room.poll(1);
      }
      await room.poll(1);
      expect(room.missing()).toEqual([]);
      expect(room.source.state().clock).toMatchObject({ wrong: 'apart', text: /newest events lie between/ });
    },
  );

  it('with more events past our clock than an answer holds, in any order', async () => {
    for (const order of ['asc', 'random', 'desc'] as const) {
      const room = sourceRoom({ clock_skew: 2 * DAY, order }, { start: '30d' });
      insertEvents(room, 3000, START + 2 * DAY - MINUTE, 50 * SECOND);
      await room.poll(2);
      expect(room.missing()).toEqual([]);
      expect(room.source.state().clock).toMatchObject({ wrong: 'ours' });
    }
  });

  it('takes a start back that an earlier version kept', async () => {
    const room = sourceRoom({}, { start: '1d' });
    insertEvents(room, 40, START - MINUTE, 30 * MINUTE);
    const ahead = (ms: number): string => `${START + ms}000000`;
    room.ledger.progress = {
      version: 1,
      start: ahead(DAY),
      end: ahead(2 * DAY),
      open: [[ahead(DAY), ahead(2 * DAY)]],
      reconcile: null,
    };
    await room.poll(2);
    expect(room.missing()).toEqual([]);
  });
});

describe('a Date that is steadily behind', () => {
  it.each([3 * HOUR, 2 * DAY, 3 * YEAR, 20 * YEAR])(
    'by %i ms: its own events show that it is wrong',
    async (ms) => {
      const room = sourceRoom({}, { start: '1d' });
      insertEvents(room, 40, START - MINUTE, 30 * MINUTE);
      room.change = off(-ms);
      await live(room, 4);
      await room.poll(1);
      expect(room.missing()).toEqual([]);
      expect(room.source.state().clock).toMatchObject({ wrong: 'platform' });
      expect(room.warnings).toHaveLength(1);
      expect(room.warnings[0]).toMatch(/Date of the Platform.*windows end by the clock of this machine/);
    },
  );

  it('and quiet: the few events past it are read all the same', async () => {
    const room = sourceRoom({}, { start: '1d' });
    room.change = off(-2 * DAY);
    insertEvents(room, 2, START - MINUTE, MINUTE);
    await room.poll(1);
    expect(room.missing()).toEqual([]);
    insertEvents(room, 2, Date.now() - MINUTE, SECOND);
    room.change = ({ response }) => response;
    await room.poll(4);
    expect(room.missing()).toEqual([]);
  });
});

describe('a clock of ours that is off', () => {
  it('behind: events of a later time show it, and it is blamed', async () => {
    const room = sourceRoom({ clock_skew: 3 * HOUR }, { start: '1d' });
    insertEvents(room, 40, START + 3 * HOUR - MINUTE, 3 * MINUTE);
    await room.poll(3);
    expect(room.missing()).toEqual([]);
    expect(room.source.state().clock).toMatchObject({ wrong: 'ours' });
    expect(Math.abs((room.source.state().clockSkewMs ?? 0) - 3 * HOUR)).toBeLessThanOrEqual(SECOND);
  });

  it('ahead: no window ends over events to come', async () => {
    const room = sourceRoom({ clock_skew: -3 * HOUR }, { start: '1d' });
    await room.poll(1);
    for (let minute = 0; minute < 5; minute += 1) {
      insertEvents(room, 1, Date.now() - 3 * HOUR, SECOND);
      await room.poll(1);
    }
    await room.poll(1);
    expect(room.missing()).toEqual([]);
    expect(frontierMs(room)).toBeLessThanOrEqual(Date.now() - 3 * HOUR);
  });

  it('ahead, where the first answers name no time: it is not believed unheard', async () => {
    const room = sourceRoom({ clock_skew: -3 * HOUR }, { start: '1d' });
    room.change = ({ response, path }) =>
      path.includes('audit-logs') ? response : dated(response, undefined);
    await room.poll(1);
    expect(frontierMs(room)).toBeLessThanOrEqual(Date.now() - 3 * HOUR);
  });

  it('never set: windows end by the Platform', async () => {
    vi.setSystemTime(1000);
    const room = sourceRoom({ clock_skew: START - 1000 }, { start: '1d' });
    insertEvents(room, 10, START - MINUTE, MINUTE);
    await room.poll(4);
    expect(room.missing()).toEqual([]);
    expect(room.source.state().clock).toMatchObject({ wrong: 'ours' });
  });

  it('never set, while the Platform names no time: nothing is read until it is set, and then everything', async () => {
    vi.setSystemTime(1000);
    const room = sourceRoom({ clock_skew: START - 1000 }, { start: '1d' });
    insertEvents(room, 10, START - MINUTE, MINUTE);
    room.change = ({ response }) => dated(response, undefined);
    await expect(room.poll(1)).rejects.toMatchObject({ kind: 'transient', message: /1970-01-01/ });
    room.platform.set({ clock_skew: 0 });
    vi.setSystemTime(START);
    await room.poll(1);
    expect(room.missing()).toEqual([]);
  });

  it.each([-5 * HOUR, HOUR, 3 * DAY])('set by %i ms while running: nothing is lost', async (ms) => {
    const room = sourceRoom({}, { start: '1d' });
    await live(room, 3);
    vi.setSystemTime(Date.now() + ms);
    room.platform.set({ clock_skew: -ms });
    for (let minute = 0; minute < 4; minute += 1) {
      insertEvents(room, 1, Date.now() - ms, SECOND);
      await room.poll(1);
    }
    await room.poll(1);
    expect(room.missing()).toEqual([]);
  });
});

describe('a steady difference of seconds', () => {
  it.each([-20 * SECOND, 20 * SECOND])('of %i ms is reported once, and both clocks are named', async (ms) => {
    const room = sourceRoom({ clock_skew: ms });
    await room.poll(8);
    expect(room.warnings).toHaveLength(1);
    expect(room.warnings[0]).toMatch(/hint: find out which one is wrong: .*this machine.*Platform/);
  });
});
