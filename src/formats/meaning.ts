import { CONNECTING, OTHER_THINGS } from './data/lexicon.ts';
import type { Reading } from './lexer.ts';
import { domainOf, UNKNOWN } from './vocabulary.ts';

/** What an event type comes to, and the rule that said so. */
export interface Meaning {
  readonly domain: string;
  readonly object: string;
  readonly verb: string;
  readonly rule: string;
}

/** Verbs of the vocabulary that are another action, and those that are one only together with some object: see the rules. */
const ACTIONS: Readonly<Record<string, string>> = {
  toggle: 'update',
  join: UNKNOWN,
  leave: UNKNOWN,
  send: UNKNOWN,
  open: UNKNOWN,
  request: UNKNOWN,
  plan: UNKNOWN,
  undo: UNKNOWN,
};

/**
 * Pairs of object and verb that mean something else together than each alone. The first rule that applies decides, but nothing is said
 * of what was not done, or was done to a thing that nobody knows.
 */
export function meaningOf(reading: Reading): Meaning {
  const object = reading.head?.object ?? UNKNOWN;
  const verb = reading.verb?.verb ?? UNKNOWN;
  if (reading.undone) return meaning(object, UNKNOWN, 'not done');
  const meant = pairMeaning(object, verb, reading);
  const known = meant.domain !== UNKNOWN && meant.verb !== UNKNOWN;
  return known && aboutStranger(verb, reading) ? stranger(verb) : meant;
}

function pairMeaning(object: string, verb: string, reading: Reading): Meaning {
  const has = (name: string): boolean => reading.objects.some((found) => found.object === name);
  return (
    sessionMeaning(object, verb, reading) ??
    privilegeMeaning(object, verb, has, reading) ??
    memberMeaning(object, verb, has, reading) ??
    invitationMeaning(object, verb) ??
    credentialMeaning(object, verb) ??
    runMeaning(object, verb, reading) ??
    peopleMeaning(object, verb, reading) ??
    placedMeaning(object, reading) ??
    openMeaning(object, verb) ??
    meaning(object, ACTIONS[verb] ?? verb, 'lexicon')
  );
}

function meaning(object: string, verb: string, rule: string): Meaning {
  return { domain: domainOf(object), object, verb, rule };
}

/** Verbs that are true of a thing when they are true of its part: who renames a team updates it; who deletes its avatar deletes no team. */
const OF_PARTS = new Set(['update', 'read', 'export', 'share', 'verify']);

function aboutStranger(verb: string, { strangers }: Reading): boolean {
  // Who gets access to a thing gets the thing.
  if (verb === 'grant' || verb === 'revoke') return strangers.some((word) => word !== 'access');
  return OF_PARTS.has(verb)
    ? strangers.some((word) => OTHER_THINGS.has(word.replace(/s$/, '')))
    : strangers.length > 0;
}

/** What was done is known, but not to what. */
function stranger(verb: string): Meaning {
  const signs = verb === 'login' || verb === 'logout';
  return meaning(UNKNOWN, signs ? UNKNOWN : (ACTIONS[verb] ?? verb), 'unknown thing');
}

const SETTING_VERBS = new Set(['create', 'update', 'delete', 'enable', 'disable', 'reset', 'toggle']);

function sessionMeaning(object: string, verb: string, reading: Reading): Meaning | null {
  if (verb === 'login' || verb === 'logout') return meaning('session', verb, 'session');
  const failed = reading.verb === null && reading.outcomeHint !== null;
  if ((object === 'authentication' || object === 'sso') && failed)
    return meaning('session', 'login', 'session');
  if (object === 'authentication' && SETTING_VERBS.has(verb))
    return meaning('security_settings', ACTIONS[verb] ?? verb, 'sign-in setting');
  if (object !== 'session') return null;
  if (verb === 'create' || verb === 'start' || verb === 'open') return meaning('session', 'login', 'session');
  const over = ['delete', 'stop', 'expire', 'revoke', 'finish'].includes(verb);
  return over ? meaning('session', 'logout', 'session') : null;
}

const GRANTS: Readonly<Record<string, string>> = { create: 'grant', delete: 'revoke', reset: 'update' };
const PRIVILEGE_VERBS = new Set(['create', 'delete', 'grant', 'revoke', 'update', 'reset']);
/** What a right can be said to be given to or taken from. */
const OF_PRIVILEGES = new Set(['role', 'permission', 'assignment', 'user', 'member']);

function privilegeMeaning(
  object: string,
  verb: string,
  has: (name: string) => boolean,
  reading: Reading,
): Meaning | null {
  const given = verb === 'grant' || verb === 'revoke';
  if (object === UNKNOWN && given && has('user') && reading.tokens.includes('access'))
    return meaning('role_assignment', verb, 'role assignment');
  if (!PRIVILEGE_VERBS.has(verb) || !OF_PRIVILEGES.has(object)) return null;
  // In "user created role" the user did it; in "user added role" it was added to the user.
  const aboutPerson =
    has('member') || (has('user') && !(reading.doer && /^(?:creat|delet)/.test(verbWord(reading))));
  const right = has('role') || has('permission');
  const assignment =
    object === 'assignment' ||
    (right && (aboutPerson || given)) ||
    (object === 'user' && given && !has('team'));
  // A role in a team is granted to a member; without a right among the words it is membership.
  return assignment ? meaning('role_assignment', GRANTS[verb] ?? verb, 'role assignment') : null;
}

