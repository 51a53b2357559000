import { NIL_UUID } from '../model/event-id.ts';
import type { Json } from '../model/event.ts';
import { isObject, isRawNumber } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import { roleNames, statedAt } from './actor.ts';
import { isPowerful } from './base-severity.ts';
import type { CanonicalKey, CanonicalUser, Classification } from './format.ts';
import type { Pointers } from './options.ts';
import { attributeOf, BEFORE_AND_AFTER, readRoleChanges } from './role-changes.ts';

/** Most attributes that are named as changed, and the longest name, in UTF-16 units. */
const MAX_ATTRIBUTES = 100;
const MAX_ATTRIBUTE_UNITS = 256;
/** Longest reason, in UTF-16 units: CEF takes 1023. */
const MAX_REASON_UNITS = 1000;

type Item = JsonObject;

/** What `event_details` says beyond the contract, as far as well-known keys or the operator's pointers find it. */
export interface Details {
  readonly target: CanonicalUser | undefined;
  readonly apiKey: CanonicalKey | undefined;
  readonly entityId: string | undefined;
  readonly reason: string | undefined;
  readonly changedAttributes: readonly string[];
  /** The roles of the user acted on before the change, where the event tells them. */
  readonly rolesBefore: readonly string[];
  readonly addedRoles: readonly string[];
  readonly removedRoles: readonly string[];
  /** Whether one of the added roles may do everything. */
  readonly powerAdded: boolean;
}

/** Probes the details of an event. Whatever is not there, or not of the expected shape, is left out. */
export function readDetails(item: Item, classification: Classification, pointers: Pointers): Details {
  const { domain, object } = classification;
  const details = isObject(item['event_details']) ? item['event_details'] : {};
  const at = (pointer: string | undefined): Json | undefined =>
    pointer === undefined ? undefined : follow(item, pointer);
  const roles = readRoleChanges(details, classification, at(pointers.old_roles), at(pointers.new_roles));
  return {
    target:
      userOf(at(pointers.target_user)) ?? (aboutUsers(domain, object) ? findTarget(details) : undefined),
    apiKey: keyOf(at(pointers.api_key)) ?? findApiKey(details, object),
    entityId: identifier(at(pointers.entity_id)) ?? findEntityId(details, object),
    reason: sentence(at(pointers.reason)) ?? findReason(details),
    changedAttributes: attributesOf(at(pointers.changes)) ?? findAttributes(details),
    rolesBefore: roleNames(roles.before),
    addedRoles: roleNames(roles.added),
    removedRoles: roleNames(roles.removed),
    powerAdded: roles.added.some(isPowerful),
  };
}

/** The value a JSON pointer (RFC 6901) leads to; undefined where it leads nowhere. */
export function follow(root: Json, pointer: string): Json | undefined {
  let here: Json | undefined = root;
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(here)) here = (here as readonly Json[])[/^\d{1,6}$/.test(key) ? Number(key) : -1];
    else if (isObject(here) && Object.hasOwn(here, key)) here = here[key];
    else return undefined;
  }
  return here;
}

function aboutUsers(domain: string, object: string): boolean {
  return domain === 'user' || domain === 'privilege' || object === 'team_member';
}

const TARGET_KEYS = ['target_user', 'affected_user', 'member', 'target', 'user', 'invitee'];
const TARGET_PARTS = ['target_user', 'affected_user', 'member', 'target', 'user'].map(
  (prefix) => [`${prefix}_id`, `${prefix}_email`, `${prefix}_name`] as const,
);

function findTarget(details: Item): CanonicalUser | undefined {
  for (const key of TARGET_KEYS) {
    const found = userOf(details[key]);
    if (found !== undefined) return found;
  }
  for (const [id, email, name] of TARGET_PARTS) {
    const found = userOf({
      id: details[id] ?? null,
      email: details[email] ?? null,
      name: details[name] ?? null,
    });
    if (found !== undefined) return found;
  }
  const email = statedAt(details, 'email');
  return email === undefined ? undefined : { email };
}

