import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';

import { idOfLine } from '../../formats/line-ids.ts';
import { hashOf } from '../../model/event-id.ts';
import { LINE_LIMIT_BYTES } from './active.ts';
import { fileFailure, isMissing } from './errors.ts';

const LF = 0x0a;

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
  let pending: Buffer[] = [];
  let held = 0;
  try {
    for await (const bytes of source as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
        pending.push(bytes.subarray(start, end));
        if (held + end - start <= LINE_LIMIT_BYTES) yield Buffer.concat(pending).toString('utf8');
        pending = [];
        held = 0;
        start = end + 1;
      }
      held += bytes.length - start;
      if (held <= LINE_LIMIT_BYTES) pending.push(bytes.subarray(start));
      else pending = [];
    }
  } finally {
    file.destroy();
    source.destroy();
  }
}
