import { msToNs, parseTime } from '../model/time.ts';
import { parseDuration } from './units.ts';

/**
 * A point in time as the configuration and the commands take it: RFC 3339, a date (midnight UTC), a duration ago
 * (`30d`), `now`, or `beginning` (0). Nanoseconds since 1970; null for anything else. `nowMs`: milliseconds since 1970.
 */
export function parseMoment(text: string, nowMs: number): bigint | null {
  const trimmed = text.trim();
  if (trimmed === 'now') return msToNs(nowMs);
  if (trimmed === 'beginning') return 0n;
  const ago = parseDuration(trimmed);
  if (ago !== null) return msToNs(Math.max(0, nowMs - ago));
  return parseTime(/^\d{4}-\d\d-\d\d$/.test(trimmed) ? `${trimmed}T00:00:00Z` : trimmed);
}
