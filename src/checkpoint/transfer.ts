import type { Row } from './columns.ts';
import type { Journal } from './journal.ts';
import type { ChainState } from './walk.ts';

/**
 * What a journal consists of beside the ends of its chain, in the order in which it is copied, and the columns of each table as every
 * journal gives and takes them: ids of events are text, subjects of findings are SHA-256 in hex, large integers are bigint.
 */
export const TRANSFERRED = {
  meta: ['key', 'value'],
  coverage: ['source', 'start_ns', 'end_ns', 'status', 'server_count', 'read_at'],
  progress: ['source', 'value', 'updated_at'],
  cursors: ['sink', 'seq', 'updated_at'],
  event_types: ['source', 'event_type', 'count', 'first_ns', 'last_ns'],
  jobs: ['id', 'kind', 'params', 'state', 'progress', 'created_at', 'updated_at'],
  findings: [
    ...(['id', 'source', 'kind', 'subject', 'start_ns', 'end_ns', 'event_id', 'summary', 'detail'] as const),
    ...(['first_at', 'last_at', 'seen', 'acknowledged_at', 'acknowledgement'] as const),
  ],
  dead_letters: [
    ...(['id', 'side', 'owner', 'event_source', 'event_id', 'seq', 'created_at', 'received_at'] as const),
    ...(['bytes', 'reason', 'attempts', 'first_at', 'last_at', 'state', 'discard_reason', 'sent'] as const),
  ],
  ids: ['source', 'second', 'id', 'ns', 'body_hash', 'type_hash', 'seq'],
  pages: [
    ...(['first_seq', 'last_seq', 'oldest_ns', 'newest_ns', 'source', 'received_at', 'hash'] as const),
    ...(['entries', 'body'] as const),
  ],
} as const;

export type TableName = keyof typeof TRANSFERRED;

export const TABLE_NAMES = Object.keys(TRANSFERRED) as TableName[];

/** Tables that are empty until something is recorded. `meta` never is, and the head of the chain tells of `pages`. */
export const FILLED_TABLES = TABLE_NAMES.filter((name) => name !== 'meta' && name !== 'pages');

/** SQL condition: something was recorded beside the pages. */
export const HAS_ROWS = FILLED_TABLES.map((name) => `EXISTS (SELECT 1 FROM ${name})`).join(' OR ');

/** Tables whose rows get their ids from a counter. */
export const COUNTED_TABLES = ['dead_letters', 'findings', 'jobs'] as const;

/** Bytes of the rows that are handed over together; one more row may follow, however large. */
export const BATCH_BYTES = 4 * 1024 * 1024;

/** What stands in `meta` and belongs to one place: it is not copied as it is. */
export const INSTALLATION_ID = 'installation_id';
/** Stands in `meta` from the first moment of a copy until it was checked: nothing else may use the journal meanwhile. */
export const UNFINISHED = 'unfinished_copy';
export const OWN_KEYS: readonly string[] = [INSTALLATION_ID, UNFINISHED, 'schema_version'];

/** What is not in a table of its own. */
export interface JournalState {
  readonly installationId: string;
  readonly chain: ChainState;
  /** The last id that each counter gave; 0 before the first. */
  readonly counters: Readonly<Record<(typeof COUNTED_TABLES)[number], bigint>>;
}

/** A journal from which everything is read, or into which it was written. */
export interface Contents {
  /** For messages, without a password. */
  readonly place: string;
  state(): Promise<JournalState>;
  /** All rows of a table, some at a time, in bounded memory. */
  rows(table: TableName): AsyncIterable<readonly Row[]>;
  /** A row as this journal can hold it: one takes no zero character in a text. */
  fit(row: Row): Row;
  readonly verifyChain: Journal['verifyChain'];
  /** Who works on it now, in words; null when nobody does. */
  usedBy(): Promise<string | null>;
  close(): Promise<void>;
}

/** A journal that nobody can use until it is finished. */
export interface Blank extends Contents {
  /** All rows or none. */
  write(table: TableName, rows: readonly Row[]): Promise<void>;
  writeState(state: JournalState): Promise<void>;
  /** From now on it is a journal like any other. */
  finish(): Promise<void>;
}
