import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';

import { idOfLine } from '../../formats/line-ids.ts';
import { hashOf } from '../../model/event-id.ts';
import { linesOf } from '../lines.ts';
import { LINE_LIMIT_BYTES } from './active.ts';
import { fileFailure, isMissing } from './errors.ts';

/** Counts in how many lines of files each id stands. Only the id's own place in a line counts, since an event may mention another one's id. */
export class IdSearch {
  readonly counts: Map<string, number>;
  /** Made when a line is met that says the hash of its id: most files have none. */
  #byHash: ReadonlyMap<string, string> | null = null;

  constructor(ids: readonly string[]) {
    this.counts = new Map(ids.map((id) => [id, 0]));
  }

  /** Reads one more file, as a stream. One that vanished meanwhile holds nothing. */
  async through(path: string, compressed: boolean, signal: AbortSignal): Promise<void> {
    try {
      for await (const line of lines(path, compressed)) {
        signal.throwIfAborted();
        this.#look(line);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!isMissing(error)) throw fileFailure(error, path, 'read');
    }
  }

  #look(line: string): void {
    const said = idOfLine(line);
    if (said === null) return;
    const named = said.hashed ? this.#hashed(said.id) : said.id;
    for (const id of [named, said.former]) {
      const count = id === undefined ? undefined : this.counts.get(id);
      if (id === undefined || count === undefined) continue;
      this.counts.set(id, count + 1);
      return;
    }
  }

  #hashed(hash: string): string | undefined {
    this.#byHash ??= new Map([...this.counts.keys()].map((id) => [hashOf(id), id]));
    return this.#byHash.get(hash);
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
