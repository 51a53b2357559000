import { globOf } from '../model/glob.ts';
import type { Classification } from './format.ts';
import type { EventTypeRow } from './options.ts';
import { read, type Reading } from './lexer.ts';
import { meaningOf } from './meaning.ts';
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
  const meant = meaningOf(reading);
  const row = findRow(eventType, slug);
  const object = row?.object ?? meant.object;
  const verb = row?.action ?? meant.verb;
  const domain = row?.category ?? (row?.object === undefined ? meant.domain : domainOf(row.object));
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
    rule: row === null ? meant.rule : 'table',
    row,
  };
}

function confidenceOf(domain: string, verb: string, reading: Reading): Classification['confidence'] {
  if (domain === UNKNOWN || verb === UNKNOWN) return 'low';
  return reading.verb !== null && reading.verb.strength > 1 ? 'high' : 'medium';
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
