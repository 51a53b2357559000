import type { Platform } from '../../src/simulator/platform.ts';
import type { Receiver } from './receiver.ts';
import type { Scenario } from './scenario.ts';

/** What the simulation knows to be true, gathered at the seams and never asked of the daemon itself. */
export interface Facts {
  readonly scenario: Scenario;
  readonly platform: Platform;
  readonly receivers: ReadonlyMap<string, Receiver>;
  /** Ids in journal order: the id of seq n stands at n - 1. */
  readonly journaled: string[];
  /** Of journaled events, by id. */
  readonly types: Map<string, string>;
  /** Items that the journal has appended, as text. */
  readonly kept: Set<string>;
  /** Items, as text, that the journal knows: kept or left out by the source's filters. */
  readonly known: Set<string>;
  /** The last settled seq of each sink. */
  readonly cursors: Map<string, bigint>;
  /** Ids that a sink never gets, which a finding names or which were gone before it was new, by sink. */
  readonly missed: Map<string, Set<string>>;
  /** Ids refused for good, by sink. */
  readonly dead: Map<string, Set<string>>;
  /** Lives so far. */
  lives: number;
}

/** Whether the sink's `where` leaves this event out; decided here by the scenario, not by the product. */
export function isLeftOut(facts: Facts, sink: string, id: string): boolean {
  const only = facts.receivers.get(sink)?.scenario.only ?? '';
  return only !== '' && !(facts.types.get(id) ?? '').toLowerCase().includes(only);
}

/** What the Platform lists now: the items as text, which tell events apart whatever ids they state; what cannot be an event is left out. */
export function visibleRows(facts: Facts): { readonly item: string; readonly createdNs: bigint }[] {
  return facts.platform
    .visibleEvents()
    .filter((event) => !event.malformed)
    .map((event) => ({ item: event.json, createdNs: event.createdNs }));
}
