import type { Clock } from '../../model/clock.ts';
import type { AuditEvent, NewEvent, Window } from '../../model/event.ts';
import { msToNs } from '../../model/time.ts';
import type { SourcePart } from '../../pipeline/daemon.ts';
import type { Source } from '../../sources/source.ts';

/** The first look goes this far back; each next one goes back twice as far, and reads only what is new to it. */
const FIRST_REACH_MS = 15 * 60_000;
export const PREVIEW_REACH_MS = 30 * 86_400_000;
/** The Platform's clock may be ahead of ours. Milliseconds. */
const AHEAD_MS = 60_000;

export interface Found {
  /** Newest first. */
  readonly events: readonly AuditEvent[];
  /** Events that the source's filters leave out, in the span that was read. */
  readonly unwanted: number;
  readonly malformed: number;
}

/** The newest `limit` events over all sources, straight from the Platform: the journal is neither asked nor changed. */
export async function readNewest(
  sources: ReadonlyMap<string, SourcePart>,
  limit: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Found> {
  const found = await Promise.all(
    [...sources].map(([name, { source }]) => newestOf(name, source, limit, clock, signal)),
  );
  const newest = found
    .flatMap((one) => one.newest)
    .toSorted((a, b) => compare(b.event.createdNs, a.event.createdNs))
    .slice(0, limit);
  const receivedAt = new Date(clock.now()).toISOString();
  return {
    events: newest.map(({ source, event }, index) => ({
      seq: BigInt(newest.length - index),
      source,
      id: event.id,
      createdAt: event.createdAt,
      original: event.original,
      receivedAt,
    })),
    unwanted: found.reduce((sum, one) => sum + one.unwanted, 0),
    malformed: found.reduce((sum, one) => sum + one.malformed, 0),
  };
}

interface FoundOf {
  readonly newest: readonly { readonly source: string; readonly event: NewEvent }[];
  readonly unwanted: number;
  readonly malformed: number;
}

async function newestOf(
  name: string,
  source: Source,
  limit: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<FoundOf> {
  const nowMs = clock.now();
  let newest: NewEvent[] = [];
  const unwanted = new Set<string>();
  let malformed = 0;
  let endNs = msToNs(nowMs + AHEAD_MS);
  for (let reachMs = FIRST_REACH_MS; newest.length < limit; reachMs *= 2) {
    const startNs = msToNs(nowMs - Math.min(reachMs, PREVIEW_REACH_MS));
    const window: Window = { startNs, endNs };
    for await (const harvest of source.read([window], signal)) {
      malformed += harvest.malformed.length;
      for (const event of harvest.events) if (!event.wanted) unwanted.add(event.id);
      newest = merge(newest, harvest.events, limit);
    }
    if (reachMs >= PREVIEW_REACH_MS) break;
    endNs = startNs; // a Platform that cuts times to seconds would lose what lies between two windows that do not touch
  }
  return { newest: newest.map((event) => ({ source: name, event })), unwanted: unwanted.size, malformed };
}

/** The newest `limit` of both, each id once: no more than that is ever kept. */
function merge(held: readonly NewEvent[], seen: readonly NewEvent[], limit: number): NewEvent[] {
  const byId = new Map([...held, ...seen.filter((event) => event.wanted)].map((event) => [event.id, event]));
  return [...byId.values()].toSorted((a, b) => compare(b.createdNs, a.createdNs)).slice(0, limit);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
