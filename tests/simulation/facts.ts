import type { MalformedItem, Window } from '../../src/model/event.ts';
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
  /** Events, as text, that the source set aside because they could not be read. Not by id: some state none. */
  readonly setAside: Set<string>;
  /** Windows that the source calls open, as last committed. */
  open: readonly Window[];
  /** Lives so far. */
  lives: number;
}

/** Whether the sink's `where` leaves this event out; decided here by the scenario, not by the product. */
export function isLeftOut(facts: Facts, sink: string, id: string): boolean {
  const only = facts.receivers.get(sink)?.scenario.only ?? '';
  return only !== '' && !(facts.types.get(id) ?? '').toLowerCase().includes(only);
}

export interface VisibleRow {
  /** The item as text, which tells events apart whatever ids they state. */
  readonly item: string;
  /** The time that the Platform lists it by. */
  readonly listedNs: bigint;
  readonly poison: boolean;
}

/** What the Platform lists now, as it is written while no field is renamed; what cannot be an event is left out. */
export function visibleRows(facts: Facts): VisibleRow[] {
  return facts.platform
    .visibleEvents()
    .filter((event) => !event.malformed)
    .map(({ json, listedNs, poison }) => ({ item: asUsual(json), listedNs, poison }));
}

/** The name that the time of an event has while a field is renamed. */
export const RENAMED_TIME = 'createdAt';
const RENAMED_KEY = `${JSON.stringify(RENAMED_TIME)}:`;

/** The item as it is listed while no field is renamed: what the journal would have of it. */
export function asUsual(item: string): string {
  return item.replace(RENAMED_KEY, '"created_at":');
}

/**
 * Remembers which events only the other name of a field made unreadable; what is never an event is not meant. The other name stands in the
 * item itself: by the time that it is committed the field may have its own again.
 */
export function noteSetAside(facts: Facts, malformed: readonly MalformedItem[]): void {
  const items = malformed.map(({ bytes }) => bytes.toString()).filter((text) => text.includes(RENAMED_KEY));
  if (items.length === 0) return;
  const events = new Set(visibleRows(facts).map(({ item }) => item));
  for (const item of items.map(asUsual)) if (events.has(item)) facts.setAside.add(item);
}
