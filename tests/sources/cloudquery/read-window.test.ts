import { describe, expect, it } from 'vitest';

import { ForwardError } from '../../../src/model/errors.ts';
import type { Window } from '../../../src/model/event.ts';
import { NS_PER_MS, NS_PER_SECOND } from '../../../src/model/time.ts';
import { readWindow } from '../../../src/sources/cloudquery/read-window.ts';
import type { Precision, WindowRead } from '../../../src/sources/cloudquery/read-window.ts';
import { readOpen } from '../../../src/sources/cloudquery/read-open-windows.ts';
import { AnswerFault } from '../../../src/sources/cloudquery/wire.ts';
import { rowsFrom, scriptedClient } from '../../fakes/scripted-client.ts';
import type { Ask, Quirks, Row, ScriptedClient } from '../../fakes/scripted-client.ts';

const T0 = 1_767_355_200n * NS_PER_SECOND;
const HOUR = 3600n * NS_PER_SECOND;
const DAY = 24n * HOUR;
const hour: Window = { startNs: T0, endNs: T0 + HOUR };
const instant: Window = { startNs: T0, endNs: T0 + NS_PER_SECOND };
const quiet = new AbortController().signal;
const seconds = (): Precision => ({ unitNs: NS_PER_SECOND, probed: false });
const known = (unitNs: bigint): Precision => ({ unitNs, probed: true });
const few = rowsFrom(T0 + HOUR / 2n, 10, NS_PER_SECOND);

const one = (client: ScriptedClient, window = hour, precision = seconds()): Promise<WindowRead> =>
  readWindow(client, window, precision, quiet);

/** Everything in a window, and how each part of it ended. */
async function all(
  client: ScriptedClient,
  window = hour,
  precision = seconds(),
): Promise<{ ids: Set<string>; malformed: number; statuses: Set<string> }> {
  const ids = new Set<string>();
  const statuses = new Set<string>();
  let malformed = 0;
  for await (const { read } of readOpen(client, [window], precision, 1, quiet)) {
    for (const item of read.items) ids.add(item.event.id);
    malformed += read.malformed.length;
    if (read.outcome.kind === 'done') statuses.add(read.outcome.status);
  }
  return { ids, malformed, statuses };
}

const timedOut = (): ForwardError =>
  new ForwardError('transient', 'no whole answer', { cause: new DOMException('timed out', 'TimeoutError') });
const tooLarge = (): ForwardError =>
  new ForwardError('transient', 'too large', { cause: new DOMException('too large', 'QuotaExceededError') });
const failWhen =
  (wide: bigint, error: () => Error): NonNullable<Quirks['before']> =>
  ({ window, perPage }: Ask) => {
    if (perPage > 1 && window.endNs - window.startNs > wide) throw error();
  };

describe('a window in one answer', () => {
  it('takes one request when the count agrees', async () => {
    const client = scriptedClient(few);
    const read = await one(client);
    expect(read.outcome).toEqual({ kind: 'done', status: 'read', serverCount: 10 });
    expect(client.asked).toEqual([{ window: hour, page: 1, perPage: 1000, number: 1 }]);
  });

  it('without a count is proved by an empty second page', async () => {
    const client = scriptedClient(few, { total: () => null });
    const read = await one(client);
    expect(read.items).toHaveLength(10);
    expect(read.outcome).toEqual({ kind: 'done', status: 'read', serverCount: null });
    expect(client.asked.map(({ page }) => page)).toEqual([1, 2]);
  });

  it('that is empty is done', async () => {
    for (const total of [() => 0, () => null])
      expect((await one(scriptedClient([], { total }))).outcome).toMatchObject({
        kind: 'done',
        status: 'read',
      });
  });

  it('that is exactly full asks once more', async () => {
    const client = scriptedClient(rowsFrom(T0, 1000, NS_PER_SECOND));
    expect((await one(client)).outcome).toEqual({ kind: 'done', status: 'read', serverCount: 1000 });
    expect(client.asked).toHaveLength(2);
  });
});

