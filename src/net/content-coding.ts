import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';

import { oneLine } from '../model/errors.ts';

/** Asked for with every request: what is small is not worth compressing, and what is not compressed cannot break. */
export const ACCEPT_ENCODING = 'identity';

/** More codings than this on one answer are an attack or a mistake. */
const CODINGS_LIMIT = 3;

/** - unknown  a coding that we cannot undo; - broken  cut short or damaged; - too_large  over the limit once it is decoded */
export class ContentCodingError extends Error {
  readonly fault: 'unknown' | 'broken' | 'too_large';

  constructor(fault: ContentCodingError['fault'], message: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
  }
}

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

const ungzip: Decode = promisify(gunzip);
const DECODERS: ReadonlyMap<string, Decode> = new Map([
  ['gzip', ungzip],
  ['x-gzip', ungzip],
  ['deflate', (bytes, options) => promisify(isZlib(bytes) ? inflate : inflateRaw)(bytes, options)],
  ['br', promisify(brotliDecompress)],
]);

/** Some servers say "deflate" and leave the zlib header out. Source: RFC 9110 8.4.1.2, RFC 1950 2.2. */
function isZlib(bytes: Buffer): boolean {
  return bytes.length >= 2 && ((bytes[0] ?? 0) & 0x0f) === 8 && bytes.readUInt16BE(0) % 31 === 0;
}

/** Undoes Content-Encoding, the last coding first, never to more than `limit` bytes. Throws ContentCodingError. */
export async function decodeContent(
  bytes: Buffer,
  encoding: string | string[] | undefined,
  limit: number,
): Promise<Buffer> {
  const codings = [encoding ?? []]
    .flat()
    .join(',')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  // An answer without a body, as to HEAD, may still say how its body would have been coded.
  if (bytes.length === 0) return bytes;
  if (codings.length > CODINGS_LIMIT) {
    throw new ContentCodingError('unknown', `has ${codings.length} content codings, one over the other`);
  }
  let decoded = bytes;
  for (const coding of codings.toReversed()) decoded = await undo(coding, decoded, limit);
  return decoded;
}

async function undo(coding: string, bytes: Buffer, limit: number): Promise<Buffer> {
  const decode = DECODERS.get(coding);
  if (decode === undefined) {
    throw new ContentCodingError('unknown', `has the content coding "${oneLine(coding, 40)}"`);
  }
  try {
    return await decode(bytes, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new ContentCodingError('too_large', `is larger than ${limit} bytes once decoded`, error);
    }
    throw new ContentCodingError('broken', `is cut short or damaged (${coding})`, error);
  }
}
