import type { Clock } from '../model/clock.ts';
import { ForwardError } from '../model/errors.ts';

/**
 * Runs `work` with a signal that aborts after `ms`, and goes on without it when it does not heed that. Then a `transient`
 * error says that `what` gave no answer.
 */
export async function withDeadline<T>(
  what: string,
  ms: number,
  clock: Clock,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const done = new AbortController();
  const expiry = clock.sleep(ms, AbortSignal.any([signal, done.signal])).then(() => {
    const error = new ForwardError('transient', `${what} gave no answer within ${ms / 1000} s`);
    late.abort(error);
    throw error;
  });
  try {
    return await Promise.race([work(AbortSignal.any([signal, late.signal])), expiry]);
  } finally {
    done.abort(new Error('done'));
    await expiry.catch(() => {}); // its only reason left is that we are done
  }
}
