import { isUtf8 } from 'node:buffer';

import { ForwardError, oneLine } from '../../model/errors.ts';
import { eventIdOf } from '../../model/event-id.ts';
import { eventInPage } from '../../model/event.ts';
import type { MalformedItem, NewEvent } from '../../model/event.ts';
import { isObject } from '../../model/json.ts';
import { lightJson, VALUES_LIMIT } from '../../model/light-json.ts';
import { repeatedUsers } from '../../model/repeated-user.ts';
import { parseTime } from '../../model/time.ts';

/** An item of a page that can be an event. */
export interface ReadItem {
  readonly event: NewEvent;
}

/** Whether the filters let an item through, by its parsed fields. */
export type Wanted = (item: Readonly<Record<string, unknown>>) => boolean;

/** One answer of GET /audit-logs. */
export interface Page {
  readonly items: readonly ReadItem[];
  readonly malformed: readonly MalformedItem[];
  /** Items in the answer, malformed ones included. */
  readonly rows: number;
  /** The page size that the server says it used; null where it does not. */
  readonly pageSize: number | null;
  /** The server's count over all pages; null where it does not say. */
  readonly totalCount: number | null;
}

/** What an answer says of itself, as the cause of an error: the status, and the server's own words, safe to show. */
export class AnswerFault extends Error {
  readonly status: number;
  readonly words: string;

  constructor(status: number, words: string, cause?: unknown) {
    super(words, { cause });
    this.name = 'AnswerFault';
    this.status = status;
    this.words = words;
  }
}

/** What was asked for, where it decides how an answer is to be read. */
export interface Asked {
  /** Rows on the pages before this one: where a count says no more, a page without a list is past the end. */
  readonly rowsBefore: number;
}

/** The server's own words are quoted up to this many characters. */
const WORDS_LIMIT = 200;
/** Fields that an error answer names. */
const FIELDS_LIMIT = 3;
const FIRST_PAGE: Asked = { rowsBefore: 0 };

/**
 * Reads the body of a list answer. Every item keeps the very bytes it came in, as a part of the body. Anything but an object with `items` and
 * `metadata` is an error: an odd answer must never pass for "no events".
 */
export function readPage(
  body: Buffer,
  where: string,
  asked: Asked = FIRST_PAGE,
  wanted: Wanted | null = null,
): Page {
  const text = withoutMark(body);
  const slices = sliceItems(text);
  const page = readObject(withoutItems(text, slices), where);
  const metadata = page['metadata'];
  const items = isObject(metadata) && isUnwritten(page['items'], metadata, asked) ? [] : page['items'];
  if (!Array.isArray(items) || !isObject(metadata)) {
    const words = wordsOf(page);
    if (!Array.isArray(items) && speaksOfCredentials(words)) throw refusedInWords(where, words);
    throw oddAnswer(where, 'the answer has no "items" list with its "metadata"', words);
  }
  if (slices.length !== items.length)
    throw oddAnswer(where, 'the "items" of the answer cannot be told apart');
  const events: ReadItem[] = [];
  const malformed: MalformedItem[] = [];
  for (const bytes of slices) {
    const read = readItem(bytes, where, wanted);
    if ('reason' in read) malformed.push(read);
    else events.push(read);
  }
  return {
    items: events,
    malformed,
    rows: items.length,
    pageSize: count(metadata['page_size']) || null,
    totalCount: count(metadata['total_count']),
  };
}

/**
 * A Go server writes a list that was never filled as null, and may leave out an empty one. With a count of rows that all lie
 * on earlier pages either is an empty list. Without a count, null beside a page size is one as well.
 */
