import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

import type { AuditEvent, NewEvent } from '../../model/event.ts';
import { free } from '../../model/free.ts';
import type { Glimpse } from '../journal.ts';
import { bytes, integer, text, type Row } from './columns.ts';
import { corrupt } from './faults.ts';
import { pageHash, sha256 } from './hash.ts';
import type { Store } from './store.ts';

/**
 * Events live in pages: those that were appended together, their bytes in one compressed blob and one compact entry for each beside
 * it. A row per event would cost ten times as many bytes written, most of them for indexes.
 */

/** Events and bytes that one page holds at the most; a larger event has a page of its own. */
const PAGE_EVENTS = 1000;
const PAGE_BYTES = 1024 * 1024;
/** Bytes of decoded pages that are kept for the next reader: every sink reads the same ones. */
const KEPT_BYTES = 4 * 1024 * 1024;

/** What a page says of one event beside its bytes. */
export interface Entry {
  readonly id: string;
  readonly createdAt: string;
  /** Nanoseconds since 1970. */
  readonly createdNs: bigint;
  /** SHA-256 of the event's bytes. */
  readonly bodyHash: Buffer;
  /** Where its bytes end in the page's. */
  readonly end: number;
}

/** One row of `pages`, decoded but for the bytes of its events. */
export interface Page {
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
  readonly source: string;
  readonly receivedAt: string;
  readonly entries: readonly Entry[];
  /** The chain's hash after this page, as it is stored. */
  readonly hash: Buffer;
  /** SHA-256 of the packed entries, as they are stored. */
  readonly entriesHash: Buffer;
}

/** A page that is being filled, within one transaction. */
export interface Draft {
  readonly firstSeq: bigint;
  readonly bodies: Buffer[];
  readonly entries: Entry[];
  bytes: number;
}

export function newDraft(firstSeq: bigint): Draft {
  return { firstSeq, bodies: [], entries: [], bytes: 0 };
}

export function isFull(draft: Draft, nextBytes: number): boolean {
  return (
    draft.entries.length > 0 && (draft.entries.length >= PAGE_EVENTS || draft.bytes + nextBytes > PAGE_BYTES)
  );
}

export function addTo(draft: Draft, entry: Omit<Entry, 'end'>, body: Buffer): void {
  draft.bytes += body.length;
  draft.bodies.push(body);
  const { id, createdAt, createdNs, bodyHash } = entry;
  draft.entries.push({ id, createdAt, createdNs, bodyHash, end: draft.bytes });
}

/** What the columns of a page hold that are made from its events, and the hash of the entries that goes into the chain. */
export interface EncodedDraft {
  readonly lastSeq: bigint;
  readonly oldestNs: bigint;
  readonly newestNs: bigint;
  readonly entriesHash: Buffer;
  readonly entries: Buffer;
  readonly body: Buffer;
  /** The bytes of its events before they were compressed. */
  readonly plain: Buffer;
}

export function encodeDraft(draft: Draft): EncodedDraft {
  const packed = pack(draft.entries);
  const [only] = draft.bodies;
  const body = draft.bodies.length === 1 && only !== undefined ? only : Buffer.concat(draft.bodies);
  return {
    lastSeq: draft.firstSeq + BigInt(draft.entries.length) - 1n,
    ...spanOf(draft.entries),
    entriesHash: sha256(packed),
    entries: compress(packed),
    body: compress(body),
    plain: body,
  };
}

const INDEX_COLUMNS = 'first_seq, last_seq, oldest_ns, newest_ns, source, received_at, hash, entries';
export const PAGE_COLUMNS = `${INDEX_COLUMNS}, body`;

