import { failedItem } from '../model/check.ts';
import type { CheckItem, CheckReport } from '../model/check.ts';
import { unreadableAnswer } from './http-fates.ts';
import { OpenFates } from './open-fates.ts';
import { openHeld } from './s3/held.ts';
import { openFolders } from './s3/folder.ts';
import type { Folders } from './s3/folder.ts';
import { CONTENT_TYPES, encodeLines, groupsOf, idsHash, keyOf, readName, startOf } from './s3/object.ts';
import type { Group, Placed } from './s3/object.ts';
import { s3Schema, validateS3 } from './s3/options.ts';
import type { S3Options } from './s3/options.ts';
import { encodeParquet } from './s3/parquet.ts';
import { isTooLarge, openStore } from './s3/store.ts';
import type { Store } from './s3/store.ts';
import { sendInRuns } from './send-in-runs.ts';
import { halves, SizeLimit } from './size-limit.ts';
import { bytesOf } from './sink.ts';
import type { Batch, Receipt, Sink, SinkContext, SinkDefinition } from './sink.ts';

/**
 * Object storage: an object for the events of a batch that share a source and a folder, which tells their day. Its name depends on the events alone and it is put
 * with If-None-Match, so that a repeat meets itself. After a start the batches may be cut otherwise than before it: then the objects that
 * begin with the same event are looked for first. Sources: Amazon S3, "Conditional requests" and "Error responses".
 */
export const s3: SinkDefinition<S3Options> = {
  type: 's3',
  schema: s3Schema,
  defaultFormat: 'raw',
  defaultBatch: { maxEvents: 10_000, maxBytes: 64 * 1024 * 1024, maxWaitMs: 300_000 },
  validate: validateS3,
  create: createS3,
};

/** Lanes are at most as many: so many objects may have been put whose cursor was never saved. */
const LOOKS_AFTER_START = 64;

function createS3(options: S3Options, context: SinkContext): Sink {
  const store = openStore(options, context);
  const folders = openFolders(options.prefix, options.encoding);
  const held = openHeld(store, folders, context.clock);
  const limit = new SizeLimit(Number.MAX_SAFE_INTEGER, context.clock);
  let looks = LOOKS_AFTER_START;

  /** Settles what an object from before the start holds, and returns the rest. */
  const passOver = async (group: Group, open: OpenFates, signal: AbortSignal): Promise<readonly Placed[]> => {
    let rest = group.placed;
    while (looks > 0 && rest.length > 0) {
      looks -= 1;
      const taken = await takenBefore({ ...group, placed: rest }, signal);
      if (taken === 0) break;
      for (const { place } of rest.slice(0, taken)) open.settle(place, { outcome: 'duplicate' });
      rest = rest.slice(taken);
    }
    return rest;
  };

  /** How many of the first events stand in one object already. */
  const takenBefore = async (group: Group, signal: AbortSignal): Promise<number> => {
    for await (const key of store.list(startOf(group), 100, signal)) {
      const name = readName(key);
      if (name === null) continue;
      const same = group.placed.filter(({ item }) => item.canonical.seq <= name.last);
      if (same.at(-1)?.item.canonical.seq === name.last && idsHash(same) === name.hash) return same.length;
    }
    return 0;
  };

  const put = async (
    group: Group,
    open: OpenFates,
    signal: AbortSignal,
  ): Promise<readonly (readonly Placed[])[]> => {
    const { placed } = group;
    const { encoding } = options;
    const body =
      encoding === 'parquet'
        ? await encodeParquet(placed, options.parquet, signal)
        : await encodeLines(placed, encoding);
    const response = await store.put(keyOf(group, encoding), body, putHeaders(options), signal);
    if (response.status === 412 || response.status === 200) {
      if (response.status === 200 && response.headers['etag'] === undefined)
        throw unreadableAnswer(store.where, response);
      const outcome = response.status === 200 ? 'delivered' : 'duplicate';
      for (const { place } of placed) open.settle(place, { outcome });
      open.progress();
      return [];
    }
    if (!isTooLarge(response)) throw store.failure(response);
    limit.refused(placed.reduce((sum, one) => sum + weigh(one), 0));
    if (placed.length > 1) return halves(placed, weigh);
    for (const one of placed)
      open.reject(one.place, `refused with ${response.status}: the event alone is too large`);
    return [];
  };

  const send = async (batch: Batch, signal: AbortSignal): Promise<Receipt> => {
    signal.throwIfAborted();
    const open = new OpenFates(batch.items.length);
    const all = batch.items.map((item, place) => ({ item, place }));
    const sendRun = async (run: readonly Placed[]): Promise<readonly (readonly Placed[])[]> => {
      const [group, ...others] = groupsOf(run, (item) => folders.of(item));
      if (group === undefined) return [];
      if (others.length > 0) return [group, ...others].map(({ placed }) => placed);
      const rest = await passOver(group, open, signal);
      return rest.length === 0 ? [] : put({ ...group, placed: rest }, open, signal);
    };
    const failure = await sendInRuns(all, { open, limit, weigh }, sendRun, signal);
    if (failure !== null) return open.interrupted(failure);
    return open.receipt(`${store.where} refuses one event after the other for the same reason`);
  };

  return {
    delivery: 'confirmed',
    send,
    check: (signal) => checkStore(store, options, folders, signal),
    holds: async (ids, signal, within) => held(ids, within, signal),
    close: () => store.client.close(),
  };
}

function putHeaders(options: S3Options): Readonly<Record<string, string>> {
  const { server_side_encryption: encryption, kms_key_id: kms, storage_class: storageClass } = options;
  return {
    'content-type': CONTENT_TYPES[options.encoding],
    ...(options.if_none_match ? { 'if-none-match': '*' } : {}),
    ...(encryption === undefined ? {} : { 'x-amz-server-side-encryption': encryption }),
    ...(kms === undefined ? {} : { 'x-amz-server-side-encryption-aws-kms-key-id': kms }),
    ...(storageClass === undefined ? {} : { 'x-amz-storage-class': storageClass }),
  };
}

/** Lists, and puts an empty object twice: the second time must be refused. */
async function checkStore(
  store: Store,
  options: S3Options,
  folders: Folders,
  signal: AbortSignal,
): Promise<CheckReport> {
  const items: CheckItem[] = [];
  const look = async (name: string, work: () => Promise<CheckItem>): Promise<void> => {
    try {
      items.push(await work());
    } catch (error) {
      signal.throwIfAborted();
      const outcome = name === 'lists' && items.some((item) => item.outcome === 'ok') ? 'warn' : 'fail';
      items.push(failedItem(name, error, outcome));
    }
  };
  await look('writes', async () => {
    const write = () => store.put(folders.probe, Buffer.alloc(0), putHeaders(options), signal);
    for (const response of [await write(), await write()]) {
      if (response.status === 412)
        return { name: 'writes', outcome: 'ok', finding: `${store.where} takes objects, and none twice` };
      if (response.status !== 200) throw store.failure(response);
    }
    if (!options.if_none_match)
      return { name: 'writes', outcome: 'ok', finding: `${store.where} takes objects` };
    return {
      name: 'writes',
      outcome: 'warn',
      finding: `${store.where} takes objects and ignores If-None-Match: a repeat writes the same object again`,
      hint: 'harmless, but for a bucket that keeps versions',
    };
  });
  await look('lists', async () => {
    for await (const _name of store.list(folders.start, 1, signal)) break;
    return { name: 'lists', outcome: 'ok', finding: 'objects can be listed: verify can ask for events' };
  });
  return { items };
}

function weigh({ item }: Placed): number {
  return bytesOf(item) + 1;
}
