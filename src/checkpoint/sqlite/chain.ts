import { zonesApart } from '../../model/moved-time.ts';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { integer, secondOf, text } from '../columns.ts';
import type { ChainFault, Journal } from '../journal.ts';
import { PAGE_COLUMNS } from '../pages.ts';
import {
  chainState,
  checkHead,
  checkPage,
  goesOn,
  newWalk,
  noteMissing,
  noteStray,
  reportOf,
} from '../walk.ts';
import type { ChainState, FindKnown, Walk } from '../walk.ts';
import { idKey, idOf } from './identity.ts';
import type { Store } from './store.ts';
import { structureCheck } from './structure.ts';

/** Pages, and events, looked at between two turns of the event loop: about ten milliseconds of work. */
const SLICE_PAGES = 100;
const SLICE_EVENTS = 1000;

/**
 * Walks from the oldest page to the newest in slices, each on its own snapshot, so that both loops go on meanwhile;
 * what is pruned during the walk is skipped, what is appended is left to the next one.
 */
export function chain(store: Store): Pick<Journal, 'verifyChain' | 'head'> {
  const readState = store.prepare('SELECT * FROM chain');
  const readSlice = store.prepare(
    `SELECT ${PAGE_COLUMNS} FROM pages WHERE first_seq > ? AND first_seq <= ? ORDER BY first_seq LIMIT ${SLICE_PAGES}`,
  );
  const readStray = store.prepare(
    `SELECT first_seq FROM pages
     WHERE first_seq <= (SELECT removed_seq FROM chain) OR last_seq > (SELECT head_seq FROM chain) LIMIT 1`,
  );
  const findId = store.prepare('SELECT seq, body_hash FROM ids WHERE source = ? AND second = ? AND id = ?');
  const findKnown: FindKnown = (source, createdNs, id) => {
    const own = findId.get(source, secondOf(createdNs), idKey(id));
    if (own !== undefined) return own;
    // It lies elsewhere where the Platform corrected its time zone since.
    for (const apartNs of zonesApart()) {
      const moved = findId.get(source, secondOf(createdNs + apartNs), idKey(id));
      if (moved !== undefined) return moved;
    }
    return undefined;
  };
  // The list of known ids has no index by seq: only asked when something is lost.
  const findLost = store.prepare(
    'SELECT seq, source, id FROM ids WHERE seq IN (SELECT value FROM json_each(?))',
  );

  /** Events that nothing but the list of known ids still names. */
  function named(walk: Walk): readonly ChainFault[] {
    const nameless = walk.faults.filter(({ source }) => source === null);
    if (nameless.length === 0) return walk.faults;
    const rows = findLost.all(`[${nameless.map(({ seq }) => seq).join(',')}]`);
    const bySeq = new Map(rows.map((row) => [integer(row, 'seq'), row]));
    return walk.faults.map((fault) => {
      const row = fault.source === null ? bySeq.get(fault.seq) : undefined;
      return row === undefined ? fault : { ...fault, source: text(row, 'source'), id: idOf(row) };
    });
  }

  /** Returns false when the walk has reached `head`. */
  function walkSlice(walk: Walk, head: ChainState): boolean {
    const now = chainState(readState.get());
    if (!goesOn(walk, now, head)) return false;
    const from = walk.seq;
    for (const row of readSlice.iterate(walk.seq, head.headSeq)) {
      checkPage(walk, row, now.anchorSeq, findKnown);
      if (walk.seq - from >= SLICE_EVENTS) break;
    }
    if (walk.seq === from) noteMissing(walk, head.headSeq, now.anchorSeq);
    return walk.seq < head.headSeq;
  }

  const checkStructure = structureCheck(store);

  return {
    head: async () => {
      const { headSeq, headHash } = chainState(store.read(() => readState.get()));
      return { seq: headSeq, hash: headHash.toString('hex') };
    },
    verifyChain: async (signal, onChecked) => {
      signal.throwIfAborted();
      const { head, stray } = store.read(() => ({
        head: chainState(readState.get()),
        stray: readStray.get(),
      }));
      const walk = newWalk(head);
      if (stray !== undefined) noteStray(walk, integer(stray, 'first_seq'));
      let told = 0;
      while (store.read(() => walkSlice(walk, head))) {
        onChecked?.(walk.checked - told);
        told = walk.checked;
        await nextTurn();
        signal.throwIfAborted();
      }
      checkHead(walk, head);
      const faults = store.read(() => named(walk));
      return reportOf(walk, head, faults, await checkStructure(signal));
    },
  };
}