/** Writes a draft as the page after the hash `before`. Returns the hash of the chain after it. A sink that keeps up finds it in `reader`. */
export function pageWriter(store: Store, reader: Pick<PageReader, 'keep'>) {
  const insert = store.prepare(`INSERT INTO pages (${PAGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  return (draft: Draft, source: string, receivedAt: string, before: Buffer): Buffer => {
    const { firstSeq } = draft;
    const { lastSeq, oldestNs, newestNs, entriesHash, entries, body, plain } = encodeDraft(draft);
    const hash = pageHash(before, { firstSeq, source, receivedAt, entriesHash });
    insert.run(firstSeq, lastSeq, oldestNs, newestNs, source, receivedAt, hash, entries, body);
    free(body);
    reader.keep({ firstSeq, lastSeq, source, receivedAt, entries: draft.entries, hash, entriesHash }, plain);
    return hash;
  };
}

/** Its text is made from the bytes of its page when it is asked for, and is garbage as soon as it was read. */
class EventInPage implements AuditEvent {
  readonly seq: bigint;
  readonly source: string;
  readonly id: string;
  readonly createdAt: string;
  readonly receivedAt: string;
  readonly utf8: Buffer;

  constructor(place: Omit<AuditEvent, 'original' | 'utf8'>, utf8: Buffer) {
    this.seq = place.seq;
    this.source = place.source;
    this.id = place.id;
    this.createdAt = place.createdAt;
    this.receivedAt = place.receivedAt;
    this.utf8 = utf8;
  }

  get original(): string {
    return this.utf8.toString('utf8');
  }
}

/** Events by their place. Everything throws `corrupt` where a page cannot be decoded. */
export interface PageReader {
  /** The page that holds `seq`; null when there is none. */
  holding(seq: bigint): Page | null;
  /** The first page that begins behind `seq`; null when there is none. */
  behind(seq: bigint): Page | null;
  /** From the newest to the oldest. */
  newestFirst(): Iterable<Page>;
  /** Pages from the one that holds `seq` on, in order, that may hold events of a source (null: of any) created in a span. */
  within(source: string | null, startNs: bigint, endNs: bigint, seq: bigint): Iterable<Page>;
  event(page: Page, index: number): AuditEvent;
  /** Without what it says where that is larger than `originalBytes`, which is not even read then. */
  glimpse(page: Page, index: number, originalBytes: number): Glimpse;
  /** A page that was just written, and its bytes: nobody has to read it again while it is kept. It is taken only for what is in the file. */
  keep(page: Page, body: Buffer): void;
}

export function pageReader(store: Store): PageReader {
  const find = store.prepare(
    `SELECT ${INDEX_COLUMNS} FROM pages WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1`,
  );
  const findBehind = store.prepare(
    `SELECT ${INDEX_COLUMNS} FROM pages WHERE first_seq > ? ORDER BY first_seq LIMIT 1`,
  );
  const listNewest = store.prepare(`SELECT ${INDEX_COLUMNS} FROM pages ORDER BY first_seq DESC`);
  const listWithin = store.prepare(
    `SELECT first_seq FROM pages INDEXED BY pages_by_time
     WHERE newest_ns >= ?1 AND oldest_ns <= ?2 AND (?3 IS NULL OR source = ?3)
       AND first_seq >= coalesce((SELECT max(first_seq) FROM pages WHERE first_seq <= ?4), 0)
     ORDER BY first_seq`,
  );
  const readBody = store.prepare('SELECT body FROM pages WHERE first_seq = ?');

  const kept = new Map<bigint, { readonly page: Page; readonly body: Buffer }>();
  let keptBytes = 0;

  function keep(page: Page, body: Buffer): void {
    forget(page.firstSeq);
    if (body.length > KEPT_BYTES) return;
    kept.set(page.firstSeq, { page, body });
    keptBytes += body.length;
    for (const firstSeq of kept.keys()) {
      if (keptBytes <= KEPT_BYTES) break;
      forget(firstSeq);
    }
  }

  function forget(firstSeq: bigint): void {
    keptBytes -= kept.get(firstSeq)?.body.length ?? 0;
    kept.delete(firstSeq);
  }

  /** What was decoded before is taken only for what is still the same in the file. */
  function pageOf(row: Row): Page {
    const known = kept.get(integer(row, 'first_seq'))?.page;
    const isSame = known?.lastSeq === integer(row, 'last_seq') && known.hash.equals(bytes(row, 'hash'));
    return isSame ? known : decodeIndex(row);
  }

  function original(page: Page, index: number): Buffer {
    const known = kept.get(page.firstSeq);
    if (known?.page === page) return bodyOf(page, known.body, index);
    const body = decodeBody(page, readBody.get(page.firstSeq));
    keep(page, body);
    return bodyOf(page, body, index);
  }

  const holding = (seq: bigint): Page | null => {
    const row = find.get(seq);
    return row === undefined || integer(row, 'last_seq') < seq ? null : pageOf(row);
  };

  return {
    // A part of something larger would keep all of that.
    keep: (page, body) => keep(page, body.length === body.buffer.byteLength ? body : Buffer.from(body)),
    holding,
    behind: (seq) => {
      const row = findBehind.get(seq);
      return row === undefined ? null : pageOf(row);
    },
    *newestFirst() {
      for (const row of listNewest.iterate()) yield pageOf(row);
    },
    *within(source, startNs, endNs, seq) {
      for (const row of listWithin.iterate(startNs, endNs, source, seq)) {
        const page = holding(integer(row, 'first_seq'));
        if (page !== null) yield page;
      }
    },
    event: (page, index) => new EventInPage(placeOf(page, index), original(page, index)),
    glimpse: (page, index, originalBytes) => {
      const size = sizeOf(page, index);
      return {
        ...placeOf(page, index),
        bytes: size,
        original: size <= originalBytes ? original(page, index).toString('utf8') : null,
      };
    },
  };
}

export function decodeIndex(row: Row): Page {
  const firstSeq = integer(row, 'first_seq');
  const lastSeq = integer(row, 'last_seq');
  try {
    const packed = zstdDecompressSync(bytes(row, 'entries'), { maxOutputLength: ENTRIES_LIMIT_BYTES });
    const entries = unpack(packed);
    const { oldestNs, newestNs } = spanOf(entries);
    const isWhole = lastSeq - firstSeq + 1n === BigInt(entries.length);
    if (!isWhole || integer(row, 'oldest_ns') !== oldestNs || integer(row, 'newest_ns') !== newestNs)
      throw new Error('its parts do not match');
    return {
      firstSeq,
      lastSeq,
      source: text(row, 'source'),
      receivedAt: text(row, 'received_at'),
      entries,
      hash: bytes(row, 'hash'),
      entriesHash: sha256(packed),
    };
  } catch (error) {
    throw corrupt(`the journal cannot read its events ${firstSeq} to ${lastSeq}`, error);
  }
}

/** The bytes of all events of a page, from a row with the column `body`. */
export function decodeBody(page: Page, row: Row | undefined): Buffer {
  try {
    if (row === undefined) throw new Error('they are not there');
    const length = page.entries.at(-1)?.end ?? 0;
    const body = zstdDecompressSync(bytes(row, 'body'), { maxOutputLength: Math.max(1, length) });
    if (body.length !== length) throw new Error('its parts do not match');
    return body;
  } catch (error) {
    throw corrupt(`the journal cannot read its events ${page.firstSeq} to ${page.lastSeq}`, error);
  }
}

/** The bytes of the event at `index` among those of its page. */
export function bodyOf(page: Page, body: Buffer, index: number): Buffer {
  return body.subarray(page.entries[index - 1]?.end ?? 0, page.entries[index]?.end);
}

export function sizeOf(page: Page, index: number): number {
  return (page.entries[index]?.end ?? 0) - (page.entries[index - 1]?.end ?? 0);
}

function placeOf(page: Page, index: number): Omit<AuditEvent, 'original' | 'utf8'> {
  const entry = page.entries[index];
  if (entry === undefined) throw new Error(`a page of ${page.entries.length} events has none at ${index}`);
  const seq = page.firstSeq + BigInt(index);
  const { id, createdAt } = entry;
  return { seq, source: page.source, id, createdAt, receivedAt: page.receivedAt };
}

function spanOf(entries: readonly Pick<NewEvent, 'createdNs'>[]): { oldestNs: bigint; newestNs: bigint } {
  let oldestNs = entries[0]?.createdNs ?? 0n;
  let newestNs = oldestNs;
  for (const { createdNs } of entries) {
    if (createdNs < oldestNs) oldestNs = createdNs;
    if (createdNs > newestNs) newestNs = createdNs;
  }
  return { oldestNs, newestNs };
}

const HASH_BYTES = 32;
const LENGTH_BYTES = 4;
const TIME_BYTES = 8;
const FIXED_BYTES = 3 * LENGTH_BYTES + TIME_BYTES + HASH_BYTES;
/** Far more than the entries of a full page take: what unpacks to more is damaged. */
const ENTRIES_LIMIT_BYTES = 16 * 1024 * 1024;

/** Each entry, little endian: end, lengths of id and created_at (4 bytes each), time (8), hash (32), then id and created_at in UTF-8. */
function pack(entries: readonly Entry[]): Buffer {
  const lengths = entries.map(
    ({ id, createdAt }) => [Buffer.byteLength(id), Buffer.byteLength(createdAt)] as const,
  );
  const size = lengths.reduce((sum, [id, createdAt]) => sum + FIXED_BYTES + id + createdAt, 0);
  const packed = Buffer.allocUnsafe(size);
  let at = 0;
  entries.forEach(({ id, createdAt, createdNs, bodyHash, end }, index) => {
    const [idBytes, createdBytes] = lengths[index] ?? [0, 0];
    at = packed.writeUInt32LE(end, at);
    at = packed.writeUInt32LE(idBytes, at);
    at = packed.writeUInt32LE(createdBytes, at);
    at = packed.writeBigInt64LE(createdNs, at);
    at += bodyHash.copy(packed, at);
    at += packed.write(id, at, 'utf8');
    at += packed.write(createdAt, at, 'utf8');
  });
  return packed;
}

function unpack(packed: Buffer): Entry[] {
  const entries: Entry[] = [];
  let at = 0;
  while (at < packed.length) {
    const end = packed.readUInt32LE(at);
    const idBytes = packed.readUInt32LE(at + LENGTH_BYTES);
    const createdBytes = packed.readUInt32LE(at + 2 * LENGTH_BYTES);
    const createdNs = packed.readBigInt64LE(at + 3 * LENGTH_BYTES);
    const bodyHash = packed.subarray(at + FIXED_BYTES - HASH_BYTES, at + FIXED_BYTES);
    at += FIXED_BYTES;
    const id = packed.toString('utf8', at, at + idBytes);
    const createdAt = packed.toString('utf8', at + idBytes, at + idBytes + createdBytes);
    at += idBytes + createdBytes;
    entries.push({ id, createdAt, createdNs, bodyHash, end });
  }
  return entries;
}

/** Level 1: a tenth of the bytes in a microsecond for each event; higher levels cost more than they save. */
function compress(data: Buffer): Buffer {
  return zstdCompressSync(data, {
    params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
  });
}
