import { ForwardError, oneLine } from '../model/errors.ts';

/** Something wrong (or unwise) in a configuration file. */
export interface Problem {
  /** Offset into the file's text, UTF-16 units. */
  readonly at: number;
  /** Keys from the top, dotted: `sinks.splunk.token`. Empty for the file as a whole. */
  readonly path: string;
  /** "what is wrong; expected …; did you mean "x"?" */
  readonly text: string;
}

/** More lines than this help nobody: the rest is counted. */
const LINES_MAX = 50;
const LINE_LENGTH_MAX = 1000;

/** Turns an offset into line and column, both from 1. */
export type Locate = (at: number) => { readonly line: number; readonly col: number };

/** `file:line:column: path: text`, sorted by position, without repeats. */
export function problemLines(file: string, problems: readonly Problem[], locate: Locate): string[] {
  const sorted = problems.toSorted(
    (a, b) => a.at - b.at || compare(a.path, b.path) || compare(a.text, b.text),
  );
  const lines = sorted.map(({ at, path, text }) => {
    const { line, col } = locate(at);
    const where = path === '' ? '' : `${path}: `;
    return oneLine(`${file}:${line}:${col}: ${where}${text}`, LINE_LENGTH_MAX);
  });
  return [...new Set(lines)];
}

/** The error that stops everything: one line per problem in its message. */
export function configError(lines: readonly string[]): ForwardError {
  const shown = lines.slice(0, LINES_MAX);
  const more = lines.length - shown.length;
  if (more > 0) shown.push(`… and ${more} more`);
  return new ForwardError('config', shown.join('\n'));
}

/** The lines of an error that loadConfig threw, in the file's order; of any other error, its message. */
export function configErrorLines(error: unknown): readonly string[] {
  return error instanceof Error ? error.message.split('\n') : [oneLine(String(error))];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