function isUnwritten(items: unknown, metadata: Record<string, unknown>, { rowsBefore }: Asked): boolean {
  if (items !== null && items !== undefined) return false;
  const total = count(metadata['total_count']);
  if (total !== null) return total <= rowsBefore;
  return items === null && count(metadata['page_size']) !== null;
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Some gateways put a byte order mark before the text, which is no JSON. */
function withoutMark(body: Buffer): Buffer {
  return body.subarray(0, 3).equals(BYTE_ORDER_MARK) ? body.subarray(3) : body;
}

/** What an error answer says, the fields that it names included, on one line; empty where it says nothing. It may quote the key: see sources/credential-guard.ts. */
export function wordsOf(body: Record<string, unknown>): string {
  const fields = isObject(body['field_errors']) ? Object.entries(body['field_errors']) : [];
  const said = [
    body['message'] ?? body['error'],
    ...fields
      .slice(0, FIELDS_LIMIT)
      .map(([field, what]) => (typeof what === 'string' ? `${field} ${what}` : '')),
  ];
  const words = said.filter((text) => typeof text === 'string' && text !== '').join('; ');
  return words === '' ? '' : oneLine(words, WORDS_LIMIT);
}

const CREDENTIAL_WORDS =
  /\b(api[ _-]?keys?|tokens?|jwt|credentials?|sessions?|unauthori[sz]ed|unauthenticated|not authori[sz]ed|authenticat\w*|authori[sz]ation|forbidden|(?:permission|access) denied|log(?:ged)? ?in|sign(?:ed)? ?in)\b/i;

/** Whether the words of an answer that lists nothing say that the key is refused. */
export function speaksOfCredentials(words: string): boolean {
  return CREDENTIAL_WORDS.test(words.replaceAll('_', ' '));
}

/** The body as a JSON object, or a `transient` error that says what came instead. */
export function readObject(body: Buffer, where: string): Readonly<Record<string, unknown>> {
  const parsed = parse(withoutMark(body).toString('utf8'), where);
  if (!isObject(parsed)) throw oddAnswer(where, 'the answer is not a JSON object');
  return parsed;
}

/** Parts too large to parse are left out; the bytes of an item stay whole. */
function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(lightJson(text)) as unknown;
  } catch (error) {
    throw oddAnswer(
      where,
      text === '' ? 'the answer is empty' : 'the answer is not complete JSON',
      '',
      error,
    );
  }
}

/** Items are parsed one at a time: a page of many large ones must not be in memory as a whole. */
function readItem(bytes: Buffer, where: string, wanted: Wanted | null): ReadItem | MalformedItem {
  const refuse = (reason: string): MalformedItem => ({ reason, bytes: Buffer.from(bytes) });
  const text = bytes.toString('utf8');
  const item = parse(wanted === null ? withoutUser(text) : text, where);
  if (!isUtf8(bytes)) return refuse('the item is not valid UTF-8');
  if (!isObject(item)) return refuse('the item is not a JSON object');
  const createdAt = item['created_at'];
  if (typeof createdAt !== 'string') return refuse('the item has no created_at');
  const createdNs = parseTime(createdAt);
  if (createdNs === null) return refuse('the created_at of the item is not an RFC 3339 time');
  const type = item['event_type'];
  const eventType = typeof type === 'string' ? type : '';
  const id = eventIdOf(item['id'], bytes);
  return {
    event: eventInPage({ id, createdAt, createdNs, eventType, wanted: wanted?.(item) ?? true }, bytes),
  };
}

/** Nobody but a filter looks into an item's user here: a text that was read before is JSON, and need not be parsed again. */
function withoutUser(item: string): string {
  const user = parsedUsers(item);
  return user === null ? item : `${item.slice(0, user.start)}0${item.slice(user.end)}`;
}

const parsedUsers = repeatedUsers((text) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return null; // where the item is read it shows what is wrong
  }
});

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function oddAnswer(where: string, what: string, words = '', cause?: unknown): ForwardError {
  return new ForwardError('transient', `${where}: ${what}${words === '' ? '' : ` (${words})`}`, {
    cause: new AnswerFault(200, words, cause),
    hint: 'check for a proxy or gateway in between, and whether the URL is that of the Platform',
  });
}

