import type { FindingCount, Journal, JournalSize, StoredFinding } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import { prunedSpan, PRUNED_BEFORE_DELIVERY } from '../pipeline/open-findings.ts';
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
  };
  /** Those that nobody has acknowledged. */
  readonly findings: readonly FindingCount[];
  /** Events that were pruned before a sink had them, by sink: with a finding that nobody has acknowledged, or none yet. */
  readonly prunedBefore: ReadonlyMap<string, number>;
}

export interface SurveyOptions {
  readonly journal: Pick<Journal, 'size' | 'cursor' | 'deadLetterCounts' | 'findings' | 'findingCounts'>;
  readonly clock: Clock;
  view(): AdminView;
}

/** A sink has one such finding for each time that it was away. */
const GAPS_LIMIT = 1_000;

export async function survey(options: SurveyOptions): Promise<Survey> {
  const { journal, clock } = options;
  const view = options.view();
  const cursors = [...view.sinks.keys()].map(async (name) => {
    const loop = view.status?.sinks.get(name);
    const knows = loop !== undefined && loop.progressedMs !== null; // before that it has not asked where it was
    return [name, knows ? loop.cursor : await journal.cursor(name)] as const;
  });
  const open = { unacknowledgedOnly: true };
  const [size, ofSources, ofSinks, findings, gaps] = await Promise.all([
    journal.size(),
    journal.deadLetterCounts('source'),
    journal.deadLetterCounts('sink'),
    journal.findingCounts(open),
    journal.findings({ ...open, kinds: [PRUNED_BEFORE_DELIVERY], limit: GAPS_LIMIT }),
  ]);
  const reached = new Map(await Promise.all(cursors));
  return {
    view,
    nowMs: clock.now(),
    monotonicMs: clock.monotonic(),
    size,
    cursors: reached,
    letters: { ofSources, ofSinks },
    findings,
    prunedBefore: prunedBefore(size, reached, gaps),
  };
}

function prunedBefore(
  { headSeq, oldestSeq, events }: JournalSize,
  cursors: ReadonlyMap<string, bigint>,
  gaps: readonly StoredFinding[],
): ReadonlyMap<string, number> {
  const pruned = new Map<string, number>();
  const add = (sink: string, count: number): void => void pruned.set(sink, (pruned.get(sink) ?? 0) + count);
  for (const gap of gaps) add(gap.source, prunedSpan(gap)?.events ?? 1);
  const lastGone = events === 0 ? headSeq : oldestSeq - 1n;
  for (const [sink, cursor] of cursors) {
    const noted = gaps.some((gap) => gap.source === sink && (prunedSpan(gap)?.toSeq ?? 0n) >= lastGone);
    // A sink that never had anything is new: it begins with what the journal holds.
    if (cursor > 0n && cursor < lastGone && !noted) add(sink, Number(lastGone - cursor));
  }
  return pruned;
}

/** The sum of all counts. */
export function total(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

/** Events that the journal still holds after a cursor. What was pruned before it was delivered does not wait any more. */
export function waitingAfter({ events, oldestSeq, headSeq }: JournalSize, cursor: bigint): number {
  if (events === 0) return 0;
  const from = cursor < oldestSeq ? oldestSeq - 1n : cursor;
  return Math.max(Number(headSeq - from), 0);
}
