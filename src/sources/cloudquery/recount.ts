import { identityKey } from '../../model/event-id.ts';
import type { EventIdentity } from '../../model/event-id.ts';
import type { Coverage, Finding, Window } from '../../model/event.ts';
import { formatTime, NS_PER_SECOND } from '../../model/time.ts';
import type { HeldEvents } from '../source.ts';
import { isAside, widthOf, without } from './care.ts';
import type { OpenWindow } from './care.ts';
import type { Client } from './client.ts';
import type { Precision, WindowRead } from './read-window.ts';
import { readOpen } from './read-open-windows.ts';
import { keyOf } from './reconcile.ts';
import type { Counts } from './reconcile.ts';
import { compareLength, withCredibleCounts } from './totals.ts';
import type { Totals } from './totals.ts';
import { isIndivisible, splitWindow } from './split-window.ts';

/** What a new count of one closed window came to. */
export interface Recount {
  readonly key: string;
  /** What was read because the counts differed. */
  readonly reads: readonly WindowRead[];
  /** Parts of the window to be counted next, if it holds too much to be read for one difference. */
  readonly parts: readonly Window[];
  readonly coverage: readonly Coverage[];
  readonly findings: readonly Finding[];
  /** Counts that still differ although the whole list was read: it is not read again until one of them changes. */
  readonly explained: Counts | null;
}

/** A window with a difference is read again up to this many rows; a larger one is split, and its parts are counted. */
const ROWS_TO_READ = 1000;
/** Ids named in a finding. */
const MISSING_LIMIT = 100;

/**
 * Checks whether a closed window still lists as many rows as we hold. If not, it is read again, or split if that is cheaper.
 * Fewer rows there never delete any here: they are a finding, since the Platform's retention or a tamperer took events away.
 */
export async function recount(
  client: Client,
  window: Window,
  held: HeldEvents,
  explained: ReadonlyMap<string, Counts>,
  precision: Precision,
  totals: Totals,
  signal: AbortSignal,
): Promise<Recount> {
  const key = keyOf(window);
  const ours = await held.count(window);
  const known = explained.get(key) ?? null;
  const still = known?.held === ours ? known : null;
  const expected = still?.server ?? ours;
  const length = await compareLength(client, window, expected, totals, signal);
  const nothing = { key, reads: [], parts: [], findings: [], coverage: [] };
  if (length.is === 'exactly') {
    const verified: Coverage = { ...window, status: 'verified', serverCount: length.counted };
    return { ...nothing, explained: still, coverage: still === null ? [verified] : [] };
  }
  /** Only the length of the list explains a difference: a count alone may be wrong, and hide later events. */
  const explain = async (listed: number | null, ownNow: number): Promise<Counts | null> => {
    if (listed === null || listed === ownNow || listed === expected) return null;
    const proof = await compareLength(client, window, listed, totals, signal);
    return proof.is === 'exactly' ? { server: listed, held: ownNow } : null;
  };
  const most = Math.max(length.counted ?? 0, ours);
  if (most > ROWS_TO_READ && !isIndivisible(window, NS_PER_SECOND)) {
    const parts = splitWindow(window, NS_PER_SECOND, most, []);
    return { ...nothing, parts, explained: await explain(length.counted, ours) };
  }
  const read = await readAgain(withCredibleCounts(client, totals), window, precision, signal);
  const ids = await held.known(read.events);
  const seen = new Set(ids.filter((id) => id !== null));
  const fresh = ids.filter((id) => id === null).length;
  return {
    ...nothing,
    reads: read.reads,
    coverage: read.coverage,
    findings: read.sure ? await fewerFinding(window, ours, seen.size, seen, held) : [],
    explained: await explain(length.counted ?? read.rows, ours + fresh),
  };
}

/** The parts of a window that can be counted: outside of what is set aside, and no wider than the Platform answers. */
function countable(
  window: Window,
  open: readonly OpenWindow[],
  widthNs: bigint | null,
  unitNs: bigint,
): Window[] {
  return without(window, open.filter(isAside)).flatMap((part) =>
    widthNs === null || widthOf(part) <= widthNs ? [part] : splitWindow(part, unitNs, null, []),
  );
}

/**
 * The windows that are due, the first one of which can be counted. Empty if all are set aside: those are read as a whole once that works,
 * and are no pending work until then.
 */
export function toCount(
  due: readonly Window[],
  open: readonly OpenWindow[],
  widthNs: bigint | null,
  unitNs: bigint,
): readonly Window[] {
  let [window, ...left] = due;
  while (window !== undefined) {
    const parts = countable(window, open, widthNs, unitNs);
    if (parts.length === 1 && keyOf(parts[0] ?? window) === keyOf(window)) return [window, ...left];
    [window, ...left] = [...parts, ...left];
  }
  return [];
}

async function readAgain(
  client: Client,
  window: Window,
  precision: Precision,
  signal: AbortSignal,
): Promise<{
  readonly reads: WindowRead[];
  readonly coverage: Coverage[];
  /** Each event once. */
  readonly events: readonly EventIdentity[];
  /** Items listed, repeats and malformed ones included. */
  readonly rows: number;
  readonly sure: boolean;
}> {
  const reads: WindowRead[] = [];
  const coverage: Coverage[] = [];
  for await (const { window: part, read } of readOpen(client, [window], precision, 1, signal)) {
    reads.push(read);
    if (read.outcome.kind === 'done') {
      coverage.push({ ...part, status: read.outcome.status, serverCount: read.outcome.serverCount });
    }
  }
  const events = reads.flatMap((read) => read.items.map((item) => item.event));
  return {
    reads,
    coverage,
    events: [...new Map(events.map((event) => [identityKey(event), event])).values()],
    rows: reads.reduce((sum, read) => sum + read.items.length + read.malformed.length, 0),
    sure: coverage.every(({ status }) => status !== 'suspect'),
  };
}

async function fewerFinding(
  window: Window,
  ours: number,
  listed: number,
  seen: ReadonlySet<string>,
  held: HeldEvents,
): Promise<Finding[]> {
  // Rows at the very edges may be counted differently on both sides (a server may cut times to seconds): only ids that are
  // missing well inside the window are evidence.
  const inside = { startNs: window.startNs + NS_PER_SECOND, endNs: window.endNs - NS_PER_SECOND };
  const missing = await held.missing(inside, seen, MISSING_LIMIT);
  if (missing.length === 0) return [];
  const server = Math.min(listed, ours - missing.length);
  return [
    {
      kind: 'fewer_on_server',
      window,
      summary: `of the ${ours} events that the journal holds from ${formatTime(window.startNs)} to ${formatTime(window.endNs)} the Platform lists ${server} now: the Platform's retention or someone removed the others there; ours are kept`,
      detail: { server, held: ours, missing },
    },
  ];
}
