import { COMMAND_ENDS_WITHIN_MS, endWithin } from './ending.ts';

/** Somebody ended a command: nothing went wrong with it. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
  }
}

/**
 * Runs `work` with a signal that aborts at the first Ctrl-C or SIGTERM. From then on the process ends within the usual time, and a second
 * signal ends it at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const unlisten = (): void => {
    process.removeListener('SIGINT', stop);
    process.removeListener('SIGTERM', stop);
  };
  const stop = (): void => {
    unlisten();
    endWithin(COMMAND_ENDS_WITHIN_MS);
    interrupted.abort(new Interrupted());
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    return await work(interrupted.signal);
  } finally {
    unlisten();
  }
}
