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

/** The greatest head that this process knows of: seen under its lock, or committed by itself. */
export interface HeadWatch {
  /** Throws `corrupt` where the head, under its lock, is less. */
  locked(headSeq: bigint): void;
  committed(headSeq: bigint): void;
}

/**
 * A database whose head is less than it was lost what it had acknowledged: a standby took over that did not have everything, or a backup was
 * restored. New events would get places in the journal that sinks had for others already.
 */
export function headWatch(): HeadWatch {
  let greatest = 0n;
  return {
    locked: (headSeq) => {
      if (headSeq < greatest) throw lostSince(headSeq, greatest);
      greatest = headSeq;
    },
    committed: (headSeq) => {
      if (headSeq > greatest) greatest = headSeq;
    },
  };
}

/** Between what the database says now and what it had acknowledged. */
export function lostSince(now: bigint, acknowledged: bigint): Error {
  return corrupt(
    `the database has lost events ${now + 1n} to ${acknowledged}, or that they were delivered, which it had acknowledged: a standby that lacked this took over, or a backup was restored`,
  );
}
