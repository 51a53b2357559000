import { setImmediate as nextTurn } from 'node:timers/promises';

import { zonesApart } from '../../model/moved-time.ts';
import { createdNsOf, integer, secondOf, text, type Row } from '../columns.ts';
import type { ChainFault, Journal } from '../journal.ts';
import { PAGE_COLUMNS } from '../pages.ts';
import { checkHead, checkPage, goesOn, newWalk, noteMissing, noteStray, reportOf } from '../walk.ts';
import type { ChainState, FindKnown, Walk } from '../walk.ts';
import { readChain } from './ends.ts';
import { idOf } from './keys.ts';
import type { Db, Store } from './store.ts';

/** Pages looked at in one snapshot, which is short so that nothing else has to wait for its end, and the events among them. */
const SLICE_PAGES = 20;
const SLICE_EVENTS = 2000;

/** Walks from the oldest page to the newest in slices, as the other journal does; what is appended meanwhile is left to the next walk. */
export function chain(store: Store): Pick<Journal, 'verifyChain' | 'head'> {
  /** Returns false when the walk has reached `head`. */
  async function walkSlice(db: Db, walk: Walk, head: ChainState): Promise<boolean> {
    const now = await readChain(db);
    if (!goesOn(walk, now, head)) return false;
    const from = walk.seq;
    const rows = await db.all(
      `SELECT ${PAGE_COLUMNS} FROM pages WHERE first_seq > $1 AND first_seq <= $2 ORDER BY first_seq LIMIT ${SLICE_PAGES}`,
      ...[walk.seq, head.headSeq],
    );
    for (const row of rows) {
      checkPage(walk, row, now.anchorSeq, await knownOf(db, row));
      if (walk.seq - from >= SLICE_EVENTS) break;
    }
    if (walk.seq === from) noteMissing(walk, head.headSeq, now.anchorSeq);
    return walk.seq < head.headSeq;
  }

  return {
    head: () =>
      store.read(async (db) => {
        const { headSeq, headHash } = await readChain(db);
        return { seq: headSeq, hash: headHash.toString('hex') };
      }),
    verifyChain: async (signal, onChecked) => {
      signal.throwIfAborted();
      const { head, stray } = await store.read(async (db) => {
        const [stray] = await db.all(
          `SELECT first_seq FROM pages WHERE first_seq <= (SELECT removed_seq FROM anchor) OR last_seq > (SELECT seq FROM head) LIMIT 1`,
        );
        return { head: await readChain(db), stray };
      });
      const walk = newWalk(head);
      if (stray !== undefined) noteStray(walk, integer(stray, 'first_seq'));
      let told = 0;
      while (await store.read((db) => walkSlice(db, walk, head))) {
        onChecked?.(walk.checked - told);
        told = walk.checked;
        await nextTurn();
        signal.throwIfAborted();
      }
      checkHead(walk, head);
      // The pages of its files are the database's own to check (data_checksums).
      return reportOf(walk, head, await store.read((db) => named(db, walk)), []);
    },
  };
}

/** What the list of known ids says of the events of a page, read in one go by their places. */
async function knownOf(db: Db, page: Row): Promise<FindKnown> {
  const rows = await db.all(
    'SELECT second, ns, id, seq, body_hash FROM ids WHERE source = $1 AND second BETWEEN $2 AND $3 AND seq BETWEEN $4 AND $5',
    ...[
      text(page, 'source'),
      secondOf(integer(page, 'oldest_ns')),
      secondOf(integer(page, 'newest_ns')),
      integer(page, 'first_seq'),
      integer(page, 'last_seq'),
    ],
  );
  const expected = integer(page, 'last_seq') - integer(page, 'first_seq') + 1n;
  // They lie elsewhere where the Platform corrected its time zone since.
  const moved = BigInt(rows.length) < expected ? await movedOf(db, page) : [];
  const byId = new Map([...moved, ...rows].map((row) => [idOf(row), row]));
  return (_source, createdNs, id) => {
    const row = byId.get(id);
    if (row === undefined) return undefined;
    const apart = createdNsOf(row) - createdNs;
    return apart === 0n ||
      [...zonesApart()].some((zone) => secondOf(createdNs + zone) === integer(row, 'second'))
      ? row
      : undefined;
  };
}

/** There is no index by seq: asked only where something is not where it was. */
function movedOf(db: Db, page: Row): Promise<Row[]> {
  return db.all(
    'SELECT second, ns, id, seq, body_hash FROM ids WHERE source = $1 AND seq BETWEEN $2 AND $3',
    ...[text(page, 'source'), integer(page, 'first_seq'), integer(page, 'last_seq')],
  );
}

/** Events that nothing but the list of known ids still names. */
async function named(db: Db, walk: Walk): Promise<readonly ChainFault[]> {
  const nameless = walk.faults.filter(({ source }) => source === null);
  if (nameless.length === 0) return walk.faults;
  const rows = await db.all(
    'SELECT seq, source, id FROM ids WHERE seq = ANY($1::int8[])',
    nameless.map(({ seq }) => seq),
  );
  const bySeq = new Map(rows.map((row) => [integer(row, 'seq'), row]));
  return walk.faults.map((fault) => {
    const row = fault.source === null ? bySeq.get(fault.seq) : undefined;
    return row === undefined ? fault : { ...fault, source: text(row, 'source'), id: idOf(row) };
  });
}
