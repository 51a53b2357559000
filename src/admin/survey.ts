import type { FindingCount, Journal, JournalSize, Replica } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import { heartbeatFigures } from '../pipeline/heartbeat.ts';
import type { HeartbeatFigures } from '../pipeline/heartbeat.ts';
import { msToNs } from '../model/time.ts';
import { TOO_OLD } from '../pipeline/verdict.ts';
import type { AdminView } from './options.ts';

/** Everything that health, the verdict, the status and the metrics look at, read at one moment. */
export interface Survey {
  readonly view: AdminView;
  readonly nowMs: number;
  readonly monotonicMs: number;
  readonly size: JournalSize;
  /** The last settled seq, by sink. */
  readonly cursors: ReadonlyMap<string, bigint>;
  /** Of sources that other replicas read: up to where, in nanoseconds since 1970; null for nothing yet. */
  readonly readElsewhere: ReadonlyMap<string, bigint | null>;
  /** Those that share the journal; none where it is not shared. */
  readonly replicas: readonly Replica[];
  /** Open and retrying dead letters, by owner. Each is counted once. */
  readonly letters: {
    readonly ofSources: ReadonlyMap<string, number>;
    readonly ofSinks: ReadonlyMap<string, number>;
    /** Events that were too old for their sink when their turn came: kept as dead letters, and counted apart. */
    readonly tooOld: ReadonlyMap<string, number>;
  };
  /** Those that nobody has acknowledged. */
  readonly findings: readonly FindingCount[];
  /** Events that were pruned before a sink had them, by sink: with a finding that nobody has acknowledged, or none yet. */
  readonly prunedBefore: ReadonlyMap<string, number>;
  /** By sink; empty where no heartbeat is configured. */
  readonly heartbeats: ReadonlyMap<string, HeartbeatFigures>;
}

export interface SurveyOptions {
  readonly journal: Pick<
    Journal,
    | 'size'
    | 'cursor'
    | 'deadLetterCounts'
    | 'findingCounts'
    | 'prunedUndelivered'
    | 'segment'
    | 'coverage'
    | 'replicas'
  >;
  readonly clock: Clock;
  view(): AdminView;
}

export async function survey(options: SurveyOptions): Promise<Survey> {
  const { journal, clock } = options;
  const view = options.view();
  const cursors = [...view.sinks.keys()].map(async (name) => {
    const loop = view.status?.sinks.get(name);
    // Before it began it has not asked where it was, and on standby another replica moves it.
    const knows = loop !== undefined && loop.progressedMs !== null && loop.state !== 'standby';
    return [name, knows ? loop.cursor : await journal.cursor(name)] as const;
  });
  const withHeartbeats = view.heartbeatMs === null ? [] : [...view.sinks.keys()];
  const heartbeats = withHeartbeats.map(
    async (name) => [name, heartbeatFigures(await journal.segment(name))] as const,
  );
  const open = { unacknowledgedOnly: true };
  const elsewhere = [...view.sources.keys()].filter(
    (name) => view.status?.sources.get(name)?.state === 'standby',
  );
  const read = elsewhere.map(async (name) => [name, await readUpTo(journal, name, clock)] as const);
  // All at once: where one fails, the others may, too, and a failure that nobody waits for would end the process.
  const all = await Promise.all([
    Promise.all(cursors),
    Promise.all(heartbeats),
    Promise.all(read),
    journal.replicas(),
    journal.size(),
    journal.deadLetterCounts('source'),
    journal.deadLetterCounts('sink'),
    journal.deadLetterCounts('sink', TOO_OLD),
    journal.findingCounts(open),
    journal.prunedUndelivered(),
  ]);
  const [reached, heard, readBy, replicas, size, ofSources, ofSinksInAll, tooOld, findings, prunedBefore] =
    all;
  return {
    view,
    nowMs: clock.now(),
    monotonicMs: clock.monotonic(),
    size,
    cursors: new Map(reached),
    readElsewhere: new Map(readBy),
    replicas,
    letters: { ofSources, ofSinks: without(ofSinksInAll, tooOld), tooOld },
    findings,
    prunedBefore,
    heartbeats: new Map(heard),
  };
}

function without(all: ReadonlyMap<string, number>, apart: ReadonlyMap<string, number>): Map<string, number> {
  const left = [...all].map(([name, count]) => [name, count - (apart.get(name) ?? 0)] as const);
  return new Map(left.filter(([, count]) => count > 0));
}

const DAY_MS = 86_400_000;

/** The journal's coverage tells how far somebody has read. */
async function readUpTo(
  journal: Pick<Journal, 'coverage'>,
  source: string,
  clock: Clock,
): Promise<bigint | null> {
  const endNs = msToNs(clock.now() + DAY_MS);
  const spans = await journal.coverage(source, { startNs: endNs - msToNs(2 * DAY_MS), endNs });
  return spans.at(-1)?.endNs ?? null;
}

/** The sum of all counts. */
export function total(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}
