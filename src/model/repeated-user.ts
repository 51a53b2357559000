import { closingQuote } from './light-json.ts';

/**
 * The user that stands in every item of an audit log is the same text again and again, and takes half of it: what was made of one text
 * serves all items that hold the same.
 */

/** Where an item's user stands in its text, and what was made of it. */
export interface RepeatedUser<T> {
  readonly start: number;
  readonly end: number;
  readonly made: T;
}

const MEMBER = '"user":{';
/** The user stands behind an id or so. Where it stands deep within an item its place is not looked for. */
const FURTHEST = 512;
/** Users are told apart by this many characters: their id. A user whose text has changed takes the place of before. */
const NAME_UNITS = 64;
/** Longer ones are read anew each time. UTF-16 units. */
const PART_UNITS = 16 * 1024;
/** Of all texts that are kept. UTF-16 units. */
const KEPT_UNITS = 512 * 1024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Finds the user of an item, the first member of that name, and what `make` made of its text once; null where it is not easily found, or
 * `make` gave null. The text need not be JSON: the caller finds out when it parses the rest of the item, and `make` when it parses the user.
 */
export function repeatedUsers<T>(make: (user: string) => T | null): (item: string) => RepeatedUser<T> | null {
  const kept = new Map<string, { readonly text: string; readonly made: T }>();
  let units = 0;

  function remember(name: string, text: string, made: T): void {
    units += text.length - (kept.get(name)?.text.length ?? 0);
    kept.delete(name); // the one that was seen last comes last
    kept.set(name, { text, made });
    for (const [oldest, { text: old }] of kept) {
      if (units <= KEPT_UNITS) break;
      kept.delete(oldest);
      units -= old.length;
    }
  }

  return (item) => {
    const start = placeOf(item);
    if (start === null) return null;
    const name = item.slice(start, start + NAME_UNITS);
    const known = kept.get(name);
    if (known !== undefined) {
      const end = start + known.text.length;
      if (item.slice(start, end) === known.text) return { start, end, made: known.made };
    }
    const end = endOf(item, start);
    if (end === null) return null;
    const text = apart(item.slice(start, end));
    const made = make(text);
    if (made === null) return null;
    remember(apart(name), text, made);
    return { start, end, made };
  };
}

/** Where the user begins; nothing may be open before it but the item itself, or it would be another object's. */
function placeOf(item: string): number | null {
  const at = item.indexOf(MEMBER);
  if (at < 1 || at > FURTHEST || item.charCodeAt(0) !== OPEN_OBJECT) return null;
  const before = item.charCodeAt(at - 1);
  if (before !== COMMA && before !== OPEN_OBJECT) return null;
  for (let index = 1; index < at; index += 1) {
    const code = item.charCodeAt(index);
    if (code === OPEN_OBJECT || code === OPEN_LIST) return null;
  }
  return at + MEMBER.length - 1;
}

function endOf(item: string, start: number): number | null {
  const limit = Math.min(item.length, start + PART_UNITS);
  let depth = 0;
  for (let at = start; at < limit; at += 1) {
    const code = item.charCodeAt(at);
    if (code === QUOTE) at = closingQuote(item, at);
    else if (code === OPEN_OBJECT) depth += 1;
    else if (code === CLOSE_OBJECT && (depth -= 1) === 0) return at + 1;
  }
  return null;
}

/** A part of a text keeps all of it in memory. */
function apart(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
