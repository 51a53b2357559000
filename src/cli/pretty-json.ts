import type { Paint } from './colour.ts';
import { escaped } from './report.ts';

/** A string, a bracket or comma or colon, or a run of anything else: a number or a word. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/gs;
const INDENT = '  ';
/** Deeper levels are not indented any further: a hostile document would take the square of its length. */
const INDENT_MOST = 32;

/** JSON text over several lines, coloured. It is not parsed: numbers stay as they are written, and text that is no JSON does no harm. */
export function prettyJson(text: string, paint: Paint): string {
  const tokens = text.match(TOKEN) ?? [];
  const pieces: string[] = [];
  let depth = 0;
  const newLine = (): void => void pieces.push(`\n${INDENT.repeat(Math.min(depth, INDENT_MOST))}`);
  tokens.forEach((token, at) => {
    const next = tokens[at + 1];
    if (token === '{' || token === '[') {
      pieces.push(token);
      if (next === '}' || next === ']') return;
      depth += 1;
      newLine();
    } else if (token === '}' || token === ']') {
      const before = tokens[at - 1];
      if (before !== '{' && before !== '[') {
        depth = Math.max(depth - 1, 0);
        newLine();
      }
      pieces.push(token);
    } else if (token === ',') {
      pieces.push(token);
      newLine();
    } else if (token === ':') pieces.push(': ');
    else
      pieces.push(paint(next === ':' ? 'blue' : token.startsWith('"') ? 'green' : 'yellow', escaped(token)));
  });
  return pieces.join('');
}
