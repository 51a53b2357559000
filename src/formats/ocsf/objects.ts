import type { CanonicalEvent, CanonicalUser, Origin } from '../format.ts';
import { objectLabel, UNKNOWN } from '../vocabulary.ts';
import type { Abilities } from './version.ts';

type Fields = Record<string, unknown>;

/** OCSF's own pattern of an e-mail address, with a real hyphen where its character class holds a range by accident. */
const EMAIL = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+@[A-Za-z0-9-]+\.[A-Za-z0-9\-.]+$/;
/** Most roles that are listed as groups. */
const MAX_GROUPS = 200;

/** The user who acted. A user needs a name or an id; one of whom nothing is known is "unknown". */
export function actorUser(event: CanonicalEvent, has: Abilities): Fields {
  const { actor } = event;
  const groups = actor.roles
    .filter((role) => role.id !== undefined || role.name !== undefined)
    .slice(0, MAX_GROUPS)
    .map((role) => ({ uid: role.id, name: role.name, type: 'Role' }));
  return {
    ...accountUser(actor, actor.type === 'system' ? 'system' : 'unknown'),
    ...userType(actor.type, has),
    has_mfa: has.identityClasses ? actor.mfaConfigured : undefined,
    groups: groups.length === 0 ? undefined : groups,
    org: event.team === undefined ? undefined : { name: event.team },
    ...credentialOf(event, has),
  };
}

/** The API key that acted. OCSF has its id only; the name goes to `unmapped`. */
function credentialOf({ apiKey }: CanonicalEvent, has: Abilities): Fields {
  if (apiKey?.id === undefined) return {};
  return has.hashes
    ? { programmatic_credentials: [{ type: 'API Key', uid: apiKey.id }] }
    : { credential_uid: apiKey.id };
}

/** A user of whom only identifiers are known. */
export function accountUser(user: CanonicalUser, fallback = 'unknown'): Fields {
  const name = user.email ?? user.name;
  return {
    uid: user.id,
    name: name ?? (user.id === undefined ? fallback : undefined),
    email_addr: user.email !== undefined && EMAIL.test(user.email) ? user.email : undefined,
    full_name: user.name,
  };
}

function userType(type: CanonicalEvent['actor']['type'], has: Abilities): Fields {
  if (type === 'admin') return { type_id: 2, type: 'Admin' };
  if (type === 'system') return { type_id: 3, type: 'System' };
  if (type === 'service')
    return has.hashes ? { type_id: 4, type: 'Service' } : { type_id: 99, type: 'Service' };
  return { type_id: 1, type: 'User' };
}

/** Where it came from; undefined where the event does not say. */
export function sourceEndpoint(event: CanonicalEvent): Fields | undefined {
  if (event.ip !== undefined) return { ip: event.ip };
  return event.address === undefined ? undefined : { name: event.address };
}

/** The same for classes that require it: the Platform itself where it acted, else "unknown". */
export function requiredSource(event: CanonicalEvent, { product }: Origin): Fields {
  const system = { svc_name: product.name };
  return sourceEndpoint(event) ?? (event.actor.type === 'system' ? system : { name: 'unknown' });
}

/** The installation, as the other end of a request. */
export function platformEndpoint(origin: Origin): Fields {
  return { hostname: origin.instance, svc_name: origin.product.name };
}

/** The thing that was managed. A policy is a kind of its own, a user or a team of unknown name as well. */
export function managedEntity(event: CanonicalEvent): Fields {
  const { domain, object } = event.classification;
  const label = labelOf(object);
  const named = {
    name: event.entityName ?? (event.entityId === undefined ? label : undefined),
    uid: event.entityId,
  };
  if (domain === 'policy') return { ...named, type_id: 5, type: 'Policy', policy: named };
  if (domain === 'user') return { ...named, type_id: 2, type: 'User' };
  return { ...named, type_id: 99, type: label };
}

/** The thing acted on, and the user acted on where that is another one. */
export function resourcesOf(event: CanonicalEvent): Fields[] | undefined {
  const { object } = event.classification;
  const { entityName, entityId, target } = event;
  const name = target?.email ?? target?.name;
  const isUser = target !== undefined && entityName === name;
  const resources: Fields[] = [];
  if (!isUser && (entityName !== undefined || entityId !== undefined))
    resources.push({
      name: entityName,
      uid: entityId,
      type: object === UNKNOWN ? undefined : labelOf(object),
    });
  if (target !== undefined)
    resources.push({ name, uid: target.id ?? (isUser ? entityId : undefined), type: 'User' });
  return resources.length === 0 ? undefined : resources;
}

export function groupOf(event: CanonicalEvent): Fields {
  const name = event.entityName ?? event.team ?? (event.entityId === undefined ? 'unknown' : undefined);
  return { name, uid: event.entityId, type: 'Team' };
}

/** The values that an analyst searches by, each with the path where it stands. */
export function observablesOf(event: Fields): Fields[] | undefined {
  const found: Fields[] = [];
  const source = event['src_endpoint'] as Fields | undefined;
  if (source?.['ip'] !== undefined)
    found.push({ name: 'src_endpoint.ip', type_id: 2, type: 'IP Address', value: source['ip'] });
  const actor = event['actor'] as { user: Fields } | undefined;
  addUser(found, 'actor.user', actor?.user);
  addUser(found, 'user', event['user'] as Fields | undefined);
  return found.length === 0 ? undefined : found;
}

function addUser(found: Fields[], path: string, user: Fields | undefined): void {
  if (user === undefined) return;
  const { name, email_addr: email } = user;
  if (name !== undefined) found.push({ name: `${path}.name`, type_id: 4, type: 'User Name', value: name });
  if (email !== undefined)
    found.push({ name: `${path}.email_addr`, type_id: 5, type: 'Email Address', value: email });
}

/** The schema forbids "Other" as the name of something that has no number. */
function labelOf(object: string): string {
  const label = objectLabel(object);
  return label === 'Other' ? 'Other Entity' : label;
}
