import type { Harvest } from '../../sources/source.ts';
import type { Finding, NewEvent } from '../../model/event.ts';
import { free } from '../../model/free.ts';
import { isOnlyMoved, textsAt } from '../../model/moved-time.ts';
import { NS_PER_SECOND } from '../../model/time.ts';
import type { Appended, Journal, Revision } from '../journal.ts';
import { bytes, createdNsOf, integer, secondOf, type Row } from './columns.ts';
import { oneLine } from '../../model/errors.ts';
import { corrupt } from './faults.ts';
import { sha256 } from './hash.ts';
import { idKey, knownEvents, newIds, typeHashOf } from './identity.ts';
import type { KnownEvent } from './identity.ts';
import { addTo, isFull, newDraft, pageWriter } from './pages.ts';
import type { Draft, PageReader } from './pages.ts';
import type { Places } from './places.ts';
import type { Store } from './store.ts';

/** An event type is a label from outside: longer ones are cut for the statistics only. Characters. */
const EVENT_TYPE_MAX_LENGTH = 200;

/** The end of the chain and the page that grows there, carried through one transaction and written once. */
interface Tip {
  readonly source: string;
  readonly beside: readonly string[];
  readonly at: string;
  /** Events up to here were pruned. */
  readonly anchorSeq: bigint;
  seq: bigint;
  hash: Buffer;
  /** Pages of this transaction are written when they are full. */
  draft: Draft;
}

interface Tally {
  appended: number;
  repeated: number;
  filtered: number;
  /** Known ones whose time is shown in another time zone now. */
  moved: number;
  readonly revised: Revision[];
  /** Events kept under an id of their own because the one they state is another event's of their source. */
  readonly shared: SharedId[];
  readonly types: Map<string, TypeTally>;
}

interface SharedId {
  readonly event: NewEvent;
  readonly id: string;
}

interface TypeTally {
  count: number;
  firstNs: bigint;
  lastNs: bigint;
}

/** The other tables that a harvest touches; each function runs inside the transaction of `append`. */
export interface HarvestWriters {
  readonly malformed: (source: string, item: Harvest['malformed'][number], at: string) => void;
  /** These could be read: what was set aside of them before is settled. */
  readonly readable: (source: string, events: Harvest['events']) => void;
  readonly cover: (source: string, coverage: Harvest['coverage'][number], at: string) => void;
  readonly find: (source: string, finding: Harvest['findings'][number], at: string) => void;
  /** Called after the commit when events were added. */
  readonly appended: (headSeq: bigint) => void;
}

export function appending(
  store: Store,
  pages: PageReader,
  places: Places,
  writers: HarvestWriters,
): Pick<Journal, 'append' | 'progress'> {
  const { record, close } = eventRecorder(store, pages, places);
  const readHead = store.prepare('SELECT anchor_seq, head_seq, head_hash FROM chain');
  const writeHead = store.prepare('UPDATE chain SET head_seq = ?, head_hash = ?');
  const readProgress = store.prepare('SELECT value FROM progress WHERE source = ?');
  const writeProgress = store.prepare(
    `INSERT INTO progress VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`,
  );
  const countType = store.prepare(
    `INSERT INTO event_types VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET count = count + excluded.count,
       first_ns = min(first_ns, excluded.first_ns), last_ns = max(last_ns, excluded.last_ns)`,
  );

  function commit(
    source: string,
    harvest: Harvest,
    beside: readonly string[],
  ): { appended: Appended; headSeq: bigint } {
    const at = store.timestamp();
    const tip = tipOf(readHead.get(), source, beside, at);
    const tally: Tally = {
      appended: 0,
      repeated: 0,
      filtered: 0,
      moved: 0,
      revised: [],
      shared: [],
      types: new Map(),
    };
    for (const event of harvest.events) record(event, tip, tally);
    close(tip);
    places.write(tip.seq);
    if (tally.appended > 0) writeHead.run(tip.seq, tip.hash);
    for (const [type, { count, firstNs, lastNs }] of tally.types) {
      countType.run(source, type, count, firstNs, lastNs);
    }
    for (const item of harvest.malformed) writers.malformed(source, item, at);
    writers.readable(source, harvest.events);
    for (const window of harvest.coverage) writers.cover(source, window, at);
    const findings = [...harvest.findings, ...sharedFinding(tally.shared), ...movedFinding(tally.moved)];
    for (const finding of findings) writers.find(source, finding, at);
    if (harvest.progress !== null) writeProgress.run(source, JSON.stringify(harvest.progress), at);
    const { appended, repeated, filtered, revised } = tally;
    const malformed = harvest.malformed.length;
    const shared = tally.shared.length;
    return { appended: { appended, repeated, filtered, malformed, revised, shared }, headSeq: tip.seq };
  }

  function committed(...harvested: Parameters<typeof commit>): ReturnType<typeof commit> {
    try {
      return store.write(() => commit(...harvested));
    } catch (error) {
      places.forget();
      throw error;
    }
  }

  return {
    append: async (source, harvest, beside = []) => {
      store.writerOnly('append events');
      const { appended, headSeq } = committed(source, harvest, beside);
      if (appended.appended > 0) writers.appended(headSeq);
      return appended;
    },
    progress: async (source) => {
      const row = store.read(() => readProgress.get(source));
      if (row === undefined) return null;
      try {
        return JSON.parse(String(row['value'])) as Harvest['progress'];
      } catch (error) {
        throw corrupt(`the progress of source ${oneLine(source)} in ${store.path} is not JSON`, error);
      }
    },
  };
}

