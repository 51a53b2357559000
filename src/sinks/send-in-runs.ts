import { ForwardError } from '../model/errors.ts';
import type { OpenFates } from './open-fates.ts';
import { runsWithin } from './size-limit.ts';
import type { SizeLimit } from './size-limit.ts';

interface RunLimits<T> {
  readonly open: OpenFates;
  readonly limit: Pick<SizeLimit, 'bytes'>;
  /** Bytes that one item adds to a request. */
  readonly weigh: (one: T) => number;
}

/**
 * Sends a batch in runs that are within the receiver's size limit. `sendRun` settles a run, or returns the parts to send it in. Events are
 * sent in the journal's order. Returns the ForwardError that ended it early, or null; the loop then sends what is still open again. Throws
 * on an abort, and any other error.
 */
export async function sendInRuns<T>(
  all: readonly T[],
  { open, limit, weigh }: RunLimits<T>,
  sendRun: (run: readonly T[]) => Promise<readonly (readonly T[])[]>,
  signal: AbortSignal,
): Promise<ForwardError | null> {
  // A stack with the first run on top: the parts of a run go back in order.
  const runs: (readonly T[])[] = all.length === 0 ? [] : [all];
  try {
    for (let run = runs.pop(); run !== undefined && !open.hopeless; run = runs.pop()) {
      const fitting = runsWithin(run, limit.bytes(), weigh);
      const parts = fitting.length > 1 ? fitting : await sendRun(run);
      runs.push(...parts.toReversed());
    }
    return null;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ForwardError) return error;
    throw error;
  }
}
