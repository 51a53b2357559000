import type { Origin } from '../../formats/format.ts';
import type { Item } from '../sink.ts';
import { jsonRecord, jsonRequest } from './json.ts';
import { protobufRecord, protobufRequest } from './protobuf.ts';
import { logRecord } from './record.ts';
import type { Attribute } from './record.ts';

export type OtlpEncoding = 'json' | 'protobuf';

/** One event as a record, encoded once however often the batch around it is split. */
export interface EncodedItem {
  /** Index in the batch. */
  readonly place: number;
  readonly origin: Origin;
  readonly record: Buffer;
}

const SCOPE_NAME = 'auditferry';

export function encodeItem(
  item: Item,
  place: number,
  encoding: OtlpEncoding,
  includeOriginal: boolean,
): EncodedItem {
  const record = logRecord(item, includeOriginal);
  const bytes = encoding === 'json' ? Buffer.from(jsonRecord(record)) : protobufRecord(record);
  return { place, origin: item.origin, record: bytes };
}

/** An ExportLogsServiceRequest: one resource per Platform installation, in the order of the events. */
export function encodeRequest(
  items: readonly EncodedItem[],
  encoding: OtlpEncoding,
  resource: Readonly<Record<string, string>>,
): Buffer {
  const groups = new Map<string, { origin: Origin; records: Buffer[] }>();
  for (const { origin, record } of items) {
    const key = JSON.stringify([
      origin.product.slug,
      origin.instance,
      origin.tenantId,
      origin.apiVersion,
      origin.platformVersion,
      origin.forwarderVersion,
      origin.labels,
    ]);
    const group = groups.get(key) ?? { origin, records: [] };
    group.records.push(record);
    groups.set(key, group);
  }
  const resources = [...groups.values()].map(({ origin, records }) => ({
    resource: resourceAttributes(origin, resource),
    scopeName: SCOPE_NAME,
    scopeVersion: origin.forwarderVersion,
    records,
  }));
  return encoding === 'json' ? jsonRequest(resources) : protobufRequest(resources);
}

/** The operator's own attributes win over ours of the same name; what is not known is left out. */
function resourceAttributes(origin: Origin, own: Readonly<Record<string, string>>): readonly Attribute[] {
  const { product } = origin;
  const attributes = new Map<string, string>([
    ['service.name', product.service],
    ['service.namespace', product.slug],
    ['service.instance.id', origin.instance],
    ['service.version', origin.platformVersion ?? ''],
    [`${product.slug}.tenant.id`, origin.tenantId ?? ''],
    [`${product.slug}.api.version`, origin.apiVersion],
    ...Object.entries(origin.labels),
    ...Object.entries(own),
  ]);
  return [...attributes]
    .filter(([key, value]) => key !== '' && value !== '')
    .map(([key, value]) => ({
      key: key.toWellFormed(),
      value: value.toWellFormed(),
    }));
}
