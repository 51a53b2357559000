import type { Window } from '../../model/event.ts';
import { sharedIdsOf } from '../../model/event-id.ts';
import type { EventIdentity } from '../../model/event-id.ts';
import { NS_PER_SECOND } from '../../model/time.ts';
import { bytes, count, createdNsOf, int64, integer, secondOf, windowBounds, type Row } from '../columns.ts';
import type { Journal } from '../journal.ts';
import { findKnown } from '../recorder.ts';
import type { IdRow, IdTable } from '../recorder.ts';
import { SHARED_MARK } from '../transfer.ts';
import { idKey, idOf, inWindow } from './keys.ts';
import type { Db, Store } from './store.ts';

/** Ids in one query. */
const ASKED_IDS = 2000;
/** Ids that one query reads of a window. */
const SCANNED_IDS = 5000;

/** What a source and `verify` ask about ids. An id is `kept` when its event was appended, also after it was pruned. */
export function ids(store: Store): Pick<Journal, 'held' | 'absentInWindow' | 'idsInWindow'> {
  async function missing(
    source: string,
    window: Window,
    seen: ReadonlySet<string>,
    limit: number,
  ): Promise<string[]> {
    const found: string[] = [];
    await store.read(async (db) => {
      let second = -(2n ** 63n);
      let key: Buffer = Buffer.alloc(0);
      while (found.length < limit) {
        const rows = await db.all(
          `SELECT second, id FROM ids WHERE source = $1 AND ${inWindow(2)} AND (second, id) > ($8, $9) ORDER BY second, id LIMIT $10`,
          ...[source, ...windowBounds(window), second, key, SCANNED_IDS],
        );
        for (const row of rows) if (found.length < limit && !seen.has(idOf(row))) found.push(idOf(row));
        const last = rows.at(-1);
        if (last === undefined || rows.length < SCANNED_IDS) break;
        [second, key] = [integer(last, 'second'), bytes(last, 'id')];
      }
    });
    return found;
  }

  return {
    held: (source) => ({
      count: (window) =>
        store.read(async (db) => {
          const sql = `SELECT count(*) AS count FROM ids WHERE source = $1 AND ${inWindow(2)}`;
          const [row] = await db.all(sql, source, ...windowBounds(window));
          return count(row ?? {}, 'count');
        }),
      known: (asked) =>
        store.read(async (db) => {
          const table = await loadIds(db, source, asked);
          return asked.map((event) => findKnown(table, source, event)?.id ?? null);
        }),
      missing: (window, seen, limit) => missing(source, window, seen, limit),
    }),
    absentInWindow: (source, window) =>
      store.read(async (db) => {
        const [row] = await db.all(
          `SELECT count(*) FILTER (WHERE seq IS NULL) AS left_out,
             count(*) FILTER (WHERE seq <= (SELECT seq FROM anchor)) AS pruned
           FROM ids WHERE source = $1 AND ${inWindow(2)}`,
          ...[source, ...windowBounds(window)],
        );
        return { leftOut: count(row ?? {}, 'left_out'), pruned: count(row ?? {}, 'pruned') };
      }),
    idsInWindow: (source, window, after, limit) =>
      store.read(async (db) => {
        const from =
          after === null
            ? [-(2n ** 63n), Buffer.alloc(0)]
            : [secondOf(int64(after.createdNs)), idKey(after.id)];
        const rows = await db.all(
          `SELECT second, ns, id, seq, body_hash FROM ids
           WHERE source = $1 AND ${inWindow(2)} AND (second, id) > ($8, $9) ORDER BY second, id LIMIT $10`,
          ...[source, ...windowBounds(window), ...from, Math.max(0, limit)],
        );
        return rows.map((row) => {
          const seq = seqOf(row);
          const hash = bytes(row, 'body_hash').toString('hex');
          return { id: idOf(row), kept: seq !== null, createdNs: createdNsOf(row), seq, hash };
        });
      }),
  };
}

/** The list of known ids as far as some events touch it. What is changed is written with `write`, in the same transaction. */
export interface LoadedIds extends IdTable {
  write(db: Db): Promise<void>;
}

interface Key {
  readonly source: string;
  readonly second: bigint;
  readonly id: string;
}

/**
 * Reads all that is known of the ids of events: of every source, since an id may be another event's anywhere. Ids that are made for
 * events are read only where an event may have one.
 */
