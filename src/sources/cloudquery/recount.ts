import { identityKey } from '../../model/event-id.ts';
import type { EventIdentity } from '../../model/event-id.ts';
import type { Coverage, Finding, Window } from '../../model/event.ts';
import { formatTime, NS_PER_SECOND } from '../../model/time.ts';
import type { HeldEvents } from '../source.ts';
import type { Client } from './client.ts';
import type { Precision, WindowRead } from './read-window.ts';
import { readWindows } from './read-windows.ts';
import { keyOf } from './reconcile.ts';
import { isIndivisible, splitWindow } from './windows.ts';

/** What counting one closed window again brought. */
export interface Recount {
  readonly key: string;
  /** What was read because the counts differed. */
  readonly reads: readonly WindowRead[];
  /** Parts of the window to be counted next: where it holds too much to be read for one difference. */
  readonly parts: readonly Window[];
  readonly coverage: readonly Coverage[];
  readonly findings: readonly Finding[];
  /** Counts that differ although everything was looked at: not looked at again until one of them moves. */
  readonly explained: Counts | null;
}

export interface Counts {
  readonly server: number;
  readonly held: number;
}

/** Up to this many rows a window that differs is read; above, it is cut and its parts are counted. */
const ROWS_TO_READ = 1000;
/** Ids named in a finding; the counts say how many there are in all. */
const MISSING_LIMIT = 100;

/**
 * Asks the server for its count of a closed window and compares it with ours. More there: the window is read again. Fewer
 * there is never a deletion here: it is a finding, since the Platform's retention or a tamperer took events away. A server
 * that does not count is read again instead.
 */
export async function recount(
  client: Client,
  window: Window,
  held: HeldEvents,
  explained: ReadonlyMap<string, Counts>,
  precision: Precision,
  signal: AbortSignal,
): Promise<Recount> {
  const key = keyOf(window);
  const server = (await client.page(window, 1, 1, signal)).totalCount;
  const ours = await held.count(window);
  const nothing = { key, reads: [], parts: [], findings: [], coverage: [] };
  if (server === ours) {
    return {
      ...nothing,
      explained: null,
      coverage: [{ ...window, status: 'verified', serverCount: server }],
    };
  }
  const known = explained.get(key) ?? null;
  if (server !== null && known?.server === server && known.held === ours)
    return { ...nothing, explained: known };
  const now = server === null ? null : { server, held: ours };
  if (Math.max(server ?? 0, ours) > ROWS_TO_READ && !isIndivisible(window, NS_PER_SECOND)) {
    const parts = splitWindow(window, NS_PER_SECOND, Math.max(server ?? 0, ours), []);
    return { ...nothing, parts, explained: now };
  }
  const read = await readAgain(client, window, precision, signal);
  const ids = await held.known(read.events);
  const seen = new Set(ids.filter((id) => id !== null));
  const fewer = server !== null && server < ours ? await fewerFinding(window, server, ours, seen, held) : [];
  const fresh = ids.filter((id) => id === null).length;
  return {
    ...nothing,
    ...read,
    findings: fewer,
    explained: server === null ? null : { server, held: ours + fresh },
  };
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
}> {
  const reads: WindowRead[] = [];
  const coverage: Coverage[] = [];
  for await (const { window: part, read } of readWindows(client, [window], precision, 1, signal)) {
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
  };
}

async function fewerFinding(
  window: Window,
  server: number,
  ours: number,
  seen: ReadonlySet<string>,
  held: HeldEvents,
): Promise<Finding[]> {
  // Rows at the very edges may be counted differently on both sides (a server may cut times to seconds): only ids that are
  // missing well inside the window are evidence.
  const inside = { startNs: window.startNs + NS_PER_SECOND, endNs: window.endNs - NS_PER_SECOND };
  const missing = await held.missing(inside, seen, MISSING_LIMIT);
  if (missing.length === 0) return [];
  return [
    {
      kind: 'fewer_on_server',
      window,
      summary: `the Platform now counts ${server} events from ${formatTime(window.startNs)} to ${formatTime(window.endNs)}, the journal holds ${ours}: the Platform's retention or someone removed them there; ours are kept`,
      detail: { server, held: ours, missing },
    },
  ];
}
