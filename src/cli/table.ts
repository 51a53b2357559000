/** Characters between two columns. */
const GAP = 2;
/** The last column keeps this much, if it has it. Characters. */
const LEAST_LAST = 20;
/** While the last column has less than this, columns that can be spared are left out. Characters. */
const WANTED_LAST = 32;

/**
 * Rows as aligned lines. The last column takes what is left of `width` and is cut there with an ellipsis; with no width it
 * is whole. `spare`: indexes of columns that a narrow terminal does without, the first one first. Cells must be one line of safe text.
 */
export function alignColumns(
  rows: readonly (readonly string[])[],
  width: number | undefined,
  spare: readonly number[] = [],
): string[] {
  const left = spare.slice(0, sparedFor(rows, width ?? Infinity, spare));
  return aligned(
    left.length === 0 ? rows : rows.map((row) => row.filter((_cell, index) => !left.includes(index))),
    width,
  );
}

/** How many of the columns that can be spared have to go. */
function sparedFor(rows: readonly (readonly string[])[], width: number, spare: readonly number[]): number {
  const widest = (index: number): number => Math.max(...rows.map((row) => [...(row[index] ?? '')].length));
  const last = (rows[0]?.length ?? 1) - 1;
  const wanted = Math.min(widest(last), WANTED_LAST);
  let before = 0;
  for (let index = 0; index < last; index += 1) before += widest(index) + GAP;
  let left = 0;
  for (; left < spare.length && before + wanted > width; left += 1) before -= widest(spare[left] ?? 0) + GAP;
  return left;
}

function aligned(rows: readonly (readonly string[])[], width: number | undefined): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      if (index < row.length - 1) widths[index] = Math.max(widths[index] ?? 0, [...cell].length);
    });
  }
  return rows.map((row) => {
    const before = row
      .slice(0, -1)
      .map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - [...cell].length + GAP))
      .join('');
    const left = width === undefined ? Infinity : Math.max(width - [...before].length, LEAST_LAST);
    return `${before}${cut(row.at(-1) ?? '', left)}`.trimEnd();
  });
}

/** At most `limit` characters, with an ellipsis where something is missing. */
export function cut(text: string, limit: number): string {
  const characters = [...text];
  return characters.length <= limit ? text : `${characters.slice(0, Math.max(limit - 1, 0)).join('')}…`;
}

/** Breaks a sentence into lines of at most `width` characters, between words; a longer word stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && [...line].length + 1 + [...word].length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

/** A line broken between words where it is longer than `width`: what follows stands below the text behind its mark and blanks. */
export function hang(line: string, width: number | undefined): string[] {
  if (width === undefined || [...line].length <= width) return [line];
  const [, head = '', rest = ''] = /^( *(?:[✓!✗] +)?)(.*)$/su.exec(line) ?? [];
  const below = ' '.repeat([...head].length);
  return wrap(rest, width - below.length).map((part, index) => `${index === 0 ? head : below}${part}`);
}
