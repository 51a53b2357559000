import {
  AGENT_PREPOSITIONS,
  BEFOREHAND,
  CONNECTING,
  FAILURE_AT_END,
  FAILURE_WORDS,
  GENERIC_NOUNS,
  MODIFIERS,
  MOTION_PREPOSITIONS,
  OBJECT_NAMES,
  PART_NAMES,
  PHRASES,
  PLACES,
  PREPOSITIONS,
  SIGN_IN_WAYS,
  STOP_WORDS,
  SUCCESS_WORDS,
  VERB_SPELLINGS,
} from './data/lexicon.ts';
import type { Outcome } from './format.ts';
import { verbThatHappened, type FoundVerb } from './happened.ts';
import { UNKNOWN } from './vocabulary.ts';

/** A noun found among the words: where it stands, how many words it has. */
export interface FoundObject {
  readonly object: string;
  readonly at: number;
  readonly length: number;
}

/** What an event type says before anybody interprets it. */
export interface Reading {
  /** The words that count, phrases merged into one. */
  readonly tokens: readonly string[];
  readonly objects: readonly FoundObject[];
  readonly verb: FoundVerb | null;
  /** Whether the words say that it was only meant to be done: requested, scheduled, undone. */
  readonly undone: boolean;
  /** The object that the verb is about. */
  readonly head: FoundObject | null;
  /** Words after the head that name another thing, so that the head is not what the verb is about: the avatar of "user avatar removed". */
  readonly strangers: readonly string[];
  /** Whether the user is who did it: `user updated settings`. */
  readonly doer: boolean;
  readonly outcomeHint: Outcome | null;
  /** Whether somebody comes or goes: `user added to team`. */
  readonly moved: boolean;
}

/** A verb phrase such as "logged in" is as clear as a participle, and not more; so is a participle that nobody knows. */
const PHRASE_STRENGTH = 2.6;
/** The longest noun in the vocabulary has this many words. */
const MAX_NOUN_WORDS = 5;
/** The form of a participle; "need" and "feed" are none. */
const PARTICIPLE = /[^e]ed$/;
const MIN_PARTICIPLE_UNITS = 5;

/** What is done to accounts only, so that the user before such a verb did not do it. */
const OF_ACCOUNTS = new Set(['enable', 'disable', 'lock', 'unlock', 'invite']);
const CHANGES = new Set(['create', 'update', 'delete', 'enable', 'disable', 'reset']);
const SIGN_IN_OBJECTS = new Set(
  'user member password mfa sso security_settings api_key session authentication'.split(' '),
);

const VERB_OF = new Map(
  VERB_SPELLINGS.flatMap(([verb, strength, words]) =>
    words.split(' ').map((word) => [word, { verb, strength }] as const),
  ),
);
const OBJECT_OF = new Map(
  Object.entries(OBJECT_NAMES).flatMap(([object, names]) => names.split('|').flatMap(bothNumbers(object))),
);
const PART_OF = new Map(
  Object.entries(PART_NAMES).flatMap(([object, names]) => names.split('|').flatMap(bothNumbers(object))),
);
const OWNERS_OF = new Map(
  Object.entries(GENERIC_NOUNS).flatMap(([noun, owners]) => bothNumbers(new Set(owners.split(' ')))(noun)),
);

/** Reads the words of an event type. Pure; any words give a reading. */
export function read(words: readonly string[]): Reading {
  const { tokens, phrases } = mergePhrases(words.filter((word) => !STOP_WORDS.has(word)));
  const nouns = findObjects(tokens);
  const happened = verbThatHappened(findVerbs(tokens, phrases, nouns), nouns);
  const { verb } = happened;
  const agent = tokens.findIndex((token, at) => at > 0 && AGENT_PREPOSITIONS.has(token));
  const objects = nouns.filter(({ at }) => at !== verb?.at && (agent === -1 || at < agent));
  const { head, doer } = headOf(tokens, objects, verb);
  const rest = restOf(tokens, objects, head, verb, doer);
  const part = PART_OF.get(`${head?.object} ${rest.map((at) => tokens[at]).join(' ')}`);
  const whole =
    head === null || part === undefined ? head : { ...head, object: part, length: head.length + rest.length };
  return {
    tokens,
    objects,
    verb,
    undone: happened.undone || tokens.some((token) => BEFOREHAND.has(token)),
    head: whole,
    strangers: part === undefined ? strangersIn(tokens, rest, happened.told) : [],
    doer,
    outcomeHint: hintOf(tokens, verb, whole),
    moved: tokens.some((token) => MOTION_PREPOSITIONS.has(token)),
  };
}

