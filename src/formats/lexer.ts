import {
  FAILURE_BESIDE_VERB,
  FAILURE_WORDS,
  OBJECT_NAMES,
  PREPOSITIONS,
  STOP_WORDS,
  SUCCESS_WORDS,
  VERB_PHRASES,
  VERB_SPELLINGS,
} from './data/lexicon.ts';
import type { Outcome } from './format.ts';

/** A noun found among the words: where it stands, how many words it has. */
export interface FoundObject {
  readonly object: string;
  readonly at: number;
  readonly length: number;
}

export interface FoundVerb {
  readonly verb: string;
  readonly at: number;
  /** 3 a participle, 2 an imperative, 1 a word that is as often a noun. */
  readonly strength: number;
}

/** What an event type says before anybody interprets it. */
export interface Reading {
  /** The words that count, verb phrases merged into one. */
  readonly tokens: readonly string[];
  readonly objects: readonly FoundObject[];
  readonly verb: FoundVerb | null;
  /** The object that the verb is about. */
  readonly head: FoundObject | null;
  readonly outcomeHint: Outcome | null;
  /** Whether a preposition stands among the words: `user added to team`. */
  readonly related: boolean;
}

/** A verb phrase such as "logged in" is as clear as a participle, and not more. */
const PHRASE_STRENGTH = 2.6;
/** The longest noun in the vocabulary has this many words. */
const MAX_NOUN_WORDS = 5;

const VERB_OF = new Map(
  VERB_SPELLINGS.flatMap(([verb, strength, words]) =>
    words.split(' ').map((word) => [word, { verb, strength }] as const),
  ),
);
const OBJECT_OF = new Map(
  Object.entries(OBJECT_NAMES).flatMap(([object, names]) =>
    names.split('|').flatMap((name) => [[name, object] as const, [pluralOf(name), object] as const]),
  ),
);

/** Reads the words of an event type. Pure; any words give a reading. */
export function read(words: readonly string[]): Reading {
  const { tokens, phrases } = mergePhrases(words.filter((word) => !STOP_WORDS.has(word)));
  const objects = findObjects(tokens);
  const verb = findVerb(tokens, phrases, objects);
  const elsewhere = objects.filter((found) => verb === null || found.at !== verb.at);
  return {
    tokens,
    objects: elsewhere,
    verb,
    head: headOf(tokens, elsewhere, verb),
    outcomeHint: hintOf(tokens, verb),
    related: tokens.some((token) => PREPOSITIONS.has(token)),
  };
}

function mergePhrases(words: readonly string[]): { tokens: string[]; phrases: Set<number> } {
  const tokens: string[] = [];
  const phrases = new Set<number>();
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const verb = Object.hasOwn(VERB_PHRASES, `${word} ${words[at + 1]}`)
      ? VERB_PHRASES[`${word} ${words[at + 1]}`]
      : undefined;
    if (verb === undefined) {
      tokens.push(word);
    } else {
      phrases.add(tokens.length);
      tokens.push(verb);
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
      if (object === undefined) continue;
      found.push({ object, at, length });
      at += length - 1;
      break;
    }
  }
  return found;
}

function findVerb(
  tokens: readonly string[],
  phrases: ReadonlySet<number>,
  objects: readonly FoundObject[],
): FoundVerb | null {
  const compound = new Set(
    objects.filter((o) => o.length > 1).flatMap((o) => Array.from({ length: o.length }, (_, i) => o.at + i)),
  );
  let best: (FoundVerb & { score: number }) | null = null;
  for (const [at, token] of tokens.entries()) {
    const known = VERB_OF.get(token);
    const last = at === tokens.length - 1;
    // A token within a compound noun names the thing: in "saved query deleted" nothing was saved.
    if (known === undefined || compound.has(at) || (token === 'expired' && !last)) continue;
    const strength = phrases.has(at) ? PHRASE_STRENGTH : known.strength;
    const score = strength + placeBonus(at, last, strength);
    if (best === null || score > best.score) best = { verb: known.verb, at, strength, score };
  }
  return best === null ? null : { verb: best.verb, at: best.at, strength: best.strength };
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
): FoundObject | null {
  if (verb === null) return objects.at(-1) ?? null;
  const before = objects.filter((found) => found.at < verb.at);
  const stop = tokens.findIndex((token, at) => at > verb.at && PREPOSITIONS.has(token));
  const after = objects.filter((found) => found.at > verb.at && (stop === -1 || found.at < stop));
  // In "user updated settings" the user is who did it.
  const doer = before.length === 1 && before[0]?.object === 'user' && after.length > 0;
  return (doer ? after : before).at(-1) ?? after.at(-1) ?? objects[0] ?? null;
}

function hintOf(tokens: readonly string[], verb: FoundVerb | null): Outcome | null {
  for (const [at, token] of tokens.entries()) {
    if (FAILURE_WORDS.has(token)) return 'failure';
    if (FAILURE_BESIDE_VERB.has(token) && verb !== null && verb.at !== at) return 'failure';
  }
  return tokens.some((token) => SUCCESS_WORDS.has(token)) ? 'success' : null;
}

function pluralOf(name: string): string {
  return /[^aeiou]y$/.test(name) ? `${name.slice(0, -1)}ies` : `${name}s`;
}
