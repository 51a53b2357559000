import type { Facts } from '../facts.ts';
import { isAmong } from '../receiver.ts';
import type { Checker, Fail } from './checker.ts';

/** Small batches may lose this many events to dead letters before it shows that a receiver refuses everything. */
const BEFORE_GUARD = 5;

/**
 * Promise 4: only what a receiver refuses for good becomes a dead letter. When a receiver refuses everything the first few
 * cannot be told from poison; a new life has to learn it again.
 */
export function poison(facts: Facts, fail: Fail): Checker {
  const innocents = new Map<string, number>();
  return {
    name: 'poison',
    settling(sink, _upTo, rejected) {
      const receiver = facts.receivers.get(sink);
      if (receiver === undefined) return;
      for (const { event } of rejected) {
        if (isAmong(event.id, receiver.scenario.poison)) continue;
        if (isAmong(event.id, receiver.scenario.unrenderable)) continue;
        const key = `${sink} ${facts.lives}`;
        innocents.set(key, (innocents.get(key) ?? 0) + 1);
        const spells = facts.scenario.plans.filter(
          (plan) => plan.kind === 'mass rejection' && plan.sink === sink,
        ).length;
        if ((innocents.get(key) ?? 0) > spells * BEFORE_GUARD) {
          fail(`${sink}: ${event.id} became a dead letter, and it is no poison`);
        }
      }
    },
  };
}
