import { NIL_UUID } from '../model/event-id.ts';
import type { Json } from '../model/event.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import type { ActorType, CanonicalEvent, CanonicalRole } from './format.ts';
import { textAt } from './json.ts';
import type { NormalizeOptions } from './options.ts';

/** Most roles of one user that are read. */
const MAX_ROLES = 200;
/** Role types of the Platform that no person has. */
const SERVICE_ROLES = new Set(['ci', 'schema-only']);

export type Actor = CanonicalEvent['actor'];

export type ReadActor = (user: Json | undefined, anonymousIsUser: boolean) => Actor;

/** Reads embedded users as `readActor` does, each parsed one once. */
export function createReadActor(options: NormalizeOptions['system_actors']): ReadActor {
  const known = [new WeakMap<object, Actor>(), new WeakMap<object, Actor>()] as const;
  return (user, anonymousIsUser) => {
    if (!isObject(user)) return readActor(user, options, anonymousIsUser);
    const made = known[anonymousIsUser ? 1 : 0];
    const before = made.get(user);
    if (before !== undefined) return before;
    const actor = readActor(user, options, anonymousIsUser);
    made.set(user, actor);
    return actor;
  };
}

/**
 * Reads the embedded user. `anonymousIsUser`: whoever failed to sign in is somebody unknown and not the Platform, and since the API requires
 * a user, the nil id then stands for nobody.
 */
function readActor(
  user: Json | undefined,
  options: NormalizeOptions['system_actors'],
  anonymousIsUser: boolean,
): Actor {
  if (!isObject(user)) return { type: anonymousIsUser ? 'user' : 'system', roles: [] };
  const [id, email, name] = [statedAt(user, 'id'), statedAt(user, 'email'), statedAt(user, 'name')];
  const roles = readRoles(user['roles']);
  const [provider, lastLoginAt] = [statedAt(user, 'provider'), statedAt(user, 'last_login_at')];
  const { enabled, mfa_configured: mfaConfigured } = user;
  const nobody = id === NIL_UUID || email === undefined;
  const system = isListed(id, email, options) || (nobody && !anonymousIsUser);
  return {
    type: system ? 'system' : typeOf(roles),
    roles,
    id: id === NIL_UUID && !system ? undefined : id,
    email,
    name,
    provider,
    enabled: typeof enabled === 'boolean' ? enabled : undefined,
    mfaConfigured: typeof mfaConfigured === 'boolean' ? mfaConfigured : undefined,
    lastLoginAt,
  };
}

/** The text at a key; undefined where it holds nothing but blanks, which tells as much as its absence. */
export function statedAt(object: JsonObject, key: string): string | undefined {
  const text = textAt(object, key);
  return text === undefined || text.trim() === '' ? undefined : text;
}

/** Roles given as texts or as objects with id, name and type, one or a list of them; anything else is left out. */
export function readRoles(value: Json | undefined): CanonicalRole[] {
  const roles: CanonicalRole[] = [];
  const items: readonly (Json | undefined)[] = Array.isArray(value) ? value.slice(0, MAX_ROLES) : [value];
  for (const item of items) {
    if (typeof item === 'string' && item.trim() !== '') roles.push({ name: item.toWellFormed() });
    if (!isObject(item)) continue;
    const [id, name, type] = [statedAt(item, 'id'), statedAt(item, 'name'), statedAt(item, 'type')];
    if (id !== undefined || name !== undefined || type !== undefined) roles.push({ id, name, type });
  }
  return roles;
}

/** The names of roles, or their ids where they have none. */
export function roleNames(roles: readonly CanonicalRole[]): string[] {
  return roles.map((role) => role.name ?? role.id ?? role.type).filter((name) => name !== undefined);
}

/** Whether the operator says that this user is the Platform itself. */
function isListed(
  id: string | undefined,
  email: string | undefined,
  options: NormalizeOptions['system_actors'],
): boolean {
  if (id !== undefined && (options.ids ?? []).includes(id)) return true;
  if (email === undefined) return false;
  return (options.emails ?? []).some((known) => known.toLowerCase() === email.toLowerCase());
}

function typeOf(roles: readonly CanonicalRole[]): ActorType {
  const types = roles.map((role) => role.type).filter((type) => type !== undefined);
  if (types.some((type) => type.startsWith('admin:'))) return 'admin';
  return types.length > 0 && types.every((type) => SERVICE_ROLES.has(type)) ? 'service' : 'user';
}
