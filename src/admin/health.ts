import type { JournalSize, Replica } from '../checkpoint/journal.ts';
import { describe } from '../model/errors.ts';
import type { ForwardError } from '../model/errors.ts';
import { formatSize } from '../model/units.ts';
import type { SinkStatus, SourceStatus } from '../pipeline/status.ts';
import { counted } from '../pipeline/verdict.ts';
import { forTime, overdueMs, spanText } from './live-verdict.ts';
import type { AdminView, ReadinessLimits, SourceView } from './options.ts';
import { replicaNotes } from './replicas.ts';
import { total } from './survey.ts';
import type { Survey } from './survey.ts';

interface Reason {
  /** Name of the source or sink, `journal` or `daemon`. */
  readonly part: string;
  readonly text: string;
  readonly hint?: string;
}

/** `note` says what a healthy part is doing, so that idle is told from broken. */
export interface Health {
  readonly ok: boolean;
  readonly reasons: readonly Reason[];
  readonly notes: readonly Reason[];
}

/** A send may wait minutes for an acknowledgement, and a poll may read a long window: only then is silence a fault. */
export const STUCK_WORKING_MS = 900_000;
const TROUBLES_SHOWN = 5;
const ENDED = 'stopped';
/** An idle sink looks at the journal twice a second, an idle source wakes for its poll. */
export const STUCK_IDLE_MS = 120_000;

/** Do the loops turn? A loop that waits, holds or retries does, as long as its next try is not long past. */
export function liveness(view: AdminView, nowMs: number): Health {
  const { status } = view;
  if (status === null) return notRunning();
  const reasons: Reason[] = [];
  const notes: Reason[] = [];
  const loops: (SourceStatus | SinkStatus)[] = [...status.sources.values(), ...status.sinks.values()];
  for (const loop of loops) {
    const dueMs = dueToTurnMs(loop, view.sources.get(loop.name));
    if (dueMs !== null && nowMs > dueMs) {
      const seconds = Math.round((nowMs - loop.turnedMs) / 1000);
      reasons.push({
        part: loop.name,
        text: `stuck: ${loop.state}, but without progress for ${seconds} s`,
        hint: 'restart auditferry; it continues from the journal',
      });
    } else notes.push({ part: loop.name, text: loop.state });
  }
  return { ok: reasons.length === 0, reasons, notes };
}

/** The moment by which a loop must have turned again; null when it need not. Milliseconds since 1970. */
function dueToTurnMs(loop: SourceStatus | SinkStatus, source: SourceView | undefined): number | null {
  switch (loop.state) {
    case 'stopped':
    case 'standby':
      return null;
    case 'idle':
      return (isSource(loop) && source ? source.nextPollMs(loop.turnedMs) : loop.turnedMs) + STUCK_IDLE_MS;
    case 'starting':
    case 'working':
      return loop.turnedMs + STUCK_WORKING_MS;
    case 'retrying':
    case 'held':
    case 'waiting_for_space':
      return Math.max(loop.nextTryMs ?? 0, loop.turnedMs) + STUCK_WORKING_MS;
  }
}

function isSource(loop: SourceStatus | SinkStatus): loop is SourceStatus {
  return 'polls' in loop;
}

/**
 * Does everything flow? Every source reads or has nothing to read, every sink settles or has nothing to deliver, there is
 * room in the journal, and the daemon is not stopping. Measured from the last time that something really moved, so that no
 * kind of failure hides behind retries. Dead letters and findings do not stop the flow: they are named as notes, and the
 * verdict counts them.
 */
export function readiness(survey: Survey, limits: ReadinessLimits): Health {
  const { view } = survey;
  const { status } = view;
  if (status === null) return notRunning();
  const reasons: Reason[] = [];
  const notes: Reason[] = [];
  const judge = (part: string, { ok, text, hint }: Judgement): void => {
    // While it drains, that loops have ended is no news.
    const bears = ok || (status.stopping && part !== 'daemon' && text === ENDED);
    (bears ? notes : reasons).push({ part, text, ...(hint === null ? {} : { hint }) });
  };
  judge('daemon', status.stopping ? bad('stopping: it finishes what is in flight') : good('running'));
  for (const loop of status.sources.values()) {
    for (const judgement of judgeSource(loop, view.sources.get(loop.name), survey, limits))
      judge(loop.name, judgement);
    const clock = view.sources.get(loop.name)?.source.state().clock ?? null;
    if (clock !== null) notes.push({ part: loop.name, text: clock.text, hint: clock.hint });
  }
  for (const loop of status.sinks.values()) judge(loop.name, judgeSink(loop, survey, limits));
  for (const [name, { state, reason, hint }] of Object.entries(status.own)) {
    if (state === 'held') judge(name, bad(`held: ${reason ?? 'no reason given'}`, hint));
  }
  judge('journal', judgeJournal(survey.size, limits));
  if (!keepsItsPlace(survey.replicas)) judge('daemon', OUT_OF_PLACE);
  return {
    ok: reasons.length === 0,
    reasons,
    notes: [...notes, ...replicaNotes(survey.replicas), ...leftNotes(survey)],
  };
}

