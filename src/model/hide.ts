import { withoutScheme } from './secret-names.ts';
import { endOf, LEADS, numbersOf, only, startOf, unescapeOnce, viewOf } from './unescape.ts';
import type { View } from './unescape.ts';

/** Takes secrets out of a text. */
export type Hide = (text: string) => string;

/** Values that must not be shown, asked for each time: they are replaced now and then. */
export interface KnownSecret {
  readonly secret: { known(): readonly string[] };
  /** The user name that is sent together with it. */
  readonly username: string | undefined;
}

const SHOWN = '[secret]';

/** So many bytes of a secret in a row are too many. */
const RUN = 6;
/** As many of it when other characters stand between them: between two words of a sentence less would often be there by chance. */
const SPACED_RUN = 8;
/** What `RUN` bytes are at least in base64, wherever they begin, and in hex. */
const BASE64_RUN = 7;
const HEX_RUN = 12;
/** Escapes within escapes: a proxy that quotes in HTML what a receiver quoted in JSON. */
const LAYERS_LIMIT = 5;
/** Longer secrets are looked for as they are, not also as if they were written in another case before they were encoded. */
const CASED_LIMIT = 4096;

/**
 * What every text of a peer goes through before anybody sees it. Peers, and proxies before them, quote the request that they refuse:
 * whole or cut, escaped for HTML, JSON or an address, in base64, in hex, in capitals. Wherever `RUN` bytes in a row are also in a secret,
 * whatever the writing, they are covered, with the rest of their word. Too much may be covered; what is left tells nothing.
 * Linear in the length of the text.
 */
export function createHide(secrets: readonly KnownSecret[]): Hide {
  let known = '';
  let searches: Searches = noSearches();
  return (text) => {
    const values = secrets.map(({ secret, username }) => ({ values: secret.known(), username }));
    const now = JSON.stringify(values);
    if (now !== known) {
      searches = searchesFor(values);
      known = now;
    }
    return cover(text, searches);
  };
}

/** The same for many texts at a time, most of which are alike: a peer refuses much with one reason. Not to be kept, since secrets change. */
export function remembering(hide: Hide): Hide {
  const known = new Map<string, string>();
  return (text) => {
    const clean = known.get(text) ?? hide(text);
    known.set(text, clean);
    return clean;
  };
}

// --- what to look for ---

/** Runs of bytes by their length; each as a hash, since a run too many does no harm. */
type Runs = Map<number, Set<number>>;

interface Searches {
  /** In the text itself, its case folded. */
  readonly plain: Runs;
  /** In its letters and digits alone. */
  readonly spaced: Runs;
  /** In its letters, digits and the signs of base64. */
  readonly base64: Runs;
}

function noSearches(): Searches {
  return { plain: new Map(), spaced: new Map(), base64: new Map() };
}

function searchesFor(
  secrets: readonly { readonly values: readonly string[]; readonly username: string | undefined }[],
): Searches {
  const searches = noSearches();
  for (const { values, username } of secrets) {
    for (const value of new Set(values)) {
      for (const form of formsOf(value)) addForm(searches, form);
      if (username !== undefined) addForm(searches, Buffer.from(`${username}:${value}`).toString('base64'));
    }
  }
  return searches;
}

/** The value without the scheme before it, and what is encoded in it. */
function formsOf(value: string): ReadonlySet<string> {
  const bare = withoutScheme(value);
  const plain = [bare, ...decoded(bare)];
  const cased = bare.length > CASED_LIMIT ? [] : [bare.toLowerCase(), bare.toUpperCase()];
  const ofForm = bare.includes(' ') ? [bare.replaceAll(' ', '+')] : [];
  return new Set([...plain, ...cased, ...ofForm].filter((form) => form !== ''));
}

/** The pair of a name and a password that Basic credentials and API keys are, and the password alone. */
function decoded(text: string): readonly string[] {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]{8,}={0,2}$/.test(text)) return [];
  const pair = Buffer.from(text, 'base64').toString('utf8');
  const [, password] = /^[\x20-\x7e]+?:([\x20-\x7e]+)$/.exec(pair) ?? [];
  return password === undefined ? [] : [pair, password];
}

function addForm({ plain, spaced, base64 }: Searches, form: string): void {
  const bytes = Buffer.from(form, 'utf8');
  add(plain, fold(bytes.toString('latin1')), RUN);
  add(spaced, lettersOf(form), SPACED_RUN, RUN);
  add(spaced, bytes.toString('hex'), HEX_RUN, RUN);
  // A secret within something longer begins at one of three places of a group of four characters.
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const whole = (before + bytes.length) % 3 === 0 ? encoded : encoded.slice(0, -1);
    add(base64, fold(whole.slice(before === 0 ? 0 : before + 1)), BASE64_RUN, RUN);
  }
}

/** Every run of `length` bytes; the whole of what is shorter, unless it is too short to say anything. */
function add(runs: Runs, text: string, length: number, least = 1): void {
  if (text.length < Math.min(length, least)) return;
  const size = Math.min(length, text.length);
  const hashes = runs.get(size) ?? new Set();
  eachHash(text, size, (hash) => void hashes.add(hash));
  runs.set(size, hashes);
}

