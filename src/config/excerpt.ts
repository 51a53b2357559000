import { oneLine } from '../model/errors.ts';
import { isSecretName } from '../model/secret-names.ts';

/** With the number before it, a line fits into 80 columns. */
const WIDTH_MOST = 70;
/** Of a longer line what is around the column is shown, with this much before it. */
const BEFORE = 40;
/** Lines above are searched for the keys that a line stands under; deeper files have short ways up. */
const LINES_ABOVE_MOST = 500;

const KEYED = /^(\s*(?:- +)*)(["']?[A-Za-z_<][\w .<-]*["']?)\s*:(?=\s|$)/;
const LONE_WORD = /^\s*(?:- +)*[A-Za-z_][\w-]{0,31}:?[\w-]{0,15}\s*$/;

/**
 * A line of a file and a caret below the column, as compilers show it. Whatever may be a secret is left out: what stands under a key that
 * looks secret or below `headers`, credentials in an address, and lines that no key explains, which may belong to a longer value.
 */
export function excerpt(text: string, line: number, col: number): string[] {
  const lines = text.split(/\r\n|\r|\n/, line);
  const source = lines[line - 1];
  if (source === undefined || source.trim() === '') return [];
  const gutter = String(line);
  const open = withoutSecrets(source, lines);
  const isInPlace = open.slice(0, col - 1) === source.slice(0, col - 1) && col <= open.length + 1;
  const from = isInPlace && col > WIDTH_MOST ? col - BEFORE : 0;
  const part = from === 0 ? open : `…${open.slice(from)}`;
  const shown = oneLine(`|${part}`.replaceAll('\t', ' '), WIDTH_MOST).slice(1);
  const before = from === 0 ? col - 1 : col - from;
  const caret = isInPlace ? [`${' '.repeat(gutter.length)} | ${' '.repeat(before)}^`] : [];
  return [`${gutter} | ${shown}`, ...caret].map((part) => `  ${part}`);
}

function withoutSecrets(source: string, lines: readonly string[]): string {
  const [, indent = '', key] = KEYED.exec(source) ?? [];
  if (key === undefined) return LONE_WORD.test(source) ? source : hidden(source, indentOf(source));
  const valueAt = source.indexOf(':', indent.length + key.length) + 1;
  if (isHidden(key) || parents(lines, indent.length).some(isHidden)) return hidden(source, valueAt);
  const value = source
    .slice(valueAt)
    .replace(/:\/\/[^\s/@]*@/g, '://…@')
    .replace(
      /([A-Za-z_][\w-]*)(["']?\s*:\s*)("[^"]*"?|'[^']*'?|[^\s,{}[\]]+)/g,
      (whole, name: string, colon: string) => (isHidden(name) ? `${name}${colon}…` : whole),
    );
  return source.slice(0, valueAt) + value;
}

function hidden(source: string, from: number): string {
  return source.slice(from).trim() === '' ? source : `${source.slice(0, from)} …`;
}

function isHidden(key: string): boolean {
  return isSecretName(key) || key === 'headers';
}

/** The keys that a line stands under, from its own indentation up. */
function parents(lines: readonly string[], indent: number): string[] {
  const found: string[] = [];
  let least = indent;
  for (const above of lines.slice(0, -1).toReversed().slice(0, LINES_ABOVE_MOST)) {
    const [, own = '', key] = KEYED.exec(above) ?? [];
    if (key === undefined || own.length >= least) continue;
    found.push(key);
    least = own.length;
  }
  return found;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
