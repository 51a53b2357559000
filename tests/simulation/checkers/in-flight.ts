import type { Facts } from '../facts.ts';
import type { Checker, Fail } from './checker.ts';

/** Nothing waits in memory beyond its limit: lanes of a sink, events and bytes of a batch. */
export function inFlight(facts: Facts, fail: Fail): Checker {
  const lanes = new Map<string, number>();
  return {
    name: 'in flight',
    async born() {
      lanes.clear();
    },
    sendStarted(sink, batch) {
      const limits = facts.receivers.get(sink)?.scenario;
      if (limits === undefined) return;
      const now = (lanes.get(sink) ?? 0) + 1;
      lanes.set(sink, now);
      if (now > limits.concurrent)
        fail(`${sink}: ${now} batches in flight, the limit is ${limits.concurrent}`);
      if (batch.items.length > limits.maxEvents) fail(`${sink}: a batch of ${batch.items.length} events`);
      const bytes = batch.items.reduce((sum, item) => sum + Buffer.byteLength(item.body), 0);
      if (bytes > limits.maxBytes && batch.items.length > 1) fail(`${sink}: a batch of ${bytes} bytes`);
    },
    sendEnded(sink) {
      lanes.set(sink, (lanes.get(sink) ?? 1) - 1);
    },
  };
}
