/**
 * - complete     Platform, journal and every sink agree
 * - undelivered  the journal has everything, but not every sink has, and it is known what became of the rest
 * - incomplete   something is missing, altered, or not read
 */
export const VERDICTS = ['complete', 'undelivered', 'incomplete'] as const;

/** The one answer to "is everything where it should be?", wherever it is given. */
export interface Verdict {
  readonly verdict: (typeof VERDICTS)[number];
  /** For a person. When it is not complete, the first sentence says why. */
  readonly summary: string;
  /** Every reason by itself; empty when it is complete. */
  readonly reasons: readonly string[];
}

/** What became of the events that a sink should have and has not. Every event is counted once, held ones as waiting too. */
export interface Shortfall {
  /** In the journal, after the sink's cursor. */
  readonly waiting: number;
  /** Of those: as many as a hold keeps back. */
  readonly held: number;
  /** Refused by the receiver, and neither delivered nor discarded since. */
  readonly deadLetters: number;
  /** Let go by the journal before the sink had them. */
  readonly prunedBeforeDelivery: number;
  /** Older than the sink's receiver takes. */
  readonly tooOld: number;
  /** Delivered by our account, and not at the receiver. */
  readonly missing: number;
  /** Delivered by our account, while the receiver could not be asked. */
  readonly unconfirmed: number;
}

export const NO_SHORTFALL: Shortfall = {
  waiting: 0,
  held: 0,
  deadLetters: 0,
  prunedBeforeDelivery: 0,
  tooOld: 0,
  missing: 0,
  unconfirmed: 0,
};

export interface SinkStanding extends Shortfall {
  readonly name: string;
  /** Why events wait, as far as that is known. */
  readonly waitsFor: string | null;
  /** Why the receiver could not be asked, although it is one that can be. */
  readonly unasked: string | null;
}

export interface Evidence {
  /** What is missing, altered or unread up to the journal, one clause each. */
  readonly lacks: readonly string[];
  readonly sinks: readonly SinkStanding[];
  /** What may be said when nothing is lacking: how far it reaches and what it rests on. */
  readonly complete: string;
  /** What may be said of the journal when only sinks lack something: a sentence. */
  readonly journal: string;
}

/** Clauses that the first sentence holds; the others are among the reasons. */
export const TOLD = 5;

export function verdictOf({ lacks, sinks, complete, journal }: Evidence): Verdict {
  const missing = sinks.flatMap(missingClause);
  const undelivered = sinks.flatMap((sink) =>
    undeliveredClause(sink).map((clause) => `sink ${sink.name}: ${clause}`),
  );
  const reasons = [...lacks, ...missing, ...undelivered];
  if (lacks.length + missing.length > 0)
    return { verdict: 'incomplete', summary: sentence('incomplete', reasons), reasons };
  if (undelivered.length > 0)
    return {
      verdict: 'undelivered',
      summary: `${sentence('undelivered', reasons)} ${journal}`,
      reasons,
    };
  return { verdict: 'complete', summary: `complete: ${complete}.`, reasons };
}

function missingClause({ name, missing }: SinkStanding): string[] {
  return missing === 0 ? [] : [`sink ${name}: missing at the receiver: ${events(missing)}`];
}

/** What became of the events that a sink should have, in one clause; none when it has them all. */
export function undeliveredClause(sink: SinkStanding): string[] {
  const { waiting, held, deadLetters, prunedBeforeDelivery, tooOld, unconfirmed } = sink;
  const why = sink.waitsFor === null ? '' : ` (${sink.waitsFor})`;
  const keeps = held === 0 ? '' : held === waiting ? ', held' : `, ${number(held)} of them held`;
  const parts = [
    waiting === 0 ? '' : `${events(waiting)} waiting${keeps}${why}`,
    deadLetters === 0 ? '' : counted(deadLetters, 'dead letter'),
    prunedBeforeDelivery === 0 ? '' : `${events(prunedBeforeDelivery)} pruned before delivery`,
    tooOld === 0 ? '' : `${events(tooOld)} too old for the receiver`,
    unconfirmed === 0 ? '' : `${events(unconfirmed)} unconfirmed`,
    sink.unasked === null ? '' : `the receiver could not be asked about all of it: ${sink.unasked}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? [] : [parts.join(', ')];
}

function sentence(word: string, clauses: readonly string[]): string {
  const more = clauses.length - TOLD;
  const told = clauses.slice(0, TOLD).join('; ');
  return `${word}: ${told}${more > 0 ? `; and ${number(more)} more reasons` : ''}.`;
}

/** How the reason of an event begins that was too old for its sink: it is a dead letter, and counted apart. */
export const TOO_OLD = 'too old: ';

export const number = (value: number): string => value.toLocaleString('en-US');
export const counted = (value: number, one: string): string =>
  `${number(value)} ${one}${value === 1 ? '' : 's'}`;

export function events(count: number): string {
  return counted(count, 'event');
}
