import { isUnclassified } from '../unclassified.ts';
import type { CanonicalEvent, CanonicalUser } from '../format.ts';
import {
  ACCOUNT_CHANGE,
  API_ACTIVITY,
  AUTHENTICATION,
  ENTITY_MANAGEMENT,
  GROUP_MANAGEMENT,
  OTHER,
  USER_ACCESS,
  type OcsfClass,
} from './classes.ts';

/** Where an event belongs: the class, the activity, and what the class needs beside it. */
export interface Place {
  readonly class: OcsfClass;
  readonly activity: number;
  /** The account that was changed. */
  readonly user?: CanonicalUser;
  readonly privileges?: readonly string[];
}

/** `identityClasses: false` puts all but signing in and out into API Activity, `singleClass` everything. */
export function placeOf(event: CanonicalEvent, identityClasses: boolean, singleClass: boolean): Place {
  const { domain, verb } = event.classification;
  // What nobody understood has a verb at times, but a verb alone tells no activity.
  if (isUnclassified(event.classification)) return { class: API_ACTIVITY, activity: OTHER };
  const signing = domain === 'auth' && (verb === 'login' || verb === 'logout');
  if (signing && !singleClass) return { class: AUTHENTICATION, activity: verb === 'login' ? 1 : 2 };
  const managed = identityClasses && !singleClass && !OPERATIONS.has(verb);
  if (!managed || domain === 'run' || domain === 'data' || domain === 'auth') return apiActivity(verb);
  if (domain === 'user') return accountChange(event);
  if (domain === 'privilege') return accessChange(event);
  if (domain === 'group') return groupChange(event);
  return { class: ENTITY_MANAGEMENT, activity: ENTITY_ACTIVITIES[verb] ?? OTHER };
}

/** What is done with things rather than to them. */
const OPERATIONS = new Set([
  'read',
  'export',
  'share',
  'execute',
  'start',
  'stop',
  'finish',
  'verify',
  'login',
  'logout',
]);

const API_ACTIVITIES: Readonly<Record<string, number>> = {
  create: 1,
  invite: 1,
  read: 2,
  export: 2,
  update: 3,
  delete: 4,
};

function apiActivity(verb: string): Place {
  return { class: API_ACTIVITY, activity: API_ACTIVITIES[verb] ?? OTHER };
}

const ENTITY_ACTIVITIES: Readonly<Record<string, number>> = {
  create: 1,
  invite: 1,
  update: 3,
  rotate: 3,
  reset: 3,
  delete: 4,
  enable: 8,
  disable: 9,
};

const ACCOUNT_ACTIVITIES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  password: { update: 3, reset: 4 },
  mfa: { enable: 10, disable: 11 },
  user: { create: 1, invite: 1, enable: 2, disable: 5, delete: 6, lock: 9, unlock: 12 },
};

function accountChange(event: CanonicalEvent): Place {
  const { object, verb } = event.classification;
  const own = (object === 'password' && verb === 'update') || object === 'mfa';
  const user = event.target ?? (own ? event.actor : undefined);
  // Without the account this class has nothing to say; the entity then is "a user".
  if (user === undefined) return { class: ENTITY_MANAGEMENT, activity: ENTITY_ACTIVITIES[verb] ?? OTHER };
  const activities = ACCOUNT_ACTIVITIES[object] ?? ACCOUNT_ACTIVITIES['user'];
  return { class: ACCOUNT_CHANGE, activity: activities?.[verb] ?? OTHER, user };
}

function accessChange(event: CanonicalEvent): Place {
  const { verb } = event.classification;
  const user = event.target;
  if (user === undefined) return { class: ENTITY_MANAGEMENT, activity: 3 };
  const changed = verb === 'revoke' ? event.removedRoles : verb === 'grant' ? event.addedRoles : [];
  // What was taken away must not stand beside what was given as if somebody had both.
  const told = event.addedRoles.length > 0 ? event.addedRoles : event.removedRoles;
  const privileges = changed.length > 0 ? changed : told;
  if (privileges.length === 0) return { class: ACCOUNT_CHANGE, activity: OTHER, user };
  const activity = changed.length === 0 ? OTHER : verb === 'grant' ? 1 : 2;
  return { class: USER_ACCESS, activity, user, privileges };
}

function groupChange(event: CanonicalEvent): Place {
  const { object, verb } = event.classification;
  if (object !== 'team_member') {
    return { class: GROUP_MANAGEMENT, activity: verb === 'create' ? 6 : verb === 'delete' ? 5 : OTHER };
  }
  return {
    class: GROUP_MANAGEMENT,
    activity: verb === 'create' ? 3 : verb === 'delete' ? 4 : OTHER,
    ...(event.target !== undefined && { user: event.target }),
  };
}
