/** An export that is no list of lines: a JSON array, or a page of a search, in one line or in many. */

export interface Part {
  /** The line it begins in, from 1. */
  readonly number: number;
  /** Null where it is too long to be a record, or where the file breaks off. */
  readonly text: string | null;
}

/** So much of a file tells what it is. Bytes. */
export const HEAD_BYTES = 8192;

const ARRAY = /^\s*\[\s*\{/;
const OVER_LINES = /^\s*\{[ \t]*\r?\n/;
const PAGE = /^\s*\{[^\n]{0,4000}?(?:"results"\s*:\s*\[|"hits"\s*:\s*\{[^\n]{0,2000}?"hits"\s*:\s*\[)/;

/** Whether a file that begins like this is read as documents, and not line by line. */
export function isPaged(head: string): boolean {
  const text = head.replace(/^\uFEFF/, '');
  return [ARRAY, OVER_LINES, PAGE].some((form) => form.test(text));
}

/** Where the records of a page stand: names of the members that lead to their array. */
const RECORD_ARRAYS = new Set(['', '/results', '/hits/hits']);
/** No deeper than these do. */
const NAMED_DEPTH = 3;
const NAME_LIMIT = 16;

const [TAB, FEED, RETURN, SPACE, QUOTE, COMMA, COLON] = [0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x3a];
const [OPEN_ARRAY, BACKSLASH, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5c, 0x5d, 0x7b, 0x7d];
const BETWEEN: readonly (number | undefined)[] = [TAB, FEED, RETURN, SPACE, COMMA];

/**
 * The records in documents, as they are written: a parser that is handed a page as a whole runs out of memory, and one that writes it anew
 * (jq 1.6) changes large numbers, so that whole records look changed. Text between documents comes as lines.
 */
export async function* partsOf(blocks: AsyncIterable<Buffer>, limitBytes: number): AsyncGenerator<Part> {
  let line = 1;
  let depth = 0;
  let inText = false;
  let inString = false;
  let isEscaped = false;
  /** Members that lead to where we are, and the text that may become the next one. */
  const names: string[] = [];
  let name = '';
  let string = '';
  /** Depth of the array whose elements are records; 0 outside of one. */
  let recordsAt = 0;
  let wasPage = false;
  let taking: { readonly number: number; readonly parts: Buffer[]; bytes: number } | null = null;

  for await (const block of blocks) {
    let start = 0;
    const take = (end: number): void => {
      if (taking === null) return;
      taking.bytes += end - start;
      if (taking.bytes <= limitBytes) taking.parts.push(block.subarray(start, end));
      else taking.parts.length = 0; // only its length counts any more
    };
    const begin = (at: number): void => {
      start = at;
      taking = { number: line, parts: [], bytes: 0 };
    };
    const ended = (end: number): Part[] => {
      take(end);
      const part = taking === null ? [] : [partOf(taking, limitBytes)];
      taking = null;
      return part;
    };
    for (let at = 0; at < block.length; at += 1) {
      const byte = block[at];
      if (byte === FEED) {
        // No text of JSON goes over the end of a line: this document is broken, and the next may be whole.
        if (inString || inText) {
          yield* ended(at);
          inText = inString = isEscaped = false;
          depth = recordsAt = names.length = 0;
        }
        line += 1;
      } else if (inText) continue;
      else if (inString) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) inString = false;
        else if (depth < NAMED_DEPTH && string.length < NAME_LIMIT) string += String.fromCharCode(byte ?? 0);
      } else if (byte === QUOTE && depth > 0) {
        inString = true;
        string = '';
      } else if (byte === COLON) name = string;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (depth === 0) {
          begin(at);
          wasPage = false;
        } else if (recordsAt > 0 && depth === recordsAt) {
          begin(at);
          wasPage = true;
        }
        if (depth < NAMED_DEPTH) names[depth] = depth === 0 ? '' : name;
        depth += 1;
        name = '';
        const isRecords = byte === OPEN_ARRAY && recordsAt === 0 && depth <= NAMED_DEPTH;
        if (isRecords && RECORD_ARRAYS.has(names.slice(0, depth).join('/'))) recordsAt = depth;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        if (depth === 0) continue;
        depth -= 1;
        if (depth < recordsAt) recordsAt = 0;
        if (depth === 0 && wasPage) taking = null;
        else if (depth === 0 || depth === recordsAt) yield* ended(at + 1);
      } else if (depth === 0 && !BETWEEN.includes(byte)) {
        begin(at);
        inText = true;
      }
    }
    take(block.length);
  }
  if (taking !== null) yield partOf(taking, limitBytes);
  else if (depth > 0) yield { number: line, text: null };
}

function partOf(
  {
    number,
    parts,
    bytes,
  }: { readonly number: number; readonly parts: readonly Buffer[]; readonly bytes: number },
  limitBytes: number,
): Part {
  return { number, text: bytes > limitBytes ? null : Buffer.concat(parts).toString('utf8') };
}
