import { integer, bytes, type Row } from '../../columns.ts';
import { pageHash, sha256 } from '../../hash.ts';
import { bodyOf, decodeBody, decodeIndex } from '../../pages.ts';
import type { Page } from '../../pages.ts';

/** A page of a damaged journal all of whose events are as they were appended. */
export interface WholePage {
  readonly row: Row;
  readonly page: Page;
  /** The bytes of all its events. */
  readonly body: Buffer;
}

/** Where events are whole: runs without holes, in order. */
export interface Run {
  readonly firstSeq: bigint;
  lastSeq: bigint;
}

/**
 * Those pages among `rows` (in order) whose events can be trusted: all of a page decodes, each event has its hash, and the page follows
 * the one before it. Where nobody knows that one, its source has to be one that is known. `before`: where the chain begins.
 */
export function* wholePages(
  rows: Iterable<Row>,
  before: { readonly seq: bigint; readonly hash: Buffer } | null,
  sources: ReadonlySet<string>,
): Iterable<WholePage> {
  let last = before;
  for (const row of rows) {
    const whole = decoded(row);
    if (whole === null || (last !== null && whole.page.firstSeq <= last.seq)) continue;
    const { page } = whole;
    const follows = last !== null && last.seq + 1n === page.firstSeq;
    const isKnown = follows
      ? last !== null && pageHash(last.hash, page).equals(page.hash)
      : sources.has(page.source);
    if (!isKnown) continue;
    yield whole;
    last = { seq: page.lastSeq, hash: bytes(row, 'hash') };
  }
}

function decoded(row: Row): WholePage | null {
  try {
    const page = decodeIndex(row);
    const body = decodeBody(page, row);
    const isSame = page.entries.every(({ bodyHash }, index) =>
      sha256(bodyOf(page, body, index)).equals(bodyHash),
    );
    return isSame ? { row, page, body } : null;
  } catch {
    return null; // what it says is not what was written: its events are read again
  }
}

/** Adds a page to the runs: it comes after them all. */
export function addRun(runs: Run[], row: Row): void {
  const [firstSeq, lastSeq] = [integer(row, 'first_seq'), integer(row, 'last_seq')];
  const last = runs.at(-1);
  if (last !== undefined && last.lastSeq + 1n === firstSeq) last.lastSeq = lastSeq;
  else runs.push({ firstSeq, lastSeq });
}

export function holds(runs: readonly Run[], seq: bigint): boolean {
  const run = runs[firstBehind(runs, seq) - 1];
  return run !== undefined && seq <= run.lastSeq;
}

/** How many events of the runs come up to a seq. */
export function countUpTo(runs: readonly Run[], seq: bigint): bigint {
  let events = 0n;
  for (const { firstSeq, lastSeq } of runs) {
    if (firstSeq > seq) break;
    events += (lastSeq < seq ? lastSeq : seq) - firstSeq + 1n;
  }
  return events;
}

/** The index of the first run that begins behind a seq. */
function firstBehind(runs: readonly Run[], seq: bigint): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs[middle]?.firstSeq ?? 0n) <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
