export interface Member {
  /** The key as JSON text, with its quotes. */
  readonly key: string;
  /** The value's own text: numbers that a double cannot hold stay as they are. */
  readonly value: string;
}

/**
 * The members of a JSON object's text, without parsing the values; null when the text is not an object. The text must
 * be valid JSON, as the formats make it: this only finds borders.
 */
export function splitObject(text: string): readonly Member[] | null {
  const trimmed = text.trim();
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) return null;
  const members: Member[] = [];
  let at = skipSpace(trimmed, 1);
  while (at < trimmed.length - 1) {
    const keyEnd = stringEnd(trimmed, at);
    const colon = skipSpace(trimmed, keyEnd);
    if (trimmed[at] !== '"' || trimmed[colon] !== ':') return null;
    const start = skipSpace(trimmed, colon + 1);
    const end = valueEnd(trimmed, start);
    members.push({ key: trimmed.slice(at, keyEnd), value: trimmed.slice(start, end).trimEnd() });
    at = skipSpace(trimmed, end + 1);
  }
  return members;
}

export function joinObject(members: readonly Member[]): string {
  return `{${members.map(({ key, value }) => `${key}:${value}`).join(',')}}`;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\s/.test(text.charAt(at))) at += 1;
  return at;
}

/** Index after the closing quote of the string that starts at `from`. */
function stringEnd(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** Index of the comma or closing brace that ends the value that starts at `from`. */
function valueEnd(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const sign = text[at];
    if (sign === '"') {
      at = stringEnd(text, at);
      continue;
    }
    if (sign === '{' || sign === '[') depth += 1;
    if ((sign === '}' || sign === ']' || sign === ',') && depth === 0) return at;
    if (sign === '}' || sign === ']') depth -= 1;
    at += 1;
  }
  return at;
}
