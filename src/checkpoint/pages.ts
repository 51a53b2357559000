import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

import type { AuditEvent, NewEvent } from '../model/event.ts';
import { bytes, integer, text, type Row } from './columns.ts';
import { corrupt } from './corrupt.ts';
import { sha256 } from './hash.ts';

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

export const INDEX_COLUMNS = 'first_seq, last_seq, oldest_ns, newest_ns, source, received_at, hash, entries';
export const PAGE_COLUMNS = `${INDEX_COLUMNS}, body`;

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

/** Decoded pages that are kept for the next reader: every sink reads the same ones. */
export function keptPages() {
  const kept = new Map<bigint, { readonly page: Page; readonly body: Buffer }>();
  let keptBytes = 0;

  function forget(firstSeq: bigint): void {
    keptBytes -= kept.get(firstSeq)?.body.length ?? 0;
    kept.delete(firstSeq);
  }

  return {
    /** What was decoded before, where it still is what the row holds. */
    page: (row: Row): Page | null => {
      const known = kept.get(integer(row, 'first_seq'))?.page;
      const isSame = known?.lastSeq === integer(row, 'last_seq') && known.hash.equals(bytes(row, 'hash'));
      return isSame ? known : null;
    },
    /** The bytes of an event; null where its page is not kept. */
    utf8: (page: Page, index: number): Buffer | null => {
      const known = kept.get(page.firstSeq);
      return known?.page === page ? bodyOf(page, known.body, index) : null;
    },
    add: (page: Page, body: Buffer): void => {
      forget(page.firstSeq);
      if (body.length > KEPT_BYTES) return;
      kept.set(page.firstSeq, { page, body });
      keptBytes += body.length;
      for (const firstSeq of kept.keys()) {
        if (keptBytes <= KEPT_BYTES) break;
        forget(firstSeq);
      }
    },
  };
}

/** The bytes of the event at `index` among those of its page. */
export function bodyOf(page: Page, body: Buffer, index: number): Buffer {
  return body.subarray(page.entries[index - 1]?.end ?? 0, page.entries[index]?.end);
}

export function sizeOf(page: Page, index: number): number {
  return (page.entries[index]?.end ?? 0) - (page.entries[index - 1]?.end ?? 0);
}

type Place = Required<Omit<AuditEvent, 'original' | 'utf8'>>;

/** What a page says of the event at `index`, beside its bytes. */
export function placeOf(page: Page, index: number): Place {
  const entry = page.entries[index];
  if (entry === undefined) throw new Error(`a page of ${page.entries.length} events has none at ${index}`);
  const seq = page.firstSeq + BigInt(index);
  const { id, createdAt, createdNs } = entry;
  return { seq, source: page.source, id, createdAt, createdNs, receivedAt: page.receivedAt };
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
