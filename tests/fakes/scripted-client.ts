import type { Window } from '../../src/model/event.ts';
import { formatTime } from '../../src/model/time.ts';
import type { Client } from '../../src/sources/cloudquery/client.ts';
import { readPage } from '../../src/sources/cloudquery/wire.ts';

/** One row of the scripted server. */
export interface Row {
  readonly id: string;
  readonly ns: bigint;
  /** The time that the filter goes by, where it is another. */
  readonly listedNs?: bigint;
  /** Sent with a created_at that nobody can read. */
  readonly broken?: true;
  /** Listed whatever time is asked for. */
  readonly always?: true;
}

export interface Ask {
  readonly window: Window;
  readonly page: number;
  readonly perPage: number;
  /** Which request this is, from 1. */
  readonly number: number;
}

/** How the server differs from a well-behaved one. */
export interface Quirks {
  /** Times are compared in this unit, on both sides. */
  readonly filterUnitNs?: bigint;
  readonly ignoresPage?: true;
  readonly ignoresTime?: true;
  /** Past the end it shows its last page. */
  readonly repeatsLastPage?: true;
  readonly clamp?: number;
  /** Says the page size that was asked for, whatever it gives. */
  readonly hidesClamp?: true;
  /** Says for the page size how many rows it gave. */
  readonly echoesRows?: true;
  /** Null: no count. */
  readonly total?: (true_: number, ask: Ask) => number | null;
  readonly order?: (rows: Row[], ask: Ask) => Row[];
  readonly before?: (ask: Ask) => void;
}

export interface ScriptedClient extends Client {
  readonly asked: Ask[];
}

const LIMIT = 20_000;

/** A Platform's list behind the Client: rows in memory and one odd habit at a time. */
export function scriptedClient(
  rows: readonly Row[] | (() => readonly Row[]),
  quirks: Quirks = {},
): ScriptedClient {
  const asked: Ask[] = [];
  const unit = quirks.filterUnitNs ?? 1n;
  return {
    asked,
    async page(window, page, perPage, signal) {
      signal.throwIfAborted();
      const ask = { window, page, perPage, number: asked.length + 1 };
      if (asked.push(ask) > LIMIT) throw new Error(`more than ${LIMIT} requests`);
      quirks.before?.(ask);
      const all = typeof rows === 'function' ? rows() : rows;
      const inside = all.filter(
        ({ ns, listedNs = ns, always }) =>
          quirks.ignoresTime === true ||
          always === true ||
          (listedNs / unit >= window.startNs / unit && listedNs / unit <= window.endNs / unit),
      );
      const size = Math.min(perPage, quirks.clamp ?? 1000);
      const last = Math.max(Math.ceil(inside.length / size), 1);
      const asks = quirks.repeatsLastPage === true ? Math.min(page, last) : page;
      const number = quirks.ignoresPage === true ? 1 : asks;
      const ordered = quirks.order?.([...inside], ask) ?? inside;
      const total = quirks.total === undefined ? inside.length : quirks.total(inside.length, ask);
      const given = ordered.slice((number - 1) * size, number * size);
      const said = quirks.echoesRows === true ? given.length : quirks.hidesClamp === true ? perPage : size;
      const body = { items: given.map(textOf), metadata: { page_size: said, total_count: total } };
      return readPage(Buffer.from(JSON.stringify(body)), 'scripted');
    },
    get: async () => ({ status: 404, headers: {}, body: Buffer.alloc(0) }),
    requests: () => asked.length,
    close: async () => {},
  };
}

function textOf(row: Row): object {
  return { id: row.id, created_at: row.broken === true ? 'broken' : formatTime(row.ns) };
}

/** `count` rows from `startNs` on, `stepNs` apart. */
export function rowsFrom(startNs: bigint, count: number, stepNs: bigint, prefix = 'row'): Row[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${prefix}-${index}`,
    ns: startNs + stepNs * BigInt(index),
  }));
}
