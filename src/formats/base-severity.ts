import type { Classification, Outcome, Severity } from './format.ts';
import { raisedByFailure } from './severity.ts';

/** Severity by domain and verb; `*` is any other verb of the domain. */
const TABLE: Readonly<Record<string, Readonly<Record<string, Severity>>>> = {
  auth: { '*': 'informational' },
  user: { delete: 'medium', disable: 'medium', read: 'informational', '*': 'low' },
  privilege: { '*': 'medium' },
  role: { delete: 'medium', read: 'informational', '*': 'low' },
  group: { read: 'informational', '*': 'low' },
  credential: { delete: 'medium', read: 'informational', expire: 'informational', '*': 'low' },
  policy: { update: 'low', delete: 'medium', disable: 'medium', '*': 'informational' },
  config: { update: 'low', delete: 'medium', disable: 'medium', '*': 'informational' },
  settings: { read: 'informational', '*': 'low' },
  security_settings: { read: 'informational', '*': 'medium' },
  content: { delete: 'low', '*': 'informational' },
  data: { '*': 'informational' },
  run: { '*': 'informational' },
  audit: { delete: 'high', disable: 'high', read: 'informational', update: 'medium', '*': 'low' },
};

/** Names of roles that may do everything. */
const POWERFUL = /\b(?:admin|administrator|owner|superuser|root)\b/i;

/** How grave an event is. Nothing about it is in the API: this is our own table, and the operator's rows override it. */
export function baseSeverity(
  { domain, object, verb }: Classification,
  outcome: Outcome,
  addedRoles: readonly string[],
): Severity {
  return raisedByFailure(quiet(domain, object, verb, addedRoles), outcome);
}

function quiet(domain: string, object: string, verb: string, addedRoles: readonly string[]): Severity {
  if (verb === 'export' || verb === 'share') return 'low';
  if (domain === 'privilege' && addedRoles.some((role) => POWERFUL.test(role))) return 'high';
  if (object === 'mfa' && verb === 'enable') return 'informational';
  const row = TABLE[domain];
  if (row === undefined || verb === 'unknown') return 'informational';
  return row[verb] ?? row['*'] ?? 'informational';
}
