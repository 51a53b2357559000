import type { FindingCount, Journal, JournalSize } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import { heartbeatFigures } from '../pipeline/heartbeat.ts';
import type { HeartbeatFigures } from '../pipeline/heartbeat.ts';
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
  /** Open and retrying dead letters, by owner. */
  readonly letters: {
    readonly ofSources: ReadonlyMap<string, number>;
    readonly ofSinks: ReadonlyMap<string, number>;
    /** Of those of sinks: too old for their sink when their turn came. */
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
    'size' | 'cursor' | 'deadLetterCounts' | 'findingCounts' | 'prunedUndelivered' | 'segment'
  >;
  readonly clock: Clock;
  view(): AdminView;
}

export async function survey(options: SurveyOptions): Promise<Survey> {
  const { journal, clock } = options;
  const view = options.view();
  const cursors = [...view.sinks.keys()].map(async (name) => {
    const loop = view.status?.sinks.get(name);
    const knows = loop !== undefined && loop.progressedMs !== null; // before that it has not asked where it was
    return [name, knows ? loop.cursor : await journal.cursor(name)] as const;
  });
  const withHeartbeats = view.heartbeatMs === null ? [] : [...view.sinks.keys()];
  const heartbeats = withHeartbeats.map(
    async (name) => [name, heartbeatFigures(await journal.segment(name))] as const,
  );
  const open = { unacknowledgedOnly: true };
  const [size, ofSources, ofSinks, tooOld, findings, prunedBefore] = await Promise.all([
    journal.size(),
    journal.deadLetterCounts('source'),
    journal.deadLetterCounts('sink'),
    journal.deadLetterCounts('sink', TOO_OLD),
    journal.findingCounts(open),
    journal.prunedUndelivered(),
  ]);
  const reached = new Map(await Promise.all(cursors));
  return {
    view,
    nowMs: clock.now(),
    monotonicMs: clock.monotonic(),
    size,
    cursors: reached,
    letters: { ofSources, ofSinks, tooOld },
    findings,
    prunedBefore,
    heartbeats: new Map(await Promise.all(heartbeats)),
  };
}

/** The sum of all counts. */
export function total(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}
