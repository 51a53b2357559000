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
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match;
  const leap = second === '60';
  const ms = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    leap ? 59 : Number(second),
  );
  const read = new Date(ms);
  const real =
    read.getUTCMonth() === Number(month) - 1 &&
    read.getUTCDate() === Number(day) &&
    read.getUTCHours() === Number(hour) &&
    read.getUTCMinutes() === Number(minute) &&
    Number(second) <= 60;
  if (!real || Number(year) < 1678 || Number(year) > 2261) return null;
  const offset = offsetMinutes(zone);
  if (offset === null) return null;
  const seconds = BigInt(ms) / 1000n + (leap ? 1n : 0n) - BigInt(offset * 60);
  return seconds * NS_PER_SECOND + BigInt(fraction.padEnd(9, '0'));
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
  const seconds = floorDiv(ns, NS_PER_SECOND);
  const fraction = (ns - seconds * NS_PER_SECOND).toString().padStart(9, '0');
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const digits = fraction.endsWith('000000000')
    ? 0
    : fraction.endsWith('000000')
      ? 3
      : fraction.endsWith('000')
        ? 6
        : 9;
  return digits === 0 ? `${whole}Z` : `${whole}.${fraction.slice(0, digits)}Z`;
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
