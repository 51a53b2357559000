import { isUnclassified } from './unclassified.ts';
import type { CanonicalEvent, Outcome } from './format.ts';

export interface EcsCategories {
  readonly category: readonly string[];
  readonly type: readonly string[];
}

/**
 * `event.category` and `event.type`, both from the closed lists of ECS. Where no category fits it stays empty, as ECS asks; identity
 * events carry two types, what it was done to and what was done.
 */
export function ecsCategories(event: CanonicalEvent): EcsCategories {
  const { domain, object, verb } = event.classification;
  if (isUnclassified(event.classification)) return { category: [], type: ['info'] };
  const change = CHANGE_TYPE[verb] ?? 'info';
  if (domain === 'auth') return sessionCategories(verb, event.outcome);
  if (domain === 'run') return { category: [], type: [RUN_TYPE[verb] ?? 'info'] };
  if (ACCESS_VERBS.has(verb)) return { category: accessCategories(domain, object), type: ['access'] };
  const kind = IAM_TYPE[domain];
  if (kind !== undefined)
    return { category: ['iam'], type: [object === 'team_member' ? 'user' : kind, iamChange(object, change)] };
  if (domain === 'security_settings') return { category: ['iam', 'configuration'], type: ['admin', change] };
  if (domain === 'data') return { category: ['database'], type: [change === 'info' ? 'info' : 'change'] };
  return { category: ['configuration'], type: [change] };
}

const CHANGE_TYPE: Readonly<Record<string, string>> = {
  create: 'creation',
  invite: 'creation',
  delete: 'deletion',
  update: 'change',
  enable: 'change',
  disable: 'change',
  lock: 'change',
  unlock: 'change',
  grant: 'change',
  revoke: 'change',
  reset: 'change',
  rotate: 'change',
  accept: 'change',
};

const RUN_TYPE: Readonly<Record<string, string>> = {
  start: 'start',
  execute: 'start',
  stop: 'end',
  finish: 'end',
};
const ACCESS_VERBS = new Set(['read', 'export', 'share', 'execute']);
const IAM_TYPE: Readonly<Record<string, string>> = {
  user: 'user',
  privilege: 'user',
  role: 'admin',
  credential: 'admin',
  group: 'group',
};

/** Members, passwords, factors and rights are changes of a user, whatever was created or deleted for it. */
function iamChange(object: string, change: string): string {
  const partOfUser = ['team_member', 'password', 'mfa', 'role_assignment', 'assignment', 'member'].includes(
    object,
  );
  return partOfUser && change !== 'info' ? 'change' : change;
}

/** A session begins only with a sign-in that is known to have worked; to end, it must have been there. */
function sessionCategories(verb: string, outcome: Outcome): EcsCategories {
  const type = verb === 'login' ? 'start' : verb === 'logout' ? 'end' : 'info';
  const session = verb === 'login' ? outcome === 'success' : outcome !== 'failure';
  return { category: session ? ['authentication', 'session'] : ['authentication'], type: [type] };
}

function accessCategories(domain: string, object: string): string[] {
  return domain === 'data' || object === 'query' ? ['database'] : ['configuration'];
}
