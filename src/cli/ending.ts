import { setImmediate as nextTurn } from 'node:timers/promises';

import { describe } from '../model/errors.ts';
import { formatDuration } from '../model/units.ts';
import { EXIT } from './exit.ts';

/**
 * How the process ends. Something may always be left that keeps a process alive: a pipe that nobody reads, a socket, a promise. So it ends
 * when its work is done and its output has left, not when nothing is left to wait for.
 */

/** Time kept back for closing, of what a stop may take: draining ends before it. */
const CLOSING_SHARE = 0.25;
const CLOSING_LIMIT_MS = 2_000;
/** Even with a timeout of nothing the journal is closed in order. */
const LEAST_MS = 500;
/** How long an interrupted command may take when no configuration says otherwise. */
export const COMMAND_ENDS_WITHIN_MS = 20_000;

/** How long a stop that may take `timeoutMs` can drain, so that time is left for closing. */
export function drainMs(timeoutMs: number): number {
  return timeoutMs - Math.min(timeoutMs * CLOSING_SHARE, CLOSING_LIMIT_MS);
}

/** Whether the process is this program: a command may also run inside another one, which is not ours to end. */
let owned = false;
let lastResort: NodeJS.Timeout | null = null;

/** From now on the process is this program, and ends as this file says. */
export function ownProcess(): void {
  owned = true;
  surviveLostReaders();
}

/** From now on the process has so long to end by itself. Then it is ended, whatever it waits for. The first call counts. */
export function endWithin(ms: number, say: (text: string) => void = sayPlainly): void {
  if (!owned) return;
  lastResort ??= setTimeout(
    () => {
      const within = formatDuration(ms);
      if (process.exitCode === undefined) {
        process.exitCode = EXIT.failed;
        say(
          `ended by force: something did not end within ${within}; the journal is safe, what was in flight is sent again`,
        );
      } else say(`nobody read the rest of the output within ${within}`);
      process.exit();
    },
    Math.max(ms, LEAST_MS),
  ).unref();
}

function sayPlainly(text: string): void {
  process.stderr.write(`auditferry: ${text}\n`);
}

/**
 * Losing the reader of a stream costs only what would have been written. Without a reader of its results a command has nothing left to do
 * (`… | head`); the log is dropped, and the daemon goes on.
 */
function surviveLostReaders(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (carriesEvents(process.stdout)) return;
    if (error.code === 'EPIPE') process.exit(EXIT.unread);
    process.stderr.write(`auditferry cannot write to standard output: ${describe(error)}\n`);
    process.exit(EXIT.failed);
  });
}

/** Ends the process with its exit code once all that it wrote has been taken. */
export async function leave(): Promise<void> {
  const streams = carriesEvents(process.stdout) ? [process.stderr] : [process.stdout, process.stderr];
  await Promise.all(streams.map(drained));
  await nextTurn(); // a lost reader is told of in this turn
  process.exit();
}

/** A sink writes to it, with an answer of its own to a lost reader. What nobody has read then is not delivered, and is sent again. */
function carriesEvents(stream: NodeJS.WriteStream): boolean {
  return stream.listenerCount('error') > 1;
}

/** A reader that leaves meanwhile ends the wait as well. */
function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((done) => {
    if (stream.writableLength === 0) done();
    else stream.write('', () => done());
  });
}
