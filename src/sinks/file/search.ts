import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';

import { idOfLine } from '../../formats/line-ids.ts';
import { hashOf } from '../../model/event-id.ts';
import { linesOf } from '../lines.ts';
import { LINE_LIMIT_BYTES } from './active.ts';
import { fileFailure, isMissing } from './errors.ts';

/**
 * Counts in how many lines of a file each id stands, reading it as a stream. Only the id's own place in a line
 * counts, since an event may mention another one's id.
 * A file that vanished meanwhile holds nothing.
 */
export async function countIds(
  path: string,
  compressed: boolean,
  ids: ReadonlySet<string>,
  counts: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const byHash = new Map([...ids].map((id) => [hashOf(id), id]));
  try {
    for await (const line of lines(path, compressed)) {
      signal.throwIfAborted();
      const said = idOfLine(line);
      if (said === null) continue;
      const named = said.hashed ? byHash.get(said.id) : said.id;
      const id = [named, said.former].find((one) => one !== undefined && ids.has(one));
      if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!isMissing(error)) throw fileFailure(error, path, 'read');
  }
}

async function* lines(path: string, compressed: boolean): AsyncIterable<string> {
  const file = createReadStream(path);
  const source = compressed ? file.pipe(createGunzip()) : file;
  file.on('error', (error) => source.destroy(error));
  try {
    yield* linesOf(source as AsyncIterable<Buffer>, LINE_LIMIT_BYTES);
  } finally {
    file.destroy();
    source.destroy();
  }
}
