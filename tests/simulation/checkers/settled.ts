import type { Facts } from '../facts.ts';
import { isLeftOut } from '../facts.ts';
import type { Checker, Fail } from './checker.ts';

/** Promise 1 at each step: a cursor only moves forward, and only over what is delivered, refused for good or left out. */
export function settled(facts: Facts, fail: Fail): Checker {
  return {
    name: 'settled',
    async born(journal) {
      for (const [sink, upTo] of facts.cursors) {
        const cursor = await journal.cursor(sink);
        if (cursor !== upTo) fail(`the cursor of ${sink} came back as ${cursor}, ${upTo} was committed`);
      }
    },
    begun(sink, seq) {
      for (const id of facts.journaled.slice(Number(facts.cursors.get(sink) ?? 0n), Number(seq))) {
        if (!facts.missed.get(sink)?.has(id))
          fail(`${sink} passes ${id}, which was pruned, without a finding`);
      }
    },
    settling(sink, upTo, rejected) {
      const from = facts.cursors.get(sink) ?? 0n;
      if (upTo < from) fail(`the cursor of ${sink} is to move back from ${from} to ${upTo}`);
      const refused = new Set(rejected.map(({ event }) => event.id));
      const store = facts.receivers.get(sink)?.store;
      for (let seq = from + 1n; seq <= upTo; seq += 1n) {
        const id = facts.journaled[Number(seq) - 1];
        if (id === undefined) fail(`${sink} settles ${seq}, which is not in the journal`);
        else if (!store?.has(id) && !refused.has(id) && !isLeftOut(facts, sink, id)) {
          fail(`${sink} settles ${seq} (${id}), which it neither has nor refused`);
        }
      }
    },
  };
}
