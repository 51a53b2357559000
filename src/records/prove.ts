import { hash } from 'node:crypto';

import { readHeartbeat, unansweredText } from '../formats/heartbeat.ts';
import type { Heartbeat } from '../formats/heartbeat.ts';
import { openSeal } from '../formats/seal.ts';
import type { Line } from './export-lines.ts';
import { displaced } from './order.ts';
import type { HeartbeatRow, RecordRow, RecordTable } from './record-table.ts';
import { parseRuns, seqRuns } from './seq-runs.ts';
import type { GrowingRuns, SeqRuns } from './seq-runs.ts';
import { signatureFault } from './signatures.ts';
import type { PublicKeys } from './signatures.ts';
import { recordsIn } from './unwrap.ts';

/** Lines and heartbeats that a result names one by one. */
const NAMED = 100;
/** Heartbeats name few; a file that was made up must not fill the memory. */
const UNANSWERED_KEPT = 100_000;

/** What a file of exported records proves. */
export interface RecordsProof {
  readonly lines: number;
  /** With a seal, repeats included. */
  readonly records: number;
  /** Records that are not ours, or whose seal was taken off. */
  readonly unsealed: number;
  /** Lines that hold no record at all. */
  readonly unreadable: number;
  readonly streams: readonly StreamProof[];
}

/** What it proves of one sink. */
export interface StreamProof {
  readonly stream: string;
  /** As its heartbeats say; null where there are none. */
  readonly sink: string | null;
  readonly installationId: string | null;
  readonly heartbeats: number;
  /** From the first to the last seq that heartbeats of the file cover, and when these were closed; null without heartbeats. */
  readonly covered: {
    /** Nothing was sent before. */
    readonly fromStart: boolean;
    readonly fromSeq: number;
    readonly toSeq: number;
    readonly firstClosedAt: string;
    readonly lastClosedAt: string;
  } | null;
  /** Events that heartbeats name, and of them those that the file has. */
  readonly named: number;
  readonly found: number;
  readonly deleted: SeqRuns;
  readonly changed: SeqRuns;
  /** Where the changed ones stand. */
  readonly changedLines: readonly { readonly seq: number; readonly line: number }[];
  /** Segments with records that are whole by their own seals, but are not those that were sent: seal and content were changed. */
  readonly forged: readonly { readonly number: number; readonly seqs: string }[];
  readonly repeated: SeqRuns;
  readonly reordered: SeqRuns;
  /** Null: the file is in an order of its own, so that the place of a record says nothing. */
  readonly order: 'ascending' | 'descending' | null;
  /** Sent, and there although the receiver's answer was lost and they were refused later: heartbeats tell of them, and they are what was sent. */
  readonly unanswered: SeqRuns;
  /** In the covered part, and named by no heartbeat. */
  readonly added: SeqRuns;
  /** Shortened by the sink, which said so: nobody can tell whether they were changed. */
  readonly trimmed: SeqRuns;
  /** After the last heartbeat, before the first, or where heartbeats are missing: nothing is known of them. */
  readonly uncovered: SeqRuns;
  /** Named by the first heartbeat, and before the first record: the export begins in the middle of its segment. */
  readonly before: SeqRuns;
  /** What is wrong with heartbeats, a sentence each. */
  readonly faults: readonly string[];
  readonly faultsTotal: number;
  readonly signature: 'holds' | 'fails' | 'not looked at' | 'none';
  /** As the last heartbeat says. */
  readonly deadLetters: number;
  /** As heartbeats say: left the journal before the sink had them; sent before heartbeats were configured. */
  readonly pruned: readonly string[];
  readonly unproven: readonly string[];
}

/** Reads records in any order, then holds what heartbeats say against them. `keys` null: signatures are not looked at. */
export async function proveRecords(
  lines: AsyncIterable<Line> | Iterable<Line>,
  keys: PublicKeys | null,
  table: RecordTable,
): Promise<RecordsProof> {
  let count = 0;
  let records = 0;
  let unsealed = 0;
  let unreadable = 0;
  for await (const { number, text } of lines) {
    count = number;
    const found = text === null ? [] : recordsIn(text);
    if (found.length === 0 && (text === null || /[^\s[\],]/.test(text))) unreadable += 1;
    for (const { record, bare } of found) {
      // An event may hold anything, also what looks like a heartbeat; but a sealed record is an event.
      const seal = openSeal(record);
      const heartbeat = seal === null ? readHeartbeat(record) : null;
      if (seal !== null) table.addRecord(seal, number, bare);
      else if (heartbeat !== null) table.addHeartbeat(heartbeat, number);
      records += seal === null ? 0 : 1;
      unsealed += seal === null && heartbeat === null ? 1 : 0;
    }
  }
  table.finish();
  const streams = table.streams().map((stream) => proveStream(stream, keys, table));
  return { lines: count, records, unsealed, unreadable, streams };
}

