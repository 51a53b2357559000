import { describe, expect, it } from 'vitest';

import { ForwardError } from '../../../src/model/errors.ts';
import type { NewEvent, Window } from '../../../src/model/event.ts';
import { formatTime, NS_PER_SECOND } from '../../../src/model/time.ts';
import type { Precision } from '../../../src/sources/cloudquery/read-window.ts';
import { keyOf } from '../../../src/sources/cloudquery/reconcile.ts';
import type { Counts } from '../../../src/sources/cloudquery/reconcile.ts';
import { recount } from '../../../src/sources/cloudquery/recount.ts';
import type { Recount } from '../../../src/sources/cloudquery/recount.ts';
import { compareLength, createTotals } from '../../../src/sources/cloudquery/totals.ts';
import type { Totals } from '../../../src/sources/cloudquery/totals.ts';
import { createLedger } from '../../fakes/ledger.ts';
import type { Ledger } from '../../fakes/ledger.ts';
import { rowsFrom, scriptedClient } from '../../fakes/scripted-client.ts';
import type { Quirks, Row, ScriptedClient } from '../../fakes/scripted-client.ts';

const T0 = 1_767_355_200n * NS_PER_SECOND;
const hour: Window = { startNs: T0, endNs: T0 + 3600n * NS_PER_SECOND };
const quiet = new AbortController().signal;
const rows = rowsFrom(T0 + 60n * NS_PER_SECOND, 10, NS_PER_SECOND);

function holding(held: readonly Row[]): Ledger {
  const ledger = createLedger();
  hold(ledger, held);
  return ledger;
}

function hold(ledger: Ledger, held: readonly Row[]): void {
  for (const { id, ns } of held) {
    const event: NewEvent = {
      id,
      createdAt: formatTime(ns),
      createdNs: ns,
      original: '{}',
      eventType: '',
      wanted: true,
    };
    ledger.events.set(id, event);
  }
}

/** Counts are believed, and it was seen that the list ends. */
function settledTotals(): Totals {
  const totals = createTotals();
  totals.learnPagesEnd(true);
  return totals;
}

function count(
  client: ScriptedClient,
  ledger: Ledger,
  explained: ReadonlyMap<string, Counts> = new Map(),
): Promise<Recount> {
  const precision: Precision = { unitNs: NS_PER_SECOND, probed: true };
  return recount(client, hour, ledger, explained, precision, settledTotals(), quiet);
}

