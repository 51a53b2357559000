import { describe } from '../model/errors.ts';
import { free } from '../model/free.ts';
import { bytes, integer, type Row } from './columns.ts';
import { corrupt } from './corrupt.ts';
import { pageHash, sha256 } from './hash.ts';
import type { ChainFault, ChainReport } from './journal.ts';
import { bodyOf, decodeBody, decodeIndex } from './pages.ts';
import type { Page } from './pages.ts';

/** Missing events, and faults, that a report names one by one. */
const MISSING_MAX = 10_000;

export interface ChainState {
  readonly removedSeq: bigint;
  readonly removedHash: Buffer;
  readonly anchorSeq: bigint;
  readonly headSeq: bigint;
  readonly headHash: Buffer;
}

/** How far a walk along the chain has come. */
export interface Walk {
  seq: bigint;
  /** The hash of `seq`; null after a hole, where nothing tells what came before the next event. */
  hash: Buffer | null;
  checked: number;
  brokenAt: ChainReport['brokenAt'];
  readonly missing: bigint[];
  readonly faults: ChainFault[];
}

export function newWalk({ removedSeq, removedHash }: ChainState): Walk {
  return { seq: removedSeq, hash: removedHash, checked: 0, brokenAt: null, missing: [], faults: [] };
}

/** What was pruned since is skipped. Returns false when the walk has reached `head`. */
export function goesOn(walk: Walk, now: ChainState, head: ChainState): boolean {
  if (now.removedSeq > walk.seq) {
    walk.seq = now.removedSeq;
    walk.hash = now.removedHash;
  }
  return walk.seq < head.headSeq;
}

/** What the walk has found, once it is at its end. */
export function reportOf(
  walk: Walk,
  head: ChainState,
  faults: readonly ChainFault[],
  damage: readonly string[],
): ChainReport {
  const { brokenAt, checked, missing } = walk;
  return {
    intact: brokenAt === null && damage.length === 0,
    checked,
    head: head.headHash.toString('hex'),
    brokenAt,
    missing,
    faults,
    damage,
  };
}

/** The newest event must be the one that was appended last. */
export function checkHead(walk: Walk, head: ChainState): void {
  if (walk.seq !== head.headSeq || walk.hash === null || walk.hash.equals(head.headHash)) return;
  note(
    walk,
    { seq: head.headSeq, source: null, id: null },
    'the newest event is not the one that was appended last',
  );
}

export function noteStray(walk: Walk, seq: bigint): void {
  note(walk, { seq, source: null, id: null }, 'this event lies outside the chain');
}

export type FindKnown = (source: string, createdNs: bigint, id: string) => Row | undefined;

/** `anchorSeq`: events up to it were pruned, although their page is still there; their ids may be gone. */
export function checkPage(walk: Walk, row: Row, anchorSeq: bigint, findKnown: FindKnown): void {
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
export function noteMissing(walk: Walk, last: bigint, anchorSeq: bigint): void {
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

/** The one row of `chain`. */
export function chainState(row: Row | undefined): ChainState {
  if (row === undefined) throw corrupt('the journal has lost the state of its chain');
  return {
    removedSeq: integer(row, 'removed_seq'),
    removedHash: bytes(row, 'removed_hash'),
    anchorSeq: integer(row, 'anchor_seq'),
    headSeq: integer(row, 'head_seq'),
    headHash: bytes(row, 'head_hash'),
  };
}
