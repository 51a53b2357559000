/** One JSON object of a concatenated body: parsed, with the raw text of each of its top-level values. */
export interface ParsedObject {
  readonly text: string;
  readonly value: Readonly<Record<string, unknown>>;
  readonly raw: ReadonlyMap<string, string>;
}

/**
 * Reads JSON objects that stand one after the other with nothing but white space between, as HEC takes them: an array,
 * a comma or damaged text ends the reading with null in place of the object.
 */
export function readConcatenated(body: string): readonly (ParsedObject | null)[] {
  const objects: (ParsedObject | null)[] = [];
  let at = skipSpace(body, 0);
  while (at < body.length) {
    const end = body[at] === '{' ? endOfValue(body, at) : -1;
    const parsed = end < 0 ? null : parseObject(body.slice(at, end));
    objects.push(parsed);
    if (parsed === null) return objects;
    at = skipSpace(body, end);
  }
  return objects;
}

function parseObject(text: string): ParsedObject | null {
  try {
    return { text, value: JSON.parse(text) as Record<string, unknown>, raw: rawValues(text) };
  } catch {
    return null; // damaged: the caller answers with code 6
  }
}

/** Text known to be a JSON object: key to the raw text of its value. */
function rawValues(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let at = skipSpace(text, 1);
  while (text[at] === '"') {
    const keyEnd = endOfValue(text, at);
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = endOfValue(text, start);
    values.set(JSON.parse(text.slice(at, keyEnd)) as string, text.slice(start, end));
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return values;
}

/** The place behind the value that starts at `start`, or -1 when it never ends. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  let inString = false;
  for (let at = start; at < text.length; at += 1) {
    const sign = text[at] ?? '';
    if (inString) {
      if (sign === '\\') at += 1;
      else if (sign === '"') inString = false;
      if (!inString && depth === 0 && sign === '"') return at + 1;
      continue;
    }
    if (sign === '"') inString = true;
    else if (sign === '{' || sign === '[') depth += 1;
    else if (sign === '}' || sign === ']') {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (sign === ',' || /\s/.test(sign))) return at;
  }
  return depth === 0 && !inString ? text.length : -1;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && /[ \t\r\n]/.test(text[at] ?? '')) at += 1;
  return at;
}
