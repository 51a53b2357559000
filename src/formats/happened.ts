/** A word that may be the verb. */
export interface FoundVerb {
  readonly verb: string;
  readonly at: number;
  /** 3 a participle, 2 an imperative, less a word that is a noun as well. */
  readonly strength: number;
  /** The strength, and what its place adds. */
  readonly score: number;
}

export interface Happened {
  readonly verb: FoundVerb | null;
  readonly undone: boolean;
  /** Where the words stand that make up the verb. */
  readonly told: ReadonlySet<number>;
}

/** Verbs that say how far another verb got. */
const STAGES = new Set(['finish', 'start', 'stop', 'accept', 'request', 'plan', 'undo']);
/** Stages that take back or put off the clearest verb: `request password reset`. In between they are nouns, as in `access request created`. */
const INTENTIONS = new Set(['request', 'plan', 'undo']);
/** What is done with things rather than to them: begun and asked for is as good as done. */
const OPERATIONS = new Set(['read', 'export', 'share', 'execute']);

/**
 * Of all verbs the one that happened. `export completed` is an export, `export started` too; but `deletion requested`, `undo delete` and
 * `cancel deletion` delete nothing.
 */
export function verbThatHappened(
  verbs: readonly FoundVerb[],
  objects: readonly { readonly at: number }[],
): Happened {
  const main = clearest(verbs);
  if (main === null) return { verb: null, undone: false, told: new Set() };
  const others = verbs.filter((verb) => verb !== main && !objects.some(({ at }) => at === verb.at));
  const inner = clearest(others.filter(({ verb, strength }) => !STAGES.has(verb) && strength < 3));
  const alone = { verb: main, undone: false, told: new Set([main.at]) };
  if (!STAGES.has(main.verb)) {
    const intention = others.find(({ verb, at }) => INTENTIONS.has(verb) && (at === 0 || at > main.at));
    if (intention === undefined) return alone;
    return { ...alone, undone: intention.verb === 'undo' || !OPERATIONS.has(main.verb) };
  }
  if (inner === null) return alone;
  const told = new Set([main.at, inner.at]);
  const operation = OPERATIONS.has(inner.verb);
  if (main.verb === 'stop' && operation) return { verb: main, undone: false, told };
  const begun = main.verb === 'finish' || ((main.verb === 'start' || main.verb === 'request') && operation);
  return { verb: inner, undone: !begun, told };
}

function clearest(verbs: readonly FoundVerb[]): FoundVerb | null {
  return verbs.reduce<FoundVerb | null>(
    (best, verb) => (best === null || verb.score > best.score ? verb : best),
    null,
  );
}
