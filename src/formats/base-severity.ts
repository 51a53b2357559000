import type { CanonicalRole, Classification, Outcome, Severity } from './format.ts';
import { raisedByFailure } from './severity.ts';
import { wordsOf } from './tokens.ts';

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

/** Words of role names that may do everything: `org_admin`, `SuperAdmin`, `sysadmins`, `Data Owner`. */
const POWERFUL = /^(?:.*(?:admin(?:istrator|istration)?|owner|superuser)s?\d*|root)$/;
/** Words that turn the next one into its opposite; `nonadmin` is one word. */
const NEGATION = /^(?:non|no|not|without)$/;
const NEGATED = /^non/;

/** Whether a role may do everything, by its type or by the words of its name. */
export function isPowerful({ name, type }: CanonicalRole): boolean {
  if (type?.startsWith('admin:') === true) return true;
  return wordsOf(name ?? '').some(
    (word, at, words) => POWERFUL.test(word) && !NEGATED.test(word) && !NEGATION.test(words[at - 1] ?? ''),
  );
}

/** How grave an event is. Nothing about it is in the API: this is our own table, and the operator's rows override it. */
export function baseSeverity(
  { domain, object, verb }: Classification,
  outcome: Outcome,
  powerAdded: boolean,
): Severity {
  return raisedByFailure(quiet(domain, object, verb, powerAdded), outcome);
}

function quiet(domain: string, object: string, verb: string, powerAdded: boolean): Severity {
  if (verb === 'export' || verb === 'share') return 'low';
  if (domain === 'privilege' && powerAdded) return 'high';
  if (object === 'mfa' && verb === 'enable') return 'informational';
  const row = TABLE[domain];
  if (row === undefined || verb === 'unknown') return 'informational';
  return row[verb] ?? row['*'] ?? 'informational';
}
