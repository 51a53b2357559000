import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Clock } from '../../model/clock.ts';

const NOTE_FILE = 'journal.head';
/** It need not be exact, and must not cost anything. */
const NOTE_EVERY_MS = 10_000;
const SEQ = /^\d{1,18}\n$/;

/**
 * Keeps beside the journal how far it reached, so that one that is older than what was here does not go unnoticed: a copy that was put
 * back, or a journal whose write-ahead log was lost. Nothing depends on it.
 */
export function headNote(dir: string, clock: Clock) {
  const path = join(dir, NOTE_FILE);
  let notedMs = -Infinity;
  let newest = 0n;
  const write = (): void => {
    try {
      writeFileSync(path, `${newest}\n`, { mode: 0o600 });
    } catch {
      // Whatever keeps it from being written is met, and told, where the journal itself is written.
    }
  };
  return {
    /** What to say of a journal that ends at `headSeq`; null where nothing is odd. */
    warningFor: (headSeq: bigint): string | null => {
      const noted = read(path);
      if (noted <= headSeq) return null;
      return (
        `the journal ends at event ${headSeq}, and the one that was here had reached event ${noted}: an older copy was put back, or its ` +
        'newest commits were lost. What is missing is read from the Platform again, and sinks receive again what they had since, under the same event ids'
      );
    },
    note: (headSeq: bigint): void => {
      newest = headSeq;
      if (clock.monotonic() - notedMs < NOTE_EVERY_MS) return;
      notedMs = clock.monotonic();
      write();
    },
    /** At the end, whatever was appended last. */
    close: (): void => {
      if (newest > 0n) write();
    },
  };
}

function read(path: string): bigint {
  try {
    const text = readFileSync(path, 'utf8');
    return SEQ.test(text) ? BigInt(text.trim()) : 0n;
  } catch {
    return 0n; // there is none
  }
}
