import type { Facts } from '../facts.ts';
import { isLeftOut, visibleRows } from '../facts.ts';
import type { Checker, Fail } from './checker.ts';

/** Ids named in a failure. */
const NAMED = 5;

/** Promise 1: what the Platform shows at the end is in the journal, and from there in each sink or its dead letters. */
export function noLoss(facts: Facts, fail: Fail): Checker {
  return {
    name: 'no loss',
    async atRest() {
      const lost = visibleRows(facts).filter(({ id }) => !facts.known.has(id));
      if (lost.length > 0) {
        const named = lost.slice(0, NAMED).map(({ id, listedNs }) => `${id} of ${listedNs}`);
        fail(`${lost.length} events of the Platform never reached the journal: ${named.join(', ')}`);
      }
      for (const [sink, receiver] of facts.receivers) {
        const gone = facts.journaled.filter(
          (id) => !receiver.store.has(id) && !facts.dead.get(sink)?.has(id) && !isLeftOut(facts, sink, id),
        );
        if (gone.length > 0)
          fail(`${gone.length} journaled events are nowhere at ${sink}: ${gone.slice(0, NAMED).join(', ')}`);
      }
    },
  };
}
