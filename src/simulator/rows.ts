import type { SimulatorOptions } from './options.ts';
import { compareRows, MINUTE_MS, rowsOfInstant, rowsOfMinute } from './stream.ts';
import type { Row } from './stream.ts';
import { ForwardError } from '../model/errors.ts';
import { nsToMs, parseTime } from '../model/time.ts';

/** More than this is refused rather than run out of memory. */
const MAX_ROWS = 5_000_000;
/** Purged and deleted rows that are remembered for comparisons in tests. */
const MAX_GONE_ROWS = 1_000_000;
/** Up to this many rows are put in place one by one; more are merged by a sort. */
const MAX_SINGLE_INSERTS = 64;

/** A place in event time: milliseconds since 1970 and nanoseconds below them. */
export interface Instant {
  readonly ms: number;
  readonly sub: number;
}

/** The rows of the audit log, oldest first, brought up to the Platform's clock by `advance`. */
export class Rows {
  #visible: Row[] = [];
  #pending: Row[] = [];
  #gone: Row[] = [];
  #nextVisibleMs = Infinity;
  #nextMinute: number;

  constructor(options: SimulatorOptions, startMs: number) {
    refuseTooMany(options, startMs);
    const fromMs = historyStart(options, startMs);
    this.#nextMinute = Math.floor(fromMs / MINUTE_MS);
    this.#generate(options, startMs, fromMs);
    this.#pending.push(...rowsOfInstant(options, startMs).filter((row) => row.ms >= fromMs));
    this.#publish(startMs);
  }

  /** Adds what has begun by `nowMs`, shows what is due, purges what is past its retention. */
  advance(options: SimulatorOptions, nowMs: number): void {
    this.#generate(options, nowMs, -Infinity);
    if (this.#nextVisibleMs <= nowMs) this.#publish(nowMs);
    if (options.retention > 0) this.#purge(nowMs - options.retention);
  }

  insert(rows: readonly Row[], nowMs: number): void {
    for (const row of rows) this.#pending.push(row);
    this.#publish(nowMs);
  }

  /** Deletes the rows that `matches`; returns how many. */
  remove(matches: (row: Row) => boolean): number {
    const before = this.#visible.length + this.#pending.length;
    this.#visible = this.#visible.filter((row) => !matches(row) || !this.#bury(row));
    this.#pending = this.#pending.filter((row) => !matches(row) || !this.#bury(row));
    return before - this.#visible.length - this.#pending.length;
  }

  visible(): readonly Row[] {
    return this.#visible;
  }

  pending(): readonly Row[] {
    return this.#pending;
  }

  gone(): readonly Row[] {
    return this.#gone;
  }

  /** A copy of the visible rows from `from` to `to`, oldest first; null leaves a side open. */
  between(from: Instant | null, to: Instant | null, endExclusive: boolean): Row[] {
    const first = from === null ? 0 : this.#placeOf(from, false);
    const last = to === null ? this.#visible.length : this.#placeOf(to, !endExclusive);
    return this.#visible.slice(first, Math.max(first, last));
  }

  #generate(options: SimulatorOptions, nowMs: number, fromMs: number): void {
    const lastMinute = Math.floor(nowMs / MINUTE_MS);
    for (; this.#nextMinute <= lastMinute; this.#nextMinute += 1) {
      for (const row of rowsOfMinute(options, this.#nextMinute)) {
        if (row.ms < fromMs) continue;
        this.#pending.push(row);
        this.#nextVisibleMs = Math.min(this.#nextVisibleMs, row.visibleMs);
      }
    }
  }

  #publish(nowMs: number): void {
    const due: Row[] = [];
    const later: Row[] = [];
    let next = Infinity;
    for (const row of this.#pending) {
      if (row.visibleMs <= nowMs) due.push(row);
      else {
        later.push(row);
        next = Math.min(next, row.visibleMs);
      }
    }
    this.#pending = later;
    this.#nextVisibleMs = next;
    this.#show(due.sort(compareRows));
  }

  #show(due: readonly Row[]): void {
    const first = due[0];
    if (first === undefined) return;
    const newest = this.#visible.at(-1);
    if (newest === undefined || compareRows(newest, first) <= 0) {
      for (const row of due) this.#visible.push(row);
    } else if (due.length <= MAX_SINGLE_INSERTS) {
      for (const row of due) this.#visible.splice(this.#placeOf(row, true), 0, row);
    } else {
      this.#visible = this.#visible.concat(due).sort(compareRows);
    }
  }

  #purge(beforeMs: number): void {
    const count = this.#placeOf({ ms: beforeMs, sub: 0 }, false);
    if (count > 0) for (const row of this.#visible.splice(0, count)) this.#bury(row);
    if (this.#pending.some((row) => row.ms < beforeMs)) {
      this.#pending = this.#pending.filter((row) => row.ms >= beforeMs || !this.#bury(row));
    }
  }

  #bury(row: Row): true {
    if (this.#gone.length < MAX_GONE_ROWS) this.#gone.push(row);
    return true;
  }

  /** How many visible rows are before the instant, or with `past` also at it. */
  #placeOf(instant: Instant, past: boolean): number {
    let low = 0;
    let high = this.#visible.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = this.#visible[middle] as Row;
      const order = row.ms - instant.ms || row.sub - instant.sub;
      if (order < 0 || (past && order === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function historyStart(options: SimulatorOptions, startMs: number): number {
  const since = options.since === '' ? null : parseTime(options.since);
  const wanted = since === null ? startMs - options.history : nsToMs(since);
  return options.retention > 0 ? Math.max(wanted, startMs - options.retention) : wanted;
}

function refuseTooMany(options: SimulatorOptions, startMs: number): void {
  const ms = Math.max(0, startMs - historyStart(options, startMs));
  const bursts = options.burst.every === 0 ? 0 : ms / Math.max(options.burst.every, 1000);
  const rows = (ms / MINUTE_MS) * options.rate + bursts * options.burst.rows + options.instant.rows;
  if (rows <= MAX_ROWS && ms / MINUTE_MS <= MAX_ROWS) return;
  throw new ForwardError(
    'config',
    `the simulator would hold about ${Math.round(rows)} events, more than ${MAX_ROWS}`,
    {
      hint: 'shorten history, or lower rate or burst.rows',
    },
  );
}
