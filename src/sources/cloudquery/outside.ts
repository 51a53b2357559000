import { ForwardError } from '../../model/errors.ts';
import { identityKey } from '../../model/event-id.ts';
import type { Finding, Json, Window } from '../../model/event.ts';
import { formatTime, msToNs, NS_PER_SECOND } from '../../model/time.ts';
import { formatDuration } from '../../model/units.ts';
import type { HeldEvents } from '../source.ts';
import { mayAskForLess } from './client.ts';
import type { Client } from './client.ts';
import { AnswerFault } from './wire.ts';
import type { Page, ReadItem } from './wire.ts';

/** How far a row may lie outside its window: a server may cut the bounds, or the times it shows, to whole seconds. */
const TOLERANCE_NS = NS_PER_SECOND;
/** Time zones differ by multiples of this. */
const ZONE_STEP_NS = 900n * NS_PER_SECOND;
const ZONE_LIMIT_NS = 14n * 3600n * NS_PER_SECOND;
/** So many different events must lie outside in the same way before it is taken for a rule. */
const EVIDENCE = 3;
/** More in one window than this are not named one by one: the rule will be. */
const NAMED_LIMIT = 5;
/** Rows that lie elsewhere are kept with the progress, the newest so many. */
const STRAYS_LIMIT = 1_000;

export function isOutside(ns: bigint, window: Window, offsetNs = 0n): boolean {
  const listedNs = ns - offsetNs;
  return listedNs < window.startNs - TOLERANCE_NS || listedNs > window.endNs + TOLERANCE_NS;
}

/** Nothing is as old as this: a server that heeds the time filter has no row here. */
export const EPOCH: Window = { startNs: 0n, endNs: NS_PER_SECOND };

const EVER: Window = { startNs: 0n, endNs: msToNs(Date.UTC(2100, 0, 1)) };

/** So few rows that are listed whatever is asked for may be strays; more are an answer that heeds no filter. */
const ALWAYS_LISTED_LIMIT = 5;

/**
 * Rows outside of what was asked for may be rows that the server lists by another time than it shows. A server that does not
 * heed the filter at all is another thing: what it answers says nothing about any window. It shows rows for a second of 1970
 * as well. A refusal of that second heeds it, too; and a few rows that are in every answer are strays as long as other
 * answers hold more than these.
 */
export async function assertFiltered(
  client: Client,
  items: readonly ReadItem[],
  signal: AbortSignal,
): Promise<void> {
  /** Null where it is refused. */
  const ask = async (span: Window, isRefusal: (error: ForwardError) => boolean): Promise<Page | null> => {
    try {
      return await client.page(span, 1, ALWAYS_LISTED_LIMIT + 1, signal);
    } catch (error) {
      if (!mayAskForLess(error) || !isRefusal(error)) throw error;
      return null;
    }
  };
  const always = await ask(EPOCH, ({ cause }) => cause instanceof AnswerFault);
  if (always === null || always.rows === 0) return;
  if (always.rows <= ALWAYS_LISTED_LIMIT) {
    const listed = new Set(always.items.map(({ event }) => identityKey(event)));
    const isMore = (some: readonly ReadItem[]): boolean =>
      some.some(({ event }) => !listed.has(identityKey(event)));
    if (isMore(items)) return;
    const all = await ask(EVER, () => true); // too much of a time is not the same for every time
    if (all === null || isMore(all.items)) return;
  }
  throw new ForwardError(
    'denied',
    'the Platform lists events outside of the time that was asked for, even for a second of 1970: it does not honour the time filter',
    { hint: 'see whether a proxy drops the query; nothing is marked as read meanwhile' },
  );
}

/** How the times that the Platform shows relate to those that it lists by. Times in nanoseconds. */
export interface Outside {
  /** Shown minus listed, where that is one time zone's worth for all; else zero. */
  offsetNs(): bigint;
  /** Whether rows have shown it: the zero of the beginning is none that anything was read by. */
  proven(): boolean;
  /** Learns from what one window was answered with; returns a finding for each single event that lies elsewhere. */
  note(window: Window, items: readonly ReadItem[]): Finding[];
  /** What holds of all times at the moment. */
  standing(): Finding[];
  /** The journal's view by the times that the Platform lists by: what lies elsewhere is not missing where it lies. */
  asListed(held: HeldEvents): HeldEvents;
  /** What is older than this is not counted any more. */
  forget(beforeNs: bigint): void;
  /** The rows that lie elsewhere, to be kept: a count after a restart must leave them out as well. */
  writeStrays(): Json;
}

