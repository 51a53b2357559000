import { describe, expect, it } from 'vitest';

import { ForwardError } from '../../../src/model/errors.ts';
import type { Window } from '../../../src/model/event.ts';
import { NS_PER_MS, NS_PER_SECOND } from '../../../src/model/time.ts';
import { AS_MUCH_AS_CAN_BE } from '../../../src/sources/cloudquery/ask-less.ts';
import type { Allowance, Usual } from '../../../src/sources/cloudquery/ask-less.ts';
import { isAside } from '../../../src/sources/cloudquery/care.ts';
import type { OpenWindow } from '../../../src/sources/cloudquery/care.ts';
import type { Precision } from '../../../src/sources/cloudquery/read-window.ts';
import { readOpen } from '../../../src/sources/cloudquery/read-open-windows.ts';
import { AnswerFault } from '../../../src/sources/cloudquery/wire.ts';
import { testClock } from '../../contract/clock.ts';
import type { TestClock } from '../../contract/clock.ts';
import { rowsFrom, scriptedClient } from '../../fakes/scripted-client.ts';
import type { Ask, Row, ScriptedClient } from '../../fakes/scripted-client.ts';

const T0 = 1_767_355_200n * NS_PER_SECOND;
const HOUR = 3600n * NS_PER_SECOND;
const DAY = 24n * HOUR;
const week: Window = { startNs: T0, endNs: T0 + 7n * DAY };
const quiet = new AbortController().signal;
/** One row every ten minutes of a week. */
const rows = rowsFrom(T0 + 7_000_001n, 1008, 600n * NS_PER_SECOND);

const answered = (status: number, words = ''): ForwardError =>
  new ForwardError('transient', `answered ${status}`, { cause: new AnswerFault(status, words) });
const timedOut = (): ForwardError =>
  new ForwardError('transient', 'no whole answer', { cause: new DOMException('timed out', 'TimeoutError') });
const tooLarge = (): ForwardError =>
  new ForwardError('transient', 'too large', { cause: new DOMException('too large', 'QuotaExceededError') });
const wide = ({ window }: Ask): bigint => window.endNs - window.startNs;
const holds = ({ window }: Ask, row: Row): boolean => row.ns >= window.startNs && row.ns <= window.endNs;

interface Reader {
  readonly client: ScriptedClient;
  readonly clock: TestClock;
  readonly usual: Usual;
  readonly ids: Set<string>;
  open: readonly OpenWindow[];
  knownFromNs: bigint;
  /** Reads what is open, and a window more; returns how many requests it took. */
  read(more?: Window | null, allowance?: Allowance | null): Promise<number>;
}

function reader(all: readonly Row[], before: (ask: Ask) => void, unitNs = NS_PER_SECOND): Reader {
  const client = scriptedClient(all, { before });
  const precision: Precision = { unitNs, probed: false };
  const its: Reader = {
    client,
    clock: testClock(),
    usual: { ...AS_MUCH_AS_CAN_BE },
    ids: new Set(),
    open: [],
    knownFromNs: 0n,
    async read(more = null, allowance = null) {
      const asked = client.asked.length;
      its.open = more === null ? its.open : [...its.open, more];
      const adapting = { clock: its.clock, usual: its.usual, knownFromNs: its.knownFromNs, allowance };
      for await (const step of readOpen(client, its.open, precision, 1, quiet, adapting)) {
        for (const item of step.read.items) its.ids.add(item.event.id);
        its.open = step.open;
      }
      return client.asked.length - asked;
    },
  };
  return its;
}

const widthsOf = (open: readonly OpenWindow[]): bigint[] => open.map(({ startNs, endNs }) => endNs - startNs);