/** Whatever its status: it is about the key, and not about the window that was asked for. */
function refusedInWords(where: string, words: string): ForwardError {
  return new ForwardError('denied', `${where} answered 200 with no "items" list (${words})`, {
    cause: new AnswerFault(401, words),
    hint: 'this reads like a key that is wrong, deleted or expired: create one and replace it; a key file is reread automatically',
  });
}

const ZERO = 0x30;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The body with a 0 in the place of each item: what is left to see whether it is JSON, and how many items it lists. */
function withoutItems(body: Buffer, slices: readonly Buffer[]): Buffer {
  const rest = Buffer.allocUnsafe(body.length + slices.length);
  let at = 0;
  let length = 0;
  for (const slice of slices) {
    const start = slice.byteOffset - body.byteOffset;
    // Mostly a comma: a call for each would take longer than all of them.
    for (; at < start; at += 1) rest[length++] = body[at] ?? 0;
    rest[length++] = ZERO;
    at = start + slice.length;
  }
  length += body.copy(rest, length, at);
  return rest.subarray(0, length);
}

/**
 * The byte ranges of the elements of the top-level "items" list. Parsing what is around them and each of them afterwards shows whether it
 * is JSON, which is what keeps this scan so small: it only has to tell strings from structure. Where the key stands twice the last one
 * counts, as in JSON.parse.
 */
export function sliceItems(text: Buffer): Buffer[] {
  let slices: Buffer[] = [];
  let at = skipSpace(text, 0) + 1;
  for (;;) {
    at = skipSpace(text, at);
    if (text[at] !== QUOTE) return slices;
    const keyEnd = skipString(text, at);
    const isItems = isKey(text.toString('utf8', at, keyEnd), 'items');
    at = skipSpace(text, skipSpace(text, keyEnd) + 1);
    if (isItems && text[at] === OPEN_LIST) {
      slices = [];
      at = sliceList(text, at, slices);
    } else {
      if (isItems) slices = [];
      at = skipValue(text, at);
    }
    at = skipSpace(text, at);
    if (text[at] !== COMMA) return slices;
    at += 1;
  }
}

/** Whether JSON text is that of a key, however it is escaped. */
function isKey(text: string, name: string): boolean {
  if (!text.includes('\\')) return text === `"${name}"`;
  try {
    return JSON.parse(text) === name;
  } catch {
    return false;
  }
}

function sliceList(text: Buffer, open: number, into: Buffer[]): number {
  let at = skipSpace(text, open + 1);
  while (at < text.length && text[at] !== CLOSE_LIST) {
    const end = skipValue(text, at);
    if (end === at || into.length >= VALUES_LIMIT) return at; // no JSON, or no page of ours: what is left then shows it
    into.push(text.subarray(at, end));
    at = skipSpace(text, end);
    if (text[at] === COMMA) at = skipSpace(text, at + 1);
  }
  return at + 1;
}

function skipValue(text: Buffer, start: number): number {
  const first = text[start];
  if (first === QUOTE) return skipString(text, start);
  if (first !== OPEN_OBJECT && first !== OPEN_LIST) return skipScalar(text, start);
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const byte = text[at];
    if (byte === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
  return at;
}

function skipScalar(text: Buffer, start: number): number {
  let at = start;
  while (at < text.length) {
    const byte = text[at];
    if (byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT || byte === COLON || isSpace(byte))
      return at;
    at += 1;
  }
  return at;
}

/** Most strings are so short that a call for the next quotation mark takes longer than to walk there. Bytes. */
const SHORT = 32;

function skipString(text: Buffer, open: number): number {
  const walked = Math.min(open + SHORT, text.length);
  let at = open + 1;
  for (; at < walked; at += 1) {
    const byte = text[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) break;
  }
  at -= 1;
  for (;;) {
    at = text.indexOf(QUOTE, at + 1);
    if (at < 0) return text.length;
    let slashes = 0;
    while (text[at - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return at + 1;
  }
}

function skipSpace(text: Buffer, start: number): number {
  let at = start;
  while (isSpace(text[at])) at += 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