describe('counting a closed window again', () => {
  it('verifies it with one request, for the page in which it ends, when both agree', async () => {
    const client = scriptedClient(rows);
    const result = await count(client, holding(rows));
    expect(result.coverage).toEqual([{ ...hour, status: 'verified', serverCount: 10 }]);
    expect(result).toMatchObject({ reads: [], parts: [], findings: [], explained: null });
    expect(client.asked).toEqual([{ window: hour, page: 4, perPage: 3, number: 1 }]);
  });

  it.each([0, 1, 2, 3, 4, 6, 12, 59, 60, 61, 420, 2520, 9999, 10_000])(
    'tells %i rows from one more and from one less, with a count or without',
    async (number) => {
      const some = rowsFrom(T0, number, NS_PER_SECOND / 4n);
      for (const total of [(n: number) => n, () => null]) {
        const client = scriptedClient(some, { total });
        const compare = async (expected: number): Promise<string> =>
          (await compareLength(client, hour, expected, settledTotals(), quiet)).is;
        expect(await compare(number)).toBe('exactly');
        expect(await compare(number + 1)).toBe('fewer');
        if (number > 0) expect(await compare(number - 1)).toBe('more');
        expect(client.asked.length).toBe(number > 0 ? 3 : 2);
      }
    },
  );

  it('verifies that it is empty', async () => {
    const client = scriptedClient([]);
    expect((await count(client, createLedger())).coverage).toHaveLength(1);
    expect(client.asked).toHaveLength(1);
  });

  it('reads it when the server has more', async () => {
    const ledger = holding(rows.slice(1));
    const result = await count(scriptedClient(rows), ledger);
    expect(result.reads.flatMap((read) => read.items)).toHaveLength(10);
    expect(result.findings).toEqual([]);
    expect(result.explained).toBeNull();
  });

  it('verifies it by its rows where the server does not count', async () => {
    const client = scriptedClient(rows, { total: () => null });
    const result = await count(client, holding(rows));
    expect(result.coverage).toEqual([{ ...hour, status: 'verified', serverCount: null }]);
    expect(client.asked).toHaveLength(1);
    const behind = await count(client, holding(rows.slice(1)));
    expect(behind.reads.flatMap((read) => read.items)).toHaveLength(10);
  });

  it('reads it where the server refuses pages so far down', async () => {
    const client = scriptedClient(rows, {
      before: ({ page }) => {
        if (page > 2) throw new ForwardError('denied', 'no such page');
      },
    });
    expect((await count(client, holding(rows))).reads).not.toEqual([]);
  });

  it('is not misled by a server that shows its last page again', async () => {
    // Nine are left of ten, and two more come: the list still ends before the page that was asked for.
    const twelve = rowsFrom(T0 + 60n * NS_PER_SECOND, 12, NS_PER_SECOND);
    const left = [...twelve.slice(4), { id: 'late', ns: T0 + 90n * NS_PER_SECOND + 1n }];
    const client = scriptedClient(left, { repeatsLastPage: true });
    const totals = createTotals();
    const look = (held: readonly Row[]): Promise<Recount> =>
      recount(client, hour, holding(held), new Map(), { unitNs: NS_PER_SECOND, probed: true }, totals, quiet);
    await look(left);
    const result = await look(twelve);
    expect(result.reads.flatMap((read) => read.items.map(({ event }) => event.id))).toContain('late');
    expect(totals.credible()).toBe(true);
  });

  it('reads it where the server gives larger pages than asked for', async () => {
    const client = scriptedClient(rows);
    const page = client.page.bind(client);
    client.page = (window, number, _perPage, signal) => page(window, number, 50, signal);
    expect((await count(client, holding(rows.slice(1)))).reads).not.toEqual([]);
  });

  it('reports what the server has no longer, by id, and keeps ours', async () => {
    const result = await count(scriptedClient(rows.slice(2)), holding(rows));
    expect(result.findings).toEqual([
      expect.objectContaining({
        kind: 'fewer_on_server',
        window: hour,
        detail: { server: 8, held: 10, missing: ['row-0', 'row-1'] },
      }) as unknown,
    ]);
    expect(result.explained).toEqual({ server: 8, held: 10 });
  });

  it('takes a row at the very edge for rounding, not for evidence', async () => {
    const edge = [...rows, { id: 'edge', ns: hour.endNs }];
    expect((await count(scriptedClient(rows), holding(edge))).findings).toEqual([]);
  });

  it('does not read again what it explained, until a row comes', async () => {
    const twice = [...rows, { id: 'row-3', ns: rows[3]?.ns ?? 0n }];
    const ledger = holding(rows);
    const first = await count(scriptedClient(twice), ledger);
    expect(first.explained).toEqual({ server: 11, held: 10 });
    const explained = new Map([[keyOf(hour), first.explained ?? { server: 0, held: 0 }]]);
    const client = scriptedClient(twice);
    const second = await count(client, ledger, explained);
    expect(second).toMatchObject({ reads: [], coverage: [], explained: first.explained });
    expect(client.asked).toHaveLength(1);
    const late = await count(scriptedClient([...twice, { id: 'late', ns: T0 + 5n }]), ledger, explained);
    expect(late.reads).not.toEqual([]);
  });

  it.each<[string, Quirks, number]>([
    ['a count below the rows of its own answer is doubted', { total: () => 5 }, 1],
    ['a count above a list that ends is doubted', { total: (n) => n + 1 }, 1],
    [
      'a row that came between count and list says nothing',
      { total: (n, { number }) => (number === 1 ? n - 1 : n) },
      0,
    ],
  ])('%s', async (_name, quirks, findings) => {
    const totals = settledTotals();
    const precision: Precision = { unitNs: NS_PER_SECOND, probed: true };
    const client = scriptedClient(rows, quirks);
    const nothing = new Map<string, Counts>();
    await recount(client, hour, holding(rows.slice(1)), nothing, precision, totals, quiet);
    expect(totals.takeFindings()).toHaveLength(findings);
    expect(totals.takeFindings()).toEqual([]);
  });

  it.each<[string, (total: number) => number | null]>([
    ['with true counts', (total) => total],
    ['without counts', () => null],
    ['with capped counts', (total) => Math.min(total, 500)],
    ['with the count of everything', () => 20_000],
  ])('finds one late row among many without reading them all, %s', async (_name, total) => {
    const many = rowsFrom(T0, 20_000, NS_PER_SECOND / 10n);
    const ledger = holding(many.slice(1));
    const client = scriptedClient(many, { total });
    const found = new Set<string>();
    await countToTheEnd(client, ledger, new Map(), (result) => {
      for (const read of result.reads) for (const item of read.items) found.add(item.event.id);
    });
    expect(found.has('row-0')).toBe(true);
    expect(found.size).toBeLessThan(2500);
    expect(client.asked.length).toBeLessThan(120);
  });

  it('does not look again at the parts of a large window that was purged', async () => {
    const ledger = holding(rowsFrom(T0, 3000, NS_PER_SECOND));
    const explained = new Map<string, Counts>();
    await countToTheEnd(scriptedClient([]), ledger, explained);
    const client = scriptedClient([]);
    await countToTheEnd(client, ledger, explained);
    expect(client.asked).toHaveLength(1);
  });

  it('looks at the parts of a large window each time where its count is not borne out by the list', async () => {
    const many = rowsFrom(T0, 3000, NS_PER_SECOND);
    const ledger = holding([...many, ...rowsFrom(T0, 10, NS_PER_SECOND * 60n, 'purged')]);
    const explained = new Map<string, Counts>();
    const total = (): number => 1200;
    await countToTheEnd(scriptedClient(many, { total }), ledger, explained);
    expect(explained.has(keyOf(hour))).toBe(false);
    const late = [...many, { id: 'late', ns: T0 + 7n }];
    const found: string[] = [];
    await countToTheEnd(scriptedClient(late, { total }), ledger, explained, (result) => {
      found.push(...result.reads.flatMap((read) => read.items.map((item) => item.event.id)));
    });
    expect(found).toContain('late');
  });
});

/** As the source does it: parts are counted next, and what was explained is remembered. */
async function countToTheEnd(
  client: ScriptedClient,
  ledger: Ledger,
  explained: Map<string, Counts>,
  see: (result: Recount) => void = () => {},
): Promise<void> {
  const precision: Precision = { unitNs: NS_PER_SECOND, probed: true };
  const totals = createTotals();
  const pending = [hour];
  for (let window = pending.pop(); window !== undefined; window = pending.pop()) {
    const result = await recount(client, window, ledger, explained, precision, totals, quiet);
    see(result);
    if (result.explained === null) explained.delete(result.key);
    else explained.set(result.key, result.explained);
    pending.push(...result.parts);
  }
}
