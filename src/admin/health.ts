import type { JournalSize } from '../checkpoint/journal.ts';
import { nsToMs } from '../model/time.ts';
import type { SinkStatus, SourceStatus, Status } from '../pipeline/status.ts';
import type { AdminView, ReadinessLimits, SourceView } from './options.ts';

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
        text: `stuck: it says ${loop.state}, but has not moved for ${seconds} s`,
        hint: 'restart auditferry; it goes on from what the journal holds',
      });
    } else notes.push({ part: loop.name, text: loop.state });
  }
  return { ok: reasons.length === 0, reasons, notes };
}

/** The moment by which a loop must have turned again; null when it need not. Milliseconds since 1970. */
function dueToTurnMs(loop: SourceStatus | SinkStatus, source: SourceView | undefined): number | null {
  switch (loop.state) {
    case 'stopped':
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

/** Is everything carried as it should be? Every source fresh or catching up, no sink held, room in the journal, not stopping. */
export function readiness(
  view: AdminView,
  size: JournalSize,
  limits: ReadinessLimits,
  nowMs: number,
): Health {
  const { status } = view;
  if (status === null) return notRunning();
  const reasons: Reason[] = [];
  const notes: Reason[] = [];
  const judge = (part: string, verdict: Verdict): void => {
    if (verdict.ok) notes.push({ part, text: verdict.text });
    else reasons.push({ part, text: verdict.text, ...(verdict.hint === null ? {} : { hint: verdict.hint }) });
  };
  judge('daemon', judgeDaemon(status));
  for (const loop of status.sources.values()) {
    judge(loop.name, judgeSource(loop, view.sources.get(loop.name), limits, nowMs));
    const clock = view.sources.get(loop.name)?.source.state().clock ?? null;
    if (clock !== null) notes.push({ part: loop.name, text: clock.text, hint: clock.hint });
  }
  for (const loop of status.sinks.values()) judge(loop.name, judgeSink(loop, limits, nowMs));
  for (const [name, { state, reason, hint }] of Object.entries(status.own)) {
    if (state === 'held') judge(name, bad(`held: ${reason ?? 'no reason given'}`, hint));
  }
  judge('journal', judgeJournal(size, limits));
  return { ok: reasons.length === 0, reasons, notes };
}

interface Verdict {
  readonly ok: boolean;
  readonly text: string;
  readonly hint: string | null;
}

const good = (text: string): Verdict => ({ ok: true, text, hint: null });
const bad = (text: string, hint: string | null = null): Verdict => ({ ok: false, text, hint });

function notRunning(): Health {
  const reason = { part: 'daemon', text: 'no daemon is running', hint: 'start it with auditferry run' };
  return { ok: false, reasons: [reason], notes: [] };
}

function judgeDaemon(status: Status): Verdict {
  return status.stopping ? bad('stopping: it drains what is at hand') : good('running');
}

function judgeSource(
  loop: SourceStatus,
  view: SourceView | undefined,
  limits: ReadinessLimits,
  nowMs: number,
): Verdict {
  const said = loop.reason ?? 'no reason given';
  if (loop.state === 'held') return bad(`held: ${said}`, loop.hint);
  if (loop.state === 'waiting_for_space') return bad(said, loop.hint);
  if (loop.state === 'stopped') return bad('stopped');
  if (loop.state === 'starting') return bad('has not begun to read yet');
  if (loop.state === 'retrying' && nowMs - loop.sinceMs > limits.retryingWithinMs) {
    return bad(`failing for ${seconds(nowMs - loop.sinceMs)}: ${said}`, loop.hint);
  }
  const state = view?.source.state();
  const frontierNs = state?.frontierNs ?? null;
  const catchingUp = loop.state === 'working' || (state?.openWindows ?? 0) > 0;
  if (catchingUp) return good('reading without an error');
  if (frontierNs === null || view === undefined) {
    return loop.state === 'retrying'
      ? bad(`nothing could be read yet: ${said}`, loop.hint)
      : good('has read nothing yet');
  }
  const frontierMs = nsToMs(frontierNs);
  if (nowMs <= view.nextPollMs(frontierMs) + limits.freshWithinMs) {
    return good(
      loop.state === 'idle' ? 'fresh; idle until the next poll' : `fresh, though retrying: ${said}`,
    );
  }
  return bad(`not fresh: everything is read only up to ${seconds(nowMs - frontierMs)} ago`, loop.hint);
}

function judgeSink(loop: SinkStatus, limits: ReadinessLimits, nowMs: number): Verdict {
  if (loop.state === 'held') return bad(`held: ${loop.reason ?? 'no reason given'}`, loop.hint);
  if (loop.state === 'retrying' && nowMs - loop.sinceMs > limits.retryingWithinMs) {
    return bad(
      `failing for ${seconds(nowMs - loop.sinceMs)}: ${loop.reason ?? 'no reason given'}`,
      loop.hint,
    );
  }
  if (loop.state === 'idle') return good('idle: it has every event');
  return good(loop.state);
}

function judgeJournal(size: JournalSize, limits: ReadinessLimits): Verdict {
  const most = size.limitBytes * limits.journalShare;
  if (size.usedBytes < most) return good(`${size.usedBytes} of ${size.limitBytes} bytes`);
  return bad(
    `the journal holds ${size.usedBytes} bytes of ${size.limitBytes}`,
    'fix the sink that is behind, or raise state.max_size',
  );
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
