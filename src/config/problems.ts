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

/** Far more than anybody makes by hand: a file that is no configuration at all must not fill the memory. */
const LINES_MAX = 1_000;
const LINE_LENGTH_MAX = 1000;
const EXCERPTS_MAX = 10;

/** Turns an offset into line and column, both from 1. */
export type Locate = (at: number) => { readonly line: number; readonly col: number };

/** How a place in a file is shown. */
export interface Places {
  readonly locate: Locate;
  /** The line of an offset with a caret below it, without secrets. Empty where there is nothing to show. */
  excerpt(at: number): readonly string[];
}

/** `file:line:column: path: text`, sorted by position, without repeats. */
export function problemLines(file: string, problems: readonly Problem[], locate: Locate): string[] {
  return linesOf(file, problems, locate).map(({ line }) => line);
}

function linesOf(
  file: string,
  problems: readonly Problem[],
  locate: Locate,
): { readonly line: string; readonly at: number }[] {
  const sorted = problems.toSorted(
    (a, b) => a.at - b.at || compare(a.path, b.path) || compare(a.text, b.text),
  );
  const lines = sorted.map(({ at, path, text }) => {
    const { line, col } = locate(at);
    const where = path === '' ? '' : `${path}: `;
    return { line: oneLine(`${file}:${line}:${col}: ${where}${text}`, LINE_LENGTH_MAX), at };
  });
  const seen = new Set<string>();
  return lines.filter(({ line }) => !seen.has(line) && seen.add(line));
}

/** The error that stops everything: one line per problem in its message. */
export class FileError extends ForwardError {
  /** The same with an excerpt of the file below each of the first lines: for people. */
  readonly illustrated: string;
  /** One for each problem, without excerpts: the first LINES_MAX. */
  readonly lines: readonly string[];
  /** How many problems there are besides. */
  readonly more: number;

  constructor(all: readonly string[], excerpts: readonly (readonly string[])[] = []) {
    const lines = all.slice(0, LINES_MAX);
    const more = all.length - lines.length;
    const shown = more > 0 ? [...lines, `… and ${more} more`] : lines;
    super('config', shown.join('\n'));
    this.lines = lines;
    this.more = more;
    this.illustrated = shown.flatMap((line, index) => [line, ...(excerpts[index] ?? [])]).join('\n');
  }
}

export function problemError(file: string, problems: readonly Problem[], places: Places): FileError {
  const lines = linesOf(file, problems, places.locate);
  const excerpts = lines.slice(0, EXCERPTS_MAX).map(({ at }) => places.excerpt(at));
  return new FileError(
    lines.map(({ line }) => line),
    excerpts,
  );
}

/** The lines of an error that loadConfig threw, in the file's order; of any other error, its message. */
export function configErrorLines(error: unknown): readonly string[] {
  return error instanceof Error ? error.message.split('\n') : [oneLine(String(error))];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
