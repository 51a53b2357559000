import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';

import { gzipped } from '../../net/gzip.ts';
import type { Item } from '../sink.ts';

export type Encoding = 'ndjson_gzip' | 'ndjson_zstd';

/** Events of one source and one day, which share an object. */
export interface Group {
  readonly source: string;
  /** `2026-11-29`, UTC. */
  readonly day: string;
  readonly placed: readonly Placed[];
}

export interface Placed {
  readonly item: Item;
  /** Index in the batch. */
  readonly place: number;
}

/** What the name of an object says. */
export interface ObjectName {
  readonly key: string;
  readonly day: string;
  readonly first: bigint;
  readonly last: bigint;
  /** Over the ids of its events. */
  readonly hash: string;
}

const SUFFIX: Readonly<Record<Encoding, string>> = { ndjson_gzip: 'ndjson.gz', ndjson_zstd: 'ndjson.zst' };
/** A seq has as many digits in a name, so that names sort as events do. */
const DIGITS = 16;
const NAME = /(?:^|\/)date=(\d{4}-\d\d-\d\d)\/auditferry-(\d{16})-(\d{16})-([0-9a-f]{16})\.ndjson\.(gz|zst)$/;

/** In the journal's order; a source and a day meet in one group. */
export function groupsOf(placed: readonly Placed[]): readonly Group[] {
  const groups = Map.groupBy(
    placed,
    ({ item: { canonical } }) => `${dayOf(canonical.createdNs)} ${canonical.source}`,
  );
  return [...groups].map(([name, members]) => ({
    day: name.slice(0, 10),
    source: name.slice(11),
    placed: members,
  }));
}

export function dayOf(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 10);
}

/** What stands before the first seq in the name of an object that begins with this one. */
export function folderOf(prefix: string, { source, day }: Pick<Group, 'source' | 'day'>): string {
  return `${prefix}source=${encodeURIComponent(source)}/date=${day}/auditferry-`;
}

/** The name depends on the events alone: sent again they meet themselves, and other events never do. */
export function keyOf(prefix: string, group: Group, encoding: Encoding): string {
  const [first, last] = [group.placed[0], group.placed.at(-1)];
  const range = `${digits(first)}-${digits(last)}`;
  return `${folderOf(prefix, group)}${range}-${idsHash(group.placed)}.${SUFFIX[encoding]}`;
}

export function digits(placed: Placed | undefined): string {
  return String(placed?.item.canonical.seq ?? 0n).padStart(DIGITS, '0');
}

/** Null for an object that is none of ours. */
export function readKey(key: string): ObjectName | null {
  const [, day, first, last, hash] = NAME.exec(key) ?? [];
  if (day === undefined || first === undefined || last === undefined || hash === undefined) return null;
  return { key, day, hash, first: BigInt(first), last: BigInt(last) };
}

export function idsHash(placed: readonly Placed[]): string {
  const ids = placed.map(({ item }) => item.canonical.id);
  return createHash('sha256').update(JSON.stringify(ids)).digest('hex').slice(0, 16);
}

const zstd = promisify(zstdCompress);

export function encodeObject(placed: readonly Placed[], encoding: Encoding): Promise<Buffer> {
  const text = Buffer.from(placed.map(({ item }) => `${item.body.toWellFormed()}\n`).join(''));
  return encoding === 'ndjson_zstd' ? zstd(text) : gzipped(text);
}

/** Without a content coding: clients would take it off on the way, and the name would lie. */
export const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  ndjson_gzip: 'application/gzip',
  ndjson_zstd: 'application/zstd',
};
