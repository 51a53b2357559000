import { integer, type Row } from '../columns.ts';
import { corrupt } from '../corrupt.ts';
import type { ChainState } from '../walk.ts';
import { chainState } from '../walk.ts';
import type { Db } from './store.ts';

/** Where the events begin and end. */
export interface Ends {
  readonly anchorSeq: bigint;
  readonly headSeq: bigint;
}

export async function readEnds(db: Db): Promise<Ends> {
  const [row] = await db.all('SELECT anchor.seq AS anchor_seq, head.seq AS head_seq FROM anchor, head');
  return endsOf(row);
}

export function endsOf(row: Row | undefined): Ends {
  if (row === undefined) throw corrupt('the journal has lost the state of its chain');
  return { anchorSeq: integer(row, 'anchor_seq'), headSeq: integer(row, 'head_seq') };
}

export async function readChain(db: Db): Promise<ChainState> {
  const [row] = await db.all(
    `SELECT head.seq AS head_seq, head.hash AS head_hash, anchor.seq AS anchor_seq, removed_seq, removed_hash FROM head, anchor`,
  );
  return chainState(row);
}

/**
 * Remembers the greatest head that this process saw under its lock. A database that has less lost what it had acknowledged: a standby took over that did
 * not have everything, or a backup was restored. New events would get places in the journal that sinks had for others already.
 */
export function headWatch(): (headSeq: bigint) => void {
  let greatest = 0n;
  return (headSeq) => {
    if (headSeq < greatest)
      throw corrupt(
        `the database has lost events ${headSeq + 1n} to ${greatest}, which it had acknowledged: a standby that lacked them took over, or a backup was restored`,
      );
    greatest = headSeq;
  };
}
