import { createHash, hash } from 'node:crypto';

import { contentHash, isStated } from './content-hash.ts';
import type { NewEvent } from './event.ts';
import { floorTo, NS_PER_SECOND } from './time.ts';

/** Longer ids are hashed, as are those that UTF-8 cannot hold: an id is a key in every receiver (Elasticsearch takes 512 bytes). */
const ID_LIMIT = 256;
/** The forms that ids of ours have. An id that a Platform states in one of them is hashed, so that it cannot pass for another event's. */
const OUR_FORM = /^sha256:[0-9a-f]{64}$|#[0-9a-f]{32}$/;
/** Digits of the hash in the id of an event that shares the id it states. */
const SHARED_DIGITS = 32;

export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/**
 * The id of an item: the one that it states where that can be a key, else a hash of what it says. Blanks and the nil UUID are what a program
 * writes for an id that it does not have: they state none. `item` is the item's own text.
 */
export function eventIdOf(stated: unknown, item: Buffer | string): string {
  if (!statesId(stated)) return `sha256:${contentHash(item.toString())}`;
  if (stated.length <= ID_LIMIT && stated.isWellFormed() && !OUR_FORM.test(stated)) return stated;
  return hashOf(JSON.stringify(stated)); // not of the item: the user part of the same event may change
}

/** Whether the value of an item's `id` tells it from other items. */
export function statesId(stated: unknown): stated is string {
  return typeof stated === 'string' && isStated(stated);
}

/** `sha256:` and 64 hexadecimal digits: what stands for an id that cannot stand itself. */
export function hashOf(data: Buffer | string): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

/** What tells one event of a source from another. */
export type EventIdentity = Pick<NewEvent, 'id' | 'createdNs' | 'eventType' | 'original'>;

/** One text for one event, to tell apart those that share an id within one reading. */
export function identityKey({ id, createdNs, eventType }: EventIdentity): string {
  return `${id}\n${createdNs}\n${eventType}`;
}

/** Whether two times may be those of one event: the same, or one of them cut to seconds. */
export function isSameInstant(a: bigint, b: bigint): boolean {
  return a === b || floorTo(a, NS_PER_SECOND) === b || floorTo(b, NS_PER_SECOND) === a;
}

/**
 * Replacement ids for an event whose own id belongs to another event, in the order to try them. They depend only on the event, so that it
 * gets the same one when it is read again, in any order. The first uses the time cut to seconds, as a Platform may cut it; the second
 * uses the exact time, for two events that share an id within one second.
 */
export function sharedIdsOf(source: string, event: EventIdentity): readonly string[] {
  const times = [floorTo(event.createdNs, NS_PER_SECOND), event.createdNs];
  return [...new Set(times)].map((ns, fine) => {
    const parts = JSON.stringify([source, event.id, ns.toString(), fine, event.eventType]);
    return `${event.id}#${hash('sha256', parts).slice(0, SHARED_DIGITS)}`;
  });
}
