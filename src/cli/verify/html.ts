import { shown } from '../report.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Untrusted text for a page: nothing in it is markup, and nothing in it turns the reading direction. */
export function text(value: string, limit = 600): string {
  return shown(value, limit).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** A number with thousands apart. */
export function figureText(value: number | bigint): string {
  return value.toLocaleString('en-US');
}

/** More rows than this are folded away until somebody opens them. */
const OPEN_ROWS = 20;

/** A list under its total: open where it is short, folded where it is long. Title and content are HTML. */
export function folded(title: string, rows: number, content: string): string {
  return `<details${rows > OPEN_ROWS ? '' : ' open'}><summary>${title}</summary>\n${content}\n</details>`;
}

/** A table; cells are HTML. Columns named in `right` hold figures. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[],
): string {
  const aligned = (index: number): string => (right.includes(index) ? ' class="n"' : '');
  const head = heads.map((cell, index) => `<th scope="col"${aligned(index)}>${cell}</th>`).join('');
  const body = rows
    .map((row) => `<tr>${row.map((cell, index) => `<td${aligned(index)}>${cell}</td>`).join('')}</tr>`)
    .join('\n');
  // What may scroll sideways must be reached with the keyboard.
  return `<div class="wide" tabindex="0" role="group" aria-label="Table"><table><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}
