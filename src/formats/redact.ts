import type { Json } from '../model/event.ts';
import { isObject, isRawNumber } from '../model/json.ts';
import { repeatedUsers } from '../model/repeated-user.ts';
import type { RepeatedUser } from '../model/repeated-user.ts';
import { withDefaults } from '../model/options.ts';
import { jsonLine, readJson } from './json.ts';
import { normalizeSchema } from './options.ts';
import type { GivenNormalizeOptions } from './options.ts';
import { withoutSecrets } from './secret-texts.ts';
import { createJudgeKey, type JudgeKey, type Secrecy } from './secrets.ts';

/** An item as it may leave. */
export interface Redacted {
  /** The parsed item, cleaned; undefined when the text is no JSON. */
  readonly item: Json | undefined;
  /** The item as text: the very bytes where nothing had to go, else written anew, or only its user where that is all that had to change. */
  readonly text: string;
  /** Values replaced because they look secret. */
  readonly redactions: number;
  /** Parts of the embedded user left out. */
  readonly trimmed: number;
  /** About what the parsed item takes. Bytes. */
  readonly weight: number;
}

export type Redact = (text: string) => Redacted;

/**
 * Takes out of an item what must not leave: values under keys that look secret, passwords within URLs, private keys, and of the embedded
 * user the SQL and the e-mails of other people.
 */
export function createRedact(given: GivenNormalizeOptions = {}): Redact {
  const { redact, trim_user: trimUser } = withDefaults(normalizeSchema, given);
  const { enabled, keys, keep } = redact;
  const judge = createJudgeKey(keys, keep);
  const replacement = redact.replacement.toWellFormed();
  const userIn = repeatedUsers((text) => readUser(text, trimUser));
  const newWalk = (): Walk => ({
    judge,
    enabled,
    replacement,
    keys: 0,
    changed: false,
    redactions: 0,
    trimmed: 0,
  });

  /** All members of an item but those of its user, which is described by the API and holds no free keys. */
  function cleanMembers(tree: Tree, walk: Walk): void {
    for (const key in tree) {
      walk.keys += 1;
      if (key !== 'user') cleanAt(tree, key, enabled ? judge(key).secrecy : 'none', walk);
    }
  }

  /** An item of a user that was met before; null where it is to be read as a whole. */
  function aroundUser(text: string, { start, end, made: user }: RepeatedUser<User>): Redacted | null {
    const { value: item, keys, cut, depth, weight } = readJson(`${text.slice(0, start)}0${text.slice(end)}`);
    if (!isObject(item) || cut || depth > EASY_DEPTH) return null;
    const tree = item as Tree;
    const walk = newWalk();
    cleanMembers(tree, walk);
    if (walk.keys !== keys || tree['user'] !== 0) return null; // a key stands twice
    tree['user'] = user.tree;
    const asItCame = user.trimmed === 0 ? text : `${text.slice(0, start)}${user.text}${text.slice(end)}`;
    return {
      item,
      text: walk.changed ? jsonLine(item) : asItCame,
      redactions: walk.redactions,
      trimmed: user.trimmed,
      weight: weight + user.weight,
    };
  }

  function whole(text: string): Redacted {
    const walk = newWalk();
    const {
      item,
      text: clean,
      weight,
    } = cleanJson(text, walk, (tree) => {
      if (trimUser) walk.trimmed = trimEmbeddedUser(tree['user']);
      walk.changed = walk.trimmed > 0;
      cleanMembers(tree, walk);
      walk.keys += keysWithin(tree['user']);
    });
    return { item, text: clean, redactions: walk.redactions, trimmed: walk.trimmed, weight };
  }

  return (text) => {
    const user = text.length > EASY_UNITS ? null : userIn(text);
    return (user === null ? null : aroundUser(text, user)) ?? whole(text);
  };
}

/** What is longer or nests deeper is read as a whole, where it is cut. */
const EASY_UNITS = 100_000;
const EASY_DEPTH = 30;

/** An embedded user as it may leave. */
interface User {
  readonly tree: Json;
  readonly text: string;
  readonly trimmed: number;
  readonly weight: number;
}

