import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Where an absolute path leads once its links are followed: the same for the same file, also while it is not there yet. */
export function placeOfFile(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const folder = dirname(path); // not there, or closed to us: what is above it may still be a link
    return folder === path ? path : join(placeOfFile(folder), basename(path));
  }
}