export async function loadIds(db: Db, source: string, events: readonly EventIdentity[]): Promise<LoadedIds> {
  const rows = new Map<string, Key & { row: IdRow }>();
  const byId = new Map<string, Key[]>();
  const removed: Key[] = [];
  const inserted = new Map<string, Key & { row: IdRow }>();
  let marked = false;
  const nameOf = ({ source, second, id }: Key): string => `${source}\n${second}\n${id}`;
  const put = (entry: Key & { row: IdRow }): void => {
    rows.set(nameOf(entry), entry);
    byId.set(entry.id, [...(byId.get(entry.id) ?? []), entry]);
  };
  const load = async (wanted: readonly string[]): Promise<void> => {
    for (let at = 0; at < wanted.length; at += ASKED_IDS) {
      const found = await db.all(
        'SELECT source, second, id, ns, body_hash, type_hash, seq FROM ids WHERE id = ANY($1::bytea[])',
        wanted.slice(at, at + ASKED_IDS).map(idKey),
      );
      for (const row of found)
        put({
          source: String(row['source']),
          second: integer(row, 'second'),
          id: idOf(row),
          row: idRow(row),
        });
    }
  };

  const stated = new Set(events.map(({ id }) => id));
  const [[mark]] = await Promise.all([
    db.all('SELECT 1 FROM meta WHERE key = $1', SHARED_MARK),
    load([...stated]),
  ]);
  let shared = mark !== undefined;
  const seen = new Set<string>();
  const mayShare = events.filter(({ id }) => {
    const again = seen.has(id);
    seen.add(id);
    return shared || again || byId.has(id);
  });
  const made = new Set(mayShare.flatMap((event) => sharedIdsOf(source, event)));
  await load([...made].filter((id) => !stated.has(id)));

  return {
    find: (source, second, id) => rows.get(nameOf({ source, second, id }))?.row,
    secondsOf: (id) => (byId.get(id) ?? []).map(({ second }) => second),
    insert: (source, second, id, row) => {
      const entry = { source, second, id, row };
      put(entry);
      inserted.set(nameOf(entry), entry);
    },
    remove: (source, second, id) => {
      const key = { source, second, id };
      const name = nameOf(key);
      rows.delete(name);
      if (!inserted.delete(name)) removed.push(key);
    },
    hasShared: () => shared,
    noteShared: () => {
      marked ||= !shared;
      shared = true;
    },
    write: async (db) => {
      const writes: Promise<unknown>[] = [];
      if (marked)
        writes.push(db.run(`INSERT INTO meta VALUES ($1, '1') ON CONFLICT DO NOTHING`, SHARED_MARK));
      if (removed.length > 0) writes.push(removeIds(db, removed));
      const entries = [...inserted.values()];
      for (let at = 0; at < entries.length; at += ASKED_IDS)
        writes.push(insertIds(db, entries.slice(at, at + ASKED_IDS)));
      await Promise.all(writes);
    },
  };
}

function removeIds(db: Db, keys: readonly Key[]): Promise<number> {
  return db.run(
    'DELETE FROM ids WHERE (source, second, id) IN (SELECT * FROM unnest($1::text[], $2::int8[], $3::bytea[]))',
    ...[keys.map(({ source }) => source), keys.map(({ second }) => second), keys.map(({ id }) => idKey(id))],
  );
}

/** The hashes travel in one piece each and are cut on the server, which costs it half as much as lists of them. */
function insertIds(db: Db, entries: readonly (Key & { row: IdRow })[]): Promise<number> {
  return db.run(
    `INSERT INTO ids (source, second, id, ns, seq, body_hash, type_hash)
     SELECT source, second, id, ns, seq, substring($6::bytea FROM (32 * (place - 1) + 1)::int FOR 32),
       substring($7::bytea FROM (8 * (place - 1) + 1)::int FOR 8)
     FROM unnest($1::text[], $2::int8[], $3::bytea[], $4::int8[], $5::int8[]) WITH ORDINALITY AS one (source, second, id, ns, seq, place)`,
    ...[
      entries.map(({ source }) => source),
      entries.map(({ second }) => second),
      entries.map(({ id }) => idKey(id)),
      entries.map(({ second, row }) => row.createdNs - second * NS_PER_SECOND),
      entries.map(({ row }) => row.seq),
      Buffer.concat(entries.map(({ row }) => row.bodyHash)),
      Buffer.concat(entries.map(({ row }) => row.typeHash)),
    ],
  );
}

function idRow(row: Row): IdRow {
  return {
    createdNs: createdNsOf(row),
    bodyHash: bytes(row, 'body_hash'),
    typeHash: bytes(row, 'type_hash'),
    seq: seqOf(row),
  };
}

function seqOf(row: Row): bigint | null {
  return row['seq'] === null ? null : integer(row, 'seq');
}
