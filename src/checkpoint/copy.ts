import { ForwardError } from '../model/errors.ts';
import { count, integer, type Row } from './columns.ts';
import { sha256 } from './hash.ts';
import { TABLE_NAMES, TRANSFERRED } from './transfer.ts';
import type { Blank, Contents, JournalState, TableName } from './transfer.ts';

/** What was copied, and found to be the same at both ends. */
export interface Copied {
  readonly installationId: string;
  readonly headSeq: bigint;
  /** Hex. */
  readonly headHash: string;
  readonly events: number;
  readonly rows: Readonly<Record<TableName, number>>;
}

/** How many rows a table has, and a number that depends on each of them and not on their order. */
interface Sum {
  rows: number;
  events: number;
  digest: bigint;
}

const DIGEST_MASK = 2n ** 64n - 1n;

/**
 * Copies everything of one journal into another, with its chain, and compares the two afterwards: every hash of the chain is computed
 * anew, and every row is read back. Only then can the copy be used. Throws `config` where the source is damaged or in use, and whatever
 * the journals throw. An aborted one leaves the copy unfinished.
 */
export async function copyJournal(
  from: Contents,
  to: Blank,
  signal: AbortSignal,
  tell: (text: string) => void,
): Promise<Copied> {
  const before = await from.state();
  await assertIntact(from, signal, tell);
  const sums = new Map<TableName, Sum>();
  for (const table of TABLE_NAMES) {
    const sum = noSum();
    for await (const rows of from.rows(table)) {
      signal.throwIfAborted();
      const fitting = rows.map((row) => to.fit(row));
      await to.write(table, fitting);
      add(sum, table, fitting);
      tell(`copying ${table}: ${told(sum)}`);
    }
    sums.set(table, sum);
  }
  await to.writeState(before);
  await assertUnchanged(from, before);
  await assertIntact(to, signal, tell);
  for (const table of TABLE_NAMES) {
    const sum = noSum();
    for await (const rows of to.rows(table)) {
      signal.throwIfAborted();
      add(sum, table, rows);
      tell(`comparing ${table}: ${told(sum)}`);
    }
    const expected = sums.get(table);
    if (sum.rows !== expected?.rows || sum.digest !== expected.digest)
      throw differs(to, `${sum.rows} of ${expected?.rows ?? 0} rows of ${table}, or not the same ones`);
  }
  if (!isSame(await to.state(), before)) throw differs(to, 'other ends of the chain or other counters');
  await to.finish();
  const { headSeq, headHash } = before.chain;
  return {
    installationId: before.installationId,
    headSeq,
    headHash: headHash.toString('hex'),
    events: Number(headSeq - before.chain.anchorSeq),
    rows: Object.fromEntries([...sums].map(([table, { rows }]) => [table, rows])) as Copied['rows'],
  };
}

/** A damaged one must not get new checksums. */
async function assertIntact(
  { place, verifyChain }: Contents,
  signal: AbortSignal,
  tell: (text: string) => void,
): Promise<void> {
  let done = 0;
  const report = await verifyChain(signal, (events) => {
    done += events;
    tell(`checking the chain of ${place}: ${done.toLocaleString('en-US')} events`);
  });
  if (report.intact) return;
  const [fault] = report.faults;
  throw new ForwardError(
    'corrupt',
    `the journal in ${place} is damaged: ${report.damage[0] ?? `event ${fault?.seq ?? ''}: ${fault?.reason ?? ''}`}`,
    {
      hint: 'a damaged journal is not copied: run `auditferry journal repair` on one in SQLite first, or restore a backup of the database',
    },
  );
}

/** Nobody holds back another program: what it wrote meanwhile would be missing in the copy. */
async function assertUnchanged(from: Contents, before: JournalState): Promise<void> {
  const user = await from.usedBy();
  if (user === null && isSame(await from.state(), before)) return;
  throw new ForwardError(
    'transient',
    `the journal in ${from.place} changed while it was copied${user === null ? '' : `: ${user} uses it`}`,
    { hint: 'stop everything that uses it, then start the copy again' },
  );
}

function differs({ place }: Blank, what: string): ForwardError {
  return new ForwardError('corrupt', `the copy in ${place} is not what was copied: ${what}`, {
    hint: 'it stays unusable; start the copy again, and look at the disk if this comes back',
  });
}

function isSame(one: JournalState, other: JournalState): boolean {
  return textOf(one) === textOf(other);
}

function textOf({ installationId, chain, counters }: JournalState): string {
  const { removedSeq, removedHash, anchorSeq, headSeq, headHash } = chain;
  return [
    installationId,
    ...[removedSeq, removedHash.toString('hex'), anchorSeq, headSeq, headHash.toString('hex')],
    ...Object.entries(counters).flat(),
  ].join(' ');
}

function noSum(): Sum {
  return { rows: 0, events: 0, digest: 0n };
}

function add(sum: Sum, table: TableName, rows: readonly Row[]): void {
  for (const row of rows) {
    sum.rows += 1;
    if (table === 'pages') sum.events += count(row, 'last_seq') - count(row, 'first_seq') + 1;
    sum.digest = (sum.digest + digestOf(table, row)) & DIGEST_MASK;
  }
}

function digestOf(table: TableName, row: Row): bigint {
  const parts = TRANSFERRED[table].map((column) => {
    const value = row[column] ?? null;
    if (value === null) return Buffer.from('null');
    if (value instanceof Uint8Array) return Buffer.concat([Buffer.from(`bytes ${value.length} `), value]);
    if (typeof value === 'string') return Buffer.from(`text ${value.length} ${value}`);
    return Buffer.from(`integer ${integer(row, column)} `);
  });
  return sha256(Buffer.concat(parts)).readBigUInt64BE();
}

function told({ rows, events }: Sum): string {
  return events > 0 ? `${events.toLocaleString('en-US')} events` : `${rows.toLocaleString('en-US')} rows`;
}
