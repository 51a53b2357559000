import { oneLine } from '../../model/errors.ts';
import { isObject, parseObject } from '../../model/json.ts';
import { mediaType } from '../../net/http.ts';
import type { HttpResponse } from '../../net/http.ts';
import type { OtlpEncoding } from './request.ts';

/** What a 200 says of the request. */
export interface PartialSuccess {
  /** How many records were refused for good. Which ones is not said. */
  readonly rejected: number;
  /** The receiver's words; with nothing rejected they are a warning. On one line. */
  readonly message: string;
}

const TAKEN: PartialSuccess = { rejected: 0, message: '' };
const WORDS_LIMIT = 200;

/**
 * Reads an ExportLogsServiceResponse in the encoding that the answer declares, or in that of the request. Null when it is
 * none: a page of a proxy, or an answer of something that does not speak OTLP. An empty body is an empty message.
 */
export function readAnswer(response: HttpResponse, sent: OtlpEncoding): PartialSuccess | null {
  if (![200, 202, 204].includes(response.status)) return null;
  const type = mediaType(response.headers);
  if (response.body.length === 0) return TAKEN;
  if (response.status !== 200) return null;
  if (type === 'application/json' || (type === '' && sent === 'json')) return readJson(response.body);
  if (type === 'application/x-protobuf' || (type === '' && sent === 'protobuf'))
    return readProtobuf(response.body);
  return null;
}

/** The `message` of a google.rpc.Status, for a refusal; empty when there is none. */
export function refusalWords(response: HttpResponse): string {
  if (mediaType(response.headers) === 'application/json') {
    const parsed = parseObject(response.body);
    return typeof parsed?.message === 'string' ? oneLine(parsed.message, WORDS_LIMIT) : '';
  }
  if (mediaType(response.headers) !== 'application/x-protobuf') return '';
  const message = readFields(response.body)?.get(2);
  return Buffer.isBuffer(message) ? oneLine(message.toString('utf8'), WORDS_LIMIT) : '';
}

function readJson(body: Buffer): PartialSuccess | null {
  const parsed = parseObject(body);
  if (parsed === null) return null;
  const partial = parsed.partialSuccess ?? parsed.partial_success;
  if (partial === undefined || partial === null) return TAKEN;
  if (!isObject(partial)) return null;
  const rejected = Number(partial['rejectedLogRecords'] ?? partial['rejected_log_records'] ?? 0);
  const message = partial['errorMessage'] ?? partial['error_message'] ?? '';
  if (!Number.isSafeInteger(rejected) || rejected < 0 || typeof message !== 'string') return null;
  return { rejected, message: oneLine(message, WORDS_LIMIT) };
}

/** ExportLogsServiceResponse { ExportLogsPartialSuccess { int64 rejected = 1; string error_message = 2 } partial_success = 1 } */
function readProtobuf(body: Buffer): PartialSuccess | null {
  const outer = readFields(body);
  if (outer === null) return null;
  const partial = outer.get(1);
  if (partial === undefined) return TAKEN;
  const fields = Buffer.isBuffer(partial) ? readFields(partial) : null;
  if (fields === null) return null;
  const rejected = fields.get(1) ?? 0;
  const message = fields.get(2) ?? Buffer.alloc(0);
  if (typeof rejected !== 'number' || !Buffer.isBuffer(message)) return null;
  return { rejected, message: oneLine(message.toString('utf8'), WORDS_LIMIT) };
}

/** Fields of one protobuf message by number, the last of each; null when the bytes are no message. */
function readFields(body: Buffer): ReadonlyMap<number, number | Buffer> | null {
  const fields = new Map<number, number | Buffer>();
  let place = 0;
  while (place < body.length) {
    const tag = readVarint(body, place);
    if (tag === null || tag.value < 8) return null;
    const field = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    place = tag.end;
    if (wire === 0) {
      const number = readVarint(body, place);
      if (number === null) return null;
      fields.set(field, number.value);
      place = number.end;
      continue;
    }
    const size = wire === 2 ? readVarint(body, place) : fixedSize(wire, place);
    if (size === null || size.end + size.value > body.length) return null;
    fields.set(field, body.subarray(size.end, size.end + size.value));
    place = size.end + size.value;
  }
  return fields;
}

interface Varint {
  readonly value: number;
  /** Where the next byte stands. */
  readonly end: number;
}

function fixedSize(wire: number, place: number): Varint | null {
  if (wire === 1) return { value: 8, end: place };
  return wire === 5 ? { value: 4, end: place } : null;
}

/** Null for one that does not end, or passes 2^53: nothing here counts that far. */
function readVarint(body: Buffer, start: number): Varint | null {
  let value = 0;
  for (let length = 0; length < 8; length += 1) {
    const byte = body[start + length];
    if (byte === undefined) return null;
    value += (byte % 128) * 128 ** length;
    if (byte < 128) return Number.isSafeInteger(value) ? { value, end: start + length + 1 } : null;
  }
  return null;
}
