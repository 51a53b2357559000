/** One RELP frame: `TXNR SP COMMAND SP DATALEN [SP DATA] LF`. Source: the protocol's description in librelp. */
export interface RelpFrame {
  /** 1 to 999,999,999; 0 for hints of the server, which get no answer. */
  readonly txnr: number;
  readonly command: string;
  readonly data: Buffer;
}

/** After this number comes 1. */
export const TXNR_LIMIT = 999_999_999;
/** The most that librelp takes in one frame. Bytes. */
export const MAX_RELP_DATA_BYTES = 128 * 1024;

const COMMAND_LIMIT = 32;
const DIGITS_LIMIT = 9;
/** Number, command, length and the spaces between them. */
const HEADER_LIMIT = DIGITS_LIMIT + COMMAND_LIMIT + DIGITS_LIMIT + 3;

const [SP, LF] = [0x20, 0x0a];

export function encodeRelp({ txnr, command, data }: RelpFrame): Buffer {
  const header = Buffer.from(`${txnr} ${command} ${data.length}`, 'ascii');
  return data.length === 0
    ? Buffer.concat([header, Buffer.of(LF)])
    : Buffer.concat([header, Buffer.of(SP), data, Buffer.of(LF)]);
}

/** Thrown by a decoder: nothing that follows on this connection can be believed. */
export class RelpFramingError extends Error {}

/**
 * Takes bytes as they come, in any pieces, and returns the frames that became whole. Holds at most one unfinished frame,
 * never more than `maxDataBytes` of it. Throws RelpFramingError for anything that is no frame.
 */
export function createRelpDecoder(maxDataBytes: number): (bytes: Buffer) => readonly RelpFrame[] {
  let pending: Buffer = Buffer.alloc(0);
  return (bytes) => {
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
    const frames: RelpFrame[] = [];
    for (;;) {
      const found = readFrame(pending, maxDataBytes);
      if (found === null) return frames;
      frames.push(found.frame);
      pending = pending.subarray(found.size);
    }
  };
}

const HEADER = /^(\d{1,9}) ([A-Za-z]{1,32}) (\d{1,9})$/;

function readFrame(bytes: Buffer, maxDataBytes: number): { frame: RelpFrame; size: number } | null {
  const headerEnd = headerLength(bytes);
  if (headerEnd === null) return null;
  const match = HEADER.exec(bytes.toString('latin1', 0, headerEnd));
  const length = Number(match?.[3]);
  if (match === null || length > maxDataBytes) throw new RelpFramingError('what came is not a RELP frame');
  const start = length === 0 ? headerEnd : headerEnd + 1;
  if (length === 0 && bytes[headerEnd] === SP && bytes.length < start + 2) return null;
  // Some servers write the space before empty data as well.
  const dataStart = length === 0 && bytes[headerEnd] === SP ? headerEnd + 1 : start;
  const end = dataStart + length;
  if (bytes.length <= end) return null;
  if (bytes[end] !== LF || (length > 0 && bytes[headerEnd] !== SP)) {
    throw new RelpFramingError('a RELP frame does not end where its length says');
  }
  const data = Buffer.from(bytes.subarray(dataStart, end));
  return { frame: { txnr: Number(match[1]), command: match[2] ?? '', data }, size: end + 1 };
}

/** Where the header ends: at its third space or at a line feed. Null while it is not whole. */
function headerLength(bytes: Buffer): number | null {
  let spaces = 0;
  for (let at = 0; at < bytes.length && at <= HEADER_LIMIT; at += 1) {
    if (bytes[at] === LF) return at;
    if (bytes[at] === SP) spaces += 1;
    if (spaces === 3) return at;
  }
  if (bytes.length > HEADER_LIMIT) throw new RelpFramingError('a RELP header does not end');
  return null;
}
