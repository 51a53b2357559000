import { wallClock } from '../model/clock.ts';
import type { Clock } from '../model/clock.ts';

/** Where a command writes: a standard stream, or whatever a test hands in. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** Width in characters; undefined where nobody knows. */
  readonly columns?: number;
}

/** Everything around a command that is not its arguments. Results go to `out`; the log and remarks to people go to `err`. */
export interface Terminal {
  readonly out: Output;
  readonly err: Output;
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Aborts when the person at the terminal wants no more. */
  readonly signal: AbortSignal;
}

/** The standard streams of this program. `signal` is for commands that go on until Ctrl-C. */
export function processTerminal(signal: AbortSignal = new AbortController().signal): Terminal {
  return {
    out: process.stdout,
    err: process.stderr,
    input: process.stdin,
    env: process.env,
    clock: wallClock,
    signal,
  };
}