/** Null for one that is to be read with its item: no JSON, or a key stands twice in it. */
function readUser(text: string, trimUser: boolean): User | null {
  const { value: tree, keys, cut, depth, weight } = readJson(text);
  if (!isObject(tree) || cut || depth > EASY_DEPTH || keysWithin(tree) !== keys) return null;
  const trimmed = trimUser ? trimEmbeddedUser(tree) : 0;
  return { tree, text: trimmed === 0 ? text : jsonLine(tree), trimmed, weight };
}

/** As many keys as its text has, unless one stands twice in an object. */
function keysWithin(value: Json | undefined): number {
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const entry of value as readonly Json[]) keys += keysWithin(entry);
    return keys;
  }
  const tree = value as Tree;
  for (const key in tree) keys += 1 + keysWithin(tree[key]);
  return keys;
}

interface Walk {
  readonly judge: JudgeKey;
  readonly enabled: boolean;
  readonly replacement: string;
  /** Keys met in the JSON text at hand. */
  keys: number;
  /** Whether the parsed value differs from the text at hand. */
  changed: boolean;
  redactions: number;
  trimmed: number;
}

/**
 * The item while it is being cleaned, **in place**; keys are the item's own, also `__proto__`, so that assigning never reaches a prototype.
 * What is left out becomes undefined, which JSON does not write: deleting would turn the object into a dictionary, slow to read and write.
 */
type Tree = Record<string | number, Json | undefined>;

/**
 * Parses, cleans, and writes anew what had to change. A key that stands twice in an object has its first value in the text alone, where
 * nothing was cleaned: then the text is written anew as well.
 */
function cleanJson(
  text: string,
  walk: Walk,
  clean: (tree: Tree) => void,
): Pick<Redacted, 'item' | 'text' | 'weight'> {
  const { value: item, keys, cut, weight } = readJson(text);
  if (typeof item !== 'object' || item === null || isRawNumber(item))
    return { item, text: cut && item !== undefined ? jsonLine(item) : text, weight };
  clean(item as Tree);
  const asItCame = !cut && !walk.changed && walk.keys === keys;
  return { item, text: asItCame ? text : jsonLine(item), weight };
}

function cleanAt(parent: Tree, key: string | number, secrecy: Secrecy, walk: Walk): void {
  const value = parent[key];
  if (typeof value === 'boolean' || value === null || value === undefined) return;
  if (typeof value === 'string') {
    const clean = walk.enabled && value !== '' ? cleanText(value, secrecy, walk) : value;
    if (clean !== value) replaceAt(parent, key, clean, walk);
  } else if (typeof value === 'number' || isRawNumber(value)) {
    if (secrecy === 'strong') replaceAt(parent, key, replaced(walk), walk);
  } else if (Array.isArray(value)) {
    cleanArray(value as Json[], secrecy, walk);
  } else {
    cleanObject(value as Tree, secrecy, walk);
  }
}

function replaceAt(parent: Tree, key: string | number, clean: string, walk: Walk): void {
  parent[key] = clean;
  walk.changed = true;
}

function replaced(walk: Walk): string {
  walk.redactions += 1;
  return walk.replacement;
}

function cleanArray(list: Json[], secrecy: Secrecy, walk: Walk): void {
  const tree = list as unknown as Tree;
  for (let at = 0; at < list.length; at += 1) {
    const entry = list[at];
    if (Array.isArray(entry) && isSecretPair(entry, walk))
      cleanAt(entry as unknown as Tree, 1, 'strong', walk);
    else cleanAt(tree, at, secrecy, walk);
  }
}

/** One of a list of pairs: `[["DB_PASSWORD", "…"], …]`. */
function isSecretPair(entry: readonly unknown[], walk: Walk): boolean {
  return entry.length === 2 && typeof entry[1] !== 'object' && secretName(entry[0] as Json, walk);
}

function cleanObject(object: Tree, inherited: Secrecy, walk: Walk): void {
  const beside = walk.enabled ? besideIn(object, walk) : NOTHING_BESIDE;
  for (const key in object) {
    walk.keys += 1;
    cleanAt(object, key, walk.enabled ? secrecyWithin(key, inherited, beside, walk) : 'none', walk);
  }
}