describe('a window that fails for its width', () => {
  it.each([
    ['times out', 90n * 60n * NS_PER_SECOND, timedOut],
    ['is refused with 400', 6n * HOUR, () => answered(400, 'the range must not exceed 6 hours')],
    ['makes a gateway give up', 3n * DAY, () => answered(504)],
  ])(
    'and %s is read in narrower ones, and the next is not asked for as a whole',
    async (_name, limit, error) => {
      let failures = 0;
      const it = reader(rows, (ask) => {
        if (wide(ask) <= limit) return;
        failures += 1;
        throw error();
      });
      await it.read(week);
      expect(it.ids.size).toBe(1008);
      expect(it.open).toEqual([]);
      expect(failures).toBeLessThan(20);
      expect(it.client.asked.length).toBeLessThan(Number((2n * 4n * 7n * DAY) / limit) + 60);
      failures = 0;
      await it.read({ startNs: week.endNs, endNs: week.endNs + 7n * DAY });
      expect(failures).toBeLessThan(6);
      expect(it.open).toEqual([]);
    },
  );

  it.each([7, 45, 3000])(
    'or for a row of it, and asks for a pause of %d s each time, keeps nothing else waiting',
    async (seconds) => {
      const bad = rows[500] ?? { id: '', ns: 0n };
      const it = reader(rows, (ask) => {
        const cause = new AnswerFault(503, 'busy');
        const retryAfterMs = seconds * 1000;
        if (holds(ask, bad)) throw new ForwardError('transient', 'answered 503', { cause, retryAfterMs });
      });
      const sinceMs = it.clock.now();
      await it.read(week).catch(() => {}); // a short pause may be meant for all
      it.open = [...it.open, { startNs: week.endNs, endNs: week.endNs + HOUR }];
      await it.read();
      expect(it.clock.now()).toBe(sinceMs);
      expect(it.ids.size).toBe(1007);
      expect(it.open).toHaveLength(1);
      expect(it.open.every(isAside)).toBe(true);
      const untilMs = it.open[0]?.care?.notBeforeMs ?? 0;
      expect(untilMs - sinceMs).toBe(Math.min(Math.max(seconds, 10), 600) * 1000);
    },
  );

  it('is not asked for less where the pause holds for all', async () => {
    const cause = new AnswerFault(503, 'busy');
    const it = reader(rows, () => {
      throw new ForwardError('transient', 'answered 503', { cause, retryAfterMs: 7000 });
    });
    await expect(it.read(week)).rejects.toMatchObject({ retryAfterMs: 7000 });
    expect(it.client.asked).toHaveLength(1);
    expect(it.open).toMatchObject([{ ...week, care: { failures: 0 } }]);
  });

  it('asks two small questions where a long pause is asked for', async () => {
    const cause = new AnswerFault(503, 'busy');
    const it = reader(rows, () => {
      throw new ForwardError('transient', 'answered 503', { cause, retryAfterMs: 600_000 });
    });
    await expect(it.read(week)).rejects.toMatchObject({ retryAfterMs: 600_000 });
    expect(it.client.asked).toHaveLength(3);
  });

  it('is told from the rest also where it is the newest that fails', async () => {
    const newest = { id: 'newest', ns: week.endNs - 1n };
    const it = reader([...rows, newest], (ask) => {
      const cause = new AnswerFault(503, 'busy');
      if (holds(ask, newest))
        throw new ForwardError('transient', 'answered 503', { cause, retryAfterMs: 3_600_000 });
    });
    await it.read(week);
    expect(it.ids.size).toBe(1008);
    expect(it.open.every(isAside)).toBe(true);
  });

  it('is asked for as a whole again after a while', async () => {
    let sick = true;
    const it = reader(rows, (ask) => {
      if (sick && wide(ask) > 6n * HOUR) throw answered(504);
    });
    await it.read(week);
    sick = false;
    expect(await it.read(week)).toBeGreaterThan(12);
    await it.clock.sleep(700_000);
    expect(await it.read(week)).toBeLessThan(4);
  });
});

