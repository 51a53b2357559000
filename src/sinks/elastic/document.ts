import { createHash, hash } from 'node:crypto';

import { lightJson } from '../../model/light-json.ts';
import type { Part } from '../../model/text-room.ts';
import { formatTime } from '../../model/time.ts';
import type { Item } from '../sink.ts';
import { indexOf } from './target.ts';
import type { Target } from './target.ts';

/** One item as two lines of a bulk request. */
export interface BulkDocument {
  /** Place in the batch. */
  readonly place: number;
  /** The `_id` it is stored under. */
  readonly id: string;
  readonly item: Item;
  /** Whether the `_id` names the event's Platform, time and type as well: then it is nobody else's. */
  readonly wide: boolean;
  /** Both lines with their line feeds, UTF-8. */
  readonly lines: Buffer;
}

const ID_LIMIT_BYTES = 512;

/** `write` keeps the lines. `wide`: under an id of its own, where another event's document stands under the event's id. */
export function bulkDocument(
  item: Item,
  place: number,
  target: Target,
  write: (...parts: readonly Part[]) => Buffer,
  wide = false,
): BulkDocument {
  const id = documentId(wide ? wideId(item) : item.canonical.id);
  const index = indexOf(target, item.canonical.createdNs);
  const action = { create: index === null ? { _id: id } : { _index: index, _id: id } };
  const lines = write(`${JSON.stringify(action)}\n`, ready(item) ?? documentSource(item), '\n');
  return { place, id, item, wide, lines };
}

const TIMESTAMP = '{"@timestamp":';

/** The bytes of a document to which nothing has to be done, as most are; null where it takes a look at the text. */
function ready({ kind, utf8 }: Item): Buffer | null {
  if (kind !== 'json' || utf8 === undefined || utf8.at(-1) !== CLOSE_OBJECT) return null;
  const isReady =
    utf8.toString('latin1', 0, TIMESTAMP.length) === TIMESTAMP &&
    !utf8.includes(LINE_FEED) &&
    !utf8.includes(CARRIAGE_RETURN) &&
    !utf8.includes('\\ud') &&
    !utf8.includes('\\uD');
  return isReady ? utf8 : null;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const CLOSE_OBJECT = 0x7d;

/** Digits of the hash in a wide id. */
const WIDE_DIGITS = 32;

function wideId({ canonical, origin }: Item): string {
  const { id, source, createdNs, classification } = canonical;
  const parts = [origin.instance, source, id, createdNs.toString(), classification.eventType];
  return `${id}#${hash('sha256', JSON.stringify(parts)).slice(0, WIDE_DIGITS)}`;
}

/** The event id, or its SHA-256 in hex where Elasticsearch's 512 bytes do not hold it. */
export function documentId(eventId: string): string {
  const id = eventId.toWellFormed();
  return Buffer.byteLength(id) <= ID_LIMIT_BYTES && id !== ''
    ? id
    : createHash('sha256').update(id).digest('hex');
}

/**
 * The item's document with an `@timestamp`. It is put in by joining text, never by parsing and writing again, so that
 * numbers a double cannot hold stay as they are.
 */
export function documentSource(item: Item): string {
  const time = formatTime(item.canonical.createdNs);
  const body = item.body.trim();
  if (item.kind === 'text' || !body.startsWith('{') || !body.endsWith('}')) {
    const text = { '@timestamp': time, message: item.body.toWellFormed(), event: { id: item.canonical.id } };
    return JSON.stringify(text);
  }
  // A raw line break cannot stand inside a JSON string, so one that is there is only white space between tokens.
  const line = replaceLoneSurrogates(body.replace(/[\r\n]+/g, ' '));
  if (hasTimestamp(line)) return line;
  const rest = line.slice(1).trimStart();
  return `{"@timestamp":"${time}"${rest === '}' ? '' : ','}${rest}`;
}

function hasTimestamp(line: string): boolean {
  if (line.startsWith(TIMESTAMP)) return true;
  if (!line.includes('"@timestamp"')) return false;
  try {
    return Object.hasOwn(JSON.parse(lightJson(line)) as object, '@timestamp');
  } catch {
    return false; // not JSON: the receiver says so about this one document, and it becomes a dead letter
  }
}

/** One escape of a JSON string: a surrogate pair, a lone surrogate, or any other, so that `\\ud800` is not taken for one. */
const ESCAPE =
  /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|[^])/g;

/** Elasticsearch refuses a document with half of a surrogate pair: such a half becomes U+FFFD, written or escaped. */
function replaceLoneSurrogates(json: string): string {
  const text = json.toWellFormed();
  if (!text.includes('\\u') || !/\\u[dD][89a-fA-F]/.test(text)) return text;
  return text.replace(ESCAPE, (escape: string, lone: string | undefined) =>
    lone === undefined ? escape : '\\ufffd',
  );
}
