import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';

import { gzipped } from '../../net/gzip.ts';
import type { Item } from '../sink.ts';

/** How the lines of an object are compressed. */
export type LineEncoding = 'ndjson_gzip' | 'ndjson_zstd';
export type Encoding = LineEncoding | 'parquet';

/** Events that share an object: of one source, one folder, and in Parquet one class. */
export interface Group {
  readonly folder: string;
  readonly placed: readonly Placed[];
}

export interface Placed {
  readonly item: Item;
  /** Index in the batch. */
  readonly place: number;
}

/** What the name of an object says. */
export interface ObjectName {
  readonly last: bigint;
  /** Over the ids of its events. */
  readonly hash: string;
}

const SUFFIX: Readonly<Record<Encoding, string>> = {
  ndjson_gzip: 'ndjson.gz',
  ndjson_zstd: 'ndjson.zst',
  parquet: 'parquet',
};
/** A seq has as many digits in a name, so that names sort as events do. */
const DIGITS = 16;
const NAME = /\/auditferry-\d{16}-(\d{16})-([0-9a-f]{16})\.(?:ndjson\.gz|ndjson\.zst|parquet)$/;

/** In the journal's order; what shares a source and a folder meets in one group. */
export function groupsOf(placed: readonly Placed[], folderOf: (item: Item) => string): readonly Group[] {
  const folders = placed.map(({ item }) => folderOf(item));
  const groups = Map.groupBy(placed.keys(), (index) => {
    const { source } = placed[index]?.item.canonical ?? {};
    return `${folders[index]}\n${source}`;
  });
  return [...groups.values()].map((indexes) => ({
    folder: folders[indexes[0] ?? 0] ?? '',
    placed: indexes.flatMap((index) => placed[index] ?? []),
  }));
}

/** What stands before the first seq in the name of an object that begins with this event. */
export function startOf({ folder, placed }: Group): string {
  return `${folder}auditferry-${digits(placed[0])}-`;
}

/** The name depends on the events alone: sent again they meet themselves, and other events never do. */
export function keyOf(group: Group, encoding: Encoding): string {
  return `${startOf(group)}${digits(group.placed.at(-1))}-${idsHash(group.placed)}.${SUFFIX[encoding]}`;
}

function digits(placed: Placed | undefined): string {
  return String(placed?.item.canonical.seq ?? 0n).padStart(DIGITS, '0');
}

/** Null for an object that is none of ours. */
export function readName(key: string): ObjectName | null {
  const [, last, hash] = NAME.exec(key) ?? [];
  return last === undefined || hash === undefined ? null : { hash, last: BigInt(last) };
}

export function idsHash(placed: readonly Placed[]): string {
  const ids = placed.map(({ item }) => item.canonical.id);
  return createHash('sha256').update(JSON.stringify(ids)).digest('hex').slice(0, 16);
}

const zstd = promisify(zstdCompress);

export function encodeLines(placed: readonly Placed[], encoding: LineEncoding): Promise<Buffer> {
  const text = Buffer.from(placed.map(({ item }) => `${item.body.toWellFormed()}\n`).join(''));
  return encoding === 'ndjson_zstd' ? zstd(text) : gzipped(text);
}

/** Without a content coding: clients would take it off on the way, and the name would lie. */
export const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  ndjson_gzip: 'application/gzip',
  ndjson_zstd: 'application/zstd',
  parquet: 'application/vnd.apache.parquet',
};