/** Decides what becomes of one event: new, repeated, revised, or left out by the filters. */
function eventRecorder(store: Store, pages: PageReader, places: Places) {
  const find = knownEvents(store);
  const newId = newIds(store, places);
  const insertId = store.prepare(
    'INSERT INTO ids (source, second, id, ns, body_hash, type_hash, seq) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const findAt = store.prepare(
    'SELECT second, ns, body_hash, type_hash, seq FROM ids WHERE source = ? AND second = ? AND id = ?',
  );
  const removeId = store.prepare('DELETE FROM ids WHERE source = ? AND second = ? AND id = ?');
  const writePage = pageWriter(store, pages);

  function close(tip: Tip): void {
    const { draft, source, at } = tip;
    if (draft.entries.length > 0) tip.hash = writePage(draft, source, at, tip.hash);
    tip.draft = newDraft(tip.seq + 1n);
  }

  function keep(id: string, event: NewEvent, body: Buffer, bodyHash: Buffer, tip: Tip): void {
    if (isFull(tip.draft, body.length)) close(tip);
    tip.seq += 1n;
    addTo(tip.draft, { id, createdAt: event.createdAt, createdNs: event.createdNs, bodyHash }, body);
  }

  function remember(id: string, event: NewEvent, bodyHash: Buffer, seq: bigint | null, tip: Tip): void {
    const second = secondOf(event.createdNs);
    const ns = event.createdNs - second * NS_PER_SECOND;
    insertId.run(tip.source, second, idKey(id), ns, bodyHash, typeHashOf(event.eventType), seq);
    places.add(id, second);
  }

  function held(seq: bigint | null, tip: Tip): string | null {
    if (seq === null || seq <= tip.anchorSeq) return null;
    const { draft } = tip;
    if (seq >= draft.firstSeq) return draft.bodies[Number(seq - draft.firstSeq)]?.toString('utf8') ?? null;
    const page = pages.holding(seq);
    return page === null ? null : pages.event(page, Number(seq - page.firstSeq)).original;
  }

  function revision(event: NewEvent, known: KnownEvent, seenHash: Buffer, tip: Tip): Revision {
    return {
      id: known.id,
      createdAt: event.createdAt,
      heldHash: known.bodyHash.toString('hex'),
      seenHash: seenHash.toString('hex'),
      held: held(known.seq, tip),
      seen: event.original,
    };
  }

  /** The same event where it lies by the time of another time zone, all else being the same. */
  function movedFrom(source: string, event: NewEvent): KnownEvent | null {
    const { id, createdNs, eventType } = event;
    for (const second of places.secondsOf(id)) {
      const row = findAt.get(source, second, idKey(id));
      if (row === undefined || !bytes(row, 'type_hash').equals(typeHashOf(eventType))) continue;
      const [before, bodyHash] = [createdNsOf(row), bytes(row, 'body_hash')];
      if (!textsAt(event.original, createdNs, before).some((text) => bodyHash.equals(sha256(text)))) continue;
      return { id, createdNs: before, bodyHash, seq: row['seq'] === null ? null : integer(row, 'seq') };
    }
    return null;
  }

  function record(event: NewEvent, tip: Tip, tally: Tally): void {
    const { source, beside } = tip;
    const body = event.utf8 ?? Buffer.from(event.original, 'utf8');
    const seenHash = sha256(body);
    const there = find(source, event);
    const moved = there === null ? movedFrom(source, event) : null;
    if (moved !== null) {
      removeId.run(source, secondOf(moved.createdNs), idKey(moved.id));
      remember(moved.id, event, moved.bodyHash, moved.seq, tip);
      tally.moved++;
    }
    const known = there ?? (moved === null ? null : { ...moved, createdNs: event.createdNs });
    if (known === null) {
      const { id, taken } = newId(source, event, null, beside);
      if (event.wanted) keep(id, event, body, seenHash, tip);
      remember(id, event, seenHash, event.wanted ? tip.seq : null, tip);
      if (event.wanted) tally.appended++;
      else tally.filtered++;
      if (taken === 'here') tally.shared.push({ event, id });
      countEvent(tally.types, event);
    } else {
      if (!known.bodyHash.equals(seenHash) && !isMovedBefore(event, known))
        tally.revised.push(revision(event, known, seenHash, tip));
      // The filters may have been widened since this event was left out: then it is new to the sinks.
      if (known.seq === null && event.wanted) {
        const { id } = newId(source, event, known, beside);
        removeId.run(source, secondOf(known.createdNs), idKey(known.id));
        keep(id, event, body, seenHash, tip);
        remember(id, { ...event, createdNs: known.createdNs }, seenHash, tip.seq, tip);
        tally.appended++;
        return;
      }
      tally.repeated++;
    }
    if (event.utf8 === undefined && tip.draft.bodies.at(-1) !== body) free(body);
  }

  return { record, close };
}