function mergePhrases(words: readonly string[]): { tokens: string[]; phrases: Set<number> } {
  const tokens: string[] = [];
  const phrases = new Set<number>();
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const phrase = `${word} ${words[at + 1]}`;
    const merged = Object.hasOwn(PHRASES, phrase) ? PHRASES[phrase] : undefined;
    if (merged === undefined) {
      tokens.push(word);
    } else {
      // "sign in" is a noun as well, like "login"; "signed in" is not.
      if (word.endsWith('ed')) phrases.add(tokens.length);
      tokens.push(merged);
      at += 1;
    }
  }
  return { tokens, phrases };
}

function findObjects(tokens: readonly string[]): FoundObject[] {
  const found: FoundObject[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    for (let length = Math.min(MAX_NOUN_WORDS, tokens.length - at); length > 0; length -= 1) {
      const object = OBJECT_OF.get(tokens.slice(at, at + length).join(' '));
      if (object === undefined || (length === 1 && !isOwn(tokens, at))) continue;
      found.push({ object, at, length });
      at += length - 1;
      break;
    }
  }
  return found;
}

/** Whether a noun that many systems have is the Platform's own, by the word before it. */
function isOwn(tokens: readonly string[], at: number): boolean {
  const owners = OWNERS_OF.get(tokens[at] ?? '');
  const before = tokens[at - 1];
  if (owners === undefined || before === undefined) return true;
  if (owners.has(before) || PLACES.has(before) || PREPOSITIONS.has(before) || MODIFIERS.has(before))
    return true;
  const verb = VERB_OF.get(before);
  if (verb === undefined || OBJECT_OF.has(before) || CONNECTING.has(before)) return false;
  // In "access group deleted" the access is no verb, in "view group" it is.
  const another = tokens.slice(at + 1).some((token) => (VERB_OF.get(token)?.strength ?? 0) >= 2);
  return verb.strength > 1 || !another;
}

function findVerbs(
  tokens: readonly string[],
  phrases: ReadonlySet<number>,
  objects: readonly FoundObject[],
): FoundVerb[] {
  const compound = new Set(
    objects.filter((o) => o.length > 1).flatMap((o) => Array.from({ length: o.length }, (_, i) => o.at + i)),
  );
  return tokens.flatMap((token, at) => {
    const last = at === tokens.length - 1;
    const known = VERB_OF.get(token) ?? (last ? unknownParticiple(token) : undefined);
    // A token within a compound noun names the thing: in "saved query deleted" nothing was saved.
    if (known === undefined || compound.has(at) || (token === 'expired' && !last)) return [];
    // A session ends by a timeout; everything else fails by it.
    if (token === 'timeout' && tokens[at - 1] !== 'session') return [];
    const final = last || (known.strength > 1 && tokens.slice(at + 1).every(isOutcome));
    if (!actsOnSomething(at, final, objects)) return [];
    const strength = phrases.has(at) ? PHRASE_STRENGTH : known.strength;
    return [{ verb: known.verb, at, strength, score: strength + placeBonus(at, last, strength) }];
  });
}

/** A word that is a noun of the vocabulary too is a verb before another noun or after one: `run query`, `user search`. */
function actsOnSomething(at: number, final: boolean, objects: readonly FoundObject[]): boolean {
  if (!objects.some((found) => found.at === at)) return true;
  return objects.some((found) => found.at > at) || (final && objects.some((found) => found.at < at));
}

function unknownParticiple(token: string): { verb: string; strength: number } | undefined {
  const known = OBJECT_OF.has(token) || isOutcome(token) || MODIFIERS.has(token);
  if (known || token.length < MIN_PARTICIPLE_UNITS || !PARTICIPLE.test(token)) return undefined;
  return { verb: UNKNOWN, strength: PHRASE_STRENGTH };
}

/** English puts the verb last (`sync created`) or first (`create sync`); of two nouns, the first one is the verb (`run query`). */
function placeBonus(at: number, last: boolean, strength: number): number {
  if (at === 0 && strength <= 1) return 0.6;
  return last ? 0.5 : at === 0 ? 0.4 : 0;
}

