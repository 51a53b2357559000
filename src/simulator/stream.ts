import { parseTime } from '../model/time.ts';
import type { Precision, SimulatorOptions } from './options.ts';
import { randomFrom, words } from './random.ts';
import type { Random } from './random.ts';

/**
 * One row of the simulated audit log, as small as it can be: what an event says is made from `a` and `b` when it is
 * asked for. Times in milliseconds since 1970, `sub` in nanoseconds below the millisecond.
 */
export interface Row {
  readonly ms: number;
  readonly sub: number;
  /** From when on it is listed, by the Platform's clock. */
  readonly visibleMs: number;
  readonly a: number;
  readonly b: number;
  readonly flags: number;
  /** What a test gave for it instead of what the seed gives. */
  readonly given: GivenRow | null;
}

export interface GivenRow {
  /** Null: the event has no id. Undefined: the one from the seed. */
  readonly id?: string | null;
  /** The item's whole text. Undefined: one from the seed. */
  readonly json?: string;
}

/** Bits of `Row.flags`. */
export const MISSING_ID = 1;
export const MALFORMED = 2;
export const ODD = 4;
export const SHARED_ID = 8;

export const MINUTE_MS = 60_000;
/** Bursts closer together than this would be a rate, not bursts. */
const MIN_BURST_DISTANCE_MS = 1000;
/** Keeps the streams of bursts, instants and single rows apart from that of the minutes. */
const BURST_SALT = 0x0b57;
const INSTANT_SALT = 0x1257;
const SINGLE_SALT = 0x516e;
const SHARED_SALT = 0x5a1d;

/**
 * The rows that begin in one minute since 1970: a pure function of the seed, the minute and the options that shape rows.
 * A burst's rows all belong to the minute in which it begins. In no particular order.
 */
export function rowsOfMinute(options: SimulatorOptions, minute: number): Row[] {
  const rows: Row[] = [];
  const random = randomFrom(options.seed, ...words(minute));
  const wanted = options.rate * (0.5 + random.unit());
  const count = Math.floor(wanted) + (random.unit() < wanted % 1 ? 1 : 0);
  for (let index = 0; index < count; index += 1) {
    const ms = minute * MINUTE_MS + random.below(MINUTE_MS);
    addRow(rows, options, random, ms, random.below(1_000_000));
  }
  addBursts(rows, options, minute);
  return rows;
}

function addBursts(rows: Row[], options: SimulatorOptions, minute: number): void {
  if (options.burst.every === 0) return;
  const every = Math.max(options.burst.every, MIN_BURST_DISTANCE_MS);
  const from = minute * MINUTE_MS;
  for (let start = Math.ceil(from / every) * every; start < from + MINUTE_MS; start += every) {
    const [low, high] = words(start);
    const random = randomFrom(options.seed ^ BURST_SALT, low, high);
    for (let index = 0; index < options.burst.rows; index += 1) {
      const ms = start + Math.floor(index / options.burst.rows_per_ms);
      addRow(rows, crowded(options), random, ms, random.below(1_000_000));
    }
  }
}

/** Two events of one id, one time and one type would be one event: only where times differ may ids be shared. */
function crowded(options: SimulatorOptions): SimulatorOptions {
  return { ...options, shared_ids: 0 };
}

/** The rows of the one instant, all with the same created_at; `startMs` is when the Platform started. */
export function rowsOfInstant(options: SimulatorOptions, startMs: number): Row[] {
  const at = options.instant.at === '' ? null : parseTime(options.instant.at);
  const rows: Row[] = [];
  const floored = Math.floor((startMs - options.instant.ago) / MINUTE_MS) * MINUTE_MS;
  const ms = at === null ? floored : Number(at / 1_000_000n);
  const sub = at === null ? 0 : Number(at % 1_000_000n);
  const random = randomFrom(options.seed ^ INSTANT_SALT, ...words(ms));
  for (let index = 0; index < options.instant.rows; index += 1)
    addRow(rows, crowded(options), random, ms, sub);
  return rows;
}

/** A row from outside the stream: `number` tells it from others of the same time. Visible from `visibleMs`. */
export function singleRow(
  options: SimulatorOptions,
  at: { readonly ms: number; readonly sub: number; readonly visibleMs: number },
  number: number,
  given: GivenRow | null,
): Row {
  const random = randomFrom(options.seed ^ SINGLE_SALT, number, Math.floor(at.ms % 0x7fff_ffff));
  return { ...at, a: random.uint32(), b: random.uint32(), flags: 0, given };
}

/** Draws the same number of times whatever the switches say, so that one switch leaves the other rows as they are. */
function addRow(rows: Row[], options: SimulatorOptions, random: Random, ms: number, sub: number): void {
  const a = random.uint32();
  const b = random.uint32();
  const lag = options.visibility_lag * (0.5 + random.unit());
  const late = random.unit() < options.late.share;
  const lateMs = random.unit() * options.late.up_to;
  const twice = random.unit() < options.duplicate_ids;
  const flags =
    (random.unit() < options.missing_ids ? MISSING_ID : 0) |
    (random.unit() < options.malformed ? MALFORMED : 0) |
    (random.unit() < options.odd ? ODD : 0) |
    (randomFrom(a, b, SHARED_SALT).unit() < options.shared_ids ? SHARED_ID : 0);
  const cut = cutTo(options.precision, ms, sub);
  const visibleMs = ms + (sub > 0 ? 1 : 0) + Math.ceil(lag + (late ? lateMs : 0));
  const row: Row = { ms: cut.ms, sub: cut.sub, visibleMs, a, b, flags, given: null };
  rows.push(row);
  if (twice) rows.push(row);
}

/** A time cut down, never rounded up, to a precision. */
export function cutTo(precision: Precision, ms: number, sub: number): { ms: number; sub: number } {
  switch (precision) {
    case 's':
      return { ms: Math.floor(ms / 1000) * 1000, sub: 0 };
    case 'ms':
      return { ms, sub: 0 };
    case 'us':
      return { ms, sub: sub - (sub % 1000) };
    case 'ns':
      return { ms, sub };
  }
}

/** Oldest first; equal times in an order that depends on nothing but the rows, so that a restart keeps it. */
export function compareRows(left: Row, right: Row): number {
  return left.ms - right.ms || left.sub - right.sub || left.a - right.a || left.b - right.b;
}
