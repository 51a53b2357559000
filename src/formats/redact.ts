import type { Json } from '../model/event.ts';
import { isObject, isRawNumber } from './json.ts';
import { DEFAULT_REPLACEMENT, type RedactOptions } from './options.ts';
import { createJudgeKey, tellsAbout, type JudgeKey, type Secrecy } from './secrets.ts';

/** Deepest nesting that leaves; deeper parts are replaced by a note. Receivers refuse a document long before. */
const MAX_DEPTH = 64;
const TOO_DEEP = `[nested deeper than ${MAX_DEPTH} levels]`;

export interface Redacted {
  /** Values replaced because they look secret. */
  readonly redactions: number;
  /** Parts of the embedded user left out. */
  readonly trimmed: number;
  /** Whether the parsed item differs from what came: then it has to be written anew. */
  readonly changed: boolean;
}

export type Redact = (item: { readonly [key: string]: Json }) => Redacted;

/**
 * Takes out of a freshly parsed item what must not leave, **in place** (the item is the caller's own): values under keys that look secret,
 * passwords within URLs, private keys, and of the embedded user the SQL and the e-mails of other people.
 */
export function createRedact(options: Partial<RedactOptions> = {}, trimUser = true): Redact {
  const { enabled = true, keys = [], keep = [] } = options;
  const replacement = (options.replacement ?? DEFAULT_REPLACEMENT).toWellFormed();
  const judge: JudgeKey = enabled ? createJudgeKey(keys, keep) : () => 'none';
  return (item) => {
    const walk: Walk = { judge, enabled, replacement, redactions: 0, cuts: 0 };
    // The embedded user is described by the API and holds no free keys: only its depth is limited.
    const userWalk: Walk = { judge: () => 'none', enabled: false, replacement, redactions: 0, cuts: 0 };
    const trimmed = trimUser ? trimEmbeddedUser(item['user']) : 0;
    for (const key in item) cleanAt(item, key, 1, 'none', key === 'user' ? userWalk : walk);
    const changed = walk.redactions + walk.cuts + userWalk.cuts + trimmed > 0;
    return { redactions: walk.redactions, trimmed, changed };
  };
}

interface Walk {
  readonly judge: JudgeKey;
  readonly enabled: boolean;
  readonly replacement: string;
  redactions: number;
  cuts: number;
}

/**
 * The item while it is being cleaned; keys are the item's own, also `__proto__`, so that assigning never reaches a prototype. What is left
 * out becomes undefined, which JSON does not write: deleting would turn the object into a dictionary, slow to read and to write.
 */
type Tree = Record<string | number, Json | undefined>;

function cleanAt(parent: Tree, key: string | number, depth: number, inherited: Secrecy, walk: Walk): void {
  const value = parent[key];
  if (typeof value === 'boolean' || value === null || value === undefined) return;
  const secrecy = secrecyOf(key, inherited, walk);
  if (typeof value === 'string') {
    const clean = !walk.enabled
      ? value
      : secrecy === 'none'
        ? withoutSecrets(value, walk.replacement)
        : walk.replacement;
    if (clean !== value && value !== '') replaceAt(parent, key, clean, walk);
  } else if (typeof value === 'number' || isRawNumber(value)) {
    if (secrecy === 'strong') replaceAt(parent, key, walk.replacement, walk);
  } else if (depth >= MAX_DEPTH) {
    parent[key] = TOO_DEEP;
    walk.cuts += 1;
  } else if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1)
      cleanAt(value as unknown as Tree, at, depth + 1, secrecy, walk);
  } else {
    cleanObject(value as Tree, depth + 1, secrecy, walk);
  }
}

function cleanObject(object: Tree, depth: number, inherited: Secrecy, walk: Walk): void {
  const named = walk.enabled && namesSecret(object, walk.judge);
  for (const key in object) {
    cleanAt(object, key, depth, named && VALUE_KEYS.has(key.toLowerCase()) ? 'strong' : inherited, walk);
  }
}

function replaceAt(parent: Tree, key: string | number, clean: string, walk: Walk): void {
  parent[key] = clean;
  walk.redactions += 1;
}

/** Within a secret-looking container everything is secret but what tells about it: `{"token": {"id": …, "value": …}}`. */
function secrecyOf(key: string | number, inherited: Secrecy, walk: Walk): Secrecy {
  if (typeof key === 'number') return inherited;
  const own = walk.judge(key);
  if (own !== 'none' || inherited === 'none') return own;
  return tellsAbout(key) ? 'none' : inherited;
}

/** Lists of changes name the attribute beside its values: `{"field": "password", "old": …, "new": …}`. */
const NAME_KEYS = ['field', 'attribute', 'property', 'key', 'name', 'path', 'column'];
const VALUE_KEYS = new Set([
  'value',
  'old',
  'new',
  'before',
  'after',
  'from',
  'to',
  'old_value',
  'new_value',
  'current',
  'previous',
]);

function namesSecret(object: Tree, judge: JudgeKey): boolean {
  for (const nameKey of NAME_KEYS) {
    const name = object[nameKey];
    if (typeof name === 'string' && name.length <= 128 && judge(name) === 'strong') return true;
  }
  return false;
}

/** A password in the authority of a URL, as in a connection string. Bounded, so that no text takes long to search. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@]{0,128}:)[^\s/@]{1,256}@/gi;

function withoutSecrets(text: string, replacement: string): string {
  if (text.includes('PRIVATE KEY-----')) return replacement;
  if (!text.includes('://') || !text.includes('@')) return text;
  return text.replace(URL_PASSWORD, (_whole, head: string) => `${head}${replacement}@`);
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