function proveStream(stream: string, keys: PublicKeys | null, table: RecordTable): StreamProof {
  const walk = createWalk(keys);
  for (const row of table.heartbeats(stream)) {
    if (row.heartbeat.number === walk.last?.heartbeat.number) {
      walk.fault(`there are two different heartbeats ${row.heartbeat.number}`);
      continue;
    }
    followOn(walk, row);
    holdAgainst(walk, row.heartbeat, stream, table);
  }
  const { first, last } = walk;
  const unanswered = seqRuns();
  const added = seqRuns();
  const uncovered = seqRuns();
  let seqBefore = -1;
  for (const row of table.unclaimed(stream)) {
    if (row.content === 'changed') changedRow(walk, row);
    else if (walk.unanswered.has(unansweredText(row))) {
      if (row.seq === seqBefore) walk.repeated.add(row.seq);
      else unanswered.add(row.seq);
      if (row.content === 'trimmed') walk.trimmed.add(row.seq);
      seqBefore = row.seq;
    } else if (walk.isCovered(row.seq)) added.add(row.seq);
    else uncovered.add(row.seq);
  }
  const order = displaced(() => table.placed(stream));
  return {
    stream,
    sink: last?.heartbeat.sink ?? null,
    installationId: last?.heartbeat.installation_id ?? null,
    heartbeats: walk.heartbeats,
    covered:
      first === null || last === null
        ? null
        : {
            fromStart: first.heartbeat.number === 1,
            fromSeq: first.heartbeat.first_seq,
            toSeq: last.heartbeat.last_seq,
            firstClosedAt: first.heartbeat.closed_at,
            lastClosedAt: last.heartbeat.closed_at,
          },
    named: walk.named,
    found: walk.found,
    deleted: walk.deleted,
    changed: walk.changed,
    changedLines: walk.changedLines,
    forged: walk.forged,
    repeated: walk.repeated,
    reordered: order.moved,
    order: order.direction,
    unanswered,
    added,
    trimmed: walk.trimmed,
    uncovered,
    before: walk.before,
    faults: walk.faults,
    faultsTotal: walk.faultsTotal,
    signature: walk.signature(),
    deadLetters: last?.heartbeat.open_dead_letters ?? 0,
    pruned: walk.pruned,
    unproven: walk.unproven,
  };
}

/** How far the heartbeats of a stream were followed, and what was found on the way. */
interface Walk {
  first: HeartbeatRow | null;
  last: HeartbeatRow | null;
  heartbeats: number;
  named: number;
  found: number;
  readonly deleted: GrowingRuns;
  readonly changed: GrowingRuns;
  readonly changedLines: { seq: number; line: number }[];
  readonly forged: { number: number; seqs: string }[];
  readonly repeated: GrowingRuns;
  readonly trimmed: GrowingRuns;
  readonly before: GrowingRuns;
  readonly faults: string[];
  faultsTotal: number;
  readonly pruned: string[];
  readonly unproven: string[];
  /** As `unansweredText` names them. */
  readonly unanswered: Set<string>;
  /** Between them heartbeats are missing. */
  readonly gaps: (readonly [first: number, last: number])[];
  fault(text: string): void;
  /** The fault of a signature. */
  unsigned(heartbeat: Heartbeat): void;
  signature(): StreamProof['signature'];
  isCovered(seq: number): boolean;
}

function createWalk(keys: PublicKeys | null): Walk {
  let signed = 0;
  let failed = 0;
  const walk: Walk = {
    first: null,
    last: null,
    heartbeats: 0,
    named: 0,
    found: 0,
    deleted: seqRuns(),
    changed: seqRuns(),
    changedLines: [],
    forged: [],
    repeated: seqRuns(),
    trimmed: seqRuns(),
    before: seqRuns(),
    faults: [],
    faultsTotal: 0,
    pruned: [],
    unproven: [],
    unanswered: new Set(),
    gaps: [],
    fault(text) {
      walk.faultsTotal += 1;
      if (walk.faults.length < NAMED) walk.faults.push(text);
    },
    unsigned(heartbeat) {
      if (heartbeat.signature !== undefined) signed += 1;
      const wrong = keys === null ? null : signatureFault(heartbeat, keys);
      if (wrong === null) return;
      failed += 1;
      walk.fault(`heartbeat ${heartbeat.number}: ${wrong}`);
    },
    signature() {
      if (keys !== null && walk.heartbeats > 0) return failed > 0 ? 'fails' : 'holds';
      return signed > 0 ? 'not looked at' : 'none';
    },
    isCovered(seq) {
      if (walk.first === null || walk.last === null) return false;
      const { first_seq: from } = walk.first.heartbeat;
      const inGap = walk.gaps.some(([first, last]) => seq >= first && seq <= last);
      return seq >= from && seq <= walk.last.heartbeat.last_seq && !inGap;
    },
  };
  return walk;
}

