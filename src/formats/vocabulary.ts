import { DOMAIN_OBJECTS } from './data/lexicon.ts';

/** What the classifier answers when it does not know. */
export const UNKNOWN = 'unknown';

/** The kinds of things an event can be about. */
export const DOMAINS = [
  'auth',
  'user',
  'privilege',
  'role',
  'group',
  'credential',
  'policy',
  'config',
  'run',
  'content',
  'settings',
  'security_settings',
  'audit',
  'data',
] as const;

/** What can be done to them. */
export const VERBS = [
  'login',
  'logout',
  'create',
  'read',
  'update',
  'delete',
  'enable',
  'disable',
  'lock',
  'unlock',
  'grant',
  'revoke',
  'reset',
  'rotate',
  'invite',
  'accept',
  'expire',
  'export',
  'share',
  'execute',
  'start',
  'stop',
  'finish',
  'verify',
] as const;

const DOMAIN_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(DOMAIN_OBJECTS).flatMap(([domain, objects]) =>
    objects.split(' ').map((object) => [object, domain] as const),
  ),
);

/** The domain of an object the vocabulary has; `unknown` for any other. */
export function domainOf(object: string): string {
  return DOMAIN_OF.get(object) ?? UNKNOWN;
}

const UPPER_CASE = new Set(['api', 'mfa', 'sso', 'saml', 'scim', 'sql']);

/** "API Key" of `api_key`: for people, and for the types of OCSF entities. */
export function objectLabel(object: string): string {
  return object
    .split('_')
    .map((word) => (UPPER_CASE.has(word) ? word.toUpperCase() : word.charAt(0).toUpperCase() + word.slice(1)))
    .join(' ');
}