describe('a count above the rows', () => {
  it('by far is reported with both numbers', async () => {
    const read = await one(scriptedClient(few, { total: () => 1_000_000 }));
    const miscount = { counted: 1_000_000, listed: few.length };
    expect(read.outcome).toEqual({ kind: 'done', status: 'read', serverCount: null, miscount });
  });

  it('for ever is not kept, and never an endless loop: the list was seen whole', async () => {
    const client = scriptedClient(few, { total: (count) => count + 3 });
    const read = await one(client);
    expect(read.outcome).toEqual({ kind: 'done', status: 'read', serverCount: null });
    expect(client.asked.length).toBeLessThan(5);
  });

  it('for a moment is not: the row that came meanwhile is read', async () => {
    const late: Row[] = [];
    const client = scriptedClient(() => [...few, ...late], {
      total: () => 11,
      before: ({ number }) => {
        if (number === 3) late.push({ id: 'late', ns: T0 });
      },
    });
    const read = await one(client);
    expect(read.outcome).toMatchObject({ status: 'read', serverCount: 11 });
    expect(read.items.map((item) => item.event.id)).toContain('late');
  });
});

describe('a server that', () => {
  const many = rowsFrom(T0, 3500, NS_PER_SECOND);

  it.each<[string, Quirks]>([
    ['counts', {}],
    ['does not count', { total: () => null }],
    ['clamps the page and says so', { clamp: 90 }],
    ['clamps the page in secret', { clamp: 90, hidesClamp: true }],
    ['clamps the page in secret and does not count', { clamp: 90, hidesClamp: true, total: () => null }],
    ['lists the newest first', { order: (rows) => rows.toReversed() }],
    ['compares in seconds', { filterUnitNs: NS_PER_SECOND }],
  ])('%s is read whole, in a bounded number of requests', async (_name, quirks) => {
    const client = scriptedClient(many, quirks);
    const { ids, statuses } = await all(client);
    expect(ids.size).toBe(3500);
    expect([...statuses]).toEqual(['read']);
    expect(client.asked.length).toBeLessThan(400);
  });

  it('ignores the page number is found out', async () => {
    for (const total of [undefined, (): null => null]) {
      const burst = rowsFrom(T0, 1500, 0n).map((row, index) => ({ ...row, id: `b-${index}` }));
      const client = scriptedClient(burst, { ignoresPage: true, ...(total && { total }) });
      await expect(all(client, instant, known(NS_PER_SECOND))).rejects.toMatchObject({
        kind: 'denied',
        message: expect.stringMatching(/does not honour the page number/) as string,
      });
    }
    const client = scriptedClient(few, { ignoresPage: true, total: () => null });
    await expect(one(client)).rejects.toThrow(/page number/);
  });

  it('ignores the time filter is found out, and a second of rounding is not', async () => {
    const stray = (offset: bigint): ScriptedClient =>
      scriptedClient([{ id: 'stray', ns: hour.endNs + offset }], { ignoresTime: true });
    await expect(one(stray(2n * NS_PER_SECOND))).rejects.toMatchObject({
      kind: 'denied',
      message: expect.stringMatching(/does not honour the time filter/) as string,
    });
    expect((await one(stray(NS_PER_SECOND - 1n))).items).toHaveLength(1);
  });

  it('lists a row where it does not lie, but heeds the filter, is read with that row', async () => {
    const strays = [
      ...few,
      { id: 'stray', ns: hour.startNs - 77n * NS_PER_SECOND, listedNs: hour.startNs + 5n },
    ];
    const client = scriptedClient(strays);
    const read = await one(client);
    expect(read.items.map((item) => item.event.id)).toContain('stray');
    expect(read.outcome).toMatchObject({ kind: 'done', serverCount: 11 });
    expect(client.asked).toHaveLength(2);
  });

  it('lists a few rows whatever is asked for heeds the filter as long as it lists others elsewhere', async () => {
    const always = [1n, 2n].map((day): Row => ({
      id: `always-${day}`,
      ns: hour.startNs - day * DAY,
      always: true,
    }));
    const quietHour = { startNs: hour.endNs + DAY, endNs: hour.endNs + DAY + HOUR };
    const client = scriptedClient([...few, ...always]);
    expect((await one(client)).items).toHaveLength(few.length + 2);
    expect((await one(client, quietHour)).items).toHaveLength(2);
    await expect(one(scriptedClient(always))).rejects.toThrow(/time filter/);
    const cached = scriptedClient(few.slice(0, 3), { ignoresTime: true });
    await expect(one(cached, quietHour)).rejects.toThrow(/time filter/);
  });

  it('refuses a time long ago heeds the filter as well', async () => {
    const client = scriptedClient([{ id: 'stray', ns: hour.endNs + HOUR, listedNs: hour.endNs }], {
      before: ({ window }) => {
        if (window.startNs === 0n)
          throw new ForwardError('denied', 'answered 400', { cause: new AnswerFault(400, '') });
      },
    });
    expect((await one(client)).items).toHaveLength(1);
  });
});

