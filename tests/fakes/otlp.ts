import { readFileSync } from 'node:fs';

import { Ajv } from 'ajv';

import type { FakeAnswer, FakeReceiver, FakeRequest } from './faults.ts';

/** A log record as the receiver read it, from either encoding. */
export interface ReceivedRecord {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: { readonly name: string; readonly version: string };
}

export interface FakeOtlp {
  readonly receive: FakeReceiver;
  readonly records: ReceivedRecord[];
  /** Ids that are refused for good. */
  readonly poison: Set<string>;
}

export interface FakeOtlpOptions {
  /** Header that has to be there with this value. */
  readonly authorization?: string;
  /** `whole`: 400 for a request with a poisoned record. `partial`: 200, the rest taken, the number of refused ones told. */
  readonly refusal?: 'whole' | 'partial';
  readonly maxBytes?: number;
  /** Said beside a complete success. */
  readonly warning?: string;
}

const schema = JSON.parse(
  readFileSync(new URL('../fixtures/formats/otlp-logs.schema.json', import.meta.url), 'utf8'),
) as object;
const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);

/** A receiver that checks every request against the JSON Schema, or decodes the protobuf by the message definitions. */
export function fakeOtlp(options: FakeOtlpOptions = {}): FakeOtlp {
  const records: ReceivedRecord[] = [];
  const poison = new Set<string>();
  return {
    records,
    poison,
    receive: (request) => {
      const json = request.headers['content-type'] === 'application/json';
      if (request.method !== 'POST' || request.path !== '/v1/logs') return { status: 404 };
      if (options.authorization !== undefined && request.headers.authorization !== options.authorization) {
        return refusal(json, 401, 'no valid credentials');
      }
      if (!json && request.headers['content-type'] !== 'application/x-protobuf') return { status: 415 };
      if (request.body.length > (options.maxBytes ?? Infinity)) return { status: 413 };
      const received = readRequest(request, json);
      if (typeof received === 'string') return refusal(json, 400, received);
      const bad = received.filter((record) => poison.has(String(record.attributes['log.record.uid'])));
      if (bad.length > 0 && options.refusal !== 'partial')
        return refusal(json, 400, 'a record cannot be stored');
      records.push(...received.filter((record) => !bad.includes(record)));
      return success(
        json,
        bad.length,
        bad.length > 0 ? 'some records cannot be stored' : (options.warning ?? ''),
      );
    },
  };
}

function readRequest(request: FakeRequest, json: boolean): readonly ReceivedRecord[] | string {
  if (!json) return decodeRequest(request.body);
  const parsed = JSON.parse(request.body.toString('utf8')) as JsonRequest;
  if (!validate(parsed)) return JSON.stringify(validate.errors);
  return parsed.resourceLogs.flatMap((group) =>
    group.scopeLogs.flatMap(({ scope, logRecords }) =>
      logRecords.map((record) => ({
        ...record,
        body: record.body.stringValue,
        attributes: jsonAttributes(record.attributes),
        resource: jsonAttributes(group.resource.attributes),
        scope,
      })),
    ),
  );
}

function success(json: boolean, rejected: number, message: string): FakeAnswer {
  if (json) {
    const partial =
      rejected === 0 && message === ''
        ? {}
        : { partialSuccess: { rejectedLogRecords: String(rejected), errorMessage: message } };
    return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(partial) };
  }
  const count = rejected === 0 ? '' : `\x08${String.fromCharCode(rejected)}`;
  const words = message === '' ? '' : `\x12${String.fromCharCode(message.length)}${message}`;
  const partial = `${count}${words}`;
  const body = partial === '' ? '' : `\x0a${String.fromCharCode(partial.length)}${partial}`;
  return { status: 200, headers: { 'content-type': 'application/x-protobuf' }, body };
}

/** google.rpc.Status in the encoding of the request. */
function refusal(json: boolean, status: number, message: string): FakeAnswer {
  const words = message.slice(0, 100);
  return json
    ? {
        status,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code: 3, message: words }),
      }
    : {
        status,
        headers: { 'content-type': 'application/x-protobuf' },
        body: `\x08\x03\x12${String.fromCharCode(words.length)}${words}`,
      };
}

