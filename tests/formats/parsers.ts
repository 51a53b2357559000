/**
 * Parsers of CEF, LEEF written from the standards alone, character by character: they share nothing with the code that writes them.
 */
export interface ParsedLine {
  readonly header: readonly string[];
  readonly fields: ReadonlyMap<string, string>;
  /** Keys that appeared more than once. */
  readonly repeated: readonly string[];
}

/** CEF: seven header fields parted by unescaped bars, then `key=value` parted by blanks, where a key is what stands before an unescaped equals sign. */
export function parseCef(line: string): ParsedLine {
  const { fields: header, rest } = splitHeader(line, 7);
  const { starts, ends } = extensionKeys(rest);
  const pairs = starts.map((start, index): [string, string] => {
    const equals = ends[index] ?? 0;
    const next = starts[index + 1];
    return [
      rest.slice(start, equals),
      unescapeValue(rest.slice(equals + 1, next === undefined ? undefined : next - 1)),
    ];
  });
  return { header, ...collected(pairs) };
}

function splitHeader(line: string, count: number): { fields: string[]; rest: string } {
  const fields: string[] = [];
  let field = '';
  let at = 0;
  for (; at < line.length && fields.length < count; at += 1) {
    const character = line.charAt(at);
    if (character === '\\') {
      at += 1;
      field += line.charAt(at);
    } else if (character === '|') {
      fields.push(field);
      field = '';
    } else field += character;
  }
  return { fields, rest: line.slice(at) };
}

function extensionKeys(rest: string): { starts: number[]; ends: number[] } {
  const starts: number[] = [];
  const ends: number[] = [];
  for (let at = 0; at < rest.length; at += 1) {
    if (rest.charAt(at) === '\\') at += 1;
    else if (rest.charAt(at) === '=') {
      starts.push(rest.lastIndexOf(' ', at) + 1);
      ends.push(at);
    }
  }
  return { starts, ends };
}

function unescapeValue(text: string): string {
  let value = '';
  for (let at = 0; at < text.length; at += 1) {
    if (text.charAt(at) !== '\\') value += text.charAt(at);
    else {
      at += 1;
      const escaped = text.charAt(at);
      value += escaped === 'n' ? '\n' : escaped === 'r' ? '\r' : escaped;
    }
  }
  return value;
}

/** LEEF: a header without escapes, then `key=value` parted by tabs, split at the first equals sign. */
export function parseLeef(line: string): ParsedLine {
  const count = line.startsWith('LEEF:2.0|') ? 6 : 5;
  const parts = line.split('|');
  const header = parts.slice(0, count);
  const rest = parts.slice(count).join('|');
  const pairs =
    rest === ''
      ? []
      : rest.split('\t').map((attribute): [string, string] => {
          const equals = attribute.indexOf('=');
          return [attribute.slice(0, equals), attribute.slice(equals + 1)];
        });
  return { header, ...collected(pairs) };
}

function collected(pairs: readonly [string, string][]): Pick<ParsedLine, 'fields' | 'repeated'> {
  const fields = new Map<string, string>();
  const repeated: string[] = [];
  for (const [key, value] of pairs) {
    if (fields.has(key)) repeated.push(key);
    fields.set(key, value);
  }
  return { fields, repeated };
}