describe('an instant with more rows than an answer', () => {
  const burst = rowsFrom(T0, 2500, 0n).map((row, index) => ({ ...row, id: `b-${index}` }));

  it.each<[string, Quirks['total']]>([
    ['with a count', undefined],
    ['without a count', (): null => null],
  ])('is paged until passes agree, although ties are shuffled: %s', async (_name, total) => {
    let seed = 7;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const client = scriptedClient(burst, {
      order: (rows) =>
        rows
          .map((row) => [random(), row] as const)
          .toSorted((a, b) => a[0] - b[0])
          .map(([, row]) => row),
      ...(total && { total }),
    });
    const { ids, statuses } = await all(client, instant, known(NS_PER_SECOND));
    expect(ids.size).toBe(2500);
    expect([...statuses]).toEqual(['read']);
    expect(new Set(client.asked.map(({ perPage }) => perPage)).size).toBeGreaterThan(2);
  });

  it('with a short last page that holds nothing new is no page that stands', async () => {
    const rows = rowsFrom(T0, 41, 0n).map((row, index) => ({ ...row, id: `s-${index}` }));
    // The first request puts the last row first: the second page shows what the first has shown.
    const client = scriptedClient(rows, {
      clamp: 40,
      total: () => null,
      order: (all_, ask) => (ask.number === 1 ? all_.toReversed() : all_),
    });
    const { ids, statuses } = await all(client, instant, known(NS_PER_SECOND));
    expect(ids.size).toBe(41);
    expect([...statuses]).toEqual(['read']);
  });

  it('is read whole although all its rows state one id', async () => {
    const rows = rowsFrom(T0, 2500, 100_000n).map((row) => ({ ...row, id: 'same' }));
    const client = scriptedClient(rows, { filterUnitNs: NS_PER_SECOND });
    const times = new Set<bigint>();
    for await (const { read } of readOpen(client, [instant], known(NS_PER_SECOND), 1, quiet)) {
      for (const { event } of read.items) times.add(event.createdNs);
      expect(read.outcome).toMatchObject({ kind: 'done', status: 'read' });
    }
    expect(times.size).toBe(2500);
  });

  it('whose count is never met is suspect, with all that was found', async () => {
    const client = scriptedClient(burst, { total: (count) => count + 1 });
    const { ids, statuses } = await all(client, instant, known(NS_PER_SECOND));
    expect(ids.size).toBe(2500);
    expect([...statuses]).toEqual(['suspect']);
  });

  it('where nothing can be read keeps every item aside instead of blaming the page number', async () => {
    const broken = rowsFrom(T0, 4500, 0n).map((row, index) => ({
      ...row,
      id: `x-${index}`,
      broken: true as const,
    }));
    const { malformed, statuses } = await all(scriptedClient(broken), instant, known(NS_PER_SECOND));
    expect(malformed).toBeGreaterThanOrEqual(4500);
    expect([...statuses]).toEqual(['read']);
  });
});

