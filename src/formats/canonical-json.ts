import type { Json } from '../model/event.ts';
import { isRawNumber } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';

/** Reading cuts at 64, and a receiver's own wrapping takes some of them. */
const DEPTH_LIMIT = 48;
const TOO_DEEP = 'null';

/**
 * The one text that stands for a JSON value, however it was written: keys in the order of their UTF-16 units, no blanks, JSON's shortest
 * escapes (RFC 8785). Numbers that a double cannot hold stay as they were written. What nests deeper than 48 levels counts as null.
 */
export function canonicalJson(value: Json): string {
  return textOf(value, DEPTH_LIMIT);
}

function textOf(value: Json, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value.toWellFormed());
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isRawNumber(value)) return numberText(JSON.stringify(value));
  if (depth === 0) return TOO_DEEP;
  if (Array.isArray(value))
    return `[${(value as readonly Json[]).map((item) => textOf(item, depth - 1)).join(',')}]`;
  const object = value as JsonObject;
  let members = '';
  for (const key of Object.keys(object).sort()) {
    const member = object[key];
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${JSON.stringify(key.toWellFormed())}:${textOf(member, depth - 1)}`;
  }
  return `{${members}}`;
}

/** A double holds every number of so many digits. */
const SURE_DIGITS = 15;

/** `1.0` and `1e0` are the number 1, as a store writes it back; what has more digits than a double holds is told apart by them. */
function numberText(written: string): string {
  const digits = written
    .replace(/e.*$/i, '')
    .replace(/[^0-9]/g, '')
    .replace(/^0+/, '');
  const value = Number(written);
  return digits.length <= SURE_DIGITS && Number.isFinite(value) ? JSON.stringify(value) : written;
}
