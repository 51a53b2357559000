import { createHash } from 'node:crypto';

/** How many of the last steps a failure shows. */
const KEPT_LINES = 60;

/** A hash over every observable step of a run, in order: two runs of one seed must give the same. */
export interface Trace {
  add(line: string): void;
  /** Hex, of all lines so far. */
  digest(): string;
  lines(): number;
  /** The newest lines, oldest first. */
  tail(): readonly string[];
}

export function createTrace(): Trace {
  const hash = createHash('sha256');
  const kept: string[] = [];
  let lines = 0;
  return {
    add(line) {
      hash.update(line).update('\n');
      lines += 1;
      kept.push(line);
      if (kept.length > KEPT_LINES * 2) kept.splice(0, KEPT_LINES);
    },
    digest: () => hash.copy().digest('hex'),
    lines: () => lines,
    tail: () => kept.slice(-KEPT_LINES),
  };
}

/** Many ids as one short word. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
