import { isSameInstant, sharedIdsOf } from '../model/event-id.ts';
import type { EventIdentity } from '../model/event-id.ts';
import type { NewEvent } from '../model/event.ts';
import { free } from '../model/free.ts';
import { isOnlyMoved, textsAt } from '../model/moved-time.ts';
import type { Revision } from './journal.ts';
import { secondOf } from './columns.ts';
import { corrupt } from './corrupt.ts';
import { sha256 } from './hash.ts';
import { addTo, isFull } from './pages.ts';
import type { Draft } from './pages.ts';
import type { SharedId, TypeTally } from './tally.ts';
import { countEvent } from './tally.ts';

/** What the journal remembers of an event in the table `ids`. */
export interface KnownEvent {
  /** The id that the journal keeps it under. */
  readonly id: string;
  readonly createdNs: bigint;
  readonly bodyHash: Buffer;
  /** Null when the source's filters left it out. */
  readonly seq: bigint | null;
}

/** A row of the table `ids`, without its key (source, second, id). */
export interface IdRow {
  /** Lies in the second of the key. */
  readonly createdNs: bigint;
  readonly bodyHash: Buffer;
  /** See `typeHashOf`. */
  readonly typeHash: Buffer;
  readonly seq: bigint | null;
}

/** The table `ids`, inside a transaction. */
export interface IdTable {
  find(source: string, second: bigint, id: string): IdRow | undefined;
  /** The seconds at which any source has this id; there may be wrong ones among them. */
  secondsOf(id: string): readonly bigint[];
  insert(source: string, second: bigint, id: string, row: IdRow): void;
  remove(source: string, second: bigint, id: string): void;
  /** Whether any event was ever given an id made from it. Before that there is none to look for. */
  hasShared(): boolean;
  noteShared(): void;
}

/** The end of the chain and the page that grows there, carried through one transaction. */
export interface Tip {
  readonly source: string;
  readonly beside: readonly string[];
  seq: bigint;
  draft: Draft;
}

export interface Tally {
  appended: number;
  repeated: number;
  filtered: number;
  /** Known events that are shown with the time of another time zone now. */
  moved: number;
  readonly revised: Omit<Revision, 'held'>[];
  /** The seqs of the revised events, which find the bytes held; null where none are. */
  readonly heldAt: (bigint | null)[];
  /** Events kept under an id made from them, because the id they state is another event's of their source. */
  readonly shared: SharedId[];
  readonly types: Map<string, TypeTally>;
}

/** The id under which a new event is kept. `taken`: the id that it states is another event's, of its source (`here`) or of one beside it. */
interface NewId {
  readonly id: string;
  readonly taken: 'here' | 'beside' | null;
}

export function newTally(): Tally {
  return {
    appended: 0,
    repeated: 0,
    filtered: 0,
    moved: 0,
    revised: [],
    heldAt: [],
    shared: [],
    types: new Map(),
  };
}

/** Bytes of the hash of an event type in the table `ids`. */
const TYPE_HASH_BYTES = 8;

/**
 * Finds an event by source, id, time and type. The id alone would do if a Platform never used one twice, and most do not. So the first
 * event with an id keeps it, and any further one gets an id made from its content, by which it is found again even when the first is
 * gone. Both forms of an event's time lie in one second, and a made id depends on that second: it is the only one to search.
 */
export function findKnown(
  ids: Pick<IdTable, 'find' | 'hasShared'>,
  source: string,
  event: EventIdentity,
): KnownEvent | null {
  const second = secondOf(event.createdNs);
  const isThis = (row: IdRow | undefined): row is IdRow =>
    row !== undefined &&
    isSameInstant(row.createdNs, event.createdNs) &&
    row.typeHash.equals(typeHashOf(event.eventType));
  const own = ids.find(source, second, event.id);
  if (isThis(own)) return { id: event.id, ...own };
  if (!ids.hasShared()) return null;
  for (const id of sharedIdsOf(source, event)) {
    const row = ids.find(source, second, id);
    if (isThis(row)) return { id, ...row };
  }
  return null;
}

