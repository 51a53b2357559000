import type { Facts } from '../facts.ts';
import type { Checker, Fail } from './checker.ts';

/**
 * Promise 2, towards the sinks: a repeat carries the id that the journal gave it, and comes only where nobody could know
 * better: the answer was lost, or a crash came between the receiver's store and our cursor.
 */
export function repeats(facts: Facts, fail: Fail): Checker {
  /** Stored ids whose repeat would be no surprise, by sink. */
  const excused = new Map<string, Set<string>>();
  /** Stored in this life and heard of. */
  const heard = new Map<string, Set<string>>();
  return {
    name: 'repeats',
    async born() {
      for (const ids of heard.values()) ids.clear();
    },
    sendStarted(sink, batch) {
      for (const { canonical, heartbeat } of batch.items) {
        if (heartbeat !== undefined) continue;
        const id = facts.journaled[Number(canonical.seq) - 1];
        if (id !== canonical.id)
          fail(`${sink}: seq ${canonical.seq} goes out as ${canonical.id}, the journal has ${id}`);
      }
    },
    stored(sink, id, copies) {
      const before = setOf(heard, sink).has(id);
      setOf(heard, sink).add(id);
      if (copies === 1 || setOf(excused, sink).has(id)) return;
      if (before) fail(`${sink} got ${id} again without need`);
      const seq = BigInt(facts.journaled.indexOf(id) + 1);
      const asDeadLetter = facts.dead.get(sink)?.has(id) === true;
      if (seq <= (facts.cursors.get(sink) ?? 0n) && !asDeadLetter) {
        fail(`${sink} got ${id} again, which was settled before`);
      }
    },
    sendEnded(sink, _batch, _how, storedUnheard) {
      for (const id of storedUnheard) setOf(excused, sink).add(id);
    },
  };
}

function setOf(sets: Map<string, Set<string>>, name: string): Set<string> {
  const found = sets.get(name) ?? new Set<string>();
  sets.set(name, found);
  return found;
}
