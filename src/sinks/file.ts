import { access, constants, lstat, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { failedItem } from '../model/check.ts';
import type { CheckItem } from '../model/check.ts';
import { ForwardError } from '../model/errors.ts';
import { roomForIds } from '../model/memory.ts';
import { withDefaults } from '../model/options.ts';
import type { GivenOf, OptionsOf } from '../model/options.ts';
import type { PartSchema } from '../model/part.ts';
import { appendAll, appendLines, isInPlace, openActive } from './file/active.ts';
import type { ActiveFile, ActiveOptions, Append } from './file/active.ts';
import { fileFailure, isMissing } from './file/errors.ts';
import { placeOfFile } from './file/place.ts';
import { rotateAway, rotatedFiles, tidyRotated } from './file/rotation.ts';
import type { RotationOptions } from './file/rotation.ts';
import { IdSearch } from './file/search.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { withinRate } from './request-limit.ts';
import type { Batch, Receipt, Sink, SinkContext, SinkDefinition } from './sink.ts';

/** A smaller file would rotate at every batch. Bytes. */
const LEAST_ROTATE_BYTES = 1024;
/** Shorter than this makes folders full of tiny files. Milliseconds. */
const LEAST_INTERVAL_MS = 60_000;
const KEEP_LIMIT = 10_000;

const schema = {
  description: 'Appends events to a file, one line each, on disk before they count as delivered.',
  required: ['path'],
  properties: {
    path: { type: 'string', path: true, minLength: 1, description: 'The file; its folder is created.' },
    mode: {
      type: 'string', // a number would be ambiguous: YAML reads 0o640 as 416
      pattern: '^0?[0-7]{3}$',
      default: '0640',
      description: 'Permission of files that are created, in octal and between quotes: "0640".',
    },
    fsync: {
      type: 'boolean',
      default: true,
      description: 'Waits for the disk; false may lose the last events in a power failure.',
    },
    rotate: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'When the file is set aside and a new one begun.',
      properties: {
        size: {
          type: ['string', 'integer'],
          size: true,
          minimum: LEAST_ROTATE_BYTES,
          default: '100MiB',
          description: 'Largest size of the file.',
        },
        interval: {
          type: 'string',
          duration: true,
          minimum: LEAST_INTERVAL_MS,
          description: 'Also begins a new file at every multiple of this since 1970 in UTC: 1d is midnight.',
        },
        keep: {
          type: 'integer',
          minimum: 0,
          maximum: KEEP_LIMIT,
          default: 10,
          description: 'Rotated files to keep; older ones are removed, 0 keeps all.',
        },
        compress: {
          type: 'string',
          enum: ['gzip', 'none'],
          default: 'gzip',
          description: 'What rotated files are compressed with.',
        },
      },
    },
  },
} as const satisfies PartSchema;

type FileOptions = OptionsOf<typeof schema>;
/** Without the defaults. */
export type GivenFileOptions = GivenOf<typeof schema>;

export const fileSink: SinkDefinition<GivenFileOptions> = {
  type: 'file',
  schema,
  defaultFormat: 'raw',
  defaultBatch: { maxEvents: 5000, maxBytes: 8 * 1024 * 1024, maxWaitMs: 1000 },
  claims: ({ path }) => ({ path: 'path', thing: placeOfFile(path) }),
  create: (options, context) => createFileSink(options, context),
};

/** Paths that a sink of this program writes to: a second one would interleave with it. */
const pathsInUse = new Set<string>();