/** A user from an object with id, email and name, or from an e-mail, an id or a name as text. */
export function userOf(value: Json | undefined): CanonicalUser | undefined {
  if (typeof value === 'string' && value.trim() !== '') return namedUser(value.trim().toWellFormed());
  if (!isObject(value)) return undefined;
  const [id, email, name] = [identifier(value['id']), statedAt(value, 'email'), statedAt(value, 'name')];
  return id === undefined && email === undefined && name === undefined ? undefined : { id, email, name };
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

function namedUser(text: string): CanonicalUser {
  if (UUID.test(text)) return { id: text };
  return text.includes('@') ? { email: text } : { name: text };
}

const ACTING_KEYS = ['acting_api_key', 'actor_api_key', 'used_api_key', 'via_api_key'].map(keyNames);
const ANY_KEYS = [...ACTING_KEYS, keyNames('api_key')];

function keyNames(prefix: string): { readonly whole: string; readonly id: string; readonly name: string } {
  return { whole: prefix, id: `${prefix}_id`, name: `${prefix}_name` };
}

/** In an event about API keys `api_key` is the thing that was acted on, and only a name that says so the key that acted. */
function findApiKey(details: Item, object: string): CanonicalKey | undefined {
  for (const names of object === 'api_key' ? ACTING_KEYS : ANY_KEYS) {
    const [stated, id, name] = [details[names.whole], details[names.id], details[names.name]];
    if (stated === undefined && id === undefined && name === undefined) continue;
    // A text under such a name may be the key itself.
    const found =
      (isObject(stated) ? keyOf(stated) : undefined) ?? keyOf({ id: id ?? null, name: name ?? null });
    if (found !== undefined) return found;
  }
  return undefined;
}

function keyOf(value: Json | undefined): CanonicalKey | undefined {
  const user = userOf(isObject(value) ? { id: value['id'] ?? null, name: value['name'] ?? null } : value);
  if (user === undefined) return undefined;
  return { id: user.id, name: user.name ?? user.email };
}

function findEntityId(details: Item, object: string): string | undefined {
  for (const key of [`${object}_id`, 'entity_id', 'resource_id', 'object_id', 'id']) {
    const id = Object.hasOwn(details, key) ? identifier(details[key]) : undefined;
    if (id !== undefined) return id;
  }
  return undefined;
}

/** An id as text; one too long for a double in the digits in which it came. The nil id is none. */
function identifier(value: Json | undefined): string | undefined {
  if (typeof value === 'number' || isRawNumber(value)) return JSON.stringify(value);
  if (typeof value !== 'string' || value.trim() === '' || value === NIL_UUID) return undefined;
  return value.toWellFormed();
}

const REASON_KEYS = ['reason', 'failure_reason', 'error', 'error_message'];

function findReason(details: Item): string | undefined {
  for (const key of REASON_KEYS) {
    const reason = sentence(details[key]);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function sentence(value: Json | undefined): string | undefined {
  const text = isObject(value) ? value['message'] : value;
  return typeof text === 'string' && text.trim() !== ''
    ? text.trim().slice(0, MAX_REASON_UNITS).toWellFormed()
    : undefined;
}

function findAttributes(details: Item): string[] {
  for (const key of [
    'changed_attributes',
    'changes',
    'changed_fields',
    'changed',
    'diff',
    'updated_fields',
  ]) {
    const found = attributesOf(details[key]);
    if (found !== undefined) return found;
  }
  for (const [before, after] of BEFORE_AND_AFTER) {
    const [old, now] = [details[before], details[after]];
    if (isObject(old) && isObject(now)) return differing(old, now);
  }
  return [];
}

/** Names from `{"name": …}`, `["name"]` or `[{"field": "name", …}]`. */
function attributesOf(value: Json | undefined): string[] | undefined {
  if (isObject(value)) return limited(Object.keys(value));
  if (!Array.isArray(value)) return undefined;
  return limited(
    (value as readonly Json[]).flatMap((entry) => {
      const name = isObject(entry) ? attributeOf(entry) : entry;
      return typeof name === 'string' && name !== '' ? [name] : [];
    }),
  );
}

function differing(old: Item, now: Item): string[] {
  const names: string[] = [];
  for (const key of Object.keys(old)) if (isOther(old[key], now[key])) names.push(key);
  for (const key of Object.keys(now)) if (!Object.hasOwn(old, key) && now[key] !== undefined) names.push(key);
  return limited(names);
}

/** Only objects have to be written to be compared. */
function isOther(before: Json | undefined, after: Json | undefined): boolean {
  if (before === after) return false;
  const both = typeof before === 'object' && typeof after === 'object';
  return !both || JSON.stringify(before) !== JSON.stringify(after);
}

function limited(names: readonly string[]): string[] {
  return names
    .filter((name) => name !== '')
    .slice(0, MAX_ATTRIBUTES)
    .map((name) => name.slice(0, MAX_ATTRIBUTE_UNITS).toWellFormed());
}
