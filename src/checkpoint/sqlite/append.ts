import type { Harvest } from '../../sources/source.ts';
import type { Finding, NewEvent } from '../../model/event.ts';
import { free } from '../../model/free.ts';
import type { Appended, Journal, Revision } from '../journal.ts';
import { bytes, integer, type Row } from './columns.ts';
import { oneLine } from '../../model/errors.ts';
import { corrupt } from './faults.ts';
import { chainHash, sha256 } from './hash.ts';
import { identities, typeHashOf } from './identity.ts';
import type { KnownEvent } from './identity.ts';
import type { Store } from './store.ts';

/** An event type is a label from outside: longer ones are cut for the statistics only. Characters. */
const EVENT_TYPE_MAX_LENGTH = 200;

/** The end of the chain, carried through one transaction and written once. */
interface Head {
  seq: bigint;
  hash: Buffer;
}

interface Tally {
  appended: number;
  repeated: number;
  filtered: number;
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

export function appending(store: Store, writers: HarvestWriters): Pick<Journal, 'append' | 'progress'> {
  const recordEvent = eventRecorder(store);
  const readHead = store.prepare('SELECT head_seq, head_hash FROM chain');
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
    const head = headOf(readHead.get());
    const tally: Tally = { appended: 0, repeated: 0, filtered: 0, revised: [], shared: [], types: new Map() };
    for (const event of harvest.events) recordEvent(source, event, beside, at, head, tally);
    if (tally.appended > 0) writeHead.run(head.seq, head.hash);
    for (const [type, { count, firstNs, lastNs }] of tally.types) {
      countType.run(source, type, count, firstNs, lastNs);
    }
    for (const item of harvest.malformed) writers.malformed(source, item, at);
    writers.readable(source, harvest.events);
    for (const window of harvest.coverage) writers.cover(source, window, at);
    const findings = [...harvest.findings, ...sharedFinding(tally.shared)];
    for (const finding of findings) writers.find(source, finding, at);
    if (harvest.progress !== null) writeProgress.run(source, JSON.stringify(harvest.progress), at);
    const { appended, repeated, filtered, revised } = tally;
    const malformed = harvest.malformed.length;
    const shared = tally.shared.length;
    return { appended: { appended, repeated, filtered, malformed, revised, shared }, headSeq: head.seq };
  }

  return {
    append: async (source, harvest, beside = []) => {
      store.writerOnly('append events');
      const { appended, headSeq } = store.write(() => commit(source, harvest, beside));
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
function eventRecorder(store: Store) {
  const { find, newId } = identities(store);
  const insertId = store.prepare('INSERT INTO ids VALUES (?, ?, ?, ?, ?, ?)');
  const wantId = store.prepare('UPDATE ids SET id = ?, seq = ?, body_hash = ? WHERE source = ? AND id = ?');
  const insertEvent = store.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)');
  const findOriginal = store.prepare('SELECT original FROM events WHERE seq = ?');

  function keep(
    source: string,
    id: string,
    { createdAt }: NewEvent,
    original: Buffer,
    at: string,
    head: Head,
  ): void {
    const seq = head.seq + 1n;
    head.hash = chainHash(head.hash, { seq, source, id, createdAt, original, receivedAt: at });
    head.seq = seq;
    insertEvent.run(seq, source, id, createdAt, at, head.hash, original);
  }

  function revision(event: NewEvent, known: KnownEvent, seenHash: Buffer): Revision {
    const row = known.seq === null ? undefined : findOriginal.get(known.seq);
    return {
      id: known.id,
      createdAt: event.createdAt,
      heldHash: known.bodyHash.toString('hex'),
      seenHash: seenHash.toString('hex'),
      held: row === undefined ? null : bytes(row, 'original').toString('utf8'),
      seen: event.original,
    };
  }

  return (
    source: string,
    event: NewEvent,
    beside: readonly string[],
    at: string,
    head: Head,
    tally: Tally,
  ): void => {
    const original = Buffer.from(event.original, 'utf8');
    record(source, event, original, beside, at, head, tally);
    free(original);
  };

  function record(
    source: string,
    event: NewEvent,
    original: Buffer,
    beside: readonly string[],
    at: string,
    head: Head,
    tally: Tally,
  ): void {
    const seenHash = sha256(original);
    const known = find(source, event);
    if (known === null) {
      const { id, taken } = newId(source, event, null, beside);
      if (event.wanted) keep(source, id, event, original, at, head);
      const seq = event.wanted ? head.seq : null;
      insertId.run(source, id, event.createdNs, seenHash, seq, typeHashOf(event.eventType));
      if (event.wanted) tally.appended++;
      else tally.filtered++;
      if (taken === 'here') tally.shared.push({ event, id });
      countEvent(tally.types, event);
      return;
    }
    if (!known.bodyHash.equals(seenHash)) tally.revised.push(revision(event, known, seenHash));
    // The filters may have been widened since this event was left out: then it is new to the sinks.
    if (known.seq === null && event.wanted) {
      const { id } = newId(source, event, known, beside);
      keep(source, id, event, original, at, head);
      wantId.run(id, head.seq, seenHash, source, known.id);
      tally.appended++;
    } else {
      tally.repeated++;
    }
  }
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

function headOf(row: Row | undefined): Head {
  if (row === undefined) throw corrupt('the journal has lost the state of its chain');
  return { seq: integer(row, 'head_seq'), hash: bytes(row, 'head_hash') };
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
