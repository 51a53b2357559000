import { SCHEMA_URL } from './record.ts';
import type { Attribute, AttributeValue, LogRecord, ResourceGroup } from './record.ts';

/** OTLP's JSON: lowerCamelCase names, 64-bit numbers as text, enumerations as numbers, no nulls. */

export function jsonRecord(record: LogRecord): string {
  return JSON.stringify({
    timeUnixNano: String(record.timeUnixNano),
    observedTimeUnixNano: String(record.observedTimeUnixNano),
    severityNumber: record.severityNumber,
    severityText: record.severityText,
    eventName: record.eventName,
    body: { stringValue: record.body },
    attributes: record.attributes.map(jsonAttribute),
  });
}

/** The records are JSON text already and are joined as they are. */
export function jsonRequest(groups: readonly ResourceGroup[]): Buffer {
  return Buffer.from(`{"resourceLogs":[${groups.map(jsonGroup).join(',')}]}`);
}

function jsonGroup(group: ResourceGroup): string {
  const resource = JSON.stringify({ attributes: group.resource.map(jsonAttribute) });
  const scope = JSON.stringify({ name: group.scopeName, version: group.scopeVersion });
  const schema = JSON.stringify(SCHEMA_URL);
  const records = group.records.join(',');
  return `{"resource":${resource},"schemaUrl":${schema},"scopeLogs":[{"scope":${scope},"schemaUrl":${schema},"logRecords":[${records}]}]}`;
}

function jsonAttribute(attribute: Attribute): object {
  return { key: attribute.key, value: jsonValue(attribute.value) };
}

function jsonValue(value: AttributeValue): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return { arrayValue: { values: value.map((text) => ({ stringValue: text })) } };
}
