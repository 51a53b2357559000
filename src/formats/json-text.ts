import { closingQuote } from '../model/light-json.ts';

/** What JSON text holds that its parsed value does not show. */
export interface Survey {
  /** Keys as they are written: a key that stands twice in an object counts twice. */
  readonly keys: number;
  /** Values and keys; at least as many as there are. */
  readonly values: number;
  /** The deepest nesting; a plain value has 0. */
  readonly depth: number;
  /** Where the numbers stand that a double would not give back as they are written: start and end of each in turn. */
  readonly exact: readonly number[];
}

const QUOTE = 0x22;
const PLUS = 0x2b;
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
/** Source: RFC 8259 6. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Goes through JSON text once, from one string to the next. Text that is no JSON gives some survey, and never a fault. */
export function surveyJson(text: string): Survey {
  let keys = 0;
  let values = 1;
  let depth = 0;
  let deepest = 0;
  const exact: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = closingQuote(text, at);
    else if (code === COMMA) values += 1;
    else if (code === COLON) keys += 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      deepest = Math.max(deepest, (depth += 1));
      values += 1;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1;
    else if ((code >= ZERO && code <= NINE) || code === MINUS) {
      const end = endOfNumber(text, at);
      if (!survivesDouble(text, at, end)) exact.push(at, end);
      at = end - 1;
    }
  }
  return { keys, values: values + keys, depth: deepest, exact };
}

function endOfNumber(text: string, start: number): number {
  let at = start + 1;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const digit = code >= ZERO && code <= NINE;
    if (!digit && code !== DOT && code !== LOWER_E && code !== UPPER_E && code !== MINUS && code !== PLUS)
      break;
  }
  return at;
}

/** Whether what is written there comes back from a double. What is no number is left to the parser, which refuses it. */
function survivesDouble(text: string, start: number, end: number): boolean {
  let plain = end - start <= SAFE_DIGITS && text.charCodeAt(start) !== MINUS;
  for (let at = start; plain && at < end; at += 1)
    plain = text.charCodeAt(at) <= NINE && text.charCodeAt(at) >= ZERO;
  if (plain && (end - start === 1 || text.charCodeAt(start) !== ZERO)) return true;
  const written = text.slice(start, end);
  return String(Number(written)) === written || !NUMBER.test(written);
}

/** JSON text with the numbers at `exact` written as strings that begin with `mark`, itself as it stands within a string. */
export function markNumbers(text: string, exact: readonly number[], mark: string): string {
  let marked = '';
  let from = 0;
  for (let index = 0; index < exact.length; index += 2) {
    const start = exact[index] ?? 0;
    const end = exact[index + 1] ?? start;
    marked += `${text.slice(from, start)}"${mark}${text.slice(start, end)}"`;
    from = end;
  }
  return marked + text.slice(from);
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