describe('one row that makes the server fail', () => {
  const poison = rows[503] ?? { id: '', ns: 0n };

  it.each([NS_PER_SECOND, NS_PER_MS])(
    'costs what lies within two units of %i ns beside it',
    async (unitNs) => {
      const it = reader(
        rows,
        (ask) => {
          if (holds(ask, poison)) throw answered(500);
        },
        unitNs,
      );
      const requests = await it.read(week);
      expect(it.ids.size).toBe(1007);
      expect(it.ids.has(poison.id)).toBe(false);
      expect(requests).toBeLessThan(250);
      expect(it.open.every(isAside)).toBe(true);
      expect(it.open.length).toBe(1);
      expect(widthsOf(it.open)[0]).toBeLessThan(4_000n);
      expect(it.open[0]?.startNs).toBeLessThanOrEqual(poison.ns);
      expect(it.open[0]?.endNs).toBeGreaterThanOrEqual(poison.ns);
    },
  );

  it('is tried again with growing pauses for ever, and read as soon as it can be', async () => {
    let sick = true;
    const it = reader(rows, (ask) => {
      if (sick && holds(ask, poison)) throw answered(500);
    });
    await it.read(week);
    expect(await it.read()).toBe(0);
    const pauses: number[] = [];
    for (let tries = 0; tries < 9; tries += 1) {
      const before = it.clock.now();
      while ((await it.read()) === 0) await it.clock.sleep(1000);
      pauses.push(Math.round((it.clock.now() - before) / 1000));
    }
    expect(pauses).toEqual([10, 20, 40, 80, 160, 180, 180, 180, 180]);
    expect(it.open).toHaveLength(1);
    sick = false;
    await it.clock.sleep(600_000);
    expect(await it.read()).toBeLessThan(3);
    expect(it.open).toEqual([]);
    expect(it.ids.size).toBe(1008);
  });

  it('is found although it lies where two windows meet', async () => {
    const edge = { id: 'edge', ns: T0 + (7n * DAY) / 2n };
    const it = reader([...rows, edge], (ask) => {
      if (holds(ask, edge)) throw answered(500);
    });
    await it.read({ startNs: T0, endNs: edge.ns });
    await it.read({ startNs: edge.ns, endNs: week.endNs });
    expect(it.ids.size).toBe(1008);
    expect(it.open.length).toBeLessThanOrEqual(2);
    expect(widthsOf(it.open).every((width) => width <= 4n * NS_PER_SECOND)).toBe(true);
  });

  it('many times over is set aside many times, in a bounded number of requests', async () => {
    const bad = rows.filter((_, index) => index % 100 === 50);
    const it = reader(rows, (ask) => {
      if (bad.some((row) => holds(ask, row))) throw answered(500);
    });
    const requests = await it.read(week);
    expect(it.ids.size).toBe(1008 - bad.length);
    expect(it.open.length).toBeLessThanOrEqual(2 * bad.length);
    expect(requests).toBeLessThan(250 * bad.length);
  });
});

describe('a span that fails', () => {
  it.each([
    ['the older part', T0, T0 + 5n * DAY + 12_345n * NS_PER_SECOND],
    ['the newer part', T0 + 2n * DAY + 54_321n * NS_PER_SECOND, week.endNs],
    ['the middle', T0 + 3n * DAY, T0 + 5n * DAY],
  ])('%s is set aside in a few places, the rest is read', async (_name, from, to) => {
    let sick = true;
    const it = reader(rows, (ask) => {
      const { startNs, endNs } = ask.window;
      if (sick && startNs < to && endNs > from && startNs > NS_PER_SECOND)
        throw answered(400, 'out of range');
    });
    const requests = await it.read(week);
    for (let tries = 0; tries < 8; tries += 1) {
      await it.clock.sleep(600_000);
      await it.read();
    }
    const readable = rows.filter(({ ns }) => ns < from - HOUR || ns > to + HOUR);
    expect(readable.filter(({ id }) => !it.ids.has(id))).toEqual([]);
    expect(it.open.length).toBeLessThan(40);
    expect(requests).toBeLessThan(700);
    sick = false;
    await it.clock.sleep(600_000);
    await it.read();
    expect(it.open).toEqual([]);
    expect(it.ids.size).toBe(1008);
  });
});

