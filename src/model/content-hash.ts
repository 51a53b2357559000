import { createHash, hash } from 'node:crypto';
import type { Hash } from 'node:crypto';

/**
 * A hash of what an item says and not of how it is written: the order of members, blank space, escapes and the spelling of a number do not
 * count; everything else does, also digits that a double cannot hold and a member that stands twice. Of the embedded user only who it is
 * counts, because the Platform joins the rest of it when the item is read. Takes one walk over the text, however deep it nests.
 */
export function contentHash(item: string): string {
  return hashOf(item, tokenOf);
}

/** The same of an item whose own members may be named otherwise: only their values count. */
export function valuesHash(item: string): string {
  return hashOf(item, unnamedToken);
}

/** `itemToken` gives the item itself in one piece. */
function hashOf(item: string, itemToken: (frame: Frame) => string): string {
  const root = openFrame('[');
  const frames: Frame[] = [root];
  let frame = root;
  let at = 0;
  while (at < item.length) {
    const code = item.charCodeAt(at);
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      frames.push((frame = openFrame(code === OPEN_OBJECT ? '{' : '[')));
      at += 1;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      const closed = frames.length > 1 ? frames.pop() : undefined;
      frame = frames.at(-1) ?? root;
      if (closed !== undefined) {
        const isUser = frames.length === 2 && frame.key === USER_KEY;
        add(frame, frames.length === 1 ? itemToken(closed) : tokenOf(closed, isUser));
      }
      at += 1;
    } else if (code === QUOTE) {
      const end = endOfString(item, at);
      add(frame, stringToken(item.slice(at, end)));
      at = end;
    } else if (code === COMMA || code === COLON || isBlank(code)) {
      at += 1;
    } else {
      const end = endOfScalar(item, at);
      add(frame, scalarToken(item.slice(at, end)));
      at = end;
    }
  }
  return hash('sha256', tokenOf(root));
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** The top-level member that holds the embedded user, and which of its members say who it is; the first that is stated is enough. */
const USER_KEY = '"user"';
const WHO = ['"id"', '"email"', '"name"'];
/** A list or an object longer than this stands in its parent as its hash, so that no level repeats what is below it. Characters. */
const INLINE_LIMIT = 200;
/** A list is hashed in pieces of this many characters. */
const PIECE = 16_384;
/** A double holds every decimal number of so many digits. */
const SAFE_DIGITS = 15;
const LEAST_EXACT = 2.3e-308;

interface Frame {
  readonly kind: '{' | '[';
  readonly members: [key: string, token: string][];
  /** The key that waits for its value. */
  key: string | null;
  text: string;
  hash: Hash | null;
}

function openFrame(kind: Frame['kind']): Frame {
  return { kind, members: [], key: null, text: '', hash: null };
}

function add(frame: Frame, token: string): void {
  if (frame.kind === '[') write(frame, token);
  else if (frame.key === null) frame.key = token;
  else {
    frame.members.push([frame.key, token]);
    frame.key = null;
  }
}

function write(frame: Frame, token: string): void {
  frame.text += `${token},`;
  if (frame.text.length < PIECE) return;
  frame.hash = (frame.hash ?? createHash('sha256')).update(frame.text);
  frame.text = '';
}

/** A closed frame in one piece: as it is, ended by a comma, or as a hash, which has none. */
function tokenOf(frame: Frame, isUser = false): string {
  const members = isUser ? whoOf(frame.members) : frame.members;
  members.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  for (const [key, token] of members) write(frame, `${key}:${token}`);
  if (frame.hash === null && frame.text.length <= INLINE_LIMIT) return `${frame.kind}${frame.text}`;
  return `${frame.kind}#${(frame.hash ?? createHash('sha256')).update(frame.text).digest('hex')}`;
}

/** As if each value were its own key. */
function unnamedToken(frame: Frame): string {
  return tokenOf({ ...frame, members: frame.members.map(([, token]) => [token, '']) });
}

function whoOf(members: Frame['members']): Frame['members'] {
  const stated = WHO.map((key) =>
    members.findLast((member) => member[0] === key && isStatedToken(member[1])),
  );
  return stated.filter((member) => member !== undefined).slice(0, 1);
}

function isStatedToken(token: string): boolean {
  return token.startsWith('"') ? isStated(token.slice(1, -1)) : /^[-\d]/.test(token);
}

/** Whether a text can be somebody's or something's id: no blanks alone, and no nil UUID, however it is spelled. */
export function isStated(id: string): boolean {
  if (/^[1-9a-f]/i.test(id)) return true; // as nearly every id
  const bare = id.replace(/^\s*urn:uuid:/i, '').replace(/[\s\p{Cc}\p{Cf}{}()[\]"'-]+/gu, '');
  return !/^0*$/.test(bare);
}

function stringToken(text: string): string {
  return text.includes('\\') ? JSON.stringify(JSON.parse(text)) : text;
}

/** The same number in one spelling where a double holds it, else as it is written. */
function scalarToken(text: string): string {
  const number = Number(text);
  const digits = (text.split(/[eE]/, 1)[0] ?? '').replace(/[-.]/g, '').replace(/^0+/, '').length;
  const exact = digits === 0 ? number === 0 : digits <= SAFE_DIGITS && Math.abs(number) >= LEAST_EXACT;
  return exact && Number.isFinite(number) ? String(number) : text;
}

function endOfString(text: string, open: number): number {
  for (let at = open; ;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return at + 1;
  }
}

function endOfScalar(text: string, start: number): number {
  let at = start + 1;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === CLOSE_LIST || code === CLOSE_OBJECT || isBlank(code)) break;
  }
  return at;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
