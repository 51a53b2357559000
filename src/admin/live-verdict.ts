import { eventsAfter } from '../checkpoint/journal.ts';
import { describe, oneLine } from '../model/errors.ts';
import type { ForwardError } from '../model/errors.ts';
import type { Window } from '../model/event.ts';
import { formatTime, nsToMs } from '../model/time.ts';
import { formatDuration } from '../model/units.ts';
import { COUNTED_APART, findingClause, unreadableClause } from '../pipeline/open-findings.ts';
import type { SourceStatus } from '../pipeline/status.ts';
import { counted, NO_SHORTFALL, verdictOf } from '../pipeline/verdict.ts';
import type { SinkStanding, Verdict } from '../pipeline/verdict.ts';
import type { Trouble } from '../sources/source.ts';
import type { SourceView } from './options.ts';
import type { Survey } from './survey.ts';

/** The words of another program are shown up to this many characters. */
const REASON_MOST = 200;

/**
 * How much longer than its schedule explains ago a source may have read everything. Far less than readiness bears: that is
 * about alarms at night, this about the truth.
 */
export const STALE_MS = 60_000;

export interface LiveVerdict extends Verdict {
  /** Every configured sink, and others that have dead letters left. */
  readonly sinks: ReadonlyMap<string, SinkStanding>;
}

/** The verdict on what is known without asking anybody: what the last polls read, and what the sinks have settled. */
export function liveVerdict(survey: Survey, staleMs = STALE_MS): LiveVerdict {
  const { view, letters } = survey;
  const names = new Set([...view.sinks.keys(), ...letters.ofSinks.keys(), ...letters.tooOld.keys()]);
  const sinks = new Map([...names].map((name) => [name, standingOf(name, survey)]));
  const sources = [...view.sources].map(([name, source]) => readingOf(name, source, survey, staleMs));
  const lacks = [...sources.flatMap(({ lacks: its }) => its), ...openFindings(survey)];
  const evidence = {
    lacks,
    sinks: [...sinks.values()],
    complete: `${asOf(sources)} everything is in the journal and, by its own records, delivered to every sink${dueText(sources)}`,
    journal: `The journal has everything ${asOf(sources)}.`,
  };
  return { ...verdictOf(evidence), sinks };
}

/** Where the journal cannot be asked, nothing may be said of what it holds. */
export function verdictWithoutJournal(error: ForwardError): Verdict {
  return verdictOf({
    lacks: [`the journal cannot be read: ${describe(error)}`],
    sinks: [],
    complete: '',
    journal: '',
  });
}

function standingOf(name: string, survey: Survey): SinkStanding {
  const { view, size, cursors, letters, prunedBefore } = survey;
  const loop = view.status?.sinks.get(name);
  const cursor = cursors.get(name);
  const waiting = cursor === undefined ? 0 : eventsAfter(size, cursor);
  return {
    ...NO_SHORTFALL,
    name,
    waiting,
    held: loop?.state === 'held' ? waiting : 0,
    deadLetters: letters.ofSinks.get(name) ?? 0,
    tooOld: letters.tooOld.get(name) ?? 0,
    prunedBeforeDelivery: prunedBefore.get(name) ?? 0,
    waitsFor: loop?.reason == null ? null : oneLine(loop.reason, REASON_MOST),
    unasked: null,
  };
}

interface Reading {
  readonly lacks: readonly string[];
  /** Up to where the last whole reading went; null when there was none. */
  readonly upToNs: bigint | null;
  /** Windows due to be counted again. */
  readonly toCount: number;
}

function readingOf(name: string, view: SourceView, survey: Survey, staleMs: number): Reading {
  const { troubles, pendingReconcile } = view.source.state();
  const loop = survey.view.status?.sources.get(name);
  const { upToNs, behind } =
    loop === undefined || loop.state === 'standby'
      ? readByOthers(view, survey.readElsewhere.get(name), survey, staleMs)
      : readByLoop(loop, view, survey, staleMs);
  const lacks = [
    ...(behind === null ? [] : [behind]),
    ...troubleClause(troubles),
    ...unreadableClause(survey.letters.ofSources.get(name) ?? 0),
  ];
  return { lacks: lacks.map((text) => `source ${name}: ${text}`), upToNs, toCount: pendingReconcile };
}

interface Reached {
  readonly upToNs: bigint | null;
  /** What is not read; null when everything is, as far as the schedule asks for. */
  readonly behind: string | null;
}

function readByLoop(
  loop: SourceStatus,
  view: SourceView,
  { nowMs, monotonicMs }: Survey,
  staleMs: number,
): Reached {
  const { openWindows } = view.source.state();
  const open = openWindows === 0 ? '' : `, ${counted(openWindows, 'window')} open`;
  const why = loop.reason === null ? '' : ` (${oneLine(loop.reason, REASON_MOST)})`;
  if (loop.caughtUp === null) return { upToNs: null, behind: `not read completely yet${open}${why}` };
  const { atMs, upToNs } = loop.caughtUp;
  const agoMs = monotonicMs - atMs;
  const late = overdueMs(view, nowMs, agoMs) > staleMs;
  if (!late && loop.state !== 'held') return { upToNs, behind: null };
  return { upToNs, behind: `not read completely for ${forTime(agoMs)}${open}${why}` };
}

/** Without a loop that reads here the journal's coverage tells how far somebody has read. */
function readByOthers(
  view: SourceView,
  elsewhereNs: bigint | null | undefined,
  { nowMs }: Survey,
  staleMs: number,
): Reached {
  const upToNs = elsewhereNs === undefined ? view.source.state().frontierNs : elsewhereNs;
  if (upToNs === null) return { upToNs, behind: 'nothing has been read yet' };
  const agoMs = nowMs - nsToMs(upToNs);
  const late = overdueMs(view, nowMs, agoMs) > staleMs;
  return { upToNs, behind: late ? `nothing has been read for ${forTime(agoMs)}` : null };
}

/** How much later than the schedule asks for it is now, when something last happened so long ago. */
export function overdueMs(view: SourceView, nowMs: number, agoMs: number): number {
  return nowMs - view.nextPollMs(nowMs - agoMs);
}

function troubleClause(troubles: readonly Trouble[]): string[] {
  const [first] = troubles;
  if (first === undefined) return [];
  return [
    `${counted(troubles.length, 'window')} cannot be read: ${spanText(first.window)} (${oneLine(first.reason, REASON_MOST)})`,
  ];
}

export function spanText({ startNs, endNs }: Window): string {
  return `${formatTime(startNs)} to ${formatTime(endNs)}`;
}

function openFindings({ findings }: Survey): string[] {
  return findingClause(findings.filter(({ kind }) => !COUNTED_APART.includes(kind)));
}

/** Said with care: the Platform's counts are as old as the last poll, and no receiver was asked. */
function asOf(sources: readonly Reading[]): string {
  const reached = sources.flatMap(({ upToNs }) => (upToNs === null ? [] : [upToNs]));
  if (reached.length === 0) return 'as of the last count';
  return `as of the last count (${formatTime(reached.reduce((a, b) => (a < b ? a : b)))})`;
}

function dueText(sources: readonly Reading[]): string {
  const due = sources.reduce((sum, { toCount }) => sum + toCount, 0);
  return due === 0 ? '' : `; ${counted(due, 'window')} due to be counted again`;
}

/** Whole seconds, for people. */
export function forTime(ms: number): string {
  return formatDuration(Math.max(Math.round(ms / 1000), 1) * 1000);
}
