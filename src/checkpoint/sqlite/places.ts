import { hash } from 'node:crypto';

import { bytes, integer } from '../columns.ts';
import type { Store } from './store.ts';

/**
 * Finds the second at which a known id was created. The table `ids` is in order of time, so that new ids touch few pages of the file,
 * and this tells where in it to look for an id. An index by id would not do: random ids scatter writes over the whole file. Here new
 * ids are appended; enough of them are sorted into a run that never changes again, with a Bloom filter in memory that rules out
 * nearly every id that is not in it.
 */
export interface Places {
  /** Every second at which the id is, and perhaps wrong ones: the caller looks there. */
  secondsOf(id: string): readonly bigint[];
  /** Inside a transaction; written with `write`. */
  add(id: string, second: bigint): void;
  /** Inside the same transaction. `lastSeq`: the highest seq of the ids added. */
  write(lastSeq: bigint): void;
  /** Inside a transaction. Drops the runs whose ids were all created before a second and belong to events up to a seq. */
  prune(beforeSecond: bigint, lastSeq: bigint): void;
  /** Reads everything anew: a transaction failed, so memory may not match the disk. */
  forget(): void;
}

/** Ids in a sorted run. */
export const RUN_IDS = 10_000;
/** Each entry: 6 bytes of a hash of the id, then the second, signed (6 bytes), both big endian, so that entries sort as bytes do. */
const HASH_BYTES = 6;
const ENTRY_BYTES = 12;
/** 26 bits for each id of a run, ten of them set: one id in 100,000 is looked for in vain. */
const FILTER_BYTES = 32 * 1024;
const FILTER_MASK = FILTER_BYTES * 8 - 1;
const FILTER_HASHES = 10;
const HALF_HASH = 2 ** 24;

interface Entry {
  readonly hash: number;
  readonly second: number;
}

interface ClosedRun {
  readonly run: bigint;
  readonly filter: Buffer;
}

interface Loaded {
  readonly closed: readonly ClosedRun[];
  /** Seconds by hash: of all ids outside of sorted runs, and of those added but not written yet. */
  readonly recent: Recent;
}

/** Nearly every hash has one second: a list for each would cost the garbage collector thousands of objects. */
type Recent = Map<number, number | readonly number[]>;

export function places(store: Store): Places {
  const list = store.prepare(
    'SELECT run, filter, CASE WHEN filter IS NULL THEN entries END AS entries FROM places ORDER BY run',
  );
  const readEntries = store.prepare('SELECT entries FROM places WHERE run = ?');
  const insert = store.prepare(
    'INSERT INTO places (newest_second, last_seq, entries, filter) VALUES (?, ?, ?, ?)',
  );
  const newestOpen = store.prepare('SELECT max(newest_second) AS second FROM places WHERE filter IS NULL');
  const removeOpen = store.prepare('DELETE FROM places WHERE filter IS NULL');
  const remove = store.prepare('DELETE FROM places WHERE newest_second < ? AND last_seq <= ?');

  let loaded: Loaded | null = null;
  let added: Entry[] = [];
  // The last lookup: an id is looked up several times, and then added.
  let last: { readonly id: string; readonly hash: number; seconds: readonly bigint[] | null } = {
    id: '',
    hash: hashOf(''),
    seconds: null,
  };

  function lookFor(id: string): typeof last {
    if (last.id !== id) last = { id, hash: hashOf(id), seconds: null };
    return last;
  }

  function find(hash: number): readonly bigint[] {
    const { closed, recent } = load();
    const seconds = [...secondsAt(recent, hash)];
    const bits = closed.length === 0 ? [] : bitsOf(hash);
    for (const { run, filter } of closed) {
      if (!mayHold(filter, bits)) continue;
      const row = readEntries.get(run);
      if (row !== undefined) seconds.push(...secondsIn(bytes(row, 'entries'), hash));
    }
    return seconds.length === 0 ? NOWHERE : seconds.map(BigInt);
  }

  function load(): Loaded {
    if (loaded !== null) return loaded;
    const closed: ClosedRun[] = [];
    const recent: Recent = new Map();
    for (const row of list.iterate()) {
      if (row['filter'] !== null) {
        closed.push({ run: integer(row, 'run'), filter: bytes(row, 'filter') });
        continue;
      }
      for (const entry of entriesIn(bytes(row, 'entries'))) remember(recent, entry);
    }
    loaded = { closed, recent };
    return loaded;
  }

  function close(from: Loaded, lastSeq: bigint): void {
    const entries = inOrder(from.recent);
    const second = integer(newestOpen.get() ?? {}, 'second');
    removeOpen.run();
    const filter = filterOf(entries);
    const { lastInsertRowid } = insert.run(second, lastSeq, packed(entries), filter);
    loaded = { closed: [...from.closed, { run: BigInt(lastInsertRowid), filter }], recent: new Map() };
  }

  return {
    secondsOf: (id) => {
      const looked = lookFor(id);
      return (looked.seconds ??= find(looked.hash));
    },
    add: (id, second) => {
      const looked = lookFor(id);
      const entry = { hash: looked.hash, second: Number(second) };
      remember(load().recent, entry);
      added.push(entry);
      looked.seconds = null;
    },
    write: (lastSeq) => {
      if (added.length === 0) return;
      const newest = added.reduce((most, { second }) => Math.max(most, second), -Infinity);
      insert.run(BigInt(newest), lastSeq, packed(added), null);
      added = [];
      const now = load();
      if (now.recent.size >= RUN_IDS) close(now, lastSeq);
    },
    prune: (beforeSecond, lastSeq) => {
      if (Number(remove.run(beforeSecond, lastSeq).changes) > 0) loaded = null;
      last.seconds = null;
    },
    forget: () => {
      loaded = null;
      added = [];
      last.seconds = null;
    },
  };
}

