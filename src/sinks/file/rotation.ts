import { createReadStream, createWriteStream } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

import { describe } from '../../model/errors.ts';
import { syncFolder } from './active.ts';
import { fileFailure, isMissing } from './errors.ts';

export interface RotationOptions {
  readonly path: string;
  readonly mode: number;
  /** Rotated files to keep; 0 keeps all. */
  readonly keep: number;
  readonly compress: 'gzip' | 'none';
  warn(message: string): void;
}

/** A rotated file: `<path>.<UTC time>-<number>`, compressed ones with `.gz` after it. */
export interface RotatedFile {
  readonly path: string;
  /** Sorts by age. */
  readonly stamp: string;
  readonly compressed: boolean;
}

const STAMP = /^(\d{8}T\d{6}Z-\d{4})(\.gz|\.gz\.tmp)?$/;
const NUMBER_DIGITS = 4;

/** Oldest first. A file that exists both compressed and not, after a crash between the two, is listed once. */
export async function rotatedFiles(path: string): Promise<readonly RotatedFile[]> {
  const found = new Map<string, RotatedFile>();
  for (const { stamp, ending } of await siblings(path)) {
    if (ending === '.gz.tmp' || (ending === '' && found.get(stamp)?.compressed === true)) continue;
    found.set(stamp, { path: `${path}.${stamp}${ending}`, stamp, compressed: ending === '.gz' });
  }
  return [...found.values()].sort((a, b) => (a.stamp < b.stamp ? -1 : 1));
}

/** Gives the file at the path its rotated name. The caller has synced and closed it. Never overwrites. */
export async function rotateAway(path: string, nowMs: number): Promise<void> {
  try {
    const last = (await siblings(path)).reduce((newest, { stamp }) => (stamp > newest ? stamp : newest), '');
    await rename(path, `${path}.${nextStamp(last, nowMs)}`);
    await syncFolder(dirname(path));
  } catch (error) {
    throw fileFailure(error, path, 'rotated');
  }
}

/** Later than every stamp there is, also when the clock went back. */
function nextStamp(last: string, nowMs: number): string {
  const now = new Date(nowMs)
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'Z');
  const [lastTime = '', lastNumber = '0'] = last.split(/(?<=Z)-/);
  if (now > lastTime) return `${now}-${'0'.repeat(NUMBER_DIGITS)}`;
  return `${lastTime}-${String(Number(lastNumber) + 1).padStart(NUMBER_DIGITS, '0')}`;
}

/**
 * Compresses what was rotated and removes what is beyond `keep`. Never in the way of writing: what fails is warned about
 * and tried again after the next rotation. Rejects only when the signal aborts.
 */
export async function tidyRotated(options: RotationOptions, signal: AbortSignal): Promise<void> {
  try {
    for (const { stamp, ending } of await siblings(options.path)) {
      if (ending === '.gz.tmp') await rm(`${options.path}.${stamp}${ending}`, { force: true });
    }
    if (options.compress === 'gzip') await compressAll(options, signal);
    await removeOld(options);
  } catch (error) {
    signal.throwIfAborted();
    options.warn(`rotated files beside ${options.path} could not be tidied: ${describe(error)}`);
  }
}

/** Temporary name, sync, rename, sync, and only then the plain file goes: a crash at any point leaves a whole copy. */
async function compressAll(options: RotationOptions, signal: AbortSignal): Promise<void> {
  const names = new Set((await siblings(options.path)).map(({ stamp, ending }) => stamp + ending));
  for (const name of names) {
    if (name.endsWith('.gz')) continue;
    const plain = `${options.path}.${name}`;
    if (!names.has(`${name}.gz`)) await compress(plain, options.mode, signal);
    await rm(plain);
    await syncFolder(dirname(options.path));
  }
}

async function compress(plain: string, mode: number, signal: AbortSignal): Promise<void> {
  const temporary = `${plain}.gz.tmp`;
  const target = createWriteStream(temporary, { flags: 'wx', mode });
  await pipeline(createReadStream(plain), createGzip(), target, { signal });
  const handle = await open(temporary, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, `${plain}.gz`);
  await syncFolder(dirname(plain));
}

async function removeOld(options: RotationOptions): Promise<void> {
  if (options.keep === 0) return;
  const files = await rotatedFiles(options.path);
  const old = files.slice(0, Math.max(0, files.length - options.keep));
  for (const { path } of old) await rm(path, { force: true });
  if (old.length > 0) {
    options.warn(
      `${old.length} rotated files beside ${options.path} were removed: rotate.keep is ${options.keep}`,
    );
  }
}

async function siblings(path: string): Promise<readonly { stamp: string; ending: string }[]> {
  const start = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw fileFailure(error, join(dirname(path)), 'listed');
  });
  return names
    .filter((name) => name.startsWith(start))
    .map((name) => STAMP.exec(name.slice(start.length)))
    .filter((match) => match !== null)
    .map((match) => ({ stamp: match[1] ?? '', ending: match[2] ?? '' }));
}
