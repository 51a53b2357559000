import { formerIdsOf, isSameInstant, sharedIdsOf } from '../../model/event-id.ts';
import type { EventIdentity } from '../../model/event-id.ts';
import { bytes, integer, text } from './columns.ts';
import { corrupt } from './faults.ts';
import { sha256 } from './hash.ts';
import type { Store } from './store.ts';

/** What the list of known ids tells of one event. */
export interface KnownEvent {
  /** The id that the journal keeps it under. */
  readonly id: string;
  readonly bodyHash: Buffer;
  /** Null when the source's filters left it out. */
  readonly seq: bigint | null;
}

/** Of a new event: the id to keep it under, and whose its own id is where it is another event's. */
export interface NewId {
  readonly id: string;
  readonly taken: 'here' | 'beside' | null;
}

/** Bytes of the hash that stands for an event type in the list of known ids. */
const TYPE_HASH_BYTES = 8;
/** Set once any event was given an id of its own: before that nobody has to look for one. */
const SHARED_MARK = 'shared_ids';

/**
 * Which event is which, by source, id, time and type; each function runs inside a transaction. The id alone would do if
 * every Platform kept its ids apart, and most do: so the first event with an id has it, and only another one gets an id made
 * from what it says, where it is found again whatever became of the first.
 */
export function identities(store: Store) {
  const findId = store.prepare(
    'SELECT id, created_ns, body_hash, seq, type_hash FROM ids WHERE source = ? AND id = ?',
  );
  const isAppended = store.prepare('SELECT 1 FROM ids WHERE source = ? AND id = ? AND seq IS NOT NULL');
  const readMark = store.prepare(`SELECT 1 FROM meta WHERE key = '${SHARED_MARK}'`);
  const writeMark = store.prepare(`INSERT OR IGNORE INTO meta VALUES ('${SHARED_MARK}', '1')`);

  interface Row extends KnownEvent {
    readonly createdNs: bigint;
    /** Null in a row of an earlier version. */
    readonly typeHash: Buffer | null;
  }

  function rowOf(source: string, id: string): Row | null {
    const row = findId.get(source, id);
    if (row === undefined) return null;
    return {
      id: text(row, 'id'),
      createdNs: integer(row, 'created_ns'),
      bodyHash: bytes(row, 'body_hash'),
      seq: row['seq'] === null ? null : integer(row, 'seq'),
      typeHash: row['type_hash'] === null ? null : bytes(row, 'type_hash'),
    };
  }

  function find(source: string, event: EventIdentity): KnownEvent | null {
    const isThis = (row: Row | null): boolean =>
      row !== null &&
      isSameInstant(row.createdNs, event.createdNs) &&
      (row.typeHash === null || row.typeHash.equals(typeHashOf(event.eventType)));
    const own = rowOf(source, event.id);
    if (isThis(own)) return own;
    if (readMark.get() !== undefined) {
      for (const id of sharedIdsOf(source, event)) {
        const row = rowOf(source, id);
        if (isThis(row)) return row;
      }
    }
    for (const id of formerIdsOf(event)) {
      const row = rowOf(source, id);
      if (row?.bodyHash.equals(sha256(event.original)) === true) return row;
    }
    return null;
  }

  /** For an event to be appended that is not known, or `known` as one that the filters left out. */
  function newId(
    source: string,
    event: EventIdentity,
    known: KnownEvent | null,
    beside: readonly string[],
  ): NewId {
    if (known !== null && known.id !== event.id) return { id: known.id, taken: null };
    const isTaken = known === null && findId.get(source, event.id) !== undefined;
    const others = beside.filter((other) => other !== source);
    const isBeside = others.some((other) => isAppended.get(other, event.id) !== undefined);
    if (!isTaken && !isBeside) return { id: event.id, taken: null };
    writeMark.run();
    const id = sharedIdsOf(source, event).find((one) => findId.get(source, one) === undefined);
    if (id === undefined)
      throw corrupt('the journal holds an event under an id that is made for another one');
    return { id, taken: isTaken ? 'here' : 'beside' };
  }

  return { find, newId };
}

/** What stands for an event type in the list of known ids. */
export function typeHashOf(eventType: string): Buffer {
  return sha256(eventType).subarray(0, TYPE_HASH_BYTES);
}
