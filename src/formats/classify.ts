import type { Classification } from './format.ts';
import type { EventTypeRow } from './options.ts';
import { read, type Reading } from './lexer.ts';
import { titleOf } from './title.ts';
import { slugOf, slugPatternOf, wordsOf } from './tokens.ts';
import { domainOf, UNKNOWN } from './vocabulary.ts';

/** Why an event type was classified as it was: what `preview --explain` shows. */
export interface Explanation {
  readonly classification: Classification;
  /** The event type as a heading: "Api Key Deleted". */
  readonly title: string;
  readonly words: readonly string[];
  /** The words that count, with verb phrases merged. */
  readonly tokens: readonly string[];
  readonly objectWords: string | null;
  readonly verbWord: string | null;
  /** The rule that had the last word: "table", "lexicon", or the name of a rewrite. */
  readonly rule: string;
  /** The row of the operator's table that matched. */
  readonly row: EventTypeRow | null;
}

export type Classify = (eventType: string) => Explanation;

/** Event types remembered with their classification; an installation has some hundreds. */
const MAX_REMEMBERED = 2000;
/** Event types longer than this are not remembered, so that a hostile event cannot fill the memory. UTF-16 units. */
const MAX_REMEMBERED_UNITS = 128;

/**
 * A classifier with the operator's table. The table wins (exact names over patterns); else the words of the event type are
 * read by their grammar. Any string gives an answer; what is not understood is `unknown`, never a guess.
 */
export function createClassify(table: readonly EventTypeRow[] = []): Classify {
  const findRow = createFindRow(table);
  const remembered = new Map<string, Explanation>();
  return (eventType) => {
    const known = remembered.get(eventType);
    if (known !== undefined) return known;
    const explanation = explain(eventType, findRow);
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    if (eventType.length <= MAX_REMEMBERED_UNITS) remembered.set(eventType, explanation);
    return explanation;
  };
}

function explain(
  eventType: string,
  findRow: (eventType: string, slug: string) => EventTypeRow | null,
): Explanation {
  const words = wordsOf(eventType);
  const slug = slugOf(words);
  const reading = read(words);
  const rewritten = rewrite(reading);
  const row = findRow(eventType, slug);
  const object = row?.object ?? rewritten.object;
  const verb = row?.action ?? rewritten.verb;
  const domain = row?.category ?? (row?.object === undefined ? rewritten.domain : domainOf(row.object));
  const classification: Classification = {
    eventType,
    slug,
    domain,
    object:
      row?.category !== undefined && row.object === undefined && domainOf(object) !== domain
        ? domain
        : object,
    verb,
    outcomeHint: row?.outcome ?? reading.outcomeHint,
    confidence:
      row !== null && domain !== UNKNOWN && verb !== UNKNOWN ? 'high' : confidenceOf(domain, verb, reading),
    overridden: row !== null,
  };
  const head = reading.head;
  return {
    classification,
    title: titleOf(words),
    words,
    tokens: reading.tokens,
    objectWords: head === null ? null : reading.tokens.slice(head.at, head.at + head.length).join(' '),
    verbWord: reading.verb === null ? null : (reading.tokens[reading.verb.at] ?? null),
    rule: row === null ? rewritten.rule : 'table',
    row,
  };
}

function confidenceOf(domain: string, verb: string, reading: Reading): Classification['confidence'] {
  if (domain === UNKNOWN && verb === UNKNOWN) return 'low';
  if (domain === UNKNOWN || verb === UNKNOWN) return 'low';
  return reading.verb !== null && reading.verb.strength >= 2 ? 'high' : 'medium';
}

interface Meaning {
  readonly domain: string;
  readonly object: string;
  readonly verb: string;
  readonly rule: string;
}

/** Pairs of object and verb that mean something else together than each alone. The first rule that applies decides. */
function rewrite(reading: Reading): Meaning {
  const object = reading.head?.object ?? UNKNOWN;
  const verb = reading.verb?.verb === 'toggle' ? 'update' : (reading.verb?.verb ?? UNKNOWN);
  const has = (name: string): boolean => reading.objects.some((found) => found.object === name);
  return (
    sessionMeaning(object, verb, reading) ??
    privilegeMeaning(object, verb, has) ??
    memberMeaning(verb, has, reading) ??
    credentialMeaning(object, verb) ??
    runMeaning(object, verb, reading) ??
    meaning(object, verb, 'lexicon')
  );
}

function meaning(object: string, verb: string, rule: string): Meaning {
  return { domain: domainOf(object), object, verb, rule };
}

