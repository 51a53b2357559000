import { ForwardError } from '../model/errors.ts';
import type { OpenFates } from './open-fates.ts';
import { runsWithin } from './size-limit.ts';
import type { SizeLimit } from './size-limit.ts';

interface RunLimits<T> {
  readonly open: OpenFates;
  readonly limit: Pick<SizeLimit, 'bytes'>;
  /** Bytes that one of them adds to a request. */
  readonly weigh: (one: T) => number;
}

/**
 * The way of every sink that posts batches: in runs that the receiver's limit lets through, each by `sendRun`, which settles it or
 * returns the parts that it has to be sent in. Events leave in the journal's order. Returns the failure that ended it early, or null;
 * what is open then is for the loop to send again. A fault of ours and an abort are thrown.
 */
export async function sendInRuns<T>(
  all: readonly T[],
  { open, limit, weigh }: RunLimits<T>,
  sendRun: (run: readonly T[]) => Promise<readonly (readonly T[])[]>,
  signal: AbortSignal,
): Promise<ForwardError | null> {
  // A stack with the first run on top: whatever is cut goes back in order.
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
