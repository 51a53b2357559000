import { setImmediate as nextTurn } from 'node:timers/promises';

import type { ChainFault, ChainReport, Journal } from '../journal.ts';
import { bytes, EVENT_COLUMNS, integer, text, type Row } from './columns.ts';
import { corrupt } from './faults.ts';
import { chainHash, sha256 } from './hash.ts';
import type { Store } from './store.ts';

/** Events looked at between two turns of the event loop: about ten milliseconds of work. */
const SLICE_EVENTS = 500;
/** Missing events, and faults, that a report names one by one. */
const MISSING_MAX = 10_000;

interface ChainState {
  readonly anchorSeq: bigint;
  readonly anchorHash: Buffer;
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
 * Walks from the last pruned event to the newest in slices, each on its own snapshot, so that both loops go on meanwhile;
 * what is pruned during the walk is skipped, what is appended is left to the next one.
 */
export function chain(store: Store): Pick<Journal, 'verifyChain'> {
  const readState = store.prepare('SELECT anchor_seq, anchor_hash, head_seq, head_hash FROM chain');
  const readSlice = store.prepare(
    `SELECT ${EVENT_COLUMNS}, hash, ids.seq AS id_seq, ids.body_hash AS body_hash
     FROM events LEFT JOIN ids ON ids.source = events.source AND ids.id = events.id
     WHERE events.seq > ? AND events.seq <= ? ORDER BY events.seq LIMIT ${SLICE_EVENTS}`,
  );
  const readStray = store.prepare(
    'SELECT seq, source, id FROM events WHERE seq <= (SELECT anchor_seq FROM chain) OR seq > (SELECT head_seq FROM chain) LIMIT 1',
  );
  // The list of known ids has no index by seq: only asked when something is lost.
  const findLost = store.prepare(
    'SELECT seq, source, id FROM ids WHERE seq IN (SELECT value FROM json_each(?))',
  );

  /** Lost events that the list of known ids still names. */
  function named(walk: Walk): readonly ChainFault[] {
    if (walk.missing.length === 0) return walk.faults;
    const rows = findLost.all(`[${walk.missing.join(',')}]`);
    const bySeq = new Map(rows.map((row) => [integer(row, 'seq'), row]));
    return walk.faults.map((fault) => {
      const row = fault.kind === 'lost' ? bySeq.get(fault.seq) : undefined;
      return row === undefined ? fault : { ...fault, source: text(row, 'source'), id: text(row, 'id') };
    });
  }

  /** Returns false when the walk has reached `head`. */
  function walkSlice(walk: Walk, head: ChainState): boolean {
    const now = chainState(readState.get());
    if (now.anchorSeq > walk.seq) {
      walk.seq = now.anchorSeq;
      walk.hash = now.anchorHash;
    }
    if (walk.seq >= head.headSeq) return false;
    let found = 0;
    for (const row of readSlice.iterate(walk.seq, head.headSeq)) {
      found++;
      checkEvent(walk, row);
    }
    if (found === 0) noteMissing(walk, head.headSeq);
    return walk.seq < head.headSeq;
  }

  return {
    verifyChain: async (signal) => {
      signal.throwIfAborted();
      const { head, stray } = store.read(() => ({
        head: chainState(readState.get()),
        stray: readStray.get(),
      }));
      const walk: Walk = {
        seq: head.anchorSeq,
        hash: head.anchorHash,
        checked: 0,
        brokenAt: null,
        missing: [],
        faults: [],
      };
      if (stray !== undefined) {
        note(walk, integer(stray, 'seq'), stray, 'this event lies outside the chain');
      }
      while (store.read(() => walkSlice(walk, head))) {
        await nextTurn();
        signal.throwIfAborted();
      }
      if (walk.seq === head.headSeq && walk.hash !== null && !walk.hash.equals(head.headHash)) {
        note(walk, head.headSeq, null, 'the newest event is not the one that was appended last');
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

function checkEvent(walk: Walk, row: Row): void {
  const seq = integer(row, 'seq');
  const id = text(row, 'id');
  const original = bytes(row, 'original');
  const stored = bytes(row, 'hash');
  if (seq !== walk.seq + 1n) noteMissing(walk, seq - 1n);
  if (walk.hash !== null) {
    const fields = {
      seq,
      source: text(row, 'source'),
      id,
      createdAt: text(row, 'created_at'),
      original,
      receivedAt: text(row, 'received_at'),
    };
    if (!chainHash(walk.hash, fields).equals(stored)) {
      note(walk, seq, row, 'the event, or its place in the order, was changed after it was appended');
    }
  }
  if (row['id_seq'] !== seq) {
    note(walk, seq, row, 'the list of known ids does not name this event');
  } else if (!bytes(row, 'body_hash').equals(sha256(original))) {
    note(walk, seq, row, 'the list of known ids holds another hash of this event');
  }
  walk.seq = seq;
  walk.hash = stored;
  walk.checked++;
}

/** Everything after the walk's place up to `last` is not there. */
function noteMissing(walk: Walk, last: bigint): void {
  const reason = 'the event is missing although it was not pruned';
  walk.brokenAt ??= { seq: walk.seq + 1n, id: '', reason };
  for (let seq = walk.seq + 1n; seq <= last && walk.missing.length < MISSING_MAX; seq++) {
    walk.missing.push(seq);
    addFault(walk, { kind: 'lost', seq, source: null, id: null, reason });
  }
  walk.seq = last;
  walk.hash = null;
}

/** `brokenAt` is where the chain breaks first; a row that fails in several ways is one fault. */
function note(walk: Walk, seq: bigint, row: Row | null, reason: string): void {
  const id = row === null ? null : text(row, 'id');
  walk.brokenAt ??= { seq, id: id ?? '', reason };
  if (walk.faults.at(-1)?.seq === seq) return;
  addFault(walk, { kind: 'changed', seq, source: row === null ? null : text(row, 'source'), id, reason });
}

function addFault(walk: Walk, fault: ChainFault): void {
  if (walk.faults.length < MISSING_MAX) walk.faults.push(fault);
}

function chainState(row: Row | undefined): ChainState {
  if (row === undefined) throw corrupt('the journal has lost the state of its chain');
  return {
    anchorSeq: integer(row, 'anchor_seq'),
    anchorHash: bytes(row, 'anchor_hash'),
    headSeq: integer(row, 'head_seq'),
    headHash: bytes(row, 'head_hash'),
  };
}
