import { parseTime } from '../model/time.ts';
import { Refused } from './answer.ts';

/** What stands in a query: each of these throws a Refused for what cannot be meant. */

const TEXT_LIMIT = 200;

export function readTime(query: URLSearchParams, key: string): bigint | null {
  const text = query.get(key);
  if (text === null) return null;
  const time = parseTime(text);
  if (time === null) throw new Refused(400, `${key} must be an RFC 3339 time`);
  return time;
}

export function readCount(query: URLSearchParams, key: string, fallback: number, most: number): number {
  const text = query.get(key);
  if (text === null) return fallback;
  if (!/^\d{1,6}$/.test(text) || Number(text) < 1)
    throw new Refused(400, `${key} must be a number from 1 to ${most}`);
  return Math.min(Number(text), most);
}

/** A place in the journal, or the id of a dead letter. */
export function readSeq(query: URLSearchParams, key: string): bigint | null {
  const text = query.get(key);
  if (text === null) return null;
  if (!/^\d{1,18}$/.test(text)) throw new Refused(400, `${key} must be a whole number`);
  return BigInt(text);
}

/** Without blanks around it; null where it is absent or empty. */
export function readText(query: URLSearchParams, key: string): string | null {
  const text = query.get(key)?.trim() ?? '';
  if (text.length > TEXT_LIMIT) throw new Refused(400, `${key} is longer than ${TEXT_LIMIT} characters`);
  return text === '' ? null : text;
}
