import { NS_PER_MS, parseTime } from './time.ts';

/** Time zones differ by multiples of this, and two of them by no more than that. */
const ZONE_STEP_NS = 900_000_000_000n;
const ZONES_APART_NS = 26n * 3_600_000_000_000n;

/** By how much the times of one event can differ, all time zones taken together. Nanoseconds. */
export function* zonesApart(): Generator<bigint> {
  for (let byNs = ZONE_STEP_NS; byNs <= ZONES_APART_NS; byNs += ZONE_STEP_NS) yield* [byNs, -byNs];
}

const MEMBER = /"created_at"\s*:\s*"([^"\\]{1,64})"/g;
const TIME = /^(\d{4}-\d\d-\d\d)([Tt ])(\d\d:\d\d:\d\d)(.*)$/;

/**
 * What an item said while its time was shown in another time zone: texts that it may have been, with `ns` for its time. None where the two
 * times are not a time zone's worth apart. A Platform may take one for another for a while and then be corrected.
 */
export function textsAt(original: string, createdNs: bigint, ns: bigint): string[] {
  const byNs = ns - createdNs;
  if (byNs === 0n || byNs % ZONE_STEP_NS !== 0n || byNs > ZONES_APART_NS || byNs < -ZONES_APART_NS) return [];
  for (const match of original.matchAll(MEMBER)) {
    const [member, text = ''] = match;
    if (parseTime(text) !== createdNs) continue;
    const at = match.index + member.length - 1 - text.length;
    return movedBy(text, byNs, ns).map(
      (moved) => `${original.slice(0, at)}${moved}${original.slice(at + text.length)}`,
    );
  }
  return [];
}

/** Whether an item says what it said before but for the time zone in which its time was shown then, whichever that was. */
export function isOnlyMoved(original: string, createdNs: bigint, isHeld: (text: string) => boolean): boolean {
  for (const byNs of zonesApart())
    if (textsAt(original, createdNs, createdNs + byNs).some(isHeld)) return true;
  return false;
}

/** With the zone as it is written, and as a time of another zone that was called UTC. */
function movedBy(text: string, byNs: bigint, ns: bigint): string[] {
  const [, date = '', separator = 'T', time = '', rest = ''] = TIME.exec(text) ?? [];
  if (date === '') return [];
  const shown = (ms: number): string => {
    const [day = '', clock = ''] = new Date(ms).toISOString().split('T');
    return `${day}${separator}${clock.slice(0, 8)}`;
  };
  const fraction = /^\.\d+/.exec(rest)?.[0] ?? '';
  const moved = Date.parse(`${date}T${time}Z`) + Number(byNs / NS_PER_MS);
  return [`${shown(moved)}${rest}`, `${shown(Number(ns / NS_PER_MS))}${fraction}Z`];
}