const JOINS: Readonly<Record<string, string>> = {
  create: 'create',
  delete: 'delete',
  grant: 'create',
  revoke: 'delete',
  invite: 'create',
  accept: 'create',
  join: 'create',
  leave: 'delete',
};
const ACCOUNT_VERBS = new Set(['enable', 'disable', 'lock', 'unlock', 'reset']);

function memberMeaning(
  object: string,
  verb: string,
  has: (name: string) => boolean,
  reading: Reading,
): Meaning | null {
  const joins = JOINS[verb];
  const people = object === 'member' || object === 'user' || object === 'team';
  if (verb === 'join' || verb === 'leave')
    return people ? meaning('team_member', joins ?? verb, 'team member') : null;
  if (object === 'member' && ACCOUNT_VERBS.has(verb)) return meaning('user', verb, 'team member');
  if (object === 'member') return meaning('team_member', joins ?? ACTIONS[verb] ?? verb, 'team member');
  if (!has('team') || (joins === undefined && verb !== 'update')) return null;
  const inTeam = people && (has('member') || (has('user') && !reading.doer && joins !== undefined));
  const moved = reading.moved && isPerson(object, reading);
  return inTeam || moved ? meaning('team_member', joins ?? verb, 'team member') : null;
}

function isPerson(object: string, { head, tokens }: Reading): boolean {
  return object === 'user' || (object === 'api_key' && tokens[head?.at ?? -1] === 'service');
}

const INVITING = new Set(['create', 'send', 'invite']);
const CHANGES = new Set('delete revoke grant stop enable disable lock unlock reset rotate'.split(' '));

/** Whatever is done to an invitation, nobody's account is deleted, disabled or granted a right by it. */
function invitationMeaning(object: string, verb: string): Meaning | null {
  if (object !== 'invitation') return null;
  if (INVITING.has(verb)) return meaning(object, 'invite', 'invitation');
  return CHANGES.has(verb) ? meaning(object, 'update', 'invitation') : null;
}

const MFA_VERBS: Readonly<Record<string, string>> = {
  create: 'enable',
  accept: 'enable',
  delete: 'disable',
  reset: 'disable',
  revoke: 'disable',
};

function credentialMeaning(object: string, verb: string): Meaning | null {
  if (object === 'api_key' && verb === 'revoke') return meaning(object, 'delete', 'api key');
  if (object === 'api_key' && verb === 'reset') return meaning(object, 'rotate', 'api key');
  if (object === 'mfa' && MFA_VERBS[verb] !== undefined)
    return meaning(object, MFA_VERBS[verb], 'second factor');
  if (object === 'password' && (verb === 'create' || verb === 'rotate'))
    return meaning(object, 'update', 'password');
  return null;
}

const RUN_VERBS = new Set(['start', 'stop', 'finish', 'execute']);
const RUNNABLE = new Set(['sync', 'external_sync', 'sync_run', 'test_connection', 'connection']);

function runMeaning(object: string, verb: string, reading: Reading): Meaning | null {
  const failed = reading.verb === null && reading.outcomeHint !== null;
  if (object === 'query' && failed) return meaning(object, 'execute', 'run');
  if (!RUNNABLE.has(object)) return null;
  if (object === 'connection' && verb !== 'execute' && !failed) return stranger(verb);
  const run = object === 'test_connection' || object === 'connection' ? 'test_connection' : 'sync_run';
  if (RUN_VERBS.has(verb)) return meaning(run, verb, 'run');
  if (failed) return meaning(run, 'finish', 'run');
  return object === 'test_connection' && reading.verb === null ? meaning(run, 'execute', 'run') : null;
}

/** Domains of the Platform's own things: a user of one of them is no account. */
const THINGS = new Set(['config', 'content', 'policy', 'run', 'data']);

/** Verbs that leave it open whether they are about the Platform's people. */
function peopleMeaning(object: string, verb: string, reading: Reading): Meaning | null {
  const domain = domainOf(object);
  if (domain !== 'user' && domain !== 'group' && domain !== 'role') return null;
  if (RUN_VERBS.has(verb)) return meaning(object, UNKNOWN, 'no such action');
  if (CONNECTING.has(verbWord(reading))) return stranger(verb);
  const owner = reading.objects.find((found) => found.at + found.length === reading.head?.at);
  const foreign = object === 'user' && owner !== undefined && THINGS.has(domainOf(owner.object));
  return foreign ? stranger(verb) : null;
}

/** What is added to another thing is not created by it, and what is removed from one not deleted. A permission is its role's alone. */
function placedMeaning(object: string, reading: Reading): Meaning | null {
  if (
    !reading.moved ||
    object === UNKNOWN ||
    object === 'permission' ||
    !/^(?:add|remov)/.test(verbWord(reading))
  )
    return null;
  const at = Math.max(reading.head?.at ?? 0, reading.verb?.at ?? 0);
  const elsewhere = reading.objects.some((found) => found.at > at);
  return elsewhere ? meaning(object, domainOf(object) === 'user' ? UNKNOWN : 'update', 'placed') : null;
}

function verbWord({ tokens, verb }: Reading): string {
  return tokens[verb?.at ?? -1] ?? '';
}

/** A document is read by opening it; an alert or a violation is not. */
function openMeaning(object: string, verb: string): Meaning | null {
  const readable = ['report', 'report_template', 'query', 'filter', 'app', 'agent_chat', 'data'].includes(
    object,
  );
  return verb === 'open' && readable ? meaning(object, 'read', 'opened') : null;
}
