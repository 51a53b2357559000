import { isSameInstant, sharedIdsOf } from '../../model/event-id.ts';
import type { EventIdentity } from '../../model/event-id.ts';
import { bytes, createdNsOf, integer, secondOf, type Row } from './columns.ts';
import { corrupt } from './faults.ts';
import { sha256 } from './hash.ts';
import type { Places } from './places.ts';
import type { Store } from './store.ts';

/** What the list of known ids tells of one event. */
export interface KnownEvent {
  /** The id that the journal keeps it under. */
  readonly id: string;
  readonly createdNs: bigint;
  readonly bodyHash: Buffer;
  /** Null when the source's filters left it out. */
  readonly seq: bigint | null;
}

/** Of a new event: the id to keep it under, and whose its own id is where it is another event's. */
export interface NewId {
  readonly id: string;
  readonly taken: 'here' | 'beside' | null;
}

/** Finds a known event; inside a transaction. */
export type FindKnown = (source: string, event: EventIdentity) => KnownEvent | null;

/** Bytes of the hash that stands for an event type in the list of known ids. */
const TYPE_HASH_BYTES = 8;
/** Set once any event was given an id of its own: before that nobody has to look for one. */
const SHARED_MARK = 'shared_ids';

/**
 * Which event is which, by source, id, time and type. The id alone would do if every Platform kept its ids apart, and most do: so the
 * first event with an id has it, and only another one gets an id made from what it says, where it is found again whatever became of
 * the first. Two times of one event lie in one second, and an id made for an event depends on it: so all that is looked for is there.
 */
export function knownEvents(store: Store): FindKnown {
  const findId = store.prepare(
    'SELECT second, ns, body_hash, seq, type_hash FROM ids WHERE source = ? AND second = ? AND id = ?',
  );
  const readMark = store.prepare(`SELECT 1 FROM meta WHERE key = '${SHARED_MARK}'`);

  return (source, event) => {
    const second = secondOf(event.createdNs);
    const isThis = (row: Row | undefined): row is Row =>
      row !== undefined &&
      isSameInstant(createdNsOf(row), event.createdNs) &&
      bytes(row, 'type_hash').equals(typeHashOf(event.eventType));
    const own = findId.get(source, second, idKey(event.id));
    if (isThis(own)) return knownAs(event.id, own);
    if (readMark.get() === undefined) return null;
    for (const id of sharedIdsOf(source, event)) {
      const row = findId.get(source, second, idKey(id));
      if (isThis(row)) return knownAs(id, row);
    }
    return null;
  };
}

/**
 * The id for an event to be appended that is not known, or `known` as one that the filters left out. `beside` names the sources that go
 * to the same receivers. Inside a transaction.
 */
export function newIds(
  store: Store,
  places: Places,
): (source: string, event: EventIdentity, known: KnownEvent | null, beside: readonly string[]) => NewId {
  const findSeq = store.prepare('SELECT seq FROM ids WHERE source = ? AND second = ? AND id = ?');
  const writeMark = store.prepare(`INSERT OR IGNORE INTO meta VALUES ('${SHARED_MARK}', '1')`);

  return (source, event, known, beside) => {
    if (known !== null && known.id !== event.id) return { id: known.id, taken: null };
    const others = beside.filter((other) => other !== source);
    let taken: NewId['taken'] = null;
    for (const second of places.secondsOf(event.id)) {
      const key = idKey(event.id);
      if (known === null && findSeq.get(source, second, key) !== undefined) taken = 'here';
      const isAppended = (other: string): boolean =>
        (findSeq.get(other, second, key)?.['seq'] ?? null) !== null;
      if (taken === null && others.some(isAppended)) taken = 'beside';
    }
    if (taken === null) return { id: event.id, taken };
    writeMark.run();
    const second = secondOf(event.createdNs);
    const id = sharedIdsOf(source, event).find(
      (one) => findSeq.get(source, second, idKey(one)) === undefined,
    );
    if (id === undefined)
      throw corrupt('the journal holds an event under an id that is made for another one');
    return { id, taken };
  };
}

function knownAs(id: string, row: Row): KnownEvent {
  return {
    id,
    createdNs: createdNsOf(row),
    bodyHash: bytes(row, 'body_hash'),
    seq: row['seq'] === null ? null : integer(row, 'seq'),
  };
}

/** What stands for an event type in the list of known ids. There are some hundreds of types, and many events of each. */
export function typeHashOf(eventType: string): Buffer {
  const known = typeHashes.get(eventType);
  if (known !== undefined) return known;
  const made = sha256(eventType).subarray(0, TYPE_HASH_BYTES);
  if (typeHashes.size >= TYPES_KEPT) typeHashes.clear();
  if (eventType.length <= TYPE_KEPT_UNITS) typeHashes.set(eventType, made);
  return made;
}

const typeHashes = new Map<string, Buffer>();
const TYPES_KEPT = 1000;
/** Longer ones are not kept, so that odd events cannot fill the memory. UTF-16 units. */
const TYPE_KEPT_UNITS = 128;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** How an id stands in the list of known ids: a UUID in its usual form as its 16 bytes, any other as it is. */
export function idKey(id: string): string | Buffer {
  if (lastKey.id === id) return lastKey.key;
  const key = UUID.test(id) ? Buffer.from(id.replaceAll('-', ''), 'hex') : id;
  lastKey = { id, key };
  return key;
}

/** An id that is looked for is added next. */
let lastKey: { readonly id: string; readonly key: string | Buffer } = { id: '', key: '' };

/** The id of a row with the column `id`. */
export function idOf(row: Row): string {
  const value = row['id'];
  if (typeof value === 'string') return value;
  return bytes(row, 'id')
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
