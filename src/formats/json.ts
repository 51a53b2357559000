import type { Json } from '../model/event.ts';

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
  isRawJSON(value: unknown): boolean;
}
const exact = JSON as unknown as ExactJson;

/** A number that may not survive a double or its spelling: 16 digits and more, a fraction, an exponent, minus zero. */
const DELICATE_NUMBER = /(?:"\s*:|[[,])\s*(?:-?(?:\d{16}|\d+\.\d|\d+[eE])|-0)/;

/**
 * Parses JSON text; null and undefined differ: undefined is text that is no JSON. Numbers whose digits a double would change stay as
 * they were written (JSON.rawJSON), and JSON.stringify writes them back unchanged. Never throws.
 */
export function parseExact(text: string): Json | undefined {
  try {
    if (DELICATE_NUMBER.test(text)) return exact.parse(text, keepNumber) as Json;
  } catch {
    // A reviver recurses and runs out of stack on absurd nesting that a plain parse still reads.
  }
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function keepNumber(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context.source === undefined) return value;
  return String(value) === context.source ? value : exact.rawJSON(context.source);
}

/** True for a number kept as it was written: a leaf, although it is an object. */
export function isRawNumber(value: unknown): boolean {
  return exact.isRawJSON(value);
}

/**
 * A value as JSON on one line that any reader takes: no line separators, no halves of characters (a receiver would refuse the
 * whole document for one). The value must not be cyclic or absurdly deep.
 */
export function jsonLine(value: unknown): string {
  // What JSON.stringify writes has no raw line feed and no raw half of a character; this is the hot path, so neither is looked for.
  let line = JSON.stringify(value) ?? 'null';
  if (SEPARATOR.test(line)) line = line.replace(SEPARATORS, escapeUnit);
  return line.includes('\\ud') ? line.replace(LONE_ESCAPE, '$1\\ufffd') : line;
}

const SEPARATOR = /[\u0085\u2028\u2029]/;
const SEPARATORS = /[\u0085\u2028\u2029]/g;

/** JSON text made one line and well formed without touching its values. Returns the same string when nothing had to change. */
export function safeLine(json: string): string {
  let line = json;
  if (LINE_BREAK.test(line)) line = line.replace(/[\r\n]/g, ' ').replace(SEPARATORS, escapeUnit);
  if (!line.isWellFormed()) line = line.toWellFormed();
  return SURROGATE_ESCAPE.test(line) ? line.replace(LONE_ESCAPE, '$1\\ufffd') : line;
}

/** Between the tokens of JSON a line feed is blank space; within a string it cannot stand raw. The other three can. */
const LINE_BREAK = /[\r\n\u0085\u2028\u2029]/;
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
/** An escaped half of a character without its other half; the pairs of backslashes before it belong to other characters. */
const LONE_ESCAPE =
  /(?<!\\)((?:\\\\)*)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})/g;

function escapeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A parsed object; arrays, null and raw numbers are not. */
export function isObject(value: unknown): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

/** The string at a key of the object's own, well formed; undefined when it is absent, empty or something else. */
export function textAt(object: { readonly [key: string]: Json }, key: string): string | undefined {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  return typeof value === 'string' && value !== '' ? value.toWellFormed() : undefined;
}
