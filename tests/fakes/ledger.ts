import type { Finding, Json, NewEvent, Window } from '../../src/model/event.ts';
import type { Harvest, Reader } from '../../src/sources/source.ts';

/** A journal of the smallest kind, for tests of a source alone: ids in memory, harvests committed in order. */
export interface Ledger extends Reader {
  readonly events: Map<string, NewEvent>;
  readonly findings: Finding[];
  readonly harvests: Harvest[];
  malformed: number;
  progress: Json | null;
  commit(harvest: Harvest): void;
}

export function createLedger(): Ledger {
  const events = new Map<string, NewEvent>();
  const inside = (event: NewEvent, window: Window): boolean =>
    event.createdNs >= window.startNs && event.createdNs <= window.endNs;
  const ledger: Ledger = {
    events,
    findings: [],
    harvests: [],
    malformed: 0,
    progress: null,
    commit(harvest) {
      for (const event of harvest.events) if (!events.has(event.id)) events.set(event.id, event);
      ledger.findings.push(...harvest.findings);
      ledger.harvests.push(harvest);
      ledger.malformed += harvest.malformed.length;
      if (harvest.progress !== null) ledger.progress = JSON.parse(JSON.stringify(harvest.progress)) as Json;
    },
    count: async (window) => [...events.values()].filter((event) => inside(event, window)).length,
    known: async (asked) => asked.map(({ id }) => (events.has(id) ? id : null)),
    missing: async (window, seen, limit) =>
      [...events.values()]
        .filter((event) => inside(event, window) && !seen.has(event.id))
        .map((event) => event.id)
        .slice(0, limit),
    doubt: async () => null,
  };
  return ledger;
}
