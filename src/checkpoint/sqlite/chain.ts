import { zonesApart } from '../../model/moved-time.ts';
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { ChainFault, ChainReport, Journal } from '../journal.ts';
import { describe } from '../../model/errors.ts';
import { free } from '../../model/free.ts';
import { bytes, integer, secondOf, text, type Row } from './columns.ts';
import { corrupt } from './faults.ts';
import { pageHash, sha256 } from './hash.ts';
import { idKey, idOf } from './identity.ts';
import { bodyOf, decodeBody, decodeIndex, PAGE_COLUMNS } from './pages.ts';
import type { Page } from './pages.ts';
import type { Store } from './store.ts';

/** Pages, and events, looked at between two turns of the event loop: about ten milliseconds of work. */
const SLICE_PAGES = 100;
const SLICE_EVENTS = 1000;
/** Missing events, and faults, that a report names one by one. */
const MISSING_MAX = 10_000;

interface ChainState {
  readonly removedSeq: bigint;
  readonly removedHash: Buffer;
  readonly anchorSeq: bigint;
  readonly headSeq: bigint;
  readonly headHash: Buffer;
}

/** How far a walk along the chain has come. */
interface Walk {
  seq: bigint;
  /** The hash of `seq`; null after a hole, where nothing tells what came before the next event. */
  hash: Buffer | null;
  checked: number;
  brokenAt: ChainReport['brokenAt'];
  readonly missing: bigint[];
  readonly faults: ChainFault[];
}

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
    if (now.removedSeq > walk.seq) {
      walk.seq = now.removedSeq;
      walk.hash = now.removedHash;
    }
    if (walk.seq >= head.headSeq) return false;
    const from = walk.seq;
    for (const row of readSlice.iterate(walk.seq, head.headSeq)) {
      checkPage(walk, row, now.anchorSeq, findKnown);
      if (walk.seq - from >= SLICE_EVENTS) break;
    }
    if (walk.seq === from) noteMissing(walk, head.headSeq, now.anchorSeq);
    return walk.seq < head.headSeq;
  }

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
      const walk: Walk = {
        seq: head.removedSeq,
        hash: head.removedHash,
        checked: 0,
        brokenAt: null,
        missing: [],
        faults: [],
      };
      if (stray !== undefined) {
        const seq = integer(stray, 'first_seq');
        note(walk, { seq, source: null, id: null }, 'this event lies outside the chain');
      }
      let told = 0;
      while (store.read(() => walkSlice(walk, head))) {
        onChecked?.(walk.checked - told);
        told = walk.checked;
        await nextTurn();
        signal.throwIfAborted();
      }
      if (walk.seq === head.headSeq && walk.hash !== null && !walk.hash.equals(head.headHash)) {
        note(
          walk,
          { seq: head.headSeq, source: null, id: null },
          'the newest event is not the one that was appended last',
        );
      }
      const { brokenAt, checked, missing } = walk;
      const faults = store.read(() => named(walk));
      return {
        intact: brokenAt === null,
        checked,
        head: head.headHash.toString('hex'),
        brokenAt,
        missing,
        faults,
      };
    },
  };
}

type FindKnown = (source: string, createdNs: bigint, id: string) => Row | undefined;

/** `anchorSeq`: events up to it were pruned, although their page is still there; their ids may be gone. */
function checkPage(walk: Walk, row: Row, anchorSeq: bigint, findKnown: FindKnown): void {
  const firstSeq = integer(row, 'first_seq');
  const lastSeq = integer(row, 'last_seq');
  if (firstSeq !== walk.seq + 1n) noteMissing(walk, firstSeq - 1n, anchorSeq);
  const first = firstSeq > anchorSeq ? firstSeq : anchorSeq + 1n;
  const read = decoded(row);
  if (typeof read === 'string') {
    for (let seq = first; seq <= lastSeq && walk.faults.length < MISSING_MAX; seq++) {
      note(walk, { seq, source: null, id: null }, read);
    }
  } else {
    const { page, body } = read;
    const before = walk.faults.length;
    checkEntries(walk, page, body, anchorSeq, findKnown);
    free(body);
    // Where an entry was changed, the list of known ids tells which. Else it was the page's place, or what only the chain covers.
    if (walk.faults.length === before && walk.hash !== null && !pageHash(walk.hash, page).equals(page.hash)) {
      const span = `events ${first} to ${lastSeq}`;
      note(
        walk,
        { seq: first, source: page.source, id: null },
        `${span}, or their place in the order, were changed`,
      );
    }
  }
  walk.seq = lastSeq;
  walk.hash = bytes(row, 'hash');
}

/** The page and the bytes of its events, or why they cannot be read. */
function decoded(row: Row): { page: Page; body: Buffer } | string {
  try {
    const page = decodeIndex(row);
    return { page, body: decodeBody(page, row) };
  } catch (error) {
    return describe(error);
  }
}

function checkEntries(walk: Walk, page: Page, body: Buffer, anchorSeq: bigint, findKnown: FindKnown): void {
  page.entries.forEach(({ id, createdNs, bodyHash }, index) => {
    const seq = page.firstSeq + BigInt(index);
    if (seq <= anchorSeq) return;
    walk.checked++;
    const named = { seq, source: page.source, id };
    const known = findKnown(page.source, createdNs, id);
    if (!sha256(bodyOf(page, body, index)).equals(bodyHash)) {
      note(walk, named, 'the event was changed after it was appended');
    } else if (known?.['seq'] !== seq) {
      note(walk, named, 'the list of known ids does not name this event');
    } else if (!bytes(known, 'body_hash').equals(bodyHash)) {
      note(walk, named, 'the list of known ids holds another hash of this event');
    }
  });
}

/** Everything after the walk's place up to `last` is not there. */
function noteMissing(walk: Walk, last: bigint, anchorSeq: bigint): void {
  const reason = 'the event is missing although it was not pruned';
  const first = walk.seq < anchorSeq ? anchorSeq + 1n : walk.seq + 1n;
  if (first <= last) walk.brokenAt ??= { seq: first, id: '', reason };
  for (let seq = first; seq <= last && walk.missing.length < MISSING_MAX; seq++) {
    walk.missing.push(seq);
    addFault(walk, { kind: 'lost', seq, source: null, id: null, reason });
  }
  walk.seq = last;
  walk.hash = null;
}

/** `brokenAt` is where the chain breaks first. */
function note(walk: Walk, named: Pick<ChainFault, 'seq' | 'source' | 'id'>, reason: string): void {
  walk.brokenAt ??= { seq: named.seq, id: named.id ?? '', reason };
  addFault(walk, { kind: 'changed', ...named, reason });
}

function addFault(walk: Walk, fault: ChainFault): void {
  if (walk.faults.length < MISSING_MAX) walk.faults.push(fault);
}

function chainState(row: Row | undefined): ChainState {
  if (row === undefined) throw corrupt('the journal has lost the state of its chain');
  return {
    removedSeq: integer(row, 'removed_seq'),
    removedHash: bytes(row, 'removed_hash'),
    anchorSeq: integer(row, 'anchor_seq'),
    headSeq: integer(row, 'head_seq'),
    headHash: bytes(row, 'head_hash'),
  };
}
