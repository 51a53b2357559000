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
  placeOf,
  sizeOf,
} from '../pages.ts';
import type { Draft, Page } from '../pages.ts';
import type { Db } from './store.ts';

/** Pages whose lists of events are read in one go, and the bytes of events beside them: less than what is kept of them. */
const READ_PAGES = 64;
const PREFETCH_BYTES = 3 * 1024 * 1024;

/** Writes drafts as the pages after the hash `before`. Returns the hash of the chain after them, and the bytes they take. */
export async function writePages(
  db: Db,
  drafts: readonly Draft[],
  source: string,
  receivedAt: string,
  before: Buffer,
): Promise<{ readonly hash: Buffer; readonly bytes: number }> {
  let hash = before;
  let bytes = 0;
  const written: Promise<unknown>[] = [];
  for (const draft of drafts) {
    const { firstSeq } = draft;
    const { lastSeq, oldestNs, newestNs, entriesHash, entries, body } = encodeDraft(draft);
    hash = pageHash(hash, { firstSeq, source, receivedAt, entriesHash });
    bytes += entries.length + body.length;
    written.push(
      db.run(
        'INSERT INTO pages VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
        ...[firstSeq, lastSeq, oldestNs, newestNs, source, receivedAt, hash, entries, body],
      ),
    );
  }
  await Promise.all(written);
  return { hash, bytes };
}

/** Events by their place, each asked for inside a transaction. Everything throws `corrupt` where a page cannot be decoded. */
export interface PageReader {
  /** The page that holds `seq`; null when there is none. */
  holding(db: Db, seq: bigint): Promise<Page | null>;
  /** The first page that begins behind `seq`; null when there is none. */
  behind(db: Db, seq: bigint): Promise<Page | null>;
  /** The page that ends last before `seq`, or holds the one before it; null when there is none. */
  before(db: Db, seq: bigint): Promise<Page | null>;
  /** Pages in order from one that begins at `seq` on, a bounded number of them. */
  from(db: Db, seq: bigint): Promise<readonly Page[]>;
  /** The same, only those that may hold events of a source (null: of any) created in a span. */
  within(
    db: Db,
    source: string | null,
    startNs: bigint,
    endNs: bigint,
    seq: bigint,
  ): Promise<readonly Page[]>;
  event(db: Db, page: Page, index: number): Promise<AuditEvent>;
  /** Reads the bytes of several pages in one go, as far as they fit in the memory for that, so that `event` need not. */
  prefetch(db: Db, pages: readonly Page[]): Promise<void>;
  /** Without what it says where that is larger than `originalBytes`, which is not even read then. */
  glimpse(db: Db, page: Page, index: number, originalBytes: number): Promise<Glimpse>;
}

export function pageReader(): PageReader {
  const cache = keptPages();

  const first = async (db: Db, sql: string, ...values: (bigint | string | null)[]): Promise<Page | null> => {
    const [row] = await db.all(`SELECT ${INDEX_COLUMNS} FROM pages ${sql} LIMIT 1`, ...values);
    return row === undefined ? null : pageOf(row);
  };
  const several = async (db: Db, sql: string, ...values: (bigint | string | null)[]): Promise<Page[]> => {
    const list = `SELECT ${INDEX_COLUMNS} FROM pages ${sql} ORDER BY first_seq LIMIT ${READ_PAGES}`;
    return (await db.all(list, ...values)).map(pageOf);
  };
  const pageOf = (row: Row): Page => cache.page(row) ?? decodeIndex(row);

  async function utf8(db: Db, page: Page, index: number): Promise<Buffer> {
    const known = cache.utf8(page, index);
    if (known !== null) return known;
    const [row] = await db.all('SELECT body FROM pages WHERE first_seq = $1', page.firstSeq);
    const body = decodeBody(page, row);
    cache.add(page, body);
    return bodyOf(page, body, index);
  }

  const before = (db: Db, seq: bigint) => first(db, 'WHERE first_seq < $1 ORDER BY first_seq DESC', seq);

  return {
    holding: async (db, seq) => {
      const page = await before(db, seq + 1n);
      return page === null || page.lastSeq < seq ? null : page;
    },
    behind: (db, seq) => first(db, 'WHERE first_seq > $1 ORDER BY first_seq', seq),
    before,
    from: (db, seq) => several(db, 'WHERE first_seq >= $1', seq),
    within: (db, source, startNs, endNs, seq) =>
      several(
        db,
        'WHERE newest_ns >= $1 AND oldest_ns <= $2 AND ($3::text IS NULL OR source = $3) AND first_seq >= $4',
        ...[startNs, endNs, source, seq],
      ),
    prefetch: async (db, pages) => {
      let left = PREFETCH_BYTES;
      const wanted = pages.filter((page) => {
        if (cache.utf8(page, 0) !== null) return false;
        left -= page.entries.at(-1)?.end ?? 0;
        return left >= 0;
      });
      if (wanted.length < 2) return; // one is read when it is asked for
      const rows = await db.all(
        'SELECT first_seq, body FROM pages WHERE first_seq = ANY($1::int8[])',
        wanted.map(({ firstSeq }) => firstSeq),
      );
      const byFirst = new Map(wanted.map((page) => [page.firstSeq, page]));
      for (const row of rows) {
        const page = byFirst.get(integer(row, 'first_seq'));
        if (page !== undefined) cache.add(page, decodeBody(page, row));
      }
    },
    event: async (db, page, index) => eventInPage(placeOf(page, index), await utf8(db, page, index)),
    glimpse: async (db, page, index, originalBytes) => {
      const size = sizeOf(page, index);
      const read = size <= originalBytes ? (await utf8(db, page, index)).toString('utf8') : null;
      return { ...placeOf(page, index), bytes: size, original: read };
    },
  };
}
