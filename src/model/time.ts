/** Times of the audit log are kept in integer nanoseconds since 1970: a Date would lose six of the nine digits. */

export const NS_PER_MS = 1_000_000n;
export const NS_PER_SECOND = 1_000_000_000n;

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(Z|z|[+-]\d\d:?\d\d)?$/;

/**
 * Nanoseconds since 1970 of an RFC 3339 time with any fraction (digits past the ninth are cut) and any offset;
 * without an offset it is UTC. Returns null for anything else, also for dates that do not exist.
 */
export function parseTime(text: string): bigint | null {
  const usual = parseUsual(text);
  if (usual !== undefined) return usual;
  const match = RFC_3339.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone] = match.map((part) => part ?? '');
  const offset = zone === '' ? 0 : offsetMinutes(zone ?? '');
  if (offset === null) return null;
  const inDay = secondsInDay(Number(hour), Number(minute), Number(second));
  const midnight = midnightOf(Number(year), Number(month), Number(day));
  if (inDay === null || midnight === null) return null;
  return inNanoseconds(midnight + inDay - offset * 60, Number((fraction ?? '').padEnd(9, '0')));
}

const [MINUS, DOT, ZERO, COLON, CAPITAL_T, CAPITAL_Z] = [0x2d, 0x2e, 0x30, 0x3a, 0x54, 0x5a];
const SECONDS_END = 19;
const DIGITS = 9;

/**
 * A time as nearly every server writes it, `2026-01-02T03:04:05.123456Z`: each event has one, and a regular expression takes several times
 * as long. Undefined for every other form.
 */
function parseUsual(text: string): bigint | null | undefined {
  const end = text.length - 1;
  const isUsual =
    text.charCodeAt(end) === CAPITAL_Z &&
    text.charCodeAt(10) === CAPITAL_T &&
    text.charCodeAt(4) === MINUS &&
    text.charCodeAt(7) === MINUS &&
    text.charCodeAt(13) === COLON &&
    text.charCodeAt(16) === COLON;
  if (!isUsual || end < SECONDS_END) return undefined;
  let nanoseconds = 0;
  if (end > SECONDS_END) {
    const digits = end - SECONDS_END - 1;
    if (text.charCodeAt(SECONDS_END) !== DOT || digits < 1 || digits > DIGITS) return undefined;
    nanoseconds = numberAt(text, SECONDS_END + 1, digits) * 10 ** (DIGITS - digits);
  }
  const [year, month, day] = [numberAt(text, 0, 4), numberAt(text, 5, 2), numberAt(text, 8, 2)];
  const [hour, minute, second] = [numberAt(text, 11, 2), numberAt(text, 14, 2), numberAt(text, 17, 2)];
  if (Number.isNaN(year + month + day + hour + minute + second + nanoseconds)) return undefined;
  const inDay = secondsInDay(hour, minute, second);
  const midnight = midnightOf(year, month, day);
  return inDay === null || midnight === null ? null : inNanoseconds(midnight + inDay, nanoseconds);
}

/** The number that so many digits write; NaN where something else stands there. */
function numberAt(text: string, start: number, digits: number): number {
  let value = 0;
  for (let at = start; at < start + digits; at += 1) {
    const digit = text.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    value = value * 10 + digit;
  }
  return value;
}

function secondsInDay(hour: number, minute: number, second: number): number | null {
  return hour < 24 && minute < 60 && second <= 60 ? hour * 3600 + minute * 60 + second : null;
}

/** Seconds since 1970; null for a date that does not exist, or is not between the years that nanoseconds in 64 bits reach. */
function midnightOf(year: number, month: number, day: number): number | null {
  if (year < 1678 || year > 2261) return null;
  const ms = Date.UTC(year, month - 1, day);
  // Date.UTC carries a day that does not exist over into another month: the 31st of April is the 1st of May.
  return new Date(ms).getUTCMonth() === month - 1 ? ms / 1000 : null;
}

function inNanoseconds(seconds: number, nanoseconds: number): bigint {
  return BigInt(seconds) * NS_PER_SECOND + BigInt(nanoseconds);
}

function offsetMinutes(zone: string): number | null {
  if (zone === 'Z' || zone === 'z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(-2));
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/** RFC 3339 in UTC with as many fraction digits as the value needs: none, 3, 6 or 9. */
export function formatTime(ns: bigint): string {
  const ms = nsToMs(ns);
  const pastMs = Number(ns - BigInt(ms) * NS_PER_MS);
  const whole = wholeSeconds(new Date(ms));
  const inMs = ms - Math.floor(ms / 1000) * 1000;
  if (inMs === 0 && pastMs === 0) return `${whole}Z`;
  const digits = `${String(inMs).padStart(3, '0')}${String(pastMs).padStart(6, '0')}`;
  return `${whole}.${pastMs === 0 ? digits.slice(0, 3) : pastMs % 1000 === 0 ? digits.slice(0, 6) : digits}Z`;
}

/** The same with six digits, always: for readers that want one length. */
export function formatMicroseconds(ns: bigint): string {
  const ms = nsToMs(ns);
  const micros = Math.floor(Number(ns - BigInt(ms) * NS_PER_MS) / 1000);
  const inMs = ms - Math.floor(ms / 1000) * 1000;
  return `${wholeSeconds(new Date(ms))}.${String(inMs).padStart(3, '0')}${String(micros).padStart(3, '0')}Z`;
}

/** "2026-01-02T03:04:05". Each event has two or three times written, and Date.toISOString takes five times as long. */
function wholeSeconds(date: Date): string {
  const day = `${fourDigits(date.getUTCFullYear())}-${twoDigits(date.getUTCMonth() + 1)}-${twoDigits(date.getUTCDate())}`;
  return `${day}T${twoDigits(date.getUTCHours())}:${twoDigits(date.getUTCMinutes())}:${twoDigits(date.getUTCSeconds())}`;
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function fourDigits(value: number): string {
  return value > 999 ? String(value) : String(value).padStart(4, '0');
}

export function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

export function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** The largest multiple of `unit` that is not above `value`. */
export function floorTo(value: bigint, unit: bigint): bigint {
  return floorDiv(value, unit) * unit;
}

function floorDiv(value: bigint, unit: bigint): bigint {
  const quotient = value / unit;
  return value % unit !== 0n && value < 0n ? quotient - 1n : quotient;
}

export function msToNs(ms: number): bigint {
  return BigInt(Math.round(ms)) * NS_PER_MS;
}

/** Whole milliseconds, rounded down: for schedules and figures, never for keys. */
export function nsToMs(ns: bigint): number {
  return Number(floorDiv(ns, NS_PER_MS));
}
