import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { Journal } from '../checkpoint/journal.ts';

/**
 * Keeps the space where new objects are made at the 2 MB that V8 begins with. It would grow to over 100 MB while much is read, and save a
 * twentieth of the processor time by it. Later than at the start only its further growth is stopped.
 */
export function keepMemorySmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Has all garbage collected at once and its memory given back. V8 does so by itself only when memory is short, and keeps many times
 * what an idle process needs. `gc` is there for code that begins while the flag is set, and the flag is set for that moment only.
 */
export function giveMemoryBack(): void {
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

let gc: ((how: object) => void) | null = null;

function collect(how: object): void {
  if (gc === null) {
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc') as (how: object) => void;
    setFlagsFromString('--no-expose-gc');
  }
  gc(how);
}

/** A container of less than this is small: V8 lets garbage lie until it has about as much, whatever the container's limit. Bytes. */
const SMALL_BYTES = 512 * 2 ** 20;
/** Of the limit: what is left is for what cannot be collected, and for what comes until the next look. */
const SHORT_SHARE = 0.65;
/** Collecting must not be all that is done: so many times as long passes before it is done again. */
const REST_TIMES = 3;

/**
 * The journal of a process whose memory is limited: after each write that brings work forward it is looked whether memory is short, and
 * garbage is collected then. The same journal where the limit is none, or wide. `limitBytes`: of the container.
 */
export function relieving(journal: Journal, limitBytes = process.constrainedMemory()): Journal {
  if (limitBytes === 0 || limitBytes > SMALL_BYTES) return journal;
  let restUntilMs = 0;
  const relieve = (): void => {
    const beganMs = performance.now();
    if (beganMs < restUntilMs || ownBytes() < limitBytes * SHORT_SHARE) return;
    collect({ type: 'major', execution: 'sync' });
    const nowMs = performance.now();
    restUntilMs = nowMs + (nowMs - beganMs) * REST_TIMES;
  };
  const relieved = (inner: Journal): Journal => ({
    ...inner,
    append: async (...harvest) => {
      const appended = await inner.append(...harvest);
      relieve();
      return appended;
    },
    moveCursor: async (...settled) => {
      await inner.moveCursor(...settled);
      relieve();
    },
    under: (...leases) => relieved(inner.under(...leases)),
  });
  return relieved(journal);
}

const PAGE_BYTES = 4096;

/** What the process takes beside mapped files, which the kernel takes back by itself. */
function ownBytes(): number {
  try {
    const [, resident = '0', shared = '0'] = readFileSync('/proc/self/statm', 'latin1').split(' ');
    return (Number(resident) - Number(shared)) * PAGE_BYTES;
  } catch {
    return process.memoryUsage.rss(); // no Linux: there are no containers then either
  }
}
