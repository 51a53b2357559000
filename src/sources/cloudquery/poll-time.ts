import type { Clock } from '../../model/clock.ts';
import { ForwardError } from '../../model/errors.ts';
import type { Window } from '../../model/event.ts';
import { floorTo, msToNs, NS_PER_SECOND, nsToMs } from '../../model/time.ts';
import { formatDuration } from '../../model/units.ts';
import type { ClockDoubt } from '../source.ts';
import type { Client } from './client.ts';
import { APART_MS, isPlausible, QUORUM } from './server-clock.ts';
import type { ServerClock, ServerTime } from './server-clock.ts';
import type { ReadItem } from './wire.ts';

/** A smaller difference is no news: the Date has whole seconds, and the answer takes time. */
const SKEW_WARN_MS = 5_000;
/** Requests that a poll spends at most on reading the Date again before it begins. */
const ASK_LIMIT = 4;
/** So many events prove that their time has come. Fewer may be strays, and are simply read. */
const PROOF_EVENTS = 3;
/** Events this close to the later clock, or within this share of the difference, prove it right. */
const NEAR_MS = 10 * 60_000;
const NEAR_SHARE = 0.1;
/** Requests for finding the newest events, each of which halves the span. */
const LOOK_LIMIT = 12;
const PER_PAGE = 1000;
/** A difference that comes and goes is reported this often. */
const REMIND_MS = 3_600_000;

/** The time by which one poll reads. */
export interface Decided {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** The few events found after it, which no window covers yet. */
  readonly beyond: readonly ReadItem[];
}

export interface PollTime {
  /** Reads the Platform's clock until readings agree, and decides between it and ours. Throws `transient` if neither can be right. */
  decide(signal: AbortSignal): Promise<Decided>;
  /** What the last `decide` found wrong with the clocks; null while they agree, or too few answers were heard. */
  doubt(): ClockDoubt | null;
}

/**
 * Which clock to believe. Where the Platform's and ours differ the earlier one counts, so that no window ends over events
 * still to come and no start skips any. Events of a later time prove that it is behind, up to their own time: that far, or to
 * the later clock where they come near it, windows may end.
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
  /** Whether the list was answered since the start, with a Date or without. */
  let answered = false;
  const say = createReminder(clock, warn);

  /** Asks for more answers after one that disagrees with the others, so that it never decides alone. */
  async function hear(signal: AbortSignal): Promise<void> {
    for (let asked = 0; asked < ASK_LIMIT; asked += 1) {
      const time = serverClock.read();
      // No Date so far. A Platform that gives none is asked once; if the first answer was lost, it is asked again.
      if (time === null ? answered : isCertain(time)) return;
      const endNs = msToNs(Math.max(clock.now(), 0));
      await client.page({ startNs: endNs - NS_PER_SECOND, endNs }, 1, 1, signal);
      answered = true;
    }
  }

  return {
    async decide(signal) {
      await hear(signal);
      const server = serverClock.read();
      const oursMs = clock.now();
      let seen: readonly ReadItem[] = [];
      let newestMs = -Infinity;
      if (server === null || !isDispute(server, oursMs)) provenMs = null;
      else if (provenMs !== null && Math.abs(server.skewMs - provenMs) <= APART_MS) newestMs = Infinity;
      else {
        seen = await newestOf(client, gapBetween(server.nowMs, oursMs), signal);
        newestMs = provenBy(seen);
        provenMs = isNear(newestMs, server.nowMs, oursMs) ? server.skewMs : null;
      }
      const judged = weigh(server, oursMs, newestMs);
      doubt = judged.doubt;
      say(doubt);
      const endNs = floorTo(msToNs(judged.nowMs), NS_PER_SECOND); // a window ends on a whole second
      return { nowMs: judged.nowMs, beyond: seen.filter(({ event }) => event.createdNs > endNs) };
    },
    doubt: () => doubt,
  };
}

/** Whether the newest answer agrees with the others, and either with our clock or with enough of them. */
function isCertain(time: ServerTime): boolean {
  return time.current && (Math.abs(time.skewMs) <= APART_MS || time.votes >= QUORUM);
}

function isDispute(server: ServerTime, oursMs: number): boolean {
  return isPlausible(server.nowMs) && isPlausible(oursMs) && Math.abs(server.skewMs) > APART_MS;
}

/** Events of the span, with the newest among them: the later half is asked for until it fits in one answer. */
async function newestOf(client: Client, gap: Window, signal: AbortSignal): Promise<readonly ReadItem[]> {
  const seen = new Map<string, ReadItem>();
  let { startNs } = gap;
  try {
    for (let looks = 0; looks < LOOK_LIMIT; looks += 1) {
      const page = await client.page({ startNs, endNs: gap.endNs }, 1, PER_PAGE, signal);
      for (const item of page.items) {
        // Only times count: a server that ignores the filter shows anything.
        const { createdNs } = item.event;
        if (createdNs > gap.startNs && createdNs <= gap.endNs) seen.set(item.event.id, item);
      }
      if (page.rows < (page.pageSize ?? PER_PAGE)) break;
      startNs = (startNs + gap.endNs) / 2n;
    }
  } catch (error) {
    if (!(error instanceof ForwardError)) throw error;
    // The span may be too wide for an answer. Events not seen prove nothing, and the earlier clock is safe.
  }
  return [...seen.values()];
}

/** The latest time that the events prove to have come, milliseconds since 1970; -Infinity if they prove nothing. */
function provenBy(items: readonly ReadItem[]): number {
  const times = items.map(({ event }) => nsToMs(event.createdNs)).toSorted((a, b) => b - a);
  return times[PROOF_EVENTS - 1] ?? -Infinity;
}

function isNear(newestMs: number, serverMs: number, oursMs: number): boolean {
  const near = Math.max(NEAR_MS, Math.abs(serverMs - oursMs) * NEAR_SHARE);
  return newestMs >= Math.max(serverMs, oursMs) - near;
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

/** Decides which clock to read by, and what is wrong. `newestMs`: the latest time that events prove to have come. */
function weigh(
  server: ServerTime | null,
  oursMs: number,
  newestMs: number,
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
  if (!isNear(newestMs, theirsMs, oursMs)) {
    const earlierMs = Math.min(theirsMs, oursMs);
    const text =
      newestMs > earlierMs
        ? `${differ}, and the newest events lie between the two; windows end by these`
        : `${differ}, and no event shows which is right; windows end by the earlier one`;
    return believe(Math.max(earlierMs, newestMs), server, 'apart', text, EITHER);
  }
  if (skewMs > 0) {
    const text = `the clock of this machine is behind: the Platform's is ${apart} it, and so are its events; windows end by that of the Platform`;
    return believe(theirsMs, server, 'ours', text, OURS);
  }
  const text = `the Date of the Platform is ${apart} this machine and its own events; windows end by the clock of this machine`;
  return believe(oursMs, server, 'platform', text, THEIRS);
}

/** Reports a difference only once enough answers agree on it. */
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
