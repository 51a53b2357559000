/** Times of the audit log are kept in integer nanoseconds since 1970: a Date would lose six of the nine digits. */

export const NS_PER_MS = 1_000_000n;
export const NS_PER_SECOND = 1_000_000_000n;

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(Z|z|[+-]\d\d:?\d\d)?$/;

/**
 * Nanoseconds since 1970 of an RFC 3339 time with any fraction (digits past the ninth are cut) and any offset;
 * without an offset it is UTC. Returns null for anything else, also for dates that do not exist.
 */
export function parseTime(text: string): bigint | null {
  const match = RFC_3339.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day));
  // Date.UTC carries a day that does not exist over into another month: the 31st of April is the 1st of May.
  const exists = new Date(midnight).getUTCMonth() === Number(month) - 1;
  const inDay = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  const inRange = Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60;
  const offset = zone === undefined ? 0 : offsetMinutes(zone);
  if (!exists || !inRange || offset === null || Number(year) < 1678 || Number(year) > 2261) return null;
  const seconds = midnight / 1000 + inDay - offset * 60;
  const nanoseconds = fraction === undefined ? 0 : Number(fraction.padEnd(9, '0'));
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
