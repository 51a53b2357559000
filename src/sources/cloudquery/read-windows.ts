import type { Window } from '../../model/event.ts';
import { span } from '../../model/trace.ts';
import type { Client } from './client.ts';
import { readWindow } from './read-window.ts';
import type { Precision, WindowRead } from './read-window.ts';
import { sortWindows } from './windows.ts';

/** One window read, and what is still open once this step is committed. */
export interface Step {
  readonly window: Window;
  readonly read: WindowRead;
  /** Oldest first. Holds the parts of a window that was split, never the window of this step. */
  readonly open: readonly Window[];
}

/**
 * Reads windows, oldest first and at most `concurrent` at a time, until none is open. A step must be committed before the
 * next is asked for. When one read fails the others are given up and the failure is thrown: what was not yielded is still open.
 */
export async function* readWindows(
  client: Client,
  initial: readonly Window[],
  precision: Precision,
  concurrent: number,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  let open = sortWindows(initial);
  const giveUp = new AbortController();
  const either = AbortSignal.any([signal, giveUp.signal]);
  const readOne = async (window: Window): Promise<{ window: Window; read: WindowRead }> => {
    const read = await span('window', {}, () => readWindow(client, window, precision, either));
    return { window, read };
  };
  const running = new Map<Window, Promise<{ window: Window; read: WindowRead }>>();
  try {
    while (open.length > 0) {
      for (const window of open) {
        if (running.size >= concurrent) break;
        if (!running.has(window)) running.set(window, readOne(window));
      }
      const { window, read } = await Promise.race(running.values());
      running.delete(window);
      const parts = read.outcome.kind === 'split' ? read.outcome.parts : [];
      open = sortWindows([...open.filter((other) => other !== window), ...parts]);
      yield { window, read, open };
    }
  } finally {
    giveUp.abort(new Error('given up'));
    await Promise.allSettled(running.values());
  }
}