/** Within a secret-looking container everything is secret but what tells about it: `{"token": {"id": …, "value": …}}`. */
function secrecyWithin(key: string, inherited: Secrecy, { named, valued }: Beside, walk: Walk): Secrecy {
  const { secrecy, tells, beside } = walk.judge(key);
  if (named && beside === 'value') return 'strong';
  // `{"key": "env", "value": "prod"}` is a tag: the key is its name.
  const own = valued && key.toLowerCase() === 'key' ? 'none' : secrecy;
  if (own !== 'none' || inherited === 'none') return own;
  return tells ? 'none' : inherited;
}

interface Beside {
  /** Whether a value of this object names a secret: `{"field": "password", …}`. */
  readonly named: boolean;
  /** Whether it has a key for the value of what it names. */
  readonly valued: boolean;
}

const NOTHING_BESIDE: Beside = { named: false, valued: false };

function besideIn(object: Tree, walk: Walk): Beside {
  let [named, valued] = [false, false];
  for (const key in object) {
    const { beside } = walk.judge(key);
    if (beside === 'value') valued = true;
    else if (beside === 'name' && secretName(object[key], walk)) named = true;
  }
  return named || valued ? { named, valued } : NOTHING_BESIDE;
}

/** Longest text that is looked at as the name of an attribute, in UTF-16 units. */
const MAX_NAME_UNITS = 128;

function secretName(value: Json | undefined, walk: Walk): boolean {
  return (
    walk.enabled &&
    typeof value === 'string' &&
    value.length <= MAX_NAME_UNITS &&
    walk.judge(value).secrecy === 'strong'
  );
}

function cleanText(text: string, secrecy: Secrecy, walk: Walk): string {
  if (secrecy !== 'none') return replaced(walk);
  const clean = startsJson(text) ? cleanEmbedded(text, walk) : null;
  if (clean !== null) return clean;
  const without = withoutSecrets(text, walk.replacement);
  if (without !== text) walk.redactions += 1;
  return without;
}

/** Details often carry a request's body as JSON within a string. Returns null for text that is no object and no list. */
function cleanEmbedded(text: string, walk: Walk): string | null {
  const inner: Walk = { ...walk, keys: 0, changed: false, redactions: 0 };
  const { item, text: clean } = cleanJson(text, inner, (tree) => {
    cleanAt({ it: tree as unknown as Json }, 'it', 'none', inner);
  });
  walk.redactions += inner.redactions;
  return item === undefined ? null : clean;
}

function startsJson(text: string): boolean {
  const first = text.trimStart()[0];
  return first === '{' || first === '[';
}

/** Roles carry their permissions with SQL text, and names and e-mails of whoever made them: neither belongs to the event. */
function trimEmbeddedUser(user: Json | undefined): number {
  if (!isObject(user)) return 0;
  let trimmed = trimCreator(user);
  const roles = user['roles'];
  if (!Array.isArray(roles)) return trimmed;
  for (const role of roles as readonly Json[]) {
    if (!isObject(role)) continue;
    trimmed += trimCreator(role);
    const permissions = role['permissions'];
    if (
      permissions === undefined ||
      permissions === null ||
      (Array.isArray(permissions) && permissions.length === 0)
    )
      continue;
    leaveOut(role, 'permissions');
    trimmed += 1;
  }
  return trimmed;
}

function trimCreator(object: Tree): number {
  let trimmed = 0;
  for (const key of ['created_by', 'updated_by']) {
    const creator = object[key];
    if (typeof creator === 'string' && creator.includes('@')) {
      leaveOut(object, key);
      trimmed += 1;
    }
    if (!isObject(creator)) continue;
    for (const detail of ['email', 'name']) {
      if (!Object.hasOwn(creator, detail)) continue;
      leaveOut(creator, detail);
      trimmed += 1;
    }
  }
  return trimmed;
}

function leaveOut(object: Tree, key: string): void {
  object[key] = undefined;
}
