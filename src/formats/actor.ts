import type { Json } from '../model/event.ts';
import type { ActorType, CanonicalEvent, CanonicalRole } from './format.ts';
import { isObject, textAt } from './json.ts';
import type { NormalizeOptions } from './options.ts';

/** Most roles of one user that are read. */
const MAX_ROLES = 200;
const NIL_UUID = '00000000-0000-0000-0000-000000000000';
/** Role types of the Platform that no person has. */
const SERVICE_ROLES = new Set(['ci', 'schema-only']);

export type Actor = CanonicalEvent['actor'];

/** Reads the embedded user. `anonymousIsUser`: a sign-in without any user is somebody unknown, not the Platform. */
export function readActor(
  user: Json | undefined,
  options: NonNullable<NormalizeOptions['system_actors']>,
  anonymousIsUser: boolean,
): Actor {
  if (!isObject(user)) return { type: anonymousIsUser ? 'user' : 'system', roles: [] };
  const [id, email, name] = [textAt(user, 'id'), textAt(user, 'email'), textAt(user, 'name')];
  const roles = readRoles(user['roles']);
  const [provider, lastLoginAt] = [textAt(user, 'provider'), textAt(user, 'last_login_at')];
  const { enabled, mfa_configured: mfaConfigured } = user;
  const system = isSystem(id, email, options) && !(anonymousIsUser && id === undefined);
  return {
    type: system ? 'system' : typeOf(roles),
    roles,
    id,
    email,
    name,
    provider,
    enabled: typeof enabled === 'boolean' ? enabled : undefined,
    mfaConfigured: typeof mfaConfigured === 'boolean' ? mfaConfigured : undefined,
    lastLoginAt,
  };
}

/** Roles of a list of texts or of objects with id, name and type; anything else is left out. */
export function readRoles(value: Json | undefined): CanonicalRole[] {
  if (!Array.isArray(value)) return [];
  const roles: CanonicalRole[] = [];
  for (const item of value.slice(0, MAX_ROLES) as readonly Json[]) {
    if (typeof item === 'string' && item !== '') roles.push({ name: item.toWellFormed() });
    if (!isObject(item)) continue;
    const [id, name, type] = [textAt(item, 'id'), textAt(item, 'name'), textAt(item, 'type')];
    if (id !== undefined || name !== undefined || type !== undefined) roles.push({ id, name, type });
  }
  return roles;
}

/** The names of roles, or their ids where they have none. */
export function roleNames(roles: readonly CanonicalRole[]): string[] {
  return roles.map((role) => role.name ?? role.id ?? role.type).filter((name) => name !== undefined);
}

function isSystem(
  id: string | undefined,
  email: string | undefined,
  options: NonNullable<NormalizeOptions['system_actors']>,
): boolean {
  if (id === NIL_UUID || email === undefined) return true;
  if (id !== undefined && (options.ids ?? []).includes(id)) return true;
  return (options.emails ?? []).some((known) => known.toLowerCase() === email.toLowerCase());
}

function typeOf(roles: readonly CanonicalRole[]): ActorType {
  const types = roles.map((role) => role.type).filter((type) => type !== undefined);
  if (types.some((type) => type.startsWith('admin:'))) return 'admin';
  return types.length > 0 && types.every((type) => SERVICE_ROLES.has(type)) ? 'service' : 'user';
}
