import { constants, lstat, mkdir, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import { ForwardError } from '../../model/errors.ts';
import { fileFailure, isMissing } from './errors.ts';

/** Writes all of `bytes` at the end of the file, or throws having written a part. Tests put a failing disk here. */
export type Append = (handle: FileHandle, bytes: Buffer) => Promise<void>;

export interface ActiveOptions {
  readonly path: string;
  /** Permission bits of a file that is created. */
  readonly mode: number;
  readonly fsync: boolean;
  readonly append: Append;
  warn(message: string): void;
}

/** The file that is being written to. */
export interface ActiveFile {
  readonly handle: FileHandle;
  /** Bytes. */
  size: number;
  /** Last change, milliseconds since 1970. */
  changedMs: number;
  /** Tells the file at the path from another one put in its place. */
  readonly identity: string;
}

/** No line of ours is longer: a longer one is passed over by searches, and a longer tail without an end is not the torn line of an event. Bytes. */
export const LINE_LIMIT_BYTES = 64 * 1024 * 1024;
/** How much is read at a time when looking for the last line end. Bytes. */
const LOOK_BYTES = 64 * 1024;

const LF = 0x0a;
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

export const appendAll: Append = async (handle, bytes) => {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done);
    done += bytesWritten;
  }
};

/** Opens or creates the file and fixes its end: a line that a crash cut off is removed, and its event is sent again. */
export async function openActive(options: ActiveOptions): Promise<ActiveFile> {
  const { path } = options;
  let handle: FileHandle | null = null;
  try {
    await mkdir(dirname(path), { recursive: true });
    // Without O_NONBLOCK opening a pipe by mistake would wait for its reader.
    handle = await open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, options.mode);
    const found = await handle.stat();
    if (!found.isFile()) {
      throw new ForwardError('denied', `${path} is not a regular file`, { hint: 'choose another path' });
    }
    if (options.fsync) await syncFolder(dirname(path));
    const size = await repairEnd(handle, found.size, options);
    return { handle, size, changedMs: found.mtimeMs, identity: `${found.dev}:${found.ino}` };
  } catch (error) {
    await handle?.close();
    throw fileFailure(error, path, 'opened');
  }
}

/** Cuts the file after its last line end. Returns its size then. */
async function repairEnd(handle: FileHandle, size: number, options: ActiveOptions): Promise<number> {
  const end = await lastLineEnd(handle, size);
  if (end === size) return size;
  if (size - end > LINE_LIMIT_BYTES) {
    throw new ForwardError('denied', `${options.path} ends in a line that no event of ours can have`, {
      hint: 'move the file away if it belongs to another program, or choose another path',
    });
  }
  await handle.truncate(end);
  if (options.fsync) await handle.sync();
  options.warn(
    `${options.path} ended in a torn line of ${size - end} bytes: it was removed, its event comes again`,
  );
  return end;
}

async function lastLineEnd(handle: FileHandle, size: number): Promise<number> {
  const look = Buffer.alloc(Math.min(LOOK_BYTES, Math.max(size, 1)));
  for (let end = size; end > 0 && size - end <= LINE_LIMIT_BYTES;) {
    const start = Math.max(0, end - look.length);
    const { bytesRead } = await handle.read(look, 0, end - start, start);
    const at = look.subarray(0, bytesRead).lastIndexOf(LF);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

/**
 * Appends whole lines and has them on disk when it resolves. When it fails the file is as it was before, so that no part
 * of a batch stays; only where even that fails may lines remain, and the error then says `ambiguous`.
 */
export async function appendLines(file: ActiveFile, lines: Buffer, options: ActiveOptions): Promise<void> {
  try {
    await options.append(file.handle, lines);
    if (options.fsync) await file.handle.sync();
  } catch (error) {
    const restored = await restore(file, options);
    throw fileFailure(error, options.path, 'written', !restored);
  }
  await assertStays(file, lines.length, options.path);
  file.size += lines.length;
}

/** Never makes the file longer: one that another program truncated meanwhile would be filled with zero bytes. */
async function restore(file: ActiveFile, options: ActiveOptions): Promise<boolean> {
  try {
    const { size } = await file.handle.stat();
    if (size < file.size) return false; // what is left of the batch is not known; the next opening fixes a torn line
    await file.handle.truncate(file.size);
    if (options.fsync) await file.handle.sync();
    return true;
  } catch {
    return false; // the next opening fixes a torn line; whole lines stay and repeat
  }
}

/** What another program removed or truncated while it was written is not delivered. */
async function assertStays(file: ActiveFile, written: number, path: string): Promise<void> {
  const { nlink, size } = await file.handle.stat().catch((error: unknown) => {
    throw fileFailure(error, path, 'looked at', true);
  });
  if (nlink > 0 && size >= file.size + written) return;
  const what = nlink === 0 ? 'removed' : 'truncated';
  throw new ForwardError('transient', `${path} was ${what} by another program while it was written`, {
    ambiguous: nlink > 0,
    hint: RENAME_HINT,
  });
}

const RENAME_HINT = 'let the other program rename the file, or use the rotation of this sink';

/** False when the path names another file now, or none, or the file became shorter: someone renamed, removed or truncated it. */
export async function isInPlace(file: ActiveFile, options: ActiveOptions): Promise<boolean> {
  try {
    const { dev, ino, size } = await lstat(options.path);
    if (`${dev}:${ino}` !== file.identity) return false;
    if (size < file.size) {
      options.warn(
        `${options.path} was truncated by another program, from ${file.size} to ${size} bytes: lines that it did not copy are gone from it; ${RENAME_HINT}`,
      );
      return false;
    }
    file.size = size;
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileFailure(error, options.path, 'looked at');
  }
}

/** Makes a creation, rename or removal in this folder survive a power failure. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