/** Whether a heartbeat is the one that follows, and is whole. */
function followOn(walk: Walk, row: HeartbeatRow): void {
  const { heartbeat } = row;
  const { number, previous, first_seq: firstSeq, pruned, unsealed } = heartbeat;
  const before = walk.last;
  if (before === null) walk.first = row;
  else if (number !== before.heartbeat.number + 1) {
    const [from, to] = [before.heartbeat.number + 1, number - 1];
    walk.fault(from === to ? `heartbeat ${from} is missing` : `heartbeats ${from} to ${to} are missing`);
    if (firstSeq > before.heartbeat.last_seq + 1)
      walk.gaps.push([before.heartbeat.last_seq + 1, firstSeq - 1]);
  } else if (previous !== before.hash || firstSeq !== before.heartbeat.last_seq + 1) {
    walk.fault(`heartbeat ${number} does not follow upon heartbeat ${number - 1}: one of them was changed`);
  }
  if (number === 1 && previous !== null) walk.fault('heartbeat 1 names one before it: it was changed');
  walk.unsigned(heartbeat);
  if (pruned !== '' && walk.pruned.length < NAMED) walk.pruned.push(pruned);
  if (unsealed !== '' && walk.unproven.length < NAMED) walk.unproven.push(unsealed);
  for (const text of heartbeat.unanswered?.split(',') ?? [])
    if (walk.unanswered.size < UNANSWERED_KEPT) walk.unanswered.add(text);
  // Of what was pruned a backfill may have sent some after all.
  for (const text of [unsealed, pruned]) walk.gaps.push(...(parseRuns(text) ?? []));
  walk.heartbeats += 1;
  walk.last = row;
}

/** The records that a heartbeat names, one by one. */
function holdAgainst(walk: Walk, heartbeat: Heartbeat, stream: string, table: RecordTable): void {
  const runs = parseRuns(heartbeat.seqs);
  const stated = runs?.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (runs === null || stated !== heartbeat.events) {
    walk.fault(`heartbeat ${heartbeat.number} contradicts itself: it was changed`);
    return;
  }
  // The copy that was sent first and the one that was sent last: after a change of the mapping a repeat is another text.
  let byFirst = '';
  let byLast = '';
  let isWhole = true;
  const isFirst = walk.first?.heartbeat === heartbeat && heartbeat.number > 1;
  const foundBefore = walk.found;
  for (const run of runs) {
    table.claim(stream, run, walk.named, heartbeat.ordered);
    for (const { first, last, rows } of bySeq(run, table.records(stream, ...run))) {
      walk.named += last - first + 1;
      const [earliest] = rows;
      const latest = rows.at(-1);
      if (earliest === undefined || latest === undefined) {
        isWhole = false;
        if (isFirst && walk.found === foundBefore) walk.before.addRun(first, last);
        else walk.deleted.addRun(first, last);
        continue;
      }
      walk.found += 1;
      lookAt(walk, first, rows);
      byFirst = hash('sha256', byFirst + earliest.digest);
      byLast = hash('sha256', byLast + latest.digest);
    }
  }
  // Without all of its records nothing tells what the others were.
  const isForged = isWhole && byFirst !== heartbeat.digest && byLast !== heartbeat.digest;
  if (isForged && walk.forged.length < NAMED)
    walk.forged.push({ number: heartbeat.number, seqs: heartbeat.seqs });
}

function lookAt(walk: Walk, seq: number, rows: readonly RecordRow[]): void {
  for (const row of rows) if (row.content === 'changed') changedRow(walk, row);
  if (rows.some(({ content }) => content === 'trimmed')) walk.trimmed.add(seq);
  for (let copies = 1; copies < rows.length; copies += 1) walk.repeated.add(seq);
}

function changedRow(walk: Walk, { seq, line }: RecordRow): void {
  walk.changed.add(seq);
  if (walk.changedLines.length < NAMED) walk.changedLines.push({ seq, line });
}

/** A seq with its records, or seqs in a row that have none: a heartbeat may claim any number of them. */
interface Group {
  readonly first: number;
  readonly last: number;
  readonly rows: readonly RecordRow[];
}

/** All of a run, in order. */
function* bySeq([first, last]: readonly [number, number], rows: Iterable<RecordRow>): Generator<Group> {
  let next = first;
  let rowsOfOne: RecordRow[] = [];
  for (const row of rows) {
    if (row.seq >= next && rowsOfOne.length > 0) {
      yield { first: next - 1, last: next - 1, rows: rowsOfOne };
      rowsOfOne = [];
    }
    if (row.seq > next) yield { first: next, last: row.seq - 1, rows: [] };
    rowsOfOne.push(row);
    next = row.seq + 1;
  }
  if (rowsOfOne.length > 0) yield { first: next - 1, last: next - 1, rows: rowsOfOne };
  if (next <= last) yield { first: next, last, rows: [] };
}
