import type { Facts } from '../facts.ts';
import type { Checker, Fail } from './checker.ts';

/** Promise 2: an event stands in the journal once, by its id and by what it says, and what was committed there survives every crash. */
export function once(facts: Facts, fail: Fail): Checker {
  return {
    name: 'once',
    async born(journal) {
      const { headSeq } = await journal.size();
      if (headSeq !== BigInt(facts.journaled.length)) {
        fail(`the journal came back with ${headSeq} events, ${facts.journaled.length} were committed`);
      }
    },
    appended(_harvest, repeated) {
      if (repeated.length > 0) fail(`the journal holds ${repeated.join(', ')} twice`);
    },
  };
}
