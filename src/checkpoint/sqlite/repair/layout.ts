import { bytes, integer, type Row } from '../../columns.ts';
import { genesisHash } from '../../hash.ts';
import { readReceipts } from '../../receipts.ts';
import type { ChainState } from '../../walk.ts';
import type { DamagedFile } from './damaged.ts';
import { addRun, countUpTo, holds, wholePages } from './whole-pages.ts';
import type { Run, WholePage } from './whole-pages.ts';

/** Where the events of a damaged journal are, and where they go. */
export interface Layout {
  /** Events that should be there, and are not whole. */
  readonly lostEvents: bigint;
  readonly wholeEvents: bigint;
  readonly anchorSeq: bigint;
  readonly headSeq: bigint;
  /** The old chain has holes, so events get new places in a new one, behind all that were ever given. */
  readonly renumbered: boolean;
  /** Where the new chain begins, and with which hash. */
  readonly removedSeq: bigint;
  readonly removedHash: Buffer;
  readonly isWhole: (seq: bigint) => boolean;
  /** The new place of an event that is whole; of another one, that of the last whole one before it. */
  readonly placeOf: (seq: bigint) => bigint;
  readonly pages: () => Iterable<WholePage>;
}

/** `old`: what the chain says of itself; null where that is lost. `receipts`: what is kept of pruned events, if it is. */
export function layoutOf(
  file: DamagedFile,
  old: ChainState | null,
  known: { readonly installationId: string; readonly receipts: string | undefined },
  onPage: (lastSeq: bigint) => void,
): Layout {
  const begins = old === null ? null : { seq: old.removedSeq, hash: old.removedHash };
  const sources = new Set(file.sources);
  function* pages(): Iterable<WholePage> {
    const rows = file.rows('pages', () => {});
    for (const whole of wholePages(rows, begins, sources)) {
      if (old !== null && whole.page.lastSeq > old.headSeq) return; // it was never appended
      yield whole;
    }
  }
  const runs: Run[] = [];
  let lastHash = genesisHash(known.installationId);
  for (const { row } of pages()) {
    addRun(runs, row);
    lastHash = bytes(row, 'hash');
    onPage(integer(row, 'last_seq'));
  }
  const anchorSeq = old?.anchorSeq ?? lastPruned(known.receipts);
  const greatest = [old?.headSeq ?? 0n, runs.at(-1)?.lastSeq ?? 0n, anchorSeq, ...seqsElsewhere(file)].reduce(
    (one, other) => (one > other ? one : other),
  );
  const headSeq = old?.headSeq ?? greatest;
  const wholeEvents = countUpTo(runs, headSeq) - countUpTo(runs, anchorSeq);
  const lostEvents = headSeq - anchorSeq - wholeEvents;
  const renumbered = old === null || lostEvents > 0n;
  return {
    lostEvents,
    wholeEvents,
    anchorSeq,
    headSeq,
    renumbered,
    removedSeq: old === null || renumbered ? greatest : old.removedSeq,
    removedHash: old === null ? lastHash : renumbered ? old.headHash : old.removedHash,
    isWhole: (seq) => holds(runs, seq),
    placeOf: (seq) => (renumbered ? greatest + countUpTo(runs, seq) : seq),
    pages,
  };
}

/** As far as the receipts of pruned events tell; else everything counts as not pruned, which is read again at worst. */
function lastPruned(receipts: string | undefined): bigint {
  try {
    return readReceipts(receipts ?? null).at(-1)?.seq ?? 0n;
  } catch {
    return 0n;
  }
}

/** The greatest places that anything else names. */
function seqsElsewhere(file: DamagedFile): bigint[] {
  return ['ids', 'cursors', 'dead_letters'].flatMap((table) => {
    try {
      const row: Row | undefined = file.db.prepare(`SELECT max(seq) AS seq FROM ${table}`).get();
      return typeof row?.['seq'] === 'bigint' && row['seq'] < SEQ_MOST ? [row['seq']] : [];
    } catch {
      return []; // it cannot be read
    }
  });
}

/** Nobody appends so many: a greater one was changed. */
const SEQ_MOST = 2n ** 53n;