/** What is known while the journal cannot be read: that nothing flows. */
export function withoutJournal(error: ForwardError): Health {
  const reason = { part: 'journal', text: describe(error) };
  return {
    ok: false,
    reasons: [error.hint === undefined ? reason : { ...reason, hint: error.hint }],
    notes: [],
  };
}

/** A replica that the others take for gone holds nothing: it could not say that it is there for the length of a lease. */
function keepsItsPlace(replicas: readonly Replica[]): boolean {
  return replicas.length === 0 || replicas.some(({ self, alive }) => self && alive);
}

interface Judgement {
  readonly ok: boolean;
  readonly text: string;
  readonly hint: string | null;
}

const good = (text: string, hint: string | null = null): Judgement => ({ ok: true, text, hint });
const bad = (text: string, hint: string | null = null): Judgement => ({ ok: false, text, hint });

const OUT_OF_PLACE = bad(
  'this replica cannot write to the journal: it reads nothing and sends nothing',
  'the log says why; the database may be read-only, full or out of reach',
);

function notRunning(): Health {
  const reason = { part: 'daemon', text: 'no daemon is running', hint: 'start it with auditferry run' };
  return { ok: false, reasons: [reason], notes: [] };
}

/** What may be said of any loop; null when it is for the others to say. */
function judgeLoop(loop: SourceStatus | SinkStatus, stalledMs: number | null): Judgement | null {
  const said = loop.reason === null ? '' : `: ${loop.reason}`;
  if (loop.state === 'held') return bad(`held${said}`, loop.hint);
  if (loop.state === 'stopped') return bad(ENDED);
  if (loop.state === 'standby') return good(`standby${said}`);
  if (loop.state === 'starting') return bad('has not started yet');
  if (loop.state === 'waiting_for_space') return bad(loop.reason ?? 'the journal is full', loop.hint);
  if (stalledMs !== null) return bad(`no progress for ${forTime(stalledMs)}${said}`, loop.hint);
  if (loop.state === 'retrying') return good(`retrying${said}`, loop.hint);
  return null;
}

function judgeSource(
  loop: SourceStatus,
  view: SourceView | undefined,
  { nowMs, monotonicMs }: Survey,
  { stalledAfterMs }: ReadinessLimits,
): Judgement[] {
  const agoMs = loop.progressedMs === null ? 0 : monotonicMs - loop.progressedMs;
  const overdue = view === undefined ? agoMs : overdueMs(view, nowMs, agoMs);
  const troubles = (view?.source.state().troubles ?? []).map(({ window, reason, hint, sinceMs }) => {
    const text = `${spanText(window)} cannot be read for ${forTime(nowMs - sinceMs)}: ${reason}`;
    return nowMs - sinceMs > stalledAfterMs ? bad(text, hint) : good(text, hint);
  });
  // The oldest trouble says what is the matter; a list of hundreds says no more.
  const shown = troubles.toSorted((a, b) => Number(a.ok) - Number(b.ok)).slice(0, TROUBLES_SHOWN);
  return [
    judgeLoop(loop, overdue > stalledAfterMs || hasReadNothing(loop) ? agoMs : null) ??
      good(loop.state === 'idle' ? 'idle until the next poll' : 'reading'),
    ...shown,
  ];
}

/** A first read that fails has no better past to trust in. */
function hasReadNothing({ state, polls, appended }: SourceStatus): boolean {
  return state === 'retrying' && polls === 0 && appended === 0;
}

function judgeSink(
  loop: SinkStatus,
  { monotonicMs }: Survey,
  { stalledAfterMs }: ReadinessLimits,
): Judgement {
  const agoMs = loop.progressedMs === null ? 0 : monotonicMs - loop.progressedMs;
  return (
    judgeLoop(loop, agoMs > stalledAfterMs ? agoMs : null) ??
    good(loop.state === 'idle' ? 'idle: no event is waiting' : loop.state)
  );
}

function judgeJournal(size: JournalSize, limits: ReadinessLimits): Judgement {
  const most = size.limitBytes * limits.journalShare;
  if (size.usedBytes < most) return good(`${formatSize(size.usedBytes)} of ${formatSize(size.limitBytes)}`);
  return bad(
    `the journal is full: ${formatSize(size.usedBytes)} of ${formatSize(size.limitBytes)}`,
    'fix the sink that is behind, or raise state.max_size',
  );
}

/** What flows past and is left for a person. */
function leftNotes({ letters, findings }: Survey): Reason[] {
  const both = [...letters.ofSources, ...letters.ofSinks];
  const open = total(findings.map(({ count }) => count));
  return [
    ...both.map(([part, count]) => ({
      part,
      text: counted(count, 'dead letter'),
      hint: 'auditferry dead-letters list',
    })),
    ...[...letters.tooOld].map(([part, count]) => ({
      part,
      text: `${counted(count, 'event')} too old for the receiver`,
      hint: 'auditferry dead-letters list',
    })),
    ...(open === 0
      ? []
      : [{ part: 'findings', text: counted(open, 'open finding'), hint: 'auditferry findings' }]),
  ];
}
