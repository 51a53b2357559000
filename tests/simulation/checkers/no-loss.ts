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
      const lost = visibleRows(facts).filter(({ item }) => !facts.known.has(item));
      if (lost.length > 0) {
        const named = lost.slice(0, NAMED).map(({ item, listedNs }) => `${listedNs} ${item.slice(0, 60)}`);
        fail(`${lost.length} events of the Platform never reached the journal: ${named.join(', ')}`);
      }
      for (const [sink, receiver] of facts.receivers) {
        const gone = facts.journaled.filter(
          (id) =>
            !receiver.store.has(id) &&
            !facts.dead.get(sink)?.has(id) &&
            !facts.missed.get(sink)?.has(id) &&
            !isLeftOut(facts, sink, id),
        );
        if (gone.length > 0)
          fail(`${gone.length} journaled events are nowhere at ${sink}: ${gone.slice(0, NAMED).join(', ')}`);
      }
    },
  };
}
