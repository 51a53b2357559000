import type { Row } from './columns.ts';
import type { Journal } from './journal.ts';
import type { ChainState } from './walk.ts';

/**
 * The tables of a journal, in the order in which they are copied, with the columns that every kind of journal reads and writes: ids of
 * events as text, subjects of findings as SHA-256 in hex, large integers as bigint. SQLite sums the values of a row in this order.
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

/** What names and orders the rows of each table. */
export const KEYS: Readonly<Record<TableName, readonly string[]>> = {
  meta: ['key'],
  coverage: ['source', 'start_ns'],
  progress: ['source'],
  cursors: ['sink'],
  event_types: ['source', 'event_type'],
  jobs: ['id'],
  findings: ['id'],
  dead_letters: ['id'],
  ids: ['source', 'second', 'id'],
  pages: ['first_seq'],
};

export const TABLE_NAMES = Object.keys(TRANSFERRED) as TableName[];

/** Tables that are empty until something is recorded. `meta` never is, and the head of the chain tells of `pages`. */
export const FILLED_TABLES = TABLE_NAMES.filter((name) => name !== 'meta' && name !== 'pages');

/** SQL condition: a table other than `pages` has rows. */
export const HAS_ROWS = FILLED_TABLES.map((name) => `EXISTS (SELECT 1 FROM ${name})`).join(' OR ');

/** Tables whose rows get their ids from a counter. */
export const COUNTED_TABLES = ['dead_letters', 'findings', 'jobs'] as const;

/** Bytes of the rows in one batch of a copy; the last row may go over it. */
export const BATCH_BYTES = 4 * 1024 * 1024;

/** Keys in `meta` that are copied. The first was set once an event was given an id of its own; the last has a sink's name behind it. */
export const SHARED_MARK = 'shared_ids';
export const RECEIPTS = 'pruned_by_day';
export const SEGMENT = 'segment:';
/** Keys in `meta` that belong to one place, and are not copied. */
export const INSTALLATION_ID = 'installation_id';
/** Set from the first moment of a copy until it was checked: nothing else may use the journal meanwhile. */
export const UNFINISHED = 'unfinished_copy';
export const OWN_KEYS: readonly string[] = [INSTALLATION_ID, UNFINISHED, 'schema_version'];

/** What a copy takes along beside the tables. */
export interface JournalState {
  readonly installationId: string;
  readonly chain: ChainState;
  /** The last id that each counter gave; 0 before the first. */
  readonly counters: Readonly<Record<(typeof COUNTED_TABLES)[number], bigint>>;
}

/** A journal that is copied, or a finished copy that is compared with it. */
export interface Contents {
  /** For messages, without a password. */
  readonly place: string;
  state(): Promise<JournalState>;
  /** All rows of a table, in batches of bounded size. */
  rows(table: TableName): AsyncIterable<readonly Row[]>;
  /** A row as this journal can hold it: PostgreSQL's text takes no zero character. */
  fit(row: Row): Row;
  readonly verifyChain: Journal['verifyChain'];
  /** Who works on it now, in words; null when nobody does. */
  usedBy(): Promise<string | null>;
  close(): Promise<void>;
}

/** The copy while it is written: nothing else can use it until `finish`. */
export interface Blank extends Contents {
  /** All rows or none. */
  write(table: TableName, rows: readonly Row[]): Promise<void>;
  writeState(state: JournalState): Promise<void>;
  /** From now on it is a journal like any other. */
  finish(): Promise<void>;
}