describe('the precision of the filter', () => {
  it.each([1n, 1000n, NS_PER_MS])('of %i ns is found, and a second is cut by it', async (filterUnitNs) => {
    const rows = rowsFrom(T0 + 1_234_567n, 3000, 331_333n);
    const client = scriptedClient(rows, { filterUnitNs });
    const precision = seconds();
    const { ids, statuses } = await all(client, instant, precision);
    expect(ids.size).toBe(3000);
    expect([...statuses]).toEqual(['read']);
    expect(precision.unitNs).toBeLessThanOrEqual(NS_PER_MS);
    expect(client.asked.length).toBeLessThan(100);
  });

  it('coarser than the times does not end in a storm of requests', async () => {
    const spread = rowsFrom(T0 + 5n * NS_PER_MS, 1500, 601n);
    const spreadClient = scriptedClient(spread, { filterUnitNs: NS_PER_MS });
    expect((await all(spreadClient, instant)).ids.size).toBe(1500);
    expect(spreadClient.asked.length).toBeLessThan(200);
  });

  it('coarser than one single time does not either', async () => {
    const same = rowsFrom(T0 + 5_123_457n, 1500, 0n).map((row, index) => ({ ...row, id: `s-${index}` }));
    const client = scriptedClient(same, { filterUnitNs: NS_PER_MS });
    expect((await all(client, instant)).ids.size).toBe(1500);
    expect(client.asked.length).toBeLessThan(300);
  });
});

describe('a page size that only says how many rows came', () => {
  it.each([1, 3, 19, 40, 999])(
    'of %i rows is proved by an empty second page, not by splitting',
    async (count) => {
      const client = scriptedClient(rowsFrom(T0, count, NS_PER_SECOND), {
        total: () => null,
        echoesRows: true,
      });
      const read = await one(client);
      expect(read.items).toHaveLength(count);
      expect(read.outcome).toMatchObject({ kind: 'done', status: 'read' });
      expect(client.asked).toHaveLength(2);
    },
  );

  it('of a server that ignores the page number is found out', async () => {
    const quirks = { total: (): null => null, echoesRows: true, ignoresPage: true } as const;
    await expect(all(scriptedClient(few, quirks))).rejects.toThrow(/page number/);
  });
});

describe('a failure', () => {
  it.each<[string, () => Error]>([
    ['for any reason', () => new ForwardError('transient', 'reset')],
    ['for its size', tooLarge],
    ['for its time', timedOut],
  ])('%s is thrown where nobody says how to meet it', async (_name, error) => {
    const client = scriptedClient(few, { before: failWhen(0n, error) });
    await expect(all(client)).rejects.toThrow(error().message);
    expect(client.asked).toHaveLength(1);
  });
});

describe('readOpen', () => {
  it('yields what is still open, and gives the others up when one fails', async () => {
    const windows = [0n, 1n, 2n, 3n].map((n) => ({ startNs: T0 + n * HOUR, endNs: T0 + (n + 1n) * HOUR }));
    const client = scriptedClient(few, {
      before: ({ window }) => {
        if (window.startNs === T0 + 2n * HOUR) throw new ForwardError('transient', 'the third');
      },
    });
    const opens: number[] = [];
    const run = async (): Promise<void> => {
      for await (const step of readOpen(client, windows, seconds(), 1, quiet)) opens.push(step.open.length);
    };
    await expect(run()).rejects.toThrow('the third');
    expect(opens).toEqual([3, 2]);
  });

  it('never reads more at once than allowed, and rejects promptly when aborted', async () => {
    let running = 0;
    let most = 0;
    const windows = Array.from({ length: 9 }, (_, n) => ({
      startNs: T0 + BigInt(n) * HOUR,
      endNs: T0 + BigInt(n + 1) * HOUR,
    }));
    const base = scriptedClient(few);
    const client = {
      ...base,
      page: async (...args: Parameters<typeof base.page>) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return base.page(...args);
      },
    };
    const stop = new AbortController();
    const run = async (): Promise<void> => {
      for await (const step of readOpen(client, windows, seconds(), 3, stop.signal))
        if (step.open.length === 4) stop.abort(new Error('enough'));
    };
    await expect(run()).rejects.toThrow('enough');
    expect(most).toBe(3);
    expect(running).toBe(0);
  });
});
