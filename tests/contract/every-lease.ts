import type { Duty, Journal, Lease } from '../../src/checkpoint/journal.ts';

/** The journal as one sees it who holds whatever a write needs: each lease is claimed before the first write that does. */
export function everyLease(journal: Journal): Journal {
  const leases = new Map<Duty, Promise<Lease>>();
  const { signal } = new AbortController();
  const holding = async (...duties: Duty[]): Promise<Journal> => {
    const held = duties.map((duty) => {
      const lease = leases.get(duty) ?? journal.claim(duty, signal);
      leases.set(duty, lease);
      return lease;
    });
    return journal.under(...(await Promise.all(held)));
  };
  return {
    ...journal,
    append: async (source, ...rest) => (await holding(`source:${source}`)).append(source, ...rest),
    begin: async (sink, ...rest) => (await holding(`sink:${sink}`)).begin(sink, ...rest),
    moveCursor: async (sink, ...rest) => (await holding(`sink:${sink}`)).moveCursor(sink, ...rest),
    keepSegment: async (sink, segment) => (await holding(`sink:${sink}`)).keepSegment(sink, segment),
    addDeadLetters: async (sink, rejected) => (await holding(`sink:${sink}`)).addDeadLetters(sink, rejected),
    recordRetried: async (delivered, refused, kept) =>
      (await holding(`sink:${kept?.sink ?? 'splunk'}`)).recordRetried(delivered, refused, kept),
    prune: async (...args) => (await holding('upkeep')).prune(...args),
    pruneFindings: async (before) => (await holding('upkeep')).pruneFindings(before),
  };
}
