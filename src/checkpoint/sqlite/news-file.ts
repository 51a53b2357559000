import { watch, writeFileSync } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { join } from 'node:path';

const NEWS_FILE = 'journal.news';
/** How often to look whether another process wrote, where nothing tells. Milliseconds. */
const LOOK_EVERY_MS = 1_000;
/** The same where word arrives: for what was committed by a process that ended before it could leave word. Milliseconds. */
const LOOK_AGAIN_MS = 10_000;

/** How one process hears that another has written to the journal. */
export interface News {
  /** Milliseconds. */
  lookEveryMs(): number;
  /** Is called whenever word of another process arrives. */
  onWord(listener: () => void): void;
  close(): void;
}

/** Leaves word for the daemon that something was committed. Where that fails the daemon finds out by looking. */
export function leaveWord(dir: string, nowMs: number): void {
  try {
    writeFileSync(join(dir, NEWS_FILE), `${new Date(nowMs).toISOString()}\n`, { mode: 0o600 });
  } catch {
    // What was committed is in the journal, and that is all that was asked for.
  }
}

export function byLooking(everyMs = LOOK_EVERY_MS): News {
  return { lookEveryMs: () => everyMs, onWord: () => {}, close: () => {} };
}

/**
 * Hears of each `leaveWord` at once. Not every file system tells of writes, and a file that is watched can be deleted: so it is looked every
 * second until the watch has shown, by a word of its own, that it hears something, and from when it is lost.
 */
export function byWord(dir: string, nowMs: number): News {
  let hears = false;
  let watcher: FSWatcher | null = null;
  let tell = (): void => {};
  const close = (): void => {
    hears = false;
    watcher?.close();
    watcher = null;
  };
  leaveWord(dir, nowMs);
  try {
    watcher = watch(join(dir, NEWS_FILE), { persistent: false }, (kind) => {
      if (kind !== 'change') return close(); // it is another file now, or none
      hears = true;
      tell();
    });
    watcher.on('error', close);
    leaveWord(dir, nowMs);
  } catch {
    close(); // there is no file, or this machine has no watch left
  }
  return {
    lookEveryMs: () => (hears ? LOOK_AGAIN_MS : LOOK_EVERY_MS),
    onWord: (listener) => {
      tell = listener;
    },
    close,
  };
}
