/** A text, or its UTF-8 where that is at hand. */
export type Part = string | Buffer;

/** One piece of memory; what does not fit gets a piece of its own. Bytes. */
const PIECE_BYTES = 256 * 1024;
/** A UTF-16 unit takes up to so many bytes in UTF-8. */
const MOST_BYTES = 3;

/**
 * Writes texts as UTF-8 behind each other into shared pieces of memory, and gives each its bytes. As texts of their own, as long as a batch
 * lives, they would be copied by every collection of garbage.
 */
export function textRoom(): (...parts: readonly Part[]) => Buffer {
  let piece = Buffer.alloc(0);
  let used = 0;
  return (...parts) => {
    if (!fits(parts, piece.length - used)) {
      piece = Buffer.allocUnsafeSlow(Math.max(bytesIn(parts), PIECE_BYTES));
      used = 0;
    }
    const start = used;
    used = writeParts(parts, piece, start);
    return piece.subarray(start, used);
  };
}

/** Only where the room might not do are the bytes counted before they are written. */
export function fits(parts: readonly Part[], room: number): boolean {
  let most = 0;
  for (const part of parts) most += (typeof part === 'string' ? MOST_BYTES : 1) * part.length;
  return most <= room || bytesIn(parts) <= room;
}

export function bytesIn(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
}

/** Returns where they end. */
export function writeParts(parts: readonly Part[], room: Buffer, start: number): number {
  let at = start;
  for (const part of parts) at += typeof part === 'string' ? room.write(part, at) : part.copy(room, at);
  return at;
}