const NOWHERE: readonly bigint[] = [];

function hashOf(id: string): number {
  const digest = hash('sha256', id, 'binary');
  let value = 0;
  for (let index = 0; index < HASH_BYTES; index += 1) value = value * 256 + digest.charCodeAt(index);
  return value;
}

function remember(recent: Recent, { hash, second }: Entry): void {
  const seconds = secondsAt(recent, hash);
  if (seconds.length === 0) recent.set(hash, second);
  else if (!seconds.includes(second)) recent.set(hash, [...seconds, second]);
}

function secondsAt(recent: Recent, hash: number): readonly number[] {
  const seconds = recent.get(hash) ?? NO_SECONDS;
  return typeof seconds === 'number' ? [seconds] : seconds;
}

const NO_SECONDS: readonly number[] = [];

/** Sorted as plain numbers, which takes a fifth of the time that entries do. */
function inOrder(recent: Recent): Entry[] {
  const hashes = Float64Array.from(recent.keys()).sort();
  return Array.from(hashes).flatMap((hash) => secondsAt(recent, hash).map((second) => ({ hash, second })));
}

function packed(entries: readonly Entry[]): Buffer {
  const all = Buffer.allocUnsafe(entries.length * ENTRY_BYTES);
  entries.forEach(({ hash, second }, index) => {
    const at = all.writeUIntBE(hash, index * ENTRY_BYTES, HASH_BYTES);
    all.writeIntBE(second, at, ENTRY_BYTES - HASH_BYTES);
  });
  return all;
}

function entryAt(all: Buffer, index: number): Entry {
  const at = index * ENTRY_BYTES;
  return {
    hash: all.readUIntBE(at, HASH_BYTES),
    second: all.readIntBE(at + HASH_BYTES, ENTRY_BYTES - HASH_BYTES),
  };
}

function* entriesIn(all: Buffer): Iterable<Entry> {
  for (let index = 0; index < all.length / ENTRY_BYTES; index += 1) yield entryAt(all, index);
}

/** Binary search in entries sorted by hash. */
function secondsIn(all: Buffer, hash: number): number[] {
  const length = all.length / ENTRY_BYTES;
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entryAt(all, middle).hash < hash) low = middle + 1;
    else high = middle;
  }
  const found: number[] = [];
  for (let index = low; index < length; index += 1) {
    const entry = entryAt(all, index);
    if (entry.hash !== hash) break;
    found.push(entry.second);
  }
  return found;
}

/** A Bloom filter: an id that is in the run finds all its bits set. */
function filterOf(entries: readonly Entry[]): Buffer {
  const filter = Buffer.alloc(FILTER_BYTES);
  for (const { hash } of entries) {
    for (const bit of bitsOf(hash)) filter[bit >> 3] = (filter[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
  return filter;
}

function mayHold(filter: Buffer, bits: readonly number[]): boolean {
  for (const bit of bits) if (((filter[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
  return true;
}

function bitsOf(hash: number): readonly number[] {
  const first = hash % HALF_HASH;
  const step = Math.floor(hash / HALF_HASH) | 1; // odd, so that no two bits are the same
  const bits: number[] = [];
  for (let index = 0; index < FILTER_HASHES; index += 1) bits.push((first + index * step) & FILTER_MASK);
  return bits;
}