/** `append` is for tests: a disk that fails. */
export function createFileSink(
  given: GivenFileOptions,
  context: SinkContext,
  append: Append = appendAll,
): Sink {
  const options = withDefaults(schema, given);
  const active = activeOptions(options, context, append);
  const rotation = rotationOptions(options, context);
  const { path } = active;
  let file: ActiveFile | null = null;
  const inTurn = oneAtATime(); // a batch's lines stay together
  const drop = async (): Promise<void> => {
    const dropped = file;
    file = null;
    if (dropped !== null) pathsInUse.delete(path);
    await dropped?.handle.close().catch((error: unknown) => {
      throw fileFailure(error, path, 'closed');
    });
  };
  const take = async (): Promise<ActiveFile> => {
    if (file !== null && (await isInPlace(file, active))) return file;
    await drop();
    if (pathsInUse.has(path)) throw takenPath(path);
    pathsInUse.add(path); // before the first wait, so that of two sinks only one passes
    try {
      file = await openActive(active);
      return file;
    } catch (error) {
      pathsInUse.delete(path);
      throw error;
    }
  };
  const write = async (batch: Batch, signal: AbortSignal): Promise<Receipt> => {
    signal.throwIfAborted();
    const lines = linesOf(batch);
    const current = await take();
    if (dueForRotation(current, lines.length, options, context.clock.now())) {
      await drop();
      await rotateAway(path, context.clock.now());
      await tidyRotated(rotation, signal);
    }
    signal.throwIfAborted();
    const target = await take();
    try {
      await appendLines(target, lines, active);
      target.changedMs = context.clock.now();
    } catch (error) {
      await drop().catch(() => {}); // what happened while writing is what is told
      throw error;
    }
    return { fates: batch.items.map(() => ({ outcome: 'delivered' })) };
  };

  return {
    delivery: 'confirmed',
    send: async (batch, signal) => {
      signal.throwIfAborted();
      return batch.items.length === 0
        ? { fates: [] }
        : withinRate(context, () => inTurn(() => write(batch, signal)), signal);
    },
    check: async () => ({ items: await checkFile(path) }),
    holds: (ids, signal) => inTurn(() => holds(path, ids, signal)),
    idsAtOnce: roomForIds(), // each question reads all files
    close: () => inTurn(drop),
  };
}

function activeOptions(options: FileOptions, context: SinkContext, append: Append): ActiveOptions {
  return {
    path: options.path,
    mode: parseInt(options.mode, 8),
    fsync: options.fsync,
    append,
    warn: (message) => context.warn(message),
  };
}

function rotationOptions(options: FileOptions, context: SinkContext): RotationOptions {
  return {
    path: options.path,
    mode: parseInt(options.mode, 8),
    keep: options.rotate.keep,
    compress: options.rotate.compress,
    warn: (message) => context.warn(message),
  };
}

/** A body never holds a line break by contract; should one do, it must not become two events. */
function linesOf(batch: Batch): Buffer {
  return Buffer.from(batch.items.map(({ body }) => `${body.replace(/[\r\n]+/g, ' ')}\n`).join(''));
}

function dueForRotation(file: ActiveFile, more: number, options: FileOptions, nowMs: number): boolean {
  if (file.size === 0) return false;
  const { size, interval } = options.rotate;
  if (file.size + more > size) return true;
  return interval !== undefined && Math.floor(nowMs / interval) > Math.floor(file.changedMs / interval);
}

function takenPath(path: string): ForwardError {
  return new ForwardError('denied', `${path} is already written to by another sink of this program`, {
    hint: 'give each file sink a path of its own',
  });
}

async function holds(
  path: string,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const search = new IdSearch(ids);
  for (const rotated of await rotatedFiles(path))
    await search.through(rotated.path, rotated.compressed, signal);
  await search.through(path, false, signal);
  return search.counts;
}

/** Looks without touching: neither the file nor its folder is created. */
async function checkFile(path: string): Promise<readonly CheckItem[]> {
  try {
    const found = await lstat(path).catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
    if (found !== null && !found.isFile()) {
      const hint = 'choose another path; links are not followed';
      return [{ name: 'writable', outcome: 'fail', finding: `${path} is not a regular file`, hint }];
    }
    if (found !== null) await access(path, constants.R_OK | constants.W_OK);
    const folder = await nearestFolder(dirname(path));
    await access(folder, constants.W_OK | constants.X_OK);
    const finding = found === null ? `${path} will be created` : `${path} can be written`;
    return [{ name: 'writable', outcome: 'ok', finding }];
  } catch (error) {
    return [failedItem('writable', fileFailure(error, path, 'written'))];
  }
}

/** The folder itself, or the nearest one above it that exists. */
async function nearestFolder(folder: string): Promise<string> {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    if (!isMissing(error) || dirname(folder) === folder) throw error;
    return nearestFolder(dirname(folder));
  }
}
