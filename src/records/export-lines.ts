import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { HEAD_BYTES, isPaged, partsOf } from './export-pages.ts';
import type { Part } from './export-pages.ts';

/** Longer ones are no record: receivers refuse them long before. Bytes. */
const LINE_LIMIT_BYTES = 64 * 2 ** 20;

const LINE_FEED = 0x0a;
const GZIP_MAGIC = [0x1f, 0x8b];
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

export type Line = Part;

/** The lines of a file, gzip or plain, one at a time; of an array or a page of a search, its elements. Throws what the file system throws. */
export async function* linesOfFile(path: string, signal: AbortSignal): AsyncGenerator<Line> {
  // Node reads the first of several frames and ends as if that were all.
  if (await startsWith(path, ZSTD_MAGIC))
    throw new Error('it is packed with zstd: unpack it first, as zstd -d does');
  const zipped = await startsWith(path, GZIP_MAGIC);
  const file = createReadStream(path, { signal });
  const content: Readable = zipped ? file.pipe(createGunzip()) : file;
  // A file that breaks off in the middle must not end like one that is whole.
  if (zipped) file.on('error', (error) => content.destroy(error));
  try {
    yield* linesOf(content);
  } finally {
    file.destroy();
  }
}

export async function* linesOf(content: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  const blocks = content[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  for (let bytes = 0; bytes < HEAD_BYTES; bytes += first.at(-1)?.length ?? 0) {
    const block = await blocks.next();
    if (block.done === true) break;
    first.push(block.value);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    yield* first;
    yield* { [Symbol.asyncIterator]: () => blocks };
  }
  const head = Buffer.concat(first).toString('utf8', 0, HEAD_BYTES);
  yield* isPaged(head) ? partsOf(whole(), LINE_LIMIT_BYTES) : plainLines(whole());
}

async function* plainLines(content: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let number = 0;
  let parts: Buffer[] = [];
  let bytes = 0;
  const line = (): Line => {
    number += 1;
    const text = bytes > LINE_LIMIT_BYTES ? null : Buffer.concat(parts).toString('utf8').replace(/\r$/, '');
    parts = [];
    bytes = 0;
    return { number, text };
  };
  const take = (part: Buffer): void => {
    bytes += part.length;
    if (bytes <= LINE_LIMIT_BYTES) parts.push(part);
    else parts = []; // only its length counts any more
  };
  for await (const block of content) {
    let start = 0;
    for (let end = block.indexOf(LINE_FEED); end >= 0; end = block.indexOf(LINE_FEED, start)) {
      take(block.subarray(start, end));
      yield line();
      start = end + 1;
    }
    take(block.subarray(start));
  }
  if (bytes > 0) yield line();
}

async function startsWith(path: string, magic: readonly number[]): Promise<boolean> {
  for await (const first of createReadStream(path, { end: magic.length - 1 }) as AsyncIterable<Buffer>) {
    return magic.every((byte, at) => first[at] === byte);
  }
  return false;
}
