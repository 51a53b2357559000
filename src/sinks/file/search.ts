import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';

import { fileFailure, isMissing } from './errors.ts';

/** A longer line is no event of ours and is passed over. Bytes. */
const LINE_LIMIT_BYTES = 64 * 1024 * 1024;

const LF = 0x0a;
/** Where the JSON formats keep the event id: raw, cim, ecs, ocsf. */
const ID_PLACES: readonly (readonly string[])[] = [
  ['id'],
  ['event_id'],
  ['event.id'],
  ['event', 'id'],
  ['metadata', 'uid'],
];

/**
 * Counts in how many lines of a file each id stands, reading it as a stream. In JSON lines only the id's own place
 * counts, since an event may mention another one's id; in text lines the id has to stand by itself.
 * A file that vanished meanwhile holds nothing.
 */
export async function countIds(
  path: string,
  compressed: boolean,
  ids: ReadonlySet<string>,
  counts: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const line of lines(path, compressed)) {
      signal.throwIfAborted();
      for (const id of idsOf(line, ids)) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!isMissing(error)) throw fileFailure(error, path, 'read');
  }
}

function idsOf(line: string, wanted: ReadonlySet<string>): Iterable<string> {
  const document = parseObject(line);
  const found = document === null ? tokens(line, wanted) : jsonIds(document, line);
  return new Set(found.filter((id) => wanted.has(id)));
}

function parseObject(line: string): object | null {
  if (!line.startsWith('{')) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function jsonIds(document: object, line: string): readonly string[] {
  const found = ID_PLACES.map((place) => at(document, place)).filter((id) => typeof id === 'string');
  // An event without an id of its own goes by the hash of its bytes, which the raw format writes as they came.
  return found.length > 0 ? found : [`sha256:${createHash('sha256').update(line).digest('hex')}`];
}

function at(document: object, place: readonly string[]): unknown {
  let value: unknown = document;
  for (const key of place) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** The ids that stand in a text line between characters that no id has. */
function tokens(line: string, wanted: ReadonlySet<string>): readonly string[] {
  const words = line.split(/[^A-Za-z0-9:_.-]+/);
  const unusual = [...wanted].filter((id) => /[^A-Za-z0-9:_.-]/.test(id) && line.includes(id));
  return [...words, ...unusual];
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
