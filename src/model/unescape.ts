/**
 * Bytes of a text, each with the span of the original bytes that it stands for. A character of `text` is one byte (latin1), so that
 * regular expressions can walk over it.
 */
export interface View {
  readonly text: string;
  /** Where the original of each byte begins, and ends; null where every byte stands for itself. */
  readonly spans: { readonly from: Uint32Array; readonly to: Uint32Array } | null;
}

export function viewOf(text: string): View {
  return { text: Buffer.from(text, 'utf8').toString('latin1'), spans: null };
}

/** Where the original of the byte at an index begins. */
export function startOf({ spans }: View, at: number): number {
  return spans === null ? at : (spans.from[at] ?? 0);
}

/** And where it ends. */
export function endOf({ spans }: View, at: number): number {
  return spans === null ? at + 1 : (spans.to[at] ?? 0);
}

/** The signs that an escape may begin with: of JSON, JavaScript and C, of addresses, of HTML and XML. */
export const LEADS = ['\\', '%', '&'] as const;

const ESCAPE =
  /\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|\\u\{0*([0-9a-f]{1,6})\}|[\\%]u([0-9a-f]{4})|\\x([0-9a-f]{2})|\\([0-7]{3})|\\([^0-9a-z])|%([0-9a-f]{2})|&#x0{0,9}([0-9a-f]{1,6});?|&#0{0,9}([0-9]{1,7});?|&([a-z]{2,12});/gi;

/** Of HTML's names only those that stand for a character of ASCII. */
const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  apos: "'",
  ast: '*',
  bsol: '\\',
  colon: ':',
  comma: ',',
  commat: '@',
  dollar: '$',
  equals: '=',
  excl: '!',
  grave: '`',
  gt: '>',
  hat: '^',
  hyphen: '-',
  lbrace: '{',
  lbrack: '[',
  lcub: '{',
  lowbar: '_',
  lpar: '(',
  lsqb: '[',
  lt: '<',
  midast: '*',
  num: '#',
  percnt: '%',
  period: '.',
  plus: '+',
  quest: '?',
  quot: '"',
  rbrace: '}',
  rbrack: ']',
  rcub: '}',
  rpar: ')',
  rsqb: ']',
  semi: ';',
  sol: '/',
  tilde: '~',
  verbar: '|',
  vert: '|',
};

/**
 * The view with one layer of escapes taken away, of those only that begin with one of `leads`; null when there is none. A text that was
 * escaped in one way may hold what looks like an escape of another. Linear in the length.
 */
export function unescapeOnce(view: View, leads: readonly string[]): View | null {
  const { text } = view;
  const pieces: string[] = [];
  const from = new Uint32Array(text.length);
  const to = new Uint32Array(text.length);
  let length = 0;
  let done = 0;
  const copyUpTo = (end: number): void => {
    pieces.push(text.slice(done, end));
    for (let at = done; at < end; at += 1, length += 1) {
      from[length] = startOf(view, at);
      to[length] = endOf(view, at);
    }
  };
  const escape = new RegExp(ESCAPE);
  for (let match = escape.exec(text); match !== null; match = escape.exec(text)) {
    const character = leads.includes(match[0].charAt(0)) ? decode(match) : null;
    if (character === null) {
      escape.lastIndex = match.index + 1;
      continue;
    }
    copyUpTo(match.index);
    done = match.index + match[0].length;
    pieces.push(character);
    // No escape is shorter than what it stands for.
    from.fill(startOf(view, match.index), length, length + character.length);
    to.fill(endOf(view, done - 1), length, length + character.length);
    length += character.length;
  }
  if (done === 0) return null;
  copyUpTo(text.length);
  return { text: pieces.join(''), spans: { from, to } };
}

/** The bytes that an escape stands for, in latin1; null when it is none. */
function decode(match: RegExpExecArray): string | null {
  const [, high, low, point, unit, byte, octal, plain, percent, hexPoint, decimalPoint, name] = match;
  if (high !== undefined && low !== undefined)
    return utf8(String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16)));
  if (plain !== undefined) return plain;
  if (name !== undefined) return NAMED[name.toLowerCase()] ?? null;
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
  const raw = byte ?? percent;
  if (raw !== undefined) return String.fromCharCode(Number.parseInt(raw, 16));
  const code =
    decimalPoint !== undefined
      ? Number(decimalPoint)
      : Number.parseInt(point ?? unit ?? hexPoint ?? '110000', 16);
  return code > 0x10_ffff ? null : utf8(String.fromCodePoint(code));
}

function utf8(text: string): string {
  return Buffer.from(text.toWellFormed(), 'utf8').toString('latin1');
}

const NUMBERS = /(?<![0-9])[0-9]{1,3}(?:[ ,;]{1,2}[0-9]{1,3})+(?![0-9])/g;

/** The bytes that lists of small numbers stand for, as languages print a buffer: `[97, 98]`; null when there is none. */
export function numbersOf(view: View): View | null {
  const bytes: string[] = [];
  const from: number[] = [];
  const to: number[] = [];
  for (const list of view.text.matchAll(NUMBERS)) {
    for (const number of list[0].matchAll(/[0-9]+/g)) {
      const at = list.index + number.index;
      bytes.push(String.fromCharCode(Number(number[0]) & 0xff));
      from.push(startOf(view, at));
      to.push(endOf(view, at + number[0].length - 1));
    }
  }
  if (bytes.length === 0) return null;
  return { text: bytes.join(''), spans: { from: Uint32Array.from(from), to: Uint32Array.from(to) } };
}

/** Only the bytes that `keep` turns into something: what stands between them is passed over. */
export function only(view: View, keep: (text: string, at: number) => number): View {
  const { text } = view;
  const codes = Buffer.alloc(text.length);
  const from = new Uint32Array(text.length);
  const to = new Uint32Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = keep(text, at);
    if (code === 0) continue;
    codes[length] = code;
    from[length] = startOf(view, at);
    to[length] = endOf(view, at);
    length += 1;
  }
  return { text: codes.toString('latin1', 0, length), spans: { from, to } };
}
