import type { Clock } from '../../model/clock.ts';
import { ForwardError } from '../../model/errors.ts';
import type { Window } from '../../model/event.ts';
import { msToNs, NS_PER_SECOND } from '../../model/time.ts';
import { formatDuration } from '../../model/units.ts';
import type { ClockDoubt } from '../source.ts';
import type { Client } from './client.ts';
import { APART_MS, isPlausible, QUORUM } from './server-clock.ts';
import type { ServerClock, ServerTime } from './server-clock.ts';
import type { ReadItem } from './wire.ts';

/** Date has whole seconds and the answer took its time: less than this is no difference. */
const SKEW_WARN_MS = 5_000;
/** Requests that a poll spends at most on hearing the Date again before it begins. */
const ASK_LIMIT = 4;
/** So many events of a later time prove that a clock is behind. Fewer may be strays, and are simply read. */
const PROOF_EVENTS = 3;
/** A clock that comes and goes is reported this often. */
const REMIND_MS = 3_600_000;

/** The time by which one poll reads. */
export interface Settled {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** The few events found past it, which no window covers yet. */
  readonly beyond: readonly ReadItem[];
}

export interface PollTime {
  /** Hears the Platform's clock until its readings agree, and weighs it against ours. Throws `transient` where neither can be right. */
  settle(signal: AbortSignal): Promise<Settled>;
  /** What the last `settle` found wrong with the clocks; null while they agree, or too few answers were heard. */
  doubt(): ClockDoubt | null;
}

/**
 * Which clock to believe. Where the Platform's and ours differ the earlier one counts, so that no window ends over events
 * still to come and no start skips any, unless events of a later time show that it is behind.
 */
export function createPollTime(
  client: Client,
  serverClock: ServerClock,
  clock: Clock,
  warn: (message: string) => void,
): PollTime {
  let doubt: ClockDoubt | null = null;
  /** The difference at which events proved the earlier clock to be behind: it need not be proven with every poll. */
  let provenMs: number | null = null;
  const say = createReminder(clock, warn);

  /** An answer that disagrees with the others is followed by more, so that it never decides, and never outlives the next. */
  async function hear(signal: AbortSignal): Promise<void> {
    for (let asked = 0; asked < ASK_LIMIT && !isSettled(serverClock.read()); asked += 1) {
      const endNs = msToNs(Math.max(clock.now(), 0));
      await client.page({ startNs: endNs - NS_PER_SECOND, endNs }, 1, 1, signal);
    }
  }

  async function lookPast(time: ServerTime, signal: AbortSignal): Promise<readonly ReadItem[]> {
    const gap = gapBetween(time.nowMs, clock.now());
    try {
      const page = await client.page(gap, 1, PROOF_EVENTS, signal);
      // Only times count: a server that ignores the filter shows anything.
      return page.items.filter(({ event }) => event.createdNs > gap.startNs && event.createdNs <= gap.endNs);
    } catch (error) {
      if (!(error instanceof ForwardError)) throw error;
      return []; // the span may be too wide to be answered; the earlier clock is safe without a proof
    }
  }

  return {
    async settle(signal) {
      await hear(signal);
      const server = serverClock.read();
      let beyond: readonly ReadItem[] = [];
      if (server === null || !isDispute(server, clock.now())) provenMs = null;
      else if (provenMs === null || Math.abs(server.skewMs - provenMs) > APART_MS) {
        beyond = await lookPast(server, signal);
        provenMs = beyond.length >= PROOF_EVENTS ? server.skewMs : null;
      }
      const judged = weigh(server, clock.now(), provenMs !== null);
      doubt = judged.doubt;
      say(doubt);
      return { nowMs: judged.nowMs, beyond: provenMs === null ? beyond : [] };
    },
    doubt: () => doubt,
  };
}

/** Nothing to ask again: the newest answer agrees with the others, and either with our clock or often enough. */
function isSettled(time: ServerTime | null): boolean {
  if (time === null) return true;
  return time.current && (Math.abs(time.skewMs) <= APART_MS || time.votes >= QUORUM);
}

