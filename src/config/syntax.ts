import type { YAMLError } from 'yaml';

import { oneLine } from '../model/errors.ts';
import type { Locate, Problem } from './problems.ts';

const SYNTAX: Readonly<Record<string, string>> = {
  BAD_DQ_ESCAPE:
    'this backslash escape is not known in double quotes; expected single quotes, or \\\\ for a backslash',
  BAD_INDENT: 'the indentation does not fit; expected it to line up with its neighbours',
  BAD_SCALAR_START: 'this character cannot start a value; expected quotes around the value',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping or list where a key belongs; expected "key: value" on a line of its own',
  BLOCK_IN_FLOW: 'an indented block inside brackets; expected values separated by commas',
  KEY_OVER_1024_CHARS: 'this key is too long; expected a colon after a short name',
  MISSING_CHAR:
    'a character is missing here; expected a closing quote, a bracket, a comma or a space after a colon',
  MULTILINE_IMPLICIT_KEY: 'this key runs over several lines; expected "key: value" on one line',
  RESOURCE_EXHAUSTION: 'this is nested too deeply',
  TAB_AS_INDENT: 'a tab in the indentation; expected spaces',
  TAG_RESOLVE_FAILED: 'this tag is not known here; expected a value without one',
};

/** More errors than this say no more about a file. */
const MOST = 100;

/**
 * Our own words, since the parser's may quote the text, and the text may be a secret. Once the parser has lost its way
 * each further token is an error to it: the first of those ends the list.
 */
export function explainSyntax(errors: readonly YAMLError[], text: string, locate: Locate): Problem[] {
  const lines = linesOf(text);
  const sorted = withoutRepeats(
    errors.toSorted((a, b) => a.pos[0] - b.pos[0]),
    (error) => lines[locate(error.pos[0]).line - 1]?.indent,
  );
  const lost = sorted.findIndex((error) => SYNTAX[error.code] === undefined);
  const explained = sorted.slice(0, lost === -1 ? MOST : Math.min(lost + 1, MOST)).map((error) => {
    const at = error.pos[0];
    const number = locate(at).line;
    return (
      explainLine(error, lines, number) ?? {
        at,
        path: '',
        text: plainly(error, lines[number - 1]?.text ?? ''),
      }
    );
  });
  // A line that is indented too deeply is two errors to the parser.
  return explained.filter(
    (one, index) => index === explained.findIndex((other) => other.at === one.at && other.text === one.text),
  );
}

/** Lines that are indented alike are wrong for one reason: the first of them tells it. */
function withoutRepeats(
  errors: readonly YAMLError[],
  indentOf: (error: YAMLError) => number | undefined,
): readonly YAMLError[] {
  return errors.filter((error, index) => {
    const before = errors[index - 1];
    return (
      error.code !== 'BAD_INDENT' || before?.code !== 'BAD_INDENT' || indentOf(before) !== indentOf(error)
    );
  });
}

function plainly({ code }: YAMLError, line: string): string {
  const explained =
    SYNTAX[code] ?? `this cannot be read as YAML (${oneLine(code, 40)}); expected "key: value"`;
  const braces = /[{[].*[^"']\$\{/.test(line);
  return braces ? `${explained}; inside { } and [ ] write "\${NAME}" with quotes` : explained;
}

interface Line {
  /** Offset of its first character. */
  readonly at: number;
  readonly text: string;
  /** Spaces before its text, or before the key behind a dash. */
  readonly indent: number;
}

function linesOf(text: string): readonly Line[] {
  let at = 0;
  return text.split('\n').map((line) => {
    const begin = at;
    at += line.length + 1;
    return { at: begin, text: line, indent: /^[ ]*(?:- +)*/.exec(line)?.[0].length ?? 0 };
  });
}

const KEY = /^[ ]*(?:- +)*["']?[\w.-]+["']?[ ]*:/;

/** What is wrong with the lines rather than with a character; null where the parser says it better. */
function explainLine(
  { code, message, pos }: YAMLError,
  lines: readonly Line[],
  errorAt: number,
): Problem | null {
  // The parser may mean the blank lines and comments before it.
  const number = lines.findIndex((line, index) => index >= errorAt - 1 && isText(line)) + 1;
  const here = lines[number - 1];
  const problem = (line: Line, text: string): Problem => ({ at: line.at + blanks(line), path: '', text });
  // A bracket that is not closed makes every further line wrong.
  if (code === 'BAD_INDENT') {
    const open = lines.slice(0, errorAt - 1).findLastIndex(isText);
    const opening = lines[open];
    if (opening !== undefined && /[{[][^}\]]*$/.test(opening.text))
      return problem(opening, `a bracket of line ${open + 1} is not closed where line ${errorAt} begins`);
  }
  const [, mark] = /^Missing closing (["'])quote/.exec(message) ?? [];
  if (mark !== undefined) {
    // The text runs up to the error: the last such mark before it opens it, whatever quotes stand above.
    const quote = lines.findLastIndex(({ at, text: its }) =>
      hasQuote(its.slice(0, Math.max(pos[0] - at, 0)), mark),
    );
    const opening = lines[quote];
    if (opening !== undefined)
      return problem(
        opening,
        `the quote that opens on line ${quote + 1} is not closed; expected one at its end`,
      );
  }
  if (here === undefined) return null;
  if (code === 'BAD_INDENT') {
    const above = lines.slice(0, number - 1).findLastIndex(isText);
    const before = lines[above];
    if (before === undefined) return null;
    if (here.indent > before.indent)
      return problem(
        here,
        `line ${number} is indented deeper than line ${above + 1}; expected the same indentation`,
      );
    const fitting = indentsAbove(lines.slice(0, number - 1)).join(' or ');
    return problem(
      here,
      `line ${number} lines up with no line above it; expected ${fitting} spaces before it, it has ${here.indent}`,
    );
  }
  if (code === 'MISSING_CHAR') return spaceMissing(here, problem);
  if (code !== 'MULTILINE_IMPLICIT_KEY' && code !== 'BLOCK_AS_IMPLICIT_KEY') return null;
  const below = lines.findIndex((line, index) => index >= number && isText(line));
  const next = lines[below];
  if (KEY.test(here.text) && next !== undefined && next.indent > here.indent)
    return problem(
      next,
      `line ${below + 1} is indented deeper than line ${number}; expected the same indentation`,
    );
  const colonMissing = KEY.test(here.text)
    ? null
    : problem(here, `line ${number} has no colon; expected "key: value"`);
  return spaceMissing(here, problem) ?? colonMissing;
}

/** A quotation mark that is not written as part of the text. */
function hasQuote(text: string, mark: string): boolean {
  return text.replaceAll(mark === '"' ? /\\./g : "''", '').includes(mark);
}

function spaceMissing(here: Line, problem: (line: Line, text: string) => Problem): Problem | null {
  const [, key] = /^[ ]*(?:- +)*([\w.-]+):\S/.exec(here.text) ?? [];
  return key === undefined
    ? null
    : problem(here, `expected a space after the colon of "${oneLine(key, 64)}"`);
}

function blanks({ text }: Line): number {
  return text.length - text.trimStart().length;
}

function isText({ text }: Line): boolean {
  return /^\s*[^\s#]/.test(text);
}

/** Where a line may begin below these: the indentations of the last line and of those it stands under. */
function indentsAbove(lines: readonly Line[]): number[] {
  const found: number[] = [];
  for (const { indent } of lines.filter(isText).toReversed())
    if (found.length === 0 || indent < (found[0] ?? 0)) found.unshift(indent);
  return found;
}