describe('a page that is too much', () => {
  const crowd = rowsFrom(T0 + HOUR, 2400, 1n, 'crowd');

  it.each([
    ['says so', 'per_page must be at most 200'],
    ['does not say so', ''],
  ])('and %s is asked for smaller, and so are the next', async (_name, words) => {
    let failures = 0;
    const it = reader([...rows, ...crowd], (ask) => {
      if (ask.perPage <= 200) return;
      failures += 1;
      throw answered(422, words);
    });
    await it.read(week);
    expect(it.ids.size).toBe(rows.length + crowd.length);
    expect(it.open).toEqual([]);
    expect(failures).toBeLessThan(40);
    failures = 0;
    await it.read({ startNs: T0, endNs: T0 + DAY });
    expect(failures).toBe(0);
  });

  it('because of one item that is larger than any answer may be is read but for that', async () => {
    const large = crowd[777] ?? { id: '', ns: 0n };
    const it = reader([...rows, ...crowd], (ask) => {
      const inside = [...rows, ...crowd].filter((row) => holds(ask, row));
      const page = inside.slice((ask.page - 1) * ask.perPage, ask.page * ask.perPage);
      if (page.includes(large)) throw tooLarge();
    });
    await it.read(week);
    expect(it.ids.size).toBe(rows.length + crowd.length - 1);
    expect(it.ids.has(large.id)).toBe(false);
    expect(it.open).toHaveLength(1);
    expect(it.open[0]?.care).toMatchObject({ rows: 1, reason: 'too large' });
    expect(it.open[0]?.care?.hint).toContain('max_response_size');
    for (const [knownFromNs, again] of [
      [0n, true],
      [week.endNs, false],
    ] as const) {
      it.ids.clear();
      it.knownFromNs = knownFromNs;
      await it.clock.sleep(600_000);
      await it.read();
      expect(it.ids.size > 0).toBe(again); // what the journal has forgotten would be appended a second time
      expect(it.open[0]?.care).toMatchObject({ rows: 1 });
    }
  });
});

describe('a Platform that fails for all', () => {
  it.each([
    ['with 503', () => answered(503)],
    ['by not answering', timedOut],
    ['with 400', () => answered(400)],
  ])('%s costs three requests, and the failure is the loop’s', async (_name, error) => {
    const it = reader(rows, () => {
      throw error();
    });
    await expect(it.read(week)).rejects.toThrow(error().message);
    expect(it.client.asked).toHaveLength(3);
    expect(it.open).toEqual([week]);
  });

  it('while a window is narrowed does not count against the window', async () => {
    let down = false;
    const it = reader(rows, (ask) => {
      if (ask.number === 9) down = true;
      if (down || wide(ask) > 2n * HOUR) throw answered(502);
    });
    await expect(it.read(week)).rejects.toThrow('502');
    expect(it.open.some(isAside)).toBe(false);
  });

  it('with a refused key is never asked for less', async () => {
    const it = reader(rows, () => {
      throw answered(401);
    });
    await expect(it.read(week)).rejects.toThrow('401');
    expect(it.client.asked).toHaveLength(1);
  });
});

describe('what fails', () => {
  it('comes after what can be read, and takes no more than its allowance', async () => {
    const old = { startNs: T0, endNs: T0 + DAY };
    const bad = rows[70] ?? { id: '', ns: 0n };
    const it = reader(rows, (ask) => {
      if (holds(ask, bad)) throw answered(500);
    });
    const allowance = { failures: 3, ms: 60_000 };
    await it.read(old, allowance);
    const newer = { startNs: T0 + DAY, endNs: T0 + 2n * DAY };
    const asked = it.client.asked.length;
    await it.read(newer, allowance);
    expect(it.client.asked[asked]?.window).toEqual(newer);
    expect(it.client.asked.length - asked).toBeLessThan(16);
    expect(it.ids.size).toBeGreaterThan(140);
  });
});