function headOf(
  tokens: readonly string[],
  objects: readonly FoundObject[],
  verb: FoundVerb | null,
): { head: FoundObject | null; doer: boolean } {
  const middle = verb?.at ?? tokens.length;
  const before = objects.filter(({ at }) => at < Math.min(middle, prepositionFrom(tokens, 1)));
  // "Deletion of user" is about the user.
  const end = prepositionFrom(tokens, tokens[middle + 1] === 'of' ? middle + 2 : middle);
  const after = objects.filter(({ at }) => at > middle && at < end);
  // In "user updated settings" the user is who did it.
  const doer = before.length === 1 && before[0]?.object === 'user' && after.length > 0;
  return { head: (doer ? after : before).at(-1) ?? after.at(-1) ?? null, doer };
}

/** Where the next preposition stands: what follows it is not what the verb is about. */
function prepositionFrom(tokens: readonly string[], from: number): number {
  const found = tokens.findIndex((token, at) => at >= from && PREPOSITIONS.has(token));
  return found === -1 ? tokens.length : found;
}

/** The words that say what of the head the verb is about: those between the two, or all up to a preposition where the verb comes first. */
function restOf(
  tokens: readonly string[],
  objects: readonly FoundObject[],
  head: FoundObject | null,
  verb: FoundVerb | null,
  doer: boolean,
): readonly number[] {
  const afterVerb = verb === null ? [] : indexes(verb.at + 1, prepositionFrom(tokens, verb.at));
  if (verb?.verb === 'login' || verb?.verb === 'logout')
    return afterVerb.filter((at) => !signsIn(tokens, objects, at));
  if (head === null) return [];
  const from = head.at + head.length;
  const end = prepositionFrom(tokens, from);
  if (verb === null || head.at > verb.at) return indexes(from, end);
  const mayHaveDoneIt = !doer && head.object === 'user' && verb.strength > 2 && !OF_ACCOUNTS.has(verb.verb);
  return [...indexes(from, Math.min(verb.at, end)), ...(mayHaveDoneIt ? afterVerb : [])];
}

/** Whether people sign in by or to the thing at a place: "login google", "login user"; a login alert is another thing. */
function signsIn(tokens: readonly string[], objects: readonly FoundObject[], at: number): boolean {
  const object = objects.find((found) => found.at <= at && at < found.at + found.length)?.object ?? '';
  return SIGN_IN_OBJECTS.has(object) || SIGN_IN_WAYS.has(tokens[at] ?? '');
}

function indexes(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, step) => from + step);
}

/** The words that name a thing, as far as anybody can tell. */
function strangersIn(
  tokens: readonly string[],
  rest: readonly number[],
  told: ReadonlySet<number>,
): string[] {
  const words = rest.filter((at) => !told.has(at)).flatMap((at) => tokens[at] ?? []);
  return words.filter((word) => {
    if (MODIFIERS.has(word) || PREPOSITIONS.has(word) || isOutcome(word)) return false;
    return !/^\d|ly$/.test(word) && (VERB_OF.get(word)?.strength ?? 0) < 3;
  });
}

function isOutcome(token: string): boolean {
  return FAILURE_WORDS.has(token) || SUCCESS_WORDS.has(token) || FAILURE_AT_END.has(token);
}

/** What the words say of the outcome. Before a participle they only describe: an "error report viewed" was viewed. */
function hintOf(tokens: readonly string[], verb: FoundVerb | null, head: FoundObject | null): Outcome | null {
  const from = verb !== null && verb.strength >= 3 ? verb.at + 1 : 0;
  const said = indexes(from, tokens.length)
    .filter((at) => head === null || at < head.at || at >= head.at + head.length)
    .filter((at) => !FAILURE_AT_END.has(tokens[at] ?? '') || failsAt(tokens, verb, at))
    .map((at) => tokens[at] ?? '');
  if (said.some((token) => FAILURE_WORDS.has(token) || FAILURE_AT_END.has(token))) return 'failure';
  return said.some((token) => SUCCESS_WORDS.has(token)) ? 'success' : null;
}

/** "Query timeout" failed; "update query timeout" did not. */
function failsAt(tokens: readonly string[], verb: FoundVerb | null, at: number): boolean {
  if (verb !== null && (verb.at === at || CHANGES.has(verb.verb))) return false;
  const next = tokens[at + 1];
  return next === undefined || PREPOSITIONS.has(next) || VERB_OF.get(next)?.verb === 'login';
}

/** A noun's singular and plural, both with what it stands for. */
function bothNumbers<Meaning>(meaning: Meaning): (noun: string) => [string, Meaning][] {
  return (noun) => [
    [noun, meaning],
    [/[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`, meaning],
  ];
}
