import { asUsual } from '../facts.ts';
import type { Facts } from '../facts.ts';
import type { Checker, Fail } from './checker.ts';

/** So many unreadable events in a row may be single ones; a life begins to count anew. */
const IN_A_ROW = 5;
const LETTERS_LIMIT = 100_000;

/**
 * A field with another name makes nothing of the log a dead letter but the first few, and what could be read since is none any
 * more; what fails is said as long as it does and not longer.
 */
export function reading(facts: Facts, fail: Fail): Checker {
  return {
    name: 'reading',
    appended() {
      const limit = IN_A_ROW * facts.lives;
      if (facts.setAside.size > limit)
        fail(`${facts.setAside.size} events are set aside as unreadable in ${facts.lives} lives`);
    },
    async atRest(journal) {
      const letters = await journal.deadLetters({
        owner: 'platform',
        states: ['open'],
        limit: LETTERS_LIMIT,
      });
      const readable = letters.filter(({ bytes }) => facts.known.has(asUsual(bytes.toString())));
      if (readable.length > 0)
        fail(`${readable.length} dead letters of the source are events in the journal`);
      const findings = await journal.findings({ unacknowledgedOnly: true, limit: LETTERS_LIMIT });
      const stale = findings.filter(({ kind }) => kind.startsWith('unreadable_'));
      if (stale.length > 0) fail(`still called unreadable at rest: ${stale[0]?.summary ?? ''}`);
    },
  };
}
