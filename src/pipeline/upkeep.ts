import type { Journal, Spared } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { msToNs } from '../model/time.ts';
import { steady } from './backoff.ts';
import { createRetry } from './retry.ts';
import { enterState, faultsIn } from './status.ts';
import type { LoopStatus } from './status.ts';

export interface UpkeepParts {
  readonly journal: Journal;
  /** Names of the sinks that have to be past an event before it may go. */
  readonly sinks: readonly string[];
  /** How long events stay after every sink is past them, as long as there is room. Milliseconds. */
  readonly retentionMs: number;
  /** How long ids stay. Milliseconds. */
  readonly horizonMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: LoopStatus;
}

const UPKEEP_EVERY_MS = 600_000;
/** How often to look whether the journal is full. */
const LOOK_EVERY_MS = 5_000;
/** Ids outlive their horizon by this much, for windows that begin before it. */
const ID_MARGIN_MS = 86_400_000;
/** A sink that was taken out of the configuration and comes back within this time finds every event still there. */
const REMOVED_SINK_MS = 7 * 86_400_000;
/** How far below its limit a full journal is brought, so that polling does not stop again at once. */
const ROOM_SHARE = 0.9;
/** A retention that is cut short is quartered until it is shorter than this; then it is none. */
const RETENTION_STEP_MIN_MS = 60_000;

/**
 * Lets go of events that every sink is past and that are older than the retention. While the journal is full the retention
 * gives way, oldest events first, and then what is kept for sinks that are not configured any more: polling must not stop
 * for either.
 */
export async function keepUp(parts: UpkeepParts, signal: AbortSignal): Promise<void> {
  const { journal, clock, log, status } = parts;
  const retry = createRetry({
    clock,
    log,
    patienceMs: null,
    backoff: steady(LOOK_EVERY_MS),
    next: () => 'the journal is looked after again',
    shown: faultsIn(status, clock),
  });
  let prunedMs = -Infinity;
  enterState(status, 'working', clock.now());
  while (!signal.aborted) {
    try {
      const { usedBytes, limitBytes } = await journal.size();
      if (usedBytes >= limitBytes) await makeRoom(parts, limitBytes);
      else if (clock.monotonic() - prunedMs >= UPKEEP_EVERY_MS) {
        prunedMs = clock.monotonic();
        const pruned = await prune(parts, parts.retentionMs, spared(parts));
        if (pruned > 0) log.info({ events: pruned }, 'pruned events that every sink has');
        await journal.pruneFindings(new Date(clock.now() - parts.horizonMs).toISOString());
      }
      retry.succeeded();
      enterState(status, 'idle', clock.now());
      await clock.sleep(LOOK_EVERY_MS, signal);
    } catch (thrown) {
      // An abort that came in the middle may have closed the journal: the next run prunes.
      if (signal.aborted) return;
      prunedMs = -Infinity;
      await retry.failed(thrown, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }
}

async function makeRoom(parts: UpkeepParts, limitBytes: number): Promise<void> {
  let pruned = 0;
  for (const [keepMs, spare] of concessions(parts)) {
    pruned += await prune(parts, keepMs, spare);
    const { usedBytes } = await parts.journal.size();
    if (usedBytes < limitBytes * ROOM_SHARE) break;
  }
  if (pruned > 0)
    parts.log.warn(
      { events: pruned },
      'the journal was full: pruned events that every sink has, before their retention ended',
    );
}

/** What to keep, less at each step. */
function* concessions(parts: UpkeepParts): Generator<readonly [number, Spared | undefined]> {
  for (const spare of [spared(parts), undefined]) {
    for (let keepMs = parts.retentionMs; keepMs >= RETENTION_STEP_MIN_MS; keepMs /= 4) yield [keepMs, spare];
    yield [0, spare];
  }
}

function spared({ clock, horizonMs }: UpkeepParts): Spared {
  const since = (ms: number): string => new Date(clock.now() - ms).toISOString();
  return { sinksSeenSince: since(REMOVED_SINK_MS), idsReceivedSince: since(horizonMs) };
}

async function prune(
  { journal, sinks, clock, horizonMs }: UpkeepParts,
  keepMs: number,
  spare: Spared | undefined,
): Promise<number> {
  const before = new Date(clock.now() - keepMs).toISOString();
  return journal.prune(sinks, before, msToNs(clock.now() - horizonMs - ID_MARGIN_MS), spare);
}