/** `saved` and `savedStrays` as kept in the progress; they are learned again where there are none. */
export function createOutside(saved: Json | undefined, savedStrays?: Json): Outside {
  let offsetNs = typeof saved === 'string' && /^-?\d{1,18}$/.test(saved) ? BigInt(saved) : 0n;
  let proven = offsetNs !== 0n;
  /** Times that differ, but not by one time zone's worth: by up to this. */
  let apartNs = 0n;
  let candidateNs = 0n;
  let evidence = new Set<string>();
  /** When each of them was, by its id. */
  const strays = readStrays(savedStrays);

  function learn(window: Window, items: readonly ReadItem[], outside: readonly ReadItem[]): void {
    if (outside.length === 0) {
      // Only a window narrower than the difference tells that there is none any more.
      const widthNs = window.endNs - window.startNs;
      if (items.length === 0 || widthNs > abs(offsetNs !== 0n ? offsetNs : apartNs)) return;
      [offsetNs, apartNs, candidateNs] = [0n, 0n, 0n];
      proven = true;
      evidence = new Set();
      return;
    }
    if (outside.length * 2 <= items.length) return;
    // A wide window fits many time zones: the one that was learned holds until a row contradicts it.
    if (offsetNs !== 0n && !items.some(({ event }) => isOutside(event.createdNs, window, offsetNs))) return;
    const zone = zoneOf(window, items);
    // The same few in every answer are no rule, although they are all that a quiet window lists.
    if (zone === 0n && outside.every(({ event }) => strays.has(event.id))) return;
    if (zone !== candidateNs) evidence = new Set();
    candidateNs = zone;
    for (const { event } of outside.slice(0, EVIDENCE)) evidence.add(event.id);
    if (evidence.size < EVIDENCE) return;
    offsetNs = zone;
    proven = true;
    apartNs =
      zone === 0n
        ? outside.reduce((most, { event }) => larger(most, apart(event.createdNs, window)), 0n)
        : 0n;
  }

  return {
    offsetNs: () => offsetNs,
    proven: () => proven,
    note(window, items) {
      const outside = items.filter(({ event }) => isOutside(event.createdNs, window));
      learn(window, items, outside);
      const single = outside.filter(({ event }) => isOutside(event.createdNs, window, offsetNs));
      for (const { event } of single) {
        strays.delete(event.id); // the last one seen comes last
        strays.set(event.id, event.createdNs);
      }
      for (const id of strays.keys()) if (strays.size > STRAYS_LIMIT) strays.delete(id);
      return apartNs !== 0n || single.length > NAMED_LIMIT
        ? []
        : single.map((item) => strayFinding(item, window));
    },
    standing() {
      if (offsetNs === 0n && apartNs === 0n) return [];
      const by = formatDuration(Number(abs(offsetNs === 0n ? apartNs : offsetNs) / 1_000_000n));
      const what =
        offsetNs === 0n
          ? `by up to ${by}: it lists events by another time`
          : `by ${by} (shown ${offsetNs > 0n ? 'later' : 'earlier'}): time zone?`;
      const summary = `timestamps differ from the filter ${what}; events are kept as they are shown`;
      return [{ kind: 'times_differ', summary }];
    },
    asListed: (held) => ({
      known: (events) => held.known(events),
      // What is listed elsewhere makes room for a late event: the counts would agree, and hide it.
      count: async (window) => {
        const where = shifted(window, offsetNs);
        const elsewhere = [...strays.values()].filter(
          (ns) => ns >= where.startNs && ns <= where.endNs,
        ).length;
        return Math.max((await held.count(where)) - elsewhere, 0);
      },
      missing: (window, seen, limit) =>
        held.missing(shifted(window, offsetNs), new Set([...seen, ...strays.keys()]), limit),
    }),
    forget(beforeNs) {
      for (const [id, ns] of strays) if (ns < beforeNs) strays.delete(id);
    },
    writeStrays: () => [...strays].map(([id, ns]) => [id, ns.toString()]),
  };
}

/** What `writeStrays` did not write is left out: such rows are met again where they are listed. */
function readStrays(json: Json | undefined): Map<string, bigint> {
  const strays = new Map<string, bigint>();
  if (!Array.isArray(json)) return strays;
  for (const one of json) {
    const [id, ns] = (Array.isArray(one) ? one : []) as readonly (Json | undefined)[];
    if (typeof id === 'string' && typeof ns === 'string' && /^-?\d{1,20}$/.test(ns))
      strays.set(id, BigInt(ns));
  }
  return strays;
}

function strayFinding({ event }: ReadItem, window: Window): Finding {
  return {
    kind: 'stray_row',
    eventId: event.id,
    summary: `an event of ${formatTime(event.createdNs)} was listed in a time range that it does not lie in; it is kept`,
    detail: { asked_from: formatTime(window.startNs), asked_to: formatTime(window.endNs) },
  };
}

/** The one time zone's worth that would put all rows into the window; zero where there is none, or more than one. */
function zoneOf(window: Window, items: readonly ReadItem[]): bigint {
  const times = items.map(({ event }) => event.createdNs);
  const leastNs = times.reduce(larger) - window.endNs - TOLERANCE_NS;
  const mostNs = times.reduce(smaller) - window.startNs + TOLERANCE_NS;
  const firstNs = -(floorDiv(-leastNs, ZONE_STEP_NS) * ZONE_STEP_NS);
  const fits = firstNs <= mostNs && firstNs + ZONE_STEP_NS > mostNs && abs(firstNs) <= ZONE_LIMIT_NS;
  return fits ? firstNs : 0n;
}

function apart(ns: bigint, window: Window): bigint {
  return ns > window.endNs ? ns - window.endNs : window.startNs - ns;
}

function shifted({ startNs, endNs }: Window, byNs: bigint): Window {
  return { startNs: startNs + byNs, endNs: endNs + byNs };
}

function floorDiv(value: bigint, unit: bigint): bigint {
  const quotient = value / unit;
  return value % unit !== 0n && value < 0n ? quotient - 1n : quotient;
}

function abs(ns: bigint): bigint {
  return ns < 0n ? -ns : ns;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
