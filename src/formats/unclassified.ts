import type { Classification } from './format.ts';
import { UNKNOWN } from './vocabulary.ts';

/** True where the event is passed on under "other" because nobody could tell what it is: marked, and counted. */
export function isUnclassified(classification: Classification): boolean {
  return classification.domain === UNKNOWN || classification.verb === UNKNOWN;
}