const BASE = 0x01_00_01_93;

/** The hash of every `size` bytes in a row, and where they begin. */
function eachHash(text: string, size: number, take: (hash: number, at: number) => void): void {
  let gone = 1;
  for (let step = 0; step < size; step += 1) gone = Math.imul(gone, BASE);
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) {
    hash = (Math.imul(hash, BASE) + text.charCodeAt(at) + 1) | 0;
    if (at >= size) hash = (hash - Math.imul(gone, text.charCodeAt(at - size) + 1)) | 0;
    if (at >= size - 1) take(hash, at - size + 1);
  }
}

// --- where it is ---

function cover(text: string, searches: Searches): string {
  if (searches.plain.size === 0) return text;
  const original = viewOf(text);
  /** How many runs begin, less those that end, at each byte. */
  const edges = new Int32Array(original.text.length + 1);
  let found = false;
  const mark = (from: number, to: number): void => {
    edges[from] = (edges[from] ?? 0) + 1;
    edges[to] = (edges[to] ?? 0) - 1;
    found = true;
  };
  for (const view of readingsOf(original)) {
    look(folded(view), searches.plain, mark);
    look(only(view, letterOrDigit), searches.spaced, mark);
    look(only(view, base64Sign), searches.base64, mark);
  }
  return found ? withoutMarked(Buffer.from(original.text, 'latin1'), edges) : text;
}

/**
 * The text as it is, the lists of bytes in it, and the text without its escapes: those of one kind first and then those of another, since
 * what one kind escaped may look like another, and those of every kind layer by layer.
 */
function readingsOf(original: View): readonly View[] {
  const apart = LEADS.map((lead) => unescapeOnce(original, [lead])).filter((view) => view !== null);
  const readings = [original, ...apart, numbersOf(original)];
  for (const view of apart) readings.push(...LEADS.map((lead) => unescapeOnce(view, [lead])));
  let view = unescapeOnce(original, LEADS);
  for (let layer = 1; view !== null && layer <= LAYERS_LIMIT; layer += 1) {
    readings.push(view);
    view = unescapeOnce(view, LEADS);
  }
  return readings.filter((reading) => reading !== null);
}

function look(view: View, runs: Runs, mark: (from: number, to: number) => void): void {
  for (const [size, hashes] of runs) {
    eachHash(view.text, size, (hash, at) => {
      if (hashes.has(hash) && !(size < SHORT && isWithinWord(view.text, at, size)))
        mark(startOf(view, at), endOf(view, at + size - 1));
    });
  }
}

/** A shorter secret than this is part of many a word: there it is looked for as a word of its own. */
const SHORT = 4;

function isWithinWord(text: string, at: number, size: number): boolean {
  return isWord(text.charCodeAt(at - 1)) || isWord(text.charCodeAt(at + size));
}

/** Covers what is marked, and the letters and digits next to it: they belong to the same word. */
function withoutMarked(bytes: Buffer, edges: Int32Array): string {
  const covered = new Uint8Array(bytes.length);
  for (let at = 0, depth = 0; at < bytes.length; at += 1) {
    depth += edges[at] ?? 0;
    if (depth > 0) covered[at] = 1;
  }
  const belongs = (at: number, neighbour: number): boolean =>
    covered[neighbour] === 1 && isWord(bytes[neighbour]) && isWord(bytes[at]);
  for (let at = 1; at < bytes.length; at += 1) if (belongs(at, at - 1)) covered[at] = 1;
  for (let at = bytes.length - 2; at >= 0; at -= 1) if (belongs(at, at + 1)) covered[at] = 1;
  const pieces: string[] = [];
  let start = 0;
  for (let at = 1; at <= bytes.length; at += 1) {
    if (at < bytes.length && covered[at] === covered[start]) continue;
    pieces.push(covered[start] === 1 ? SHOWN : bytes.toString('utf8', start, at));
    start = at;
  }
  return pieces.join('');
}

/** Of ASCII; and every byte of a longer character, which is not to be cut. */
function isWord(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return byte >= 0x80 || (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a);
}

// --- how texts are compared ---

/** ASCII in lower case; of the same length. */
function fold(text: string): string {
  return text.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase());
}

function folded(view: View): View {
  return { ...view, text: fold(view.text) };
}

function lettersOf(text: string): string {
  return only(viewOf(text), letterOrDigit).text;
}

/** Folded; 0 for a sign, and for the `0x` before a byte in hex. */
function letterOrDigit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (!isWord(code)) return 0;
  const lower = code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
  if (lower === ZERO && isX(text.charCodeAt(at + 1))) return 0;
  return isX(lower) && text.charCodeAt(at - 1) === ZERO ? 0 : lower;
}

const ZERO = 0x30;

function isX(code: number): boolean {
  return (code | 0x20) === 0x78;
}

/** Folded, the two alphabets of base64 alike; 0 for white space and padding, at which lines of it are broken. */
function base64Sign(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === 0x2d) return 0x2b;
  if (code === 0x5f) return 0x2f;
  if (code <= 0x20 || code === 0x3d) return 0;
  return code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
}
