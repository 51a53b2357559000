import { people, roles, uuid } from './catalog.ts';
import type { Person, Role } from './catalog.ts';

const JOINED = '2025-03-04T08:15:30.123456Z';
const CHANGED = '2026-02-11T16:53:42Z';
const LAST_LOGIN = '2026-05-20T07:01:59.5Z';

/** Users are written once: a page of a thousand events repeats a dozen of them. */
const written = new Map<string, string>();

/**
 * The user object of an event: v2 with roles, permissions and their SQL, v1 slim. With `nowMs` the last login moves with
 * the clock, as of a user that is joined to the event at the time of the read.
 */
export function personJson(person: Person, api: 'v1' | 'v2', nowMs: number | null): string {
  const key = `${api} ${person.id}`;
  let text = written.get(key);
  if (text === undefined) {
    text = JSON.stringify(api === 'v2' ? fullUser(person) : slimUser(person));
    written.set(key, text);
  }
  return nowMs === null ? text : text.replace(LAST_LOGIN, new Date(nowMs).toISOString());
}

function slimUser(person: Person): object {
  return {
    id: person.id,
    email: person.email,
    name: person.name,
    created_at: JOINED,
    updated_at: CHANGED,
    last_login_at: LAST_LOGIN,
    profile_image_url: `https://static.example.com/avatars/${person.id}.png`,
  };
}

export function fullUser(person: Person): object {
  return {
    ...slimUser(person),
    provider: person.provider,
    tracking_opted_in: person.provider === 'local',
    mfa_configured: person.mfa,
    enabled: person.enabled,
    roles: person.roles.flatMap((index) => roles[index] ?? []).map(roleObject),
  };
}

export function roleObject(role: Role): object {
  return {
    id: role.id,
    name: role.name,
    description: `${role.name} (invented)`,
    permissions: role.query === '' ? [] : [permission(role)],
    created_by: creator(),
    created_at: JOINED,
    updated_at: CHANGED,
    type: role.type,
  };
}

function permission(role: Role): object {
  return {
    id: uuid(0xf000 + role.query.length),
    name: `${role.name} rows`,
    description: '',
    query: role.query,
    created_by: creator(),
    created_at: JOINED,
    updated_at: CHANGED,
    number_of_affected_roles: 1,
    number_of_affected_users: people.length,
  };
}

function creator(): object {
  const first = people[0];
  return { id: first?.id, name: first?.name, email: first?.email };
}