/** Decides for each event of a harvest whether it is new, repeated, revised, or left out by the filters. `close` writes a full page. */
export function recorder(
  ids: IdTable,
  close: (tip: Tip) => void,
): (event: NewEvent, tip: Tip, tally: Tally) => void {
  /**
   * The id under which an event is appended. It is made from the event if the stated id is another event's, of this source or of one
   * `beside` it that goes to the same receivers. `known`: the event's row if the filters left it out before.
   */
  function newId(event: EventIdentity, known: KnownEvent | null, { source, beside }: Tip): NewId {
    if (known !== null && known.id !== event.id) return { id: known.id, taken: null };
    let taken: NewId['taken'] = null;
    for (const second of ids.secondsOf(event.id)) {
      if (known === null && ids.find(source, second, event.id) !== undefined) taken = 'here';
      const isAppended = (other: string): boolean =>
        other !== source && (ids.find(other, second, event.id)?.seq ?? null) !== null;
      if (taken === null && beside.some(isAppended)) taken = 'beside';
    }
    if (taken === null) return { id: event.id, taken };
    ids.noteShared();
    const second = secondOf(event.createdNs);
    const id = sharedIdsOf(source, event).find((one) => ids.find(source, second, one) === undefined);
    if (id === undefined)
      throw corrupt('the journal holds an event under an id that is made for another one');
    return { id, taken };
  }

  function keep(id: string, event: NewEvent, body: Buffer, bodyHash: Buffer, tip: Tip): void {
    if (isFull(tip.draft, body.length)) close(tip);
    tip.seq += 1n;
    addTo(tip.draft, { id, createdAt: event.createdAt, createdNs: event.createdNs, bodyHash }, body);
  }

  function remember(id: string, event: NewEvent, bodyHash: Buffer, seq: bigint | null, tip: Tip): void {
    const { createdNs, eventType } = event;
    ids.insert(tip.source, secondOf(createdNs), id, {
      createdNs,
      bodyHash,
      typeHash: typeHashOf(eventType),
      seq,
    });
  }

  /** The same event, if it was kept with the time of another time zone and is otherwise equal. */
  function movedFrom(source: string, event: NewEvent): KnownEvent | null {
    const { id, createdNs, eventType } = event;
    for (const second of ids.secondsOf(id)) {
      const row = ids.find(source, second, id);
      if (row === undefined || !row.typeHash.equals(typeHashOf(eventType))) continue;
      const { createdNs: before, bodyHash, seq } = row;
      if (!textsAt(event.original, createdNs, before).some((text) => bodyHash.equals(sha256(text)))) continue;
      return { id, createdNs: before, bodyHash, seq };
    }
    return null;
  }

  function revise(event: NewEvent, known: KnownEvent, seenHash: Buffer, tally: Tally): void {
    tally.revised.push({
      id: known.id,
      createdAt: event.createdAt,
      heldHash: known.bodyHash.toString('hex'),
      seenHash: seenHash.toString('hex'),
      seen: event.original,
    });
    tally.heldAt.push(known.seq);
  }

  return (event, tip, tally) => {
    const { source } = tip;
    const body = event.utf8 ?? Buffer.from(event.original, 'utf8');
    const seenHash = sha256(body);
    const there = findKnown(ids, source, event);
    const moved = there === null ? movedFrom(source, event) : null;
    if (moved !== null) {
      ids.remove(source, secondOf(moved.createdNs), moved.id);
      remember(moved.id, event, moved.bodyHash, moved.seq, tip);
      tally.moved++;
    }
    const known = there ?? (moved === null ? null : { ...moved, createdNs: event.createdNs });
    if (known === null) {
      const { id, taken } = newId(event, null, tip);
      if (event.wanted) keep(id, event, body, seenHash, tip);
      remember(id, event, seenHash, event.wanted ? tip.seq : null, tip);
      if (event.wanted) tally.appended++;
      else tally.filtered++;
      if (taken === 'here') tally.shared.push({ event, id });
      countEvent(tally.types, event);
    } else {
      if (!known.bodyHash.equals(seenHash) && !isMovedBefore(event, known))
        revise(event, known, seenHash, tally);
      // The filters may have been widened since this event was left out: then it is new to the sinks.
      if (known.seq === null && event.wanted) {
        const { id } = newId(event, known, tip);
        ids.remove(source, secondOf(known.createdNs), known.id);
        keep(id, event, body, seenHash, tip);
        remember(id, { ...event, createdNs: known.createdNs }, seenHash, tip.seq, tip);
        tally.appended++;
        return;
      }
      tally.repeated++;
    }
    if (event.utf8 === undefined && tip.draft.bodies.at(-1) !== body) free(body);
  };
}

/** Whether the journal holds the same text with the time of another zone. */
function isMovedBefore({ original, createdNs }: NewEvent, { bodyHash }: KnownEvent): boolean {
  return isOnlyMoved(original, createdNs, (text) => bodyHash.equals(sha256(text)));
}

/** The hash of an event type in the table `ids`. It is remembered: there are some hundreds of types, and many events of each. */
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
