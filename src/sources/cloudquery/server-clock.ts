import type { Clock } from '../../model/clock.ts';
import { dateMs } from '../../net/http.ts';
import type { HttpResponse } from '../../net/http.ts';

/** Clocks closer together than this are the same clock, read at another moment or through a slow answer. */
export const APART_MS = 60_000;
/** Readings that are kept, and how many of them must agree. */
const READINGS = 5;
export const QUORUM = 3;
/** Our wall clock against our monotonic one: further than this, it was set, or the machine slept. */
const JUMP_MS = 2_000;
/** Clocks that are set differ by less. */
const YEARS_MS = 2 * 366 * 86_400_000;
/** Before 2017 there was no audit log to read: a clock that says so is not set. */
const EARLIEST_MS = Date.UTC(2017, 0, 1);

/** What the Platform's clock says, as far as its answers agree. */
export interface ServerTime {
  /** Milliseconds since 1970, the earliest that the readings in agreement allow. May be absurd: see `isPlausible`. */
  readonly nowMs: number;
  /** Server minus ours: the least difference that explains the readings, since an answer takes its time. */
  readonly skewMs: number;
  /** How many readings agree on it. */
  readonly votes: number;
  /** Whether the newest reading is one of them. */
  readonly current: boolean;
}

export interface ServerClock {
  /** `sentMs`: when the request left, by the monotonic clock. */
  observe(headers: HttpResponse['headers'], sentMs: number): void;
  /** Null while no answer had a Date that can be read. */
  read(): ServerTime | null;
}

/** The server's time minus our monotonic clock lies between the two: Date has whole seconds, and the answer took its time. */
interface Reading {
  readonly lowMs: number;
  readonly highMs: number;
}

/**
 * The Platform's clock, learned from the Date of its answers. The last few readings vote, so that one answer from a host
 * with a wrong clock moves nothing, and of those in agreement the earliest counts, so that no window ends over events that
 * are still to come. Readings are kept against the monotonic clock: setting ours does not move them.
 */
export function createServerClock(clock: Clock): ServerClock {
  let readings: readonly Reading[] = [];
  let offsetMs = clock.now() - clock.monotonic();

  return {
    observe(headers, sentMs) {
      const saidMs = dateMs(headers);
      if (saidMs === null) return;
      const receivedMs = clock.monotonic();
      const nowOffsetMs = clock.now() - receivedMs;
      // The monotonic clock may stand still while a machine sleeps: what was heard before says nothing then.
      if (Math.abs(nowOffsetMs - offsetMs) > JUMP_MS) readings = [];
      offsetMs = nowOffsetMs;
      const reading = { lowMs: saidMs - receivedMs, highMs: saidMs + 1000 - Math.min(sentMs, receivedMs) };
      readings = [...readings, reading].slice(-READINGS);
    },
    read() {
      const group = majority(readings, clock.now() - clock.monotonic());
      const newest = readings.at(-1);
      if (newest === undefined) return null;
      const ours = clock.now() - clock.monotonic();
      const least = Math.max(...group.map(({ lowMs }) => lowMs)) - ours;
      const most = Math.min(...group.map(({ highMs }) => highMs)) - ours;
      return {
        nowMs: clock.monotonic() + Math.min(...group.map(({ lowMs }) => lowMs)),
        skewMs: Math.round(least > 0 ? least : most < 0 ? most : 0),
        votes: group.length,
        current: group.includes(newest),
      };
    },
  };
}

/**
 * The readings that most agree with; where two groups are as large, the one nearer to our own clock. Years away from it counts only where
 * all of them are: half of the answers may come from a host whose clock was never set.
 */
function majority(readings: readonly Reading[], ours: number): readonly Reading[] {
  const distance = (group: readonly Reading[]): number =>
    Math.min(...group.map(({ lowMs }) => Math.abs(lowMs - ours)));
  const groups = readings.map((one) => readings.filter((other) => agree(one, other)));
  const near = groups.filter((group) => distance(group) < YEARS_MS);
  return (near.length > 0 ? near : groups).reduce<readonly Reading[]>(
    (best, group) =>
      group.length > best.length || (group.length === best.length && distance(group) < distance(best))
        ? group
        : best,
    [],
  );
}

function agree(a: Reading, b: Reading): boolean {
  return a.lowMs - APART_MS <= b.highMs && b.lowMs - APART_MS <= a.highMs;
}

/** Reading by an absurd clock would mark windows as finished that are not. */
export function isPlausible(nowMs: number): boolean {
  return nowMs >= EARLIEST_MS;
}
