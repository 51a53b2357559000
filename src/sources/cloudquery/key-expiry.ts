import type { Clock } from '../../model/clock.ts';
import { ForwardError } from '../../model/errors.ts';
import { isObject } from '../../model/json.ts';
import { optionalObject } from './client.ts';
import type { Client } from './client.ts';

const DAY_MS = 86_400_000;
/** A key that expires sooner is worth a warning. */
export const EXPIRY_WARN_DAYS = 14;
/** The Platform is asked this often, and sooner where it did not say. */
const ASK_EVERY_MS = DAY_MS;
const ASK_AGAIN_MS = 3_600_000;

/** Every key of the Platform expires, and an expired one is the commonest end of reading. */
export interface KeyExpiry {
  /** Asks when it is due. Whatever goes wrong keeps no event waiting: it is asked again later. Rejects on an abort only. */
  look(nowMs: number, signal: AbortSignal): Promise<void>;
  /** As the Platform said last, milliseconds since 1970; null where it never did. */
  expiresMs(): number | null;
}

/** `keyName`: the key's name in the Platform, which alone tells it among the others; without it nobody is asked. */
export function createKeyExpiry(
  client: Client,
  keyName: string | undefined,
  clock: Clock,
  warn: (message: string) => void,
): KeyExpiry {
  let expiresMs: number | null = null;
  let dueMs: number | null = null;
  return {
    async look(nowMs, signal) {
      if (keyName === undefined || (dueMs !== null && clock.monotonic() < dueMs)) return;
      const said = await askExpiry(client, keyName, nowMs, signal);
      dueMs = clock.monotonic() + (said === null ? ASK_AGAIN_MS : ASK_EVERY_MS);
      if (said === null) return;
      expiresMs = said;
      if (daysLeft(said, nowMs) < EXPIRY_WARN_DAYS)
        warn(`${expiryText(said, nowMs)}: create a new one and replace it`);
    },
    expiresMs: () => expiresMs,
  };
}

/** Null where the Platform does not say. Of several keys with the name, old ones may have expired: the first of the others counts. */
export async function askExpiry(
  client: Client,
  keyName: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<number | null> {
  try {
    const list = optionalObject(await client.get('apikeys', { withKey: true }, signal))?.['items'];
    const times = (Array.isArray(list) ? (list as unknown[]) : [])
      .map((item) =>
        isObject(item) && item['name'] === keyName ? Date.parse(String(item['expires_at'])) : NaN,
      )
      .filter((ms) => !Number.isNaN(ms))
      .sort((one, other) => one - other);
    return times.find((ms) => ms > nowMs) ?? times.at(-1) ?? null;
  } catch (error) {
    if (error instanceof ForwardError) return null;
    throw error;
  }
}

export function daysLeft(expiresMs: number, nowMs: number): number {
  return Math.floor((expiresMs - nowMs) / DAY_MS);
}

export function expiryText(expiresMs: number, nowMs: number): string {
  const [days, date] = [daysLeft(expiresMs, nowMs), new Date(expiresMs).toISOString().slice(0, 10)];
  return days < 0 ? `the key expired on ${date}` : `the key expires in ${days} days (${date})`;
}
