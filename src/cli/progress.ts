import { span } from './span.ts';
import { cut } from './table.ts';
import type { Output, Terminal } from './terminal.ts';

/** Work that takes less says nothing. */
const SILENT_MS = 3_000;
/** A terminal is written over this often; elsewhere a line is added each time that so much has passed. */
const REDRAW_EVERY_MS = 1_000;
const LINE_EVERY_MS = 3_000;

const WIDTH_USUAL = 80;
const CLEAR_LINE = '\r\u001b[K';

/** How far the work is, in words: takes the place of what was said before. */
export type Tell = (text: string) => void;

/**
 * Runs `work`, and says on the error output how far it is once it takes some seconds: on a terminal in one line that is written over and
 * taken away at the end, elsewhere in a line now and then, but only what `work` tells. `work` gets the terminal to write to meanwhile.
 */
export async function withProgress<T>(
  terminal: Terminal,
  what: string,
  work: (tell: Tell, terminal: Terminal) => Promise<T>,
): Promise<T> {
  const { clock, err } = terminal;
  const startedMs = clock.monotonic();
  let text = what;
  if (err.isTTY !== true) {
    let writtenMs = startedMs;
    return work((next) => {
      const nowMs = clock.monotonic();
      if (nowMs - writtenMs < LINE_EVERY_MS) return;
      writtenMs = nowMs;
      err.write(`${next}\n`);
    }, terminal);
  }
  const ended = new AbortController();
  const line = overwritten(err);
  const drawing = (async () => {
    await clock.sleep(SILENT_MS, ended.signal);
    for (;;) {
      line.draw(`${text} (${span((clock.monotonic() - startedMs) / 1000)})`);
      await clock.sleep(REDRAW_EVERY_MS, ended.signal);
    }
  })().catch(() => {}); // the work has ended
  try {
    return await work((next) => (text = next), { ...terminal, err: line.beside });
  } finally {
    ended.abort();
    await drawing;
    line.clear();
  }
}

/** A line at the bottom of the terminal; whatever is written beside it takes its place, and it is drawn anew below. */
function overwritten(err: Output): { draw: (text: string) => void; clear: () => void; beside: Output } {
  let drawn = false;
  const clear = (): void => {
    if (drawn) err.write(CLEAR_LINE);
    drawn = false;
  };
  return {
    draw(text) {
      err.write(`${drawn ? CLEAR_LINE : ''}${cut(text, (err.columns ?? WIDTH_USUAL) - 1)}`);
      drawn = true;
    },
    clear,
    beside: Object.assign(Object.create(err) as Output, {
      write(...written: Parameters<Output['write']>) {
        clear();
        return err.write(...written);
      },
    }),
  };
}
