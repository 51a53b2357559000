import type { Facts } from '../facts.ts';
import type { Checker, Fail } from './checker.ts';

const LETTERS_LIMIT = 100_000;

/** At rest every cursor is at the head, and the dead letters in the journal are those that were committed. */
export function rest(facts: Facts, fail: Fail): Checker {
  return {
    name: 'rest',
    async atRest(journal) {
      const { headSeq } = await journal.size();
      for (const sink of facts.receivers.keys()) {
        const cursor = await journal.cursor(sink);
        if (cursor !== headSeq) fail(`${sink} rests at ${cursor}, the journal's head is ${headSeq}`);
        const letters = await journal.deadLetters({ owner: sink, limit: LETTERS_LIMIT });
        const held = letters.map((letter) => letter.event?.id ?? '').toSorted();
        const wanted = [...(facts.dead.get(sink) ?? [])].toSorted();
        if (held.join() !== wanted.join()) {
          fail(`${sink} has ${held.length} dead letters in the journal, ${wanted.length} were committed`);
        }
      }
    },
  };
}
