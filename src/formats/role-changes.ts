import type { Json } from '../model/event.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import { readRoles, roleNames } from './actor.ts';
import type { CanonicalRole, Classification } from './format.ts';

type Item = JsonObject;

/** What an event says of somebody's roles; empty where it says nothing. */
export interface RoleChanges {
  /** All roles before, where the event tells them. */
  readonly before: readonly CanonicalRole[];
  readonly added: readonly CanonicalRole[];
  readonly removed: readonly CanonicalRole[];
}

/** The pairs of keys under which the state before and after a change is told. */
export const BEFORE_AND_AFTER = [
  ['old', 'new'],
  ['before', 'after'],
  ['from', 'to'],
  ['old_values', 'new_values'],
  ['old_value', 'new_value'],
  ['previous', 'current'],
] as const;

const STATES = [
  ['old_roles', 'new_roles'],
  ['previous_roles', 'current_roles'],
  ['old_role', 'new_role'],
  ['previous_role', 'current_role'],
] as const;

const ROLE_KEYS = ['roles', 'role'] as const;

/** Where the role that is given or taken stands. An update with a bare list of roles may tell all that somebody has, so it is not read. */
const NAMED_KEYS: Readonly<Record<string, readonly string[]>> = {
  grant: ['role', 'role_name', 'new_role', 'roles'],
  revoke: ['role', 'role_name', 'old_role', 'roles'],
  update: ['role', 'role_name', 'new_role'],
};

/**
 * Probes the details for roles: the states before and after under their own keys, as a change of the attribute `roles`, or within the states
 * of the whole user; else what was added and removed; else, where a right was given or taken, the role that is named.
 */
export function readRoleChanges(
  details: Item,
  { domain, verb }: Pick<Classification, 'domain' | 'verb'>,
  pointedOld: Json | undefined,
  pointedNew: Json | undefined,
): RoleChanges {
  const states =
    statesOf(pointedOld ?? stateAt(details, 0), pointedNew ?? stateAt(details, 1)) ?? findStates(details);
  if (states !== null) return differenceOf(...states);
  const [added, removed] = [changedAt(details, 'added'), changedAt(details, 'removed')];
  if (added.length + removed.length > 0 || domain !== 'privilege') return { before: [], added, removed };
  const named = readRoles(NAMED_KEYS[verb]?.map((key) => details[key]).find((role) => role !== undefined));
  return verb === 'revoke' ? { before: [], added, removed: named } : { before: [], added: named, removed };
}

type States = readonly [before: readonly CanonicalRole[], after: readonly CanonicalRole[]];

function stateAt(details: Item, side: 0 | 1): Json | undefined {
  for (const keys of STATES) {
    const state = details[keys[side]];
    if (state !== undefined) return state;
  }
  return undefined;
}

/** Both states must be told: of one alone nobody knows what is new in it. None at all may be told as null. */
function statesOf(before: Json | undefined, after: Json | undefined): States | null {
  if (before === undefined || after === undefined) return null;
  const states = [readRoles(before), readRoles(after)] as const;
  return states.some((roles) => roles.length > 0) ? states : null;
}

function findStates(details: Item): States | null {
  for (const key of ROLE_KEYS) {
    for (const changes of [details['changes'], details['diff']]) {
      const change = changeOf(changes, key);
      const states = change === undefined ? null : firstPair(change, (state) => state);
      if (states !== null) return states;
    }
    const within = firstPair(details, (state) => (isObject(state) ? state[key] : undefined));
    if (within !== null) return within;
  }
  return null;
}

/** Of `{"roles": {…}}` or `[{"field": "roles", …}]`. */
function changeOf(changes: Json | undefined, attribute: string): Item | undefined {
  const change = Array.isArray(changes)
    ? (changes as readonly Json[]).find((entry) => isObject(entry) && attributeOf(entry) === attribute)
    : isObject(changes)
      ? changes[attribute]
      : undefined;
  return isObject(change) ? change : undefined;
}

/** The attribute that one entry of a list of changes is about. */
export function attributeOf(change: Item): Json | undefined {
  return change['field'] ?? change['attribute'] ?? change['path'] ?? change['key'];
}

function firstPair(holder: Item, rolesOf: (state: Json | undefined) => Json | undefined): States | null {
  for (const [before, after] of BEFORE_AND_AFTER) {
    if (holder[before] === undefined || holder[after] === undefined) continue;
    const states = statesOf(rolesOf(holder[before]), rolesOf(holder[after]));
    if (states !== null) return states;
  }
  return null;
}

function differenceOf(before: readonly CanonicalRole[], after: readonly CanonicalRole[]): RoleChanges {
  const [old, now] = [new Set(roleNames(before)), new Set(roleNames(after))];
  const without = (roles: readonly CanonicalRole[], known: ReadonlySet<string>): CanonicalRole[] =>
    roles.filter((role) => !roleNames([role]).some((name) => known.has(name)));
  return { before, added: without(after, old), removed: without(before, now) };
}

const CHANGED = { added: ['added_roles', 'added_role'], removed: ['removed_roles', 'removed_role'] } as const;

function changedAt(details: Item, what: 'added' | 'removed'): CanonicalRole[] {
  const [all, one] = CHANGED[what];
  return readRoles(details[all] ?? details[one]);
}
