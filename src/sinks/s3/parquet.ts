import { findPackageJSON } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

import { ForwardError } from '../../model/errors.ts';
import { columnNames, rowOf, schemaOf } from './columns.ts';
import { classOf } from './folder.ts';
import type { Placed } from './object.ts';

export interface ParquetOptions {
  readonly compression: 'zstd' | 'snappy';
  readonly row_group_events: number;
}

/** The libraries are loaded only where Parquet is asked for. */
const PACKAGES = ['hyparquet-writer', 'hyparquet'] as const;
/** Events that are read between two turns of the event loop. */
const TURN_EVENTS = 100;

/** Throws `config` where the packages that write and read Parquet are not installed. */
export function assertParquet(): void {
  const missing = PACKAGES.filter((name) => findPackageJSON(name, import.meta.url) === undefined);
  if (missing.length === 0) return;
  throw new ForwardError('config', `parquet needs ${missing.join(' and ')}, which is not installed`, {
    hint: `expected it beside auditferry: npm install ${missing.join(' ')}`,
  });
}

/** One object of the events of one class, sorted by time. The same events make the same bytes. */
export async function encodeParquet(
  placed: readonly Placed[],
  { compression, row_group_events: groupEvents }: ParquetOptions,
  signal: AbortSignal,
): Promise<Buffer> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const sorted = placed
    .map(({ item }) => item)
    .toSorted((a, b) => Number(a.canonical.createdNs - b.canonical.createdNs));
  const { uid } = classOf(sorted[0]?.body ?? '');
  const names = columnNames(uid);
  const bytes = new ByteWriter();
  const writer = new ParquetWriter({
    writer: bytes,
    schema: schemaOf(uid),
    codec: compression === 'zstd' ? 'ZSTD' : 'SNAPPY',
    compressors: { ZSTD: (plain) => zstdCompressSync(plain) },
    createdBy: 'auditferry',
  });
  for (let first = 0; first < sorted.length; first += groupEvents) {
    const group = sorted.slice(first, first + groupEvents);
    const columns = names.map((): unknown[] => []);
    for (const [index, item] of group.entries()) {
      const row = rowOf(item, uid);
      for (const [place, column] of columns.entries()) column.push(row[place]);
      if (index % TURN_EVENTS === TURN_EVENTS - 1) await nextTurn();
    }
    signal.throwIfAborted();
    const columnData = names.map((name, place) => ({ name, data: columns[place] ?? [] }));
    await writer.write({ columnData, rowGroupSize: group.length });
    await nextTurn();
  }
  await writer.finish();
  return Buffer.from(bytes.getBytes());
}

/** The ids of an object's events. */
export async function idsInParquet(bytes: Buffer): Promise<readonly string[]> {
  const { parquetReadObjects } = await import('hyparquet');
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const compressors = { ZSTD: (zipped: Uint8Array) => zstdDecompressSync(zipped) };
  const rows = await parquetReadObjects({ file, columns: ['metadata'], compressors });
  return rows.flatMap(({ metadata }) => {
    const uid = (metadata as { uid?: unknown } | undefined)?.uid;
    return typeof uid === 'string' ? [uid] : [];
  });
}
