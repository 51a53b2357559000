import { describe, expect, it } from 'vitest';

import type { NewEvent, Window } from '../../../src/model/event.ts';
import { formatTime, NS_PER_SECOND } from '../../../src/model/time.ts';
import type { Precision } from '../../../src/sources/cloudquery/read-window.ts';
import { keyOf } from '../../../src/sources/cloudquery/reconcile.ts';
import { recount } from '../../../src/sources/cloudquery/recount.ts';
import type { Counts, Recount } from '../../../src/sources/cloudquery/recount.ts';
import { createLedger } from '../../fakes/ledger.ts';
import type { Ledger } from '../../fakes/ledger.ts';
import { rowsFrom, scriptedClient } from '../../fakes/scripted-client.ts';
import type { Row, ScriptedClient } from '../../fakes/scripted-client.ts';

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

function count(
  client: ScriptedClient,
  ledger: Ledger,
  explained: ReadonlyMap<string, Counts> = new Map(),
): Promise<Recount> {
  const precision: Precision = { unitNs: NS_PER_SECOND, probed: true };
  return recount(client, hour, ledger, explained, precision, quiet);
}

describe('counting a closed window again', () => {
  it('verifies it with one request for one row when both agree', async () => {
    const client = scriptedClient(rows);
    const result = await count(client, holding(rows));
    expect(result.coverage).toEqual([{ ...hour, status: 'verified', serverCount: 10 }]);
    expect(result).toMatchObject({ reads: [], parts: [], findings: [], explained: null });
    expect(client.asked).toEqual([{ window: hour, page: 1, perPage: 1, number: 1 }]);
  });

  it('reads it when the server has more', async () => {
    const ledger = holding(rows.slice(1));
    const result = await count(scriptedClient(rows), ledger);
    expect(result.reads.flatMap((read) => read.items)).toHaveLength(10);
    expect(result.findings).toEqual([]);
    expect(result.explained).toEqual({ server: 10, held: 10 });
  });

  it('reads it where the server does not count', async () => {
    const result = await count(scriptedClient(rows, { total: () => null }), holding(rows));
    expect(result.reads.flatMap((read) => read.items)).toHaveLength(10);
    expect(result.explained).toBeNull();
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

  it('does not read again what it explained, until a count moves', async () => {
    const ledger = holding(rows.slice(0, 9));
    const client = scriptedClient(rows, { total: (n, { perPage }) => (perPage === 1 ? n + 5 : n) });
    const first = await count(client, ledger);
    hold(ledger, rows);
    const explained = new Map([[keyOf(hour), first.explained ?? { server: 0, held: 0 }]]);
    client.asked.length = 0;
    const second = await count(client, ledger, explained);
    expect(second.reads).toEqual([]);
    expect(second.coverage).toEqual([]);
    expect(client.asked).toHaveLength(1);
    hold(ledger, [{ id: 'new', ns: T0 + 5n }]);
    expect((await count(client, ledger, explained)).reads).not.toEqual([]);
  });

  it('finds one late row among many without reading them all', async () => {
    const many = rowsFrom(T0, 20_000, NS_PER_SECOND / 10n);
    const ledger = holding(many.slice(1));
    const client = scriptedClient(many);
    const precision: Precision = { unitNs: NS_PER_SECOND, probed: true };
    const pending = [hour];
    const found = new Set<string>();
    for (let window = pending.pop(); window !== undefined; window = pending.pop()) {
      const result = await recount(client, window, ledger, new Map(), precision, quiet);
      pending.push(...result.parts);
      for (const read of result.reads) for (const item of read.items) found.add(item.event.id);
    }
    expect(found.has('row-0')).toBe(true);
    expect(found.size).toBeLessThan(2500);
    expect(client.asked.length).toBeLessThan(120);
  });
});
