import { closingQuote } from '../model/light-json.ts';

/** What JSON text holds that its parsed value does not show. */
export interface Survey {
  /** Keys as they are written: a key that stands twice in an object counts twice. */
  readonly keys: number;
  /** Values and keys; at least as many as there are. */
  readonly values: number;
  /** The deepest nesting; a plain value has 0. */
  readonly depth: number;
  /** Whether a number is among it that may not survive a double or its spelling: 16 digits and more, a fraction, an exponent, minus zero. */
  readonly delicate: boolean;
}

const QUOTE = 0x22;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COMMA = 0x2c;
const COLON = 0x3a;
const UPPER_E = 0x45;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** A double holds every integer of this many digits. */
const SAFE_DIGITS = 15;

/** Goes through JSON text once, from one string to the next. Text that is no JSON gives some survey, and never a fault. */
export function surveyJson(text: string): Survey {
  let keys = 0;
  let values = 1;
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  let delicate = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) {
      digits += 1;
      if (digits > SAFE_DIGITS) delicate = true;
      continue;
    }
    // Outside of strings a colon follows a key, a dot and an upper E are a number's, a lower e also that of true and false.
    if (code === QUOTE) at = closingQuote(text, at);
    else if (code === COMMA) values += 1;
    else if (code === COLON) keys += 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      deepest = Math.max(deepest, (depth += 1));
      values += 1;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1;
    else if (code === DOT || code === UPPER_E || (code === LOWER_E && digits > 0)) delicate = true;
    else if (code === MINUS && text.charCodeAt(at + 1) === ZERO) delicate = true;
    digits = 0;
  }
  return { keys, values: values + keys, depth: deepest, delicate };
}

/** JSON text in which every object and array deeper than `depth` is replaced by `note`, itself JSON text. */
export function cutDeeper(text: string, depth: number, note: string): string {
  let kept = '';
  let from = 0;
  let here = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = closingQuote(text, at);
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      here += 1;
      if (here === depth + 1) kept += text.slice(from, at) + note;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      here -= 1;
      if (here === depth) from = at + 1;
    }
  }
  return here > depth ? kept : kept + text.slice(from);
}
