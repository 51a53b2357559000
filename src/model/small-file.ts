import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';

const BLOCK_BYTES = 16 * 1024;
/** A value longer than this is no setting. */
const VALUE_LIMIT_BYTES = 64 * 1024;

/**
 * A file of at most `limitBytes`, whole. Only a regular file, at the end of whatever links lead there: anything else may never end, or
 * keep us waiting. Some files of /proc say that they are empty, or wait for more: so what comes is counted, and nothing is waited for.
 * Throws an Error: the system's, with its `code`, or one whose message says what the file is.
 */
export function readSmallFile(path: string, limitBytes = VALUE_LIMIT_BYTES): Buffer {
  assertRegular(statSync(path)); // a device may not even be opened without consequences
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    assertRegular(fstatSync(file));
    const parts: Buffer[] = [];
    for (let size = 0; ;) {
      const part = Buffer.alloc(Math.min(BLOCK_BYTES, limitBytes + 1 - size));
      const read = readSync(file, part);
      if (read === 0) return Buffer.concat(parts, size);
      size += read;
      if (size > limitBytes) throw new Error(`it is larger than ${limitBytes} bytes`);
      parts.push(part.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
}

function assertRegular(stats: Stats): void {
  if (stats.isFile()) return;
  const kind = stats.isDirectory()
    ? 'a directory'
    : stats.isFIFO()
      ? 'a pipe'
      : stats.isSocket()
        ? 'a socket'
        : 'a device';
  throw new Error(`it is ${kind}, not a regular file`);
}

/** Why a file could not be read: in our words, or the system's code. */
export function whyUnreadable(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
}
