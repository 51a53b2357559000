import { escapeUnit } from '../model/errors.ts';
import type { Json } from '../model/event.ts';
import type { JsonObject } from '../model/json.ts';
import { lightJson } from '../model/light-json.ts';
import { cutDeeper, markNumbers, surveyJson } from './json-text.ts';

/**
 * JSON text in and out without loss. The standard library has JSON.rawJSON and the source text of a number since ES2025;
 * the compiler's library does not name them yet.
 */
interface ExactJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
}
const exact = JSON as unknown as ExactJson;

/** Deepest nesting that leaves; deeper parts are replaced by a note. Receivers refuse a document long before. */
const MAX_DEPTH = 64;
const TOO_DEEP = `"[nested deeper than ${MAX_DEPTH} levels]"`;

/** What a parsed value takes beside its text, on average. */
const VALUE_BYTES = 32;

export interface ReadJson {
  /** Undefined is text that is no JSON, null the JSON null. */
  readonly value: Json | undefined;
  /** Keys as they are written, those that stand twice in an object included. */
  readonly keys: number;
  /** Whether parts that are nested too deep, or too large, were replaced by a note. */
  readonly cut: boolean;
  /** About what the parsed value takes. Bytes. */
  readonly weight: number;
  /** The deepest nesting of the text. */
  readonly depth: number;
}

/**
 * Parses JSON text. Numbers whose digits a double would change stay as they were written (JSON.rawJSON), and JSON.stringify writes them
 * back unchanged. What nests absurdly deep or is too large is cut before it is parsed, so that nothing after runs out of stack or memory. Never throws.
 */
export function readJson(text: string): ReadJson {
  const light = lightJson(text);
  const { keys, values, depth, exact: numbers } = surveyJson(light);
  const deep = depth > MAX_DEPTH;
  const kept = deep ? cutDeeper(light, MAX_DEPTH, TOO_DEEP) : light;
  const known = { keys, cut: deep || light !== text, weight: kept.length + values * VALUE_BYTES, depth };
  try {
    if (numbers.length === 0) return { value: JSON.parse(kept) as Json, ...known };
    // Where parts were cut the numbers stand elsewhere.
    if (deep || kept.includes(WRITTEN_MARK)) return { value: parseExactly(kept), ...known };
    return { value: unmark(JSON.parse(markNumbers(kept, numbers, WRITTEN_MARK)) as Json), ...known };
  } catch {
    return { value: undefined, ...known };
  }
}

/** A reviver is called for every value and takes four times as long as parsing: numbers go through as marked strings instead. */
const MARK = '\u0001';
const WRITTEN_MARK = '\\u0001';

/** Puts the marked numbers in place, in the tree itself. */
function unmark(value: Json): Json {
  if (typeof value === 'string') {
    return value.startsWith(MARK) ? (exact.rawJSON(value.slice(MARK.length)) as Json) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value as Json[];
    items.forEach((item, index) => {
      items[index] = unmark(item);
    });
    return items;
  }
  const object = value as Record<string, Json>;
  for (const key in object) {
    const member = object[key] as Json;
    // Keys are own properties, also __proto__, which must not be assigned to.
    if (
      typeof member === 'object' ? member !== null : typeof member === 'string' && member.startsWith(MARK)
    ) {
      const kept = unmark(member);
      if (kept !== member)
        Object.defineProperty(object, key, {
          value: kept,
          enumerable: true,
          writable: true,
          configurable: true,
        });
    }
  }
  return value;
}

function parseExactly(text: string): Json {
  return exact.parse(text, keepNumber) as Json;
}

function keepNumber(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context.source === undefined) return value;
  return String(value) === context.source ? value : exact.rawJSON(context.source);
}

/**
 * A value as JSON on one line that any reader takes: no line feeds, no line separators. The value must not be cyclic or absurdly deep, and
 * every text in it well formed, as all that the canonical event and the origin hold is: a receiver would refuse the whole document for
 * half a character. This is the hot path, so it is looked for where events are read and not here.
 */
export function jsonLine(value: unknown): string {
  const line = JSON.stringify(value) ?? 'null';
  return hasSeparator(line) ? line.replace(SEPARATORS, escapeUnit) : line;
}

/** One search for each takes a tenth of the time of a regular expression. */
function hasSeparator(line: string): boolean {
  return line.includes('\u0085') || line.includes('\u2028') || line.includes('\u2029');
}

/** One JSON object of several, given as text. No key may stand in two of them. */
export function joinObjects(...objects: readonly string[]): string {
  let members = '';
  for (const object of objects) {
    if (object.length > EMPTY_OBJECT.length) members += `${members === '' ? '' : ','}${object.slice(1, -1)}`;
  }
  return `{${members}}`;
}

const EMPTY_OBJECT = '{}';

const SEPARATORS = /[\u0085\u2028\u2029]/g;

/** JSON text made one line and well formed without touching its values. Returns the same string when nothing had to change. */
export function safeLine(json: string): string {
  let line = json;
  // Between the tokens of JSON a line feed is blank space; within a string it cannot stand raw. The separators can.
  if (line.includes('\n') || line.includes('\r')) line = line.replace(/[\r\n]/g, ' ');
  if (hasSeparator(line)) line = line.replace(SEPARATORS, escapeUnit);
  if (!line.isWellFormed()) line = line.toWellFormed();
  const mayHoldHalves = line.includes('\\u') && SURROGATE_ESCAPE.test(line);
  return mayHoldHalves ? line.replace(LONE_ESCAPE, '$1\\ufffd') : line;
}

const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
/** An escaped half of a character without its other half; the pairs of backslashes before it belong to other characters. */
const LONE_ESCAPE =
  /(?<!\\)((?:\\\\)*)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})/g;

/** The string at a key of the object's own, well formed; undefined when it is absent, empty or something else. */
export function textAt(object: JsonObject, key: string): string | undefined {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  return typeof value === 'string' && value !== '' ? value.toWellFormed() : undefined;
}
