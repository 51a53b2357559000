import { createHash } from 'node:crypto';

/**
 * Parsed JSON takes up to a hundred times the memory of its text: `[],[],…` in 45 MB is a gigabyte and more. What comes from outside is
 * therefore measured by what it would take, and the parts that are too large are left out before it is parsed.
 */

/** Most values, keys included, that one text is parsed into; each takes 30 to 300 bytes. */
export const VALUES_LIMIT = 100_000;
/** Most characters that are parsed. */
export const TEXT_LIMIT = 16 * 2 ** 20;
/** How far down large objects are taken apart, so that what is small beside a large part stays. */
const DEPTH_LIMIT = 5;
/** Even `1,1,…` takes two characters for a value: a shorter text needs no measuring. */
const SURELY_LIGHT = 2 * VALUES_LIMIT;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** What a part of a text may take. */
interface Room {
  readonly values: number;
  readonly units: number;
}

/** A part of a text, from its start to before `end`. */
interface Span {
  readonly end: number;
  /** At least as many as there are values and keys. */
  readonly values: number;
}

/**
 * JSON text that parses within bounded memory: the same text, or one in which a sentence stands for each part that is too large. Takes one
 * walk over the text, however it is made. Text that is no JSON stays none.
 */
export function lightJson(text: string): string {
  if (text.length <= SURELY_LIGHT) return text;
  const start = skipSpace(text, 0);
  const spans: Spans = new Map();
  const whole = measure(text, start, spans);
  const room: Room = { values: VALUES_LIMIT, units: TEXT_LIMIT };
  if (fits(text.length, whole.values, room)) return text;
  // What follows is blank space, or the text is no JSON: then it must not become any.
  const rest = skipSpace(text, whole.end) === text.length ? '' : BROKEN;
  return lightened(text, start, whole, room, spans) + rest;
}

function fits(units: number, values: number, room: Room): boolean {
  return values <= room.values && units <= room.units;
}

function lightened(text: string, start: number, span: Span, room: Room, spans: Spans): string {
  if (fits(span.end - start, span.values, room)) return text.slice(start, span.end);
  const isKnown = spans.has(start) && text.charCodeAt(start) === OPEN_BRACE;
  return isKnown ? lightObject(text, start, room, spans) : leftOut(text.slice(start, span.end));
}

/** An object with the members that fit. A large one gets half of the room that is left, so that the next ones have room as well. */
function lightObject(text: string, start: number, room: Room, spans: Spans): string {
  const kept: string[] = [];
  let { values, units } = room;
  let whole = true;
  for (let at = skipSpace(text, start + 1); text.charCodeAt(at) === QUOTE;) {
    const key = spanAt(text, at, spans);
    const colon = skipSpace(text, key.end);
    const from = skipSpace(text, colon + 1);
    const value = spanAt(text, from, spans);
    if (text.charCodeAt(colon) !== COLON || value.end === from) return BROKEN;
    const half: Room = { values: Math.floor(values / 2), units: Math.floor(units / 2) };
    const keyUnits = key.end - at;
    if (half.values > 1 && keyUnits <= half.units) {
      const light = lightened(text, from, value, half, spans);
      kept.push(`${text.slice(at, key.end)}:${light}`);
      values -= 1 + (light.length === value.end - from ? value.values : measure(light, 0, new Map()).values);
      units -= keyUnits + light.length;
    } else whole = false;
    const next = skipSpace(text, value.end);
    if (text.charCodeAt(next) === CLOSE_BRACE) {
      if (!whole) kept.push(`"[left out]":${leftOut(text.slice(start, next + 1))}`);
      return `{${kept.join(',')}}`;
    }
    if (text.charCodeAt(next) !== COMMA) return BROKEN;
    at = skipSpace(text, next + 1);
  }
  return BROKEN;
}

/** What stands for a part that is no JSON: nothing that could pass for some. */
const BROKEN = '{';

/** The hash tells two parts apart that were left out, and finds this one in the original. */
function leftOut(part: string): string {
  const hash = createHash('sha256');
  for (let at = 0; at < part.length;) {
    const end = pieceEnd(part, at + PIECE);
    hash.update(part.slice(at, end));
    at = end;
  }
  return `"[left out: ${part.length} characters that are too large to read, sha256 ${hash.digest('hex')}]"`;
}

/** What is hashed at a time: hashing a text makes a copy of it. Characters. */
const PIECE = 2 ** 20;

/** Both halves of a character belong to one piece. */
function pieceEnd(text: string, end: number): number {
  return (text.charCodeAt(end - 1) & 0xfc00) === 0xd800 ? end + 1 : end;
}

/** Objects and lists that are long and not too deep, by where they start. */
type Spans = Map<number, Span>;

/** Shorter ones are measured again when they are met. Characters. */
const LONG = 4096;

function spanAt(text: string, start: number, spans: Spans): Span {
  return spans.get(start) ?? measure(text, start, new Map());
}

/**
 * Walks over the value at a place and puts its long parts into `spans`. Brackets are only counted: whether they match is seen when what is
 * left is parsed.
 */
function measure(text: string, start: number, spans: Spans): Span {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return { end: Math.min(closingQuote(text, start) + 1, text.length), values: 1 };
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return { end: endOfScalar(text, start), values: 1 };
  const open: { readonly at: number; readonly values: number }[] = [];
  let depth = 0;
  let values = 0;
  let at = start;
  do {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = closingQuote(text, at);
    else if (code === COMMA || code === COLON) values += 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (depth < DEPTH_LIMIT) open.push({ at, values });
      depth += 1;
      values += 1;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1;
      if (depth < DEPTH_LIMIT) close(at + 1);
    }
    at += 1;
  } while (depth > 0 && at < text.length);
  while (open.length > 0) close(text.length);
  return { end: Math.min(at, text.length), values };

  function close(end: number): void {
    const opened = open.pop();
    if (opened === undefined || end - opened.at < LONG) return;
    spans.set(opened.at, { end, values: values - opened.values });
  }
}

function endOfScalar(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === COLON || code === CLOSE_BRACE || code === CLOSE_BRACKET || isSpace(code))
      break;
  }
  return at;
}

/** Where the string that opens at `open` closes; the end of the text where it does not. */
export function closingQuote(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  while (close !== -1 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close === -1 ? text.length : close;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
