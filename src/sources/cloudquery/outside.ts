import { ForwardError } from '../../model/errors.ts';
import { identityKey } from '../../model/event-id.ts';
import type { Finding, Json, Window } from '../../model/event.ts';
import { floorTo, formatTime, max, min, msToNs, NS_PER_SECOND } from '../../model/time.ts';
import { formatDuration } from '../../model/units.ts';
import type { HeldEvents } from '../source.ts';
import { mayAskForLess } from './client.ts';
import type { Client } from './client.ts';
import { AnswerFault } from './wire.ts';
import type { Page, ReadItem } from './wire.ts';

/** How far a row may lie outside its window: a server may truncate the bounds, or the times that it shows, to whole seconds. */
const TOLERANCE_NS = NS_PER_SECOND;
/** Time zones differ by multiples of this. */
const ZONE_STEP_NS = 900n * NS_PER_SECOND;
const ZONE_LIMIT_NS = 14n * 3600n * NS_PER_SECOND;
/** So many different events must lie outside in the same way before that counts as the rule. */
const EVIDENCE = 3;
/** More stray rows in one window than this are not findings of their own: the rule will be one. */
const NAMED_LIMIT = 5;
/** How many stray rows are kept with the progress: the newest. */
const STRAYS_LIMIT = 1_000;

export function isOutside(ns: bigint, window: Window, offsetNs = 0n): boolean {
  const listedNs = ns - offsetNs;
  return listedNs < window.startNs - TOLERANCE_NS || listedNs > window.endNs + TOLERANCE_NS;
}

/** No event is as old as this: a server that honours the time filter lists no row here. */
export const EPOCH: Window = { startNs: 0n, endNs: NS_PER_SECOND };

const EVER: Window = { startNs: 0n, endNs: msToNs(Date.UTC(2100, 0, 1)) };

/** So few rows in every answer may be strays; with more, the server ignores the filter. */
const ALWAYS_LISTED_LIMIT = 5;

/**
 * Throws if the server ignores the time filter, since then no answer says anything about its window. Rows outside a window are
 * no proof: the server may list them by another time than it shows. Rows for a second of 1970 are, unless they are a few that
 * every answer holds, while others hold more. A server that refuses that second honours the filter.
 */
export async function assertFiltered(
  client: Client,
  items: readonly ReadItem[],
  signal: AbortSignal,
): Promise<void> {
  /** Null if the server refuses the request. */
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
    const all = await ask(EVER, () => true); // if all of time is too much, answers do depend on the filter
    if (all === null || isMore(all.items)) return;
  }
  throw new ForwardError(
    'denied',
    'the Platform lists events outside of the time that was asked for, even for a second of 1970: it does not honour the time filter',
    { hint: 'see whether a proxy drops the query; nothing is marked as read meanwhile' },
  );
}

/** How the times that the Platform shows relate to those that its filter takes (listed). Times in nanoseconds. */
export interface Outside {
  /** Shown minus listed, if that is the same multiple of a quarter of an hour for all rows; else zero. */
  offsetNs(): bigint;
  /** Whether rows have shown the offset: the zero at the beginning is only assumed. */
  proven(): boolean;
  /** Learns from the rows of one window. Returns a finding for each stray row: one that lies elsewhere on its own. */
  note(window: Window, items: readonly ReadItem[]): Finding[];
  /** The finding about all times, as long as it holds. */
  standing(): Finding[];
  /** The journal's view by listed times: a stray row is not missing in the window of its own time. */
  asListed(held: HeldEvents): HeldEvents;
  /** Forgets stray rows older than this, which is not counted any more. */
  forget(beforeNs: bigint): void;
  /** The stray rows, for the progress: a count after a restart must leave them out as well. */
  writeStrays(): Json;
}

/** `saved` and `savedStrays`: as kept in the progress. If absent, they are learned again. */
export function createOutside(saved: Json | undefined, savedStrays?: Json): Outside {
  let offsetNs = typeof saved === 'string' && /^-?\d{1,18}$/.test(saved) ? BigInt(saved) : 0n;
  let proven = offsetNs !== 0n;
  /** By how much times differ at most, if not by one offset. */
  let apartNs = 0n;
  let candidateNs = 0n;
  let evidence = new Set<string>();
  /** The times of stray rows, by id. */
  const strays = readStrays(savedStrays);

  function learn(window: Window, items: readonly ReadItem[], outside: readonly ReadItem[]): void {
    if (outside.length === 0) {
      // Only a window narrower than the difference proves that there is none any more.
      const widthNs = window.endNs - window.startNs;
      if (items.length === 0 || widthNs > abs(offsetNs !== 0n ? offsetNs : apartNs)) return;
      [offsetNs, apartNs, candidateNs] = [0n, 0n, 0n];
      proven = true;
      evidence = new Set();
      return;
    }
    if (outside.length * 2 <= items.length) return;
    // Many offsets put the rows into a wide window: the one learned holds until a row contradicts it.
    if (offsetNs !== 0n && !items.some(({ event }) => isOutside(event.createdNs, window, offsetNs))) return;
    const zone = zoneOf(window, items);
    // The same few rows in every answer are no rule, although a quiet window lists nothing else.
    if (zone === 0n && outside.every(({ event }) => strays.has(event.id))) return;
    if (zone !== candidateNs) evidence = new Set();
    candidateNs = zone;
    for (const { event } of outside.slice(0, EVIDENCE)) evidence.add(event.id);
    if (evidence.size < EVIDENCE) return;
    offsetNs = zone;
    proven = true;
    apartNs =
      zone === 0n ? outside.reduce((most, { event }) => max(most, apart(event.createdNs, window)), 0n) : 0n;
  }

  return {
    offsetNs: () => offsetNs,
    proven: () => proven,
    note(window, items) {
      const outside = items.filter(({ event }) => isOutside(event.createdNs, window));
      learn(window, items, outside);
      const single = outside.filter(({ event }) => isOutside(event.createdNs, window, offsetNs));
      for (const { event } of single) {
        strays.delete(event.id); // so that the last one seen is the last
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
      // Counted here, a stray row would hide a late event: the counts would agree.
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

/** Skips anything that `writeStrays` did not write: such rows are noted again when they are listed. */
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

/** The one offset, in steps of a quarter of an hour, that puts all rows into the window; zero if there is none, or more than one. */
function zoneOf(window: Window, items: readonly ReadItem[]): bigint {
  const times = items.map(({ event }) => event.createdNs);
  const leastNs = times.reduce(max) - window.endNs - TOLERANCE_NS;
  const mostNs = times.reduce(min) - window.startNs + TOLERANCE_NS;
  const firstNs = -floorTo(-leastNs, ZONE_STEP_NS);
  const fits = firstNs <= mostNs && firstNs + ZONE_STEP_NS > mostNs && abs(firstNs) <= ZONE_LIMIT_NS;
  return fits ? firstNs : 0n;
}

function apart(ns: bigint, window: Window): bigint {
  return ns > window.endNs ? ns - window.endNs : window.startNs - ns;
}

function shifted({ startNs, endNs }: Window, byNs: bigint): Window {
  return { startNs: startNs + byNs, endNs: endNs + byNs };
}

function abs(ns: bigint): bigint {
  return ns < 0n ? -ns : ns;
}
