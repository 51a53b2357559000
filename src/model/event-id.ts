import { createHash } from 'node:crypto';

/** Longer ids are hashed, as are those that UTF-8 cannot hold: an id is a key in every receiver (Elasticsearch takes 512 bytes). */
const ID_LIMIT = 256;

/** What an item goes by: the id it states where one can be a key, else a hash. `bytes` are the item's own. */
export function eventIdOf(stated: unknown, bytes: Buffer | string): string {
  if (typeof stated !== 'string' || stated === '') return hashOf(bytes);
  if (stated.length <= ID_LIMIT && stated.isWellFormed()) return stated;
  return hashOf(JSON.stringify(stated)); // not of the bytes: the user part of the same event may change
}

/** `sha256:` and 64 hexadecimal digits: what stands for an id that cannot stand itself. */
export function hashOf(data: Buffer | string): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}