function sessionMeaning(object: string, verb: string, reading: Reading): Meaning | null {
  if (verb === 'login' || verb === 'logout') return meaning('session', verb, 'session');
  const failed = verb === UNKNOWN && reading.outcomeHint !== null;
  if ((object === 'authentication' || object === 'sso') && failed)
    return meaning('session', 'login', 'session');
  if (object !== 'session') return null;
  if (verb === 'create' || verb === 'start') return meaning('session', 'login', 'session');
  const over = ['delete', 'stop', 'expire', 'revoke', 'finish'].includes(verb);
  return over ? meaning('session', 'logout', 'session') : null;
}

const GRANTS: Readonly<Record<string, string>> = { create: 'grant', delete: 'revoke' };
const PRIVILEGE_VERBS = new Set(['create', 'delete', 'grant', 'revoke', 'update', 'reset']);

function privilegeMeaning(object: string, verb: string, has: (name: string) => boolean): Meaning | null {
  if (!PRIVILEGE_VERBS.has(verb)) return null;
  const right = has('role') || has('permission');
  const given = verb === 'grant' || verb === 'revoke';
  const aboutPerson = has('user') || has('member');
  const assignment = has('assignment') || (right && (aboutPerson || given)) || (object === 'user' && given);
  if (!assignment) return null;
  // A role in a team is granted to a member; without a right among the words it is membership.
  return meaning('role_assignment', GRANTS[verb] ?? (verb === 'reset' ? 'update' : verb), 'role assignment');
}

const JOINS: Readonly<Record<string, string>> = {
  grant: 'create',
  revoke: 'delete',
  invite: 'create',
  accept: 'create',
};

function memberMeaning(verb: string, has: (name: string) => boolean, reading: Reading): Meaning | null {
  if (!has('team')) return null;
  const moved = ['create', 'delete', 'grant', 'revoke', 'invite', 'accept', 'update'].includes(verb);
  const person = has('member') || (has('user') && reading.related);
  return person && moved ? meaning('team_member', JOINS[verb] ?? verb, 'team member') : null;
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
const RUNNABLE = new Set(['sync', 'external_sync', 'sync_run', 'test_connection']);

function runMeaning(object: string, verb: string, reading: Reading): Meaning | null {
  if (!RUNNABLE.has(object)) return null;
  const run = object === 'test_connection' ? object : 'sync_run';
  if (RUN_VERBS.has(verb)) return meaning(run, verb, 'run');
  if (verb !== UNKNOWN) return null;
  if (reading.outcomeHint !== null) return meaning(run, 'finish', 'run');
  return object === 'test_connection' ? meaning(run, 'execute', 'run') : null;
}

function createFindRow(
  table: readonly EventTypeRow[],
): (eventType: string, slug: string) => EventTypeRow | null {
  const exact = new Map<string, EventTypeRow>();
  const patterns: {
    readonly fits: (eventType: string, slug: string) => boolean;
    readonly row: EventTypeRow;
  }[] = [];
  for (const row of table) {
    const words = wordsOf(row.match);
    // A name without a word, such as `---`, stands for itself alone: all such names have the same slug.
    const name = words.length === 0 ? row.match : slugOf(words);
    if (/[*?]/.test(row.match)) patterns.push({ fits: patternOf(row.match), row });
    else if (!exact.has(name)) exact.set(name, row);
  }
  return (eventType, slug) =>
    exact.get(slug) ??
    exact.get(eventType) ??
    patterns.find(({ fits }) => fits(eventType, slug))?.row ??
    null;
}

/** A pattern fits an event type as it is spelled, or both without their separators. */
function patternOf(pattern: string): (eventType: string, slug: string) => boolean {
  const [glob, slugGlob] = [globOf(pattern), globOf(slugPatternOf(pattern))];
  return (eventType, slug) => glob(eventType) || glob(slug) || slugGlob(slug);
}

/** A pattern in which `*` is any text and `?` any one character; case does not matter. */
function globOf(pattern: string): (text: string) => boolean {
  const wanted = [...pattern.toLowerCase()];
  return (text) => matches([...text.toLowerCase()], wanted);
}

/**
 * Goes through the text once and falls back only to the last `*`, so that a hostile event type takes at most its length times the pattern's;
 * a regular expression would take that to the power of its stars.
 */
function matches(text: readonly string[], pattern: readonly string[]): boolean {
  let [at, step, star, resume] = [0, 0, -1, 0];
  while (at < text.length) {
    if (pattern[step] === '*') {
      [star, resume] = [step, at];
      step += 1;
    } else if (pattern[step] === '?' || pattern[step] === text[at]) {
      at += 1;
      step += 1;
    } else if (star >= 0) {
      step = star + 1;
      resume += 1;
      at = resume;
    } else return false;
  }
  return pattern.slice(step).every((rest) => rest === '*');
}
