import { SCHEMA_URL } from './record.ts';
import type { Attribute, AttributeValue, LogRecord, ResourceGroup } from './record.ts';

/**
 * The few messages of opentelemetry-proto 1.11.0 that an ExportLogsServiceRequest is made of, written by hand: a field
 * is its number and wire type, then the value. Default values (0, false, "") are left out, but not inside AnyValue,
 * where a present empty value differs from none.
 */

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_LENGTH = 2;

/** LogRecord */
export function protobufRecord(record: LogRecord): Buffer {
  return Buffer.concat([
    fixed64(1, record.timeUnixNano),
    record.severityNumber === 0 ? EMPTY : varint(2, record.severityNumber),
    optionalText(3, record.severityText),
    nested(5, anyValue(record.body)),
    ...record.attributes.map((attribute) => nested(6, keyValue(attribute))),
    fixed64(11, record.observedTimeUnixNano),
    optionalText(12, record.eventName),
  ]);
}

/** ExportLogsServiceRequest { repeated ResourceLogs resource_logs = 1 } */
export function protobufRequest(groups: readonly ResourceGroup[]): Buffer {
  return Buffer.concat(groups.map((group) => nested(1, resourceLogs(group))));
}

/** ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3 } */
function resourceLogs(group: ResourceGroup): Buffer {
  const resource = Buffer.concat(group.resource.map((attribute) => nested(1, keyValue(attribute))));
  const scope = Buffer.concat([optionalText(1, group.scopeName), optionalText(2, group.scopeVersion)]);
  const scopeLogs = Buffer.concat([
    nested(1, scope),
    ...group.records.map((record) => nested(2, record)),
    optionalText(3, SCHEMA_URL),
  ]);
  return Buffer.concat([nested(1, resource), nested(2, scopeLogs), optionalText(3, SCHEMA_URL)]);
}

/** KeyValue { string key = 1; AnyValue value = 2 } */
function keyValue(attribute: Attribute): Buffer {
  return Buffer.concat([optionalText(1, attribute.key), nested(2, anyValue(attribute.value))]);
}

/** AnyValue { oneof { string string_value = 1; bool bool_value = 2; ArrayValue array_value = 5 } } */
function anyValue(value: AttributeValue): Buffer {
  if (typeof value === 'string') return nested(1, Buffer.from(value));
  if (typeof value === 'boolean') return varint(2, value ? 1 : 0);
  return nested(5, Buffer.concat(value.map((text) => nested(1, anyValue(text)))));
}

const EMPTY = Buffer.alloc(0);

function tag(field: number, wire: number): Buffer {
  return baseVarint(field * 8 + wire);
}

function varint(field: number, value: number): Buffer {
  return Buffer.concat([tag(field, WIRE_VARINT), baseVarint(value)]);
}

function fixed64(field: number, value: bigint): Buffer {
  if (value === 0n) return EMPTY;
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return Buffer.concat([tag(field, WIRE_FIXED64), bytes]);
}

function nested(field: number, content: Buffer): Buffer {
  return Buffer.concat([tag(field, WIRE_LENGTH), baseVarint(content.length), content]);
}

function optionalText(field: number, text: string): Buffer {
  return text === '' ? EMPTY : nested(field, Buffer.from(text));
}

/** Base 128, least significant group first. Division instead of shifts: lengths may pass 2^31. */
function baseVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
