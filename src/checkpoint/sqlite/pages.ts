import { free } from '../../model/free.ts';
import { eventInPage } from '../../model/event.ts';
import type { AuditEvent } from '../../model/event.ts';
import { integer, type Row } from '../columns.ts';
import { pageHash } from '../hash.ts';
import type { Glimpse } from '../journal.ts';
import {
  bodyOf,
  decodeBody,
  decodeIndex,
  encodeDraft,
  INDEX_COLUMNS,
  keptPages,
  PAGE_COLUMNS,
  placeOf,
  sizeOf,
} from '../pages.ts';
import type { Draft, Page } from '../pages.ts';
import type { Store } from './store.ts';

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

  const cache = keptPages();

  const pageOf = (row: Row): Page => cache.page(row) ?? decodeIndex(row);

  function utf8(page: Page, index: number): Buffer {
    const known = cache.utf8(page, index);
    if (known !== null) return known;
    const body = decodeBody(page, readBody.get(page.firstSeq));
    cache.add(page, body);
    return bodyOf(page, body, index);
  }

  const holding = (seq: bigint): Page | null => {
    const row = find.get(seq);
    return row === undefined || integer(row, 'last_seq') < seq ? null : pageOf(row);
  };

  return {
    // A part of something larger would keep all of that.
    keep: (page, body) => cache.add(page, body.length === body.buffer.byteLength ? body : Buffer.from(body)),
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
    event: (page, index) => eventInPage(placeOf(page, index), utf8(page, index)),
    glimpse: (page, index, originalBytes) => {
      const size = sizeOf(page, index);
      return {
        ...placeOf(page, index),
        bytes: size,
        original: size <= originalBytes ? utf8(page, index).toString('utf8') : null,
      };
    },
  };
}