/** What the journal has is the same text with the time of another zone. */
function isMovedBefore({ original, createdNs }: NewEvent, { bodyHash }: KnownEvent): boolean {
  return isOnlyMoved(original, createdNs, (text) => bodyHash.equals(sha256(text)));
}

/** One finding for a source, with the same words each time. */
function movedFinding(moved: number): Finding[] {
  if (moved === 0) return [];
  return [
    {
      kind: 'times_moved',
      summary:
        'the Platform shows events in another time zone than before, which it may have corrected: they are known as the same ones and not delivered again; sinks have them with the time of before',
      detail: { events: moved },
    },
  ];
}

/** Names so many of the events that share an id; how often it was seen tells the rest. */
const SHARED_NAMED = 10;

/** One finding for a source, with the same words each time, so that one that was acknowledged stays so. */
function sharedFinding(shared: readonly SharedId[]): Finding[] {
  if (shared.length === 0) return [];
  const named = shared.slice(0, SHARED_NAMED).map(({ event, id }) => ({
    id: oneLine(event.id),
    kept_as: oneLine(id),
    created_at: event.createdAt,
    event_type: oneLine(event.eventType, EVENT_TYPE_MAX_LENGTH),
  }));
  return [
    {
      kind: 'shared_id',
      summary:
        'the Platform gives the same id to different events: each of them is kept, all but the first under the id with a hash added',
      detail: { events: shared.length, named },
    },
  ];
}

function tipOf(row: Row | undefined, source: string, beside: readonly string[], at: string): Tip {
  if (row === undefined) throw corrupt('the journal has lost the state of its chain');
  const seq = integer(row, 'head_seq');
  const anchorSeq = integer(row, 'anchor_seq');
  return { source, beside, at, anchorSeq, seq, hash: bytes(row, 'head_hash'), draft: newDraft(seq + 1n) };
}

function countEvent(types: Map<string, TypeTally>, event: NewEvent): void {
  const type = oneLine(event.eventType, EVENT_TYPE_MAX_LENGTH);
  const tally = types.get(type);
  if (tally === undefined) {
    types.set(type, { count: 1, firstNs: event.createdNs, lastNs: event.createdNs });
    return;
  }
  tally.count++;
  if (event.createdNs < tally.firstNs) tally.firstNs = event.createdNs;
  if (event.createdNs > tally.lastNs) tally.lastNs = event.createdNs;
}
