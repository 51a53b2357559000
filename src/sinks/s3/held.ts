import { createGunzip, createZstdDecompress } from 'node:zlib';

import { idOfLine } from '../../formats/line-ids.ts';
import type { Clock } from '../../model/clock.ts';
import { hashOf } from '../../model/event-id.ts';
import type { Window } from '../../model/event.ts';
import { linesOf } from '../lines.ts';
import { dayOf } from './folder.ts';
import type { Folders } from './folder.ts';
import { idsInParquet } from './parquet.ts';
import type { Store } from './store.ts';

/** Names are asked for again when an id is not found, but no more often than this. */
const AGAIN_MS = 1000;
const OBJECTS_LIMIT = 1_000_000;
const LINE_LIMIT_BYTES = 64 * 1024 * 1024;

/** Which events the objects of some days hold. Each object is read once, for as long as the sink is open. */
export function openHeld(
  store: Store,
  folders: Folders,
  clock: Clock,
): (
  ids: readonly string[],
  within: Window | undefined,
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, number>> {
  const counts = new Map<number, number>();
  const read = new Set<string>();
  let listedMs = -Infinity;
  let listedFor = '';

  const look = async (from: string, to: string, signal: AbortSignal): Promise<void> => {
    for await (const key of store.list(folders.start, OBJECTS_LIMIT, signal)) {
      const day = folders.dayOf(key);
      if (day === null || read.has(key) || day < from || day > to) continue;
      for (const id of await idsIn(key, await store.get(key, signal), signal))
        counts.set(id, (counts.get(id) ?? 0) + 1);
      read.add(key);
    }
  };

  return async (ids, within, signal) => {
    const [from, to] = within === undefined ? ['', '~'] : [dayOf(within.startNs), dayOf(within.endNs)];
    const isLacking = ids.some((id) => !counts.has(shortHash(hashOf(id))));
    const isStale = clock.monotonic() - listedMs >= AGAIN_MS || listedFor !== `${from} ${to}`;
    if (isLacking && isStale) {
      await look(from, to, signal);
      listedMs = clock.monotonic();
      listedFor = `${from} ${to}`;
    }
    const found = ids.map((id) => [id, counts.get(shortHash(hashOf(id))) ?? 0] as const);
    return new Map(found.filter(([, count]) => count > 0));
  };
}

/** Of every event in an object. Fifty-two bits of a hash take a tenth of the memory that the ids would. */
async function idsIn(key: string, bytes: Buffer, signal: AbortSignal): Promise<readonly number[]> {
  if (key.endsWith('.parquet')) return (await idsInParquet(bytes)).map((id) => shortHash(hashOf(id)));
  const plain = key.endsWith('.zst') ? createZstdDecompress() : createGunzip();
  plain.end(bytes);
  const ids: number[] = [];
  for await (const line of linesOf(plain as AsyncIterable<Buffer>, LINE_LIMIT_BYTES)) {
    signal.throwIfAborted();
    const said = idOfLine(line);
    if (said !== null) ids.push(shortHash(said.hashed ? said.id : hashOf(said.id)));
  }
  return ids;
}

function shortHash(hash: string): number {
  return Number.parseInt(hash.replace('sha256:', '').slice(0, 13), 16);
}