interface JsonValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly JsonValue[] };
}

interface JsonAttribute {
  readonly key: string;
  readonly value: JsonValue;
}

interface JsonRequest {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly JsonAttribute[] };
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly logRecords: readonly (Omit<ReceivedRecord, 'body' | 'attributes' | 'resource' | 'scope'> & {
        readonly body: { readonly stringValue: string };
        readonly attributes: readonly JsonAttribute[];
      })[];
    }[];
  }[];
}

function jsonAttributes(attributes: readonly JsonAttribute[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, jsonValue(value)]));
}

function jsonValue(value: JsonValue): unknown {
  return value.arrayValue?.values.map(jsonValue) ?? value.stringValue ?? value.boolValue;
}

/* Protobuf, read back with a decoder that shares nothing with the encoder under test. */

interface Field {
  readonly number: number;
  readonly wire: number;
  readonly bytes: Buffer;
  readonly value: bigint;
}

/** Throws for bytes that are no message. */
function fieldsOf(message: Buffer): readonly Field[] {
  const fields: Field[] = [];
  let place = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(place);
      place += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (size: number): Buffer => {
    if (place + size > message.length) throw new Error('a field reaches beyond its message');
    const bytes = message.subarray(place, place + size);
    place += size;
    return bytes;
  };
  while (place < message.length) {
    const key = Number(varint());
    const [number, wire] = [key >> 3, key & 7];
    if (wire === 0) fields.push({ number, wire, bytes: Buffer.alloc(0), value: varint() });
    else if (wire === 1)
      fields.push({ number, wire, bytes: Buffer.alloc(0), value: take(8).readBigUInt64LE() });
    else if (wire === 2) fields.push({ number, wire, bytes: take(Number(varint())), value: 0n });
    else throw new Error(`wire type ${wire}`);
  }
  return fields;
}

function all(message: Buffer, number: number): readonly Buffer[] {
  return fieldsOf(message)
    .filter((field) => field.number === number && field.wire === 2)
    .map((field) => field.bytes);
}

function text(message: Buffer, number: number): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
    all(message, number)[0] ?? Buffer.alloc(0),
  );
}

function numeric(message: Buffer, number: number, wire: number): bigint {
  return fieldsOf(message).find((field) => field.number === number && field.wire === wire)?.value ?? 0n;
}

function decodeRequest(body: Buffer): readonly ReceivedRecord[] {
  return all(body, 1).flatMap((group) => {
    const resource = decodeAttributes(all(group, 1)[0] ?? Buffer.alloc(0), 1);
    return all(group, 2).flatMap((scopeLogs) => {
      const scopeBytes = all(scopeLogs, 1)[0] ?? Buffer.alloc(0);
      const scope = { name: text(scopeBytes, 1), version: text(scopeBytes, 2) };
      return all(scopeLogs, 2).map((record) => ({ ...decodeRecord(record), resource, scope }));
    });
  });
}

function decodeRecord(record: Buffer): Omit<ReceivedRecord, 'resource' | 'scope'> {
  return {
    timeUnixNano: String(numeric(record, 1, 1)),
    observedTimeUnixNano: String(numeric(record, 11, 1)),
    severityNumber: Number(numeric(record, 2, 0)),
    severityText: text(record, 3),
    eventName: text(record, 12),
    body: String(decodeValue(all(record, 5)[0] ?? Buffer.alloc(0))),
    attributes: decodeAttributes(record, 6),
  };
}

function decodeAttributes(message: Buffer, number: number): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    all(message, number).map((pair) => [text(pair, 1), decodeValue(all(pair, 2)[0] ?? Buffer.alloc(0))]),
  );
}

function decodeValue(value: Buffer): unknown {
  const [field] = fieldsOf(value);
  if (field?.number === 1) return text(value, 1);
  if (field?.number === 2) return field.value === 1n;
  if (field?.number === 5) return all(field.bytes, 1).map(decodeValue);
  throw new Error('a value of an unknown kind');
}