function isDispute(server: ServerTime, oursMs: number): boolean {
  return isPlausible(server.nowMs) && isPlausible(oursMs) && Math.abs(server.skewMs) > APART_MS;
}

/** From the earlier clock to the later one, less what may be a second reading of the same clock. */
function gapBetween(serverMs: number, oursMs: number): Window {
  return {
    startNs: msToNs(Math.min(serverMs, oursMs) + APART_MS),
    endNs: msToNs(Math.max(serverMs, oursMs)),
  };
}

const OURS = 'synchronize the clock of this machine (see timedatectl or chronyc tracking)';
const THEIRS =
  'the Date header comes from a wrong clock, of the Platform or of a proxy in front of it: have it set';
const EITHER = `find out which one is wrong: ${OURS}, or have the clock of the Platform set`;

/** The clock to read by, and what is wrong. `proven`: events show that the earlier of two clocks is behind. */
export function weigh(
  server: ServerTime | null,
  oursMs: number,
  proven: boolean,
): { readonly nowMs: number; readonly doubt: ClockDoubt | null } {
  if (!isPlausible(oursMs)) {
    const said = `the clock of this machine says ${dateOf(oursMs)}, which cannot be right`;
    if (server !== null && isPlausible(server.nowMs)) {
      return believe(server.nowMs, server, 'ours', `${said}; windows end by the clock of the Platform`, OURS);
    }
    throw new ForwardError('transient', said, { hint: `${OURS}; nothing is read until then` });
  }
  if (server === null) return { nowMs: oursMs, doubt: null };
  if (!isPlausible(server.nowMs)) {
    const text = `the Date of the Platform says ${dateOf(server.nowMs)}, which cannot be right; windows end by the clock of this machine`;
    return believe(oursMs, server, 'platform', text, THEIRS);
  }
  const { skewMs, nowMs: theirsMs } = server;
  const apart = `${roughly(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'}`;
  if (Math.abs(skewMs) < SKEW_WARN_MS) return { nowMs: theirsMs, doubt: null };
  const differ = `the clock of the Platform is ${apart} that of this machine`;
  if (Math.abs(skewMs) <= APART_MS)
    return believe(theirsMs, server, 'apart', `${differ}; windows end by that of the Platform`, EITHER);
  if (!proven) {
    const text = `${differ}, and no event shows which is right; windows end by the earlier one`;
    return believe(Math.min(theirsMs, oursMs), server, 'apart', text, EITHER);
  }
  if (skewMs > 0) {
    const text = `the clock of this machine is behind: the Platform's is ${apart} it, and so are its events; windows end by that of the Platform`;
    return believe(theirsMs, server, 'ours', text, OURS);
  }
  const text = `the Date of the Platform is ${apart} this machine and its own events; windows end by the clock of this machine`;
  return believe(oursMs, server, 'platform', text, THEIRS);
}

/** One answer more or less is no news: a difference is reported once it is steady. */
function believe(
  nowMs: number,
  server: ServerTime,
  wrong: ClockDoubt['wrong'],
  text: string,
  hint: string,
): { readonly nowMs: number; readonly doubt: ClockDoubt | null } {
  return { nowMs, doubt: server.votes >= QUORUM ? { wrong, text, hint } : null };
}

/** To the second, and to the minute where seconds say nothing. */
function roughly(ms: number): string {
  const unitMs = ms < 10 * 60_000 ? 1000 : 60_000;
  return formatDuration(Math.round(ms / unitMs) * unitMs);
}

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Says what is wrong when it begins and when it has ended, each at most once an hour. */
function createReminder(clock: Clock, warn: (message: string) => void): (doubt: ClockDoubt | null) => void {
  const saidMs = new Map<string, number>();
  let last: string = 'none';
  return (doubt) => {
    const now = doubt?.wrong ?? 'none';
    if (now === last) return;
    const before = saidMs.get(now);
    if (before !== undefined && clock.monotonic() - before < REMIND_MS) return;
    last = now;
    saidMs.set(now, clock.monotonic());
    warn(
      doubt === null
        ? 'the clocks of this machine and of the Platform agree again'
        : `${doubt.text} (hint: ${doubt.hint})`,
    );
  };
}
