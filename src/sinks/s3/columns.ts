import type { SchemaElement } from 'hyparquet';

import { isObject } from '../../model/json.ts';
import { parseTime } from '../../model/time.ts';
import type { Item } from '../sink.ts';

/**
 * The columns that documents of OCSF become: per class, and the same whatever an object holds, because tables are made from objects. What
 * has no column goes to `unmapped` as JSON text under its path, so that nothing is lost.
 */
type Column =
  | { readonly kind: 'text' | 'int' | 'long' | 'flag' | 'time' | 'map' }
  | { readonly kind: 'struct'; readonly members: Members }
  | { readonly kind: 'list'; readonly of: Column };

type Members = Readonly<Record<string, Column>>;

const text: Column = { kind: 'text' };
const int: Column = { kind: 'int' };
const long: Column = { kind: 'long' };
const flag: Column = { kind: 'flag' };
const time: Column = { kind: 'time' };
const struct = (members: Members): Column => ({ kind: 'struct', members });
const list = (of: Column): Column => ({ kind: 'list', of });

const named = struct({ name: text, uid: text });

const user = struct({
  uid: text,
  name: text,
  email_addr: text,
  full_name: text,
  type_id: int,
  type: text,
  has_mfa: flag,
  groups: list(struct({ uid: text, name: text, type: text })),
  org: struct({ name: text }),
  credential_uid: text,
  programmatic_credentials: list(struct({ uid: text, type: text })),
});

const endpoint = struct({ ip: text, name: text, hostname: text, svc_name: text });

const metadata = struct({
  uid: text,
  event_code: text,
  original_time: text,
  processed_time: long,
  processed_time_dt: time,
  sequence: long,
  version: text,
  profiles: list(text),
  log_name: text,
  log_provider: text,
  log_version: text,
  tenant_uid: text,
  product: struct({ name: text, vendor_name: text, version: text, url_string: text }),
  loggers: list(struct({ name: text, version: text })),
  tags: list(struct({ name: text, value: text })),
  labels: list(text),
});

/** Of every class. */
const BASE: Members = {
  category_uid: int,
  category_name: text,
  class_uid: int,
  class_name: text,
  activity_id: int,
  activity_name: text,
  type_uid: long,
  type_name: text,
  severity_id: int,
  severity: text,
  status_id: int,
  status: text,
  status_detail: text,
  time: long,
  time_dt: time,
  message: text,
  metadata,
  observables: list(struct({ name: text, type_id: int, type: text, value: text })),
  raw_data: text,
  raw_data_size: long,
  raw_data_hash: struct({ algorithm_id: int, algorithm: text, value: text }),
  unmapped: { kind: 'map' },
};

const actor = struct({ user });
const acted = { actor, src_endpoint: endpoint };

const OWN: Readonly<Record<string, Members>> = {
  '3001': { ...acted, user },
  '3002': {
    user,
    src_endpoint: endpoint,
    dst_endpoint: endpoint,
    service: struct({ name: text }),
    is_remote: flag,
    auth_protocol_id: int,
    auth_protocol: text,
  },
  '3004': {
    ...acted,
    entity: struct({ name: text, uid: text, type_id: int, type: text, policy: named }),
  },
  '3005': { ...acted, user, privileges: list(text) },
  '3006': { ...acted, group: struct({ name: text, uid: text, type: text }), user },
  '6003': {
    ...acted,
    dst_endpoint: endpoint,
    api: struct({ operation: text, service: struct({ name: text }) }),
    resources: list(struct({ name: text, uid: text, type: text })),
  },
};

/** Columns of a class, by name; only those of every class for one that has none of its own. */
function columnsOf(classUid: string): Members {
  return { ...BASE, ...OWN[classUid] };
}

export function columnNames(classUid: string): readonly string[] {
  return Object.keys(columnsOf(classUid));
}

interface Entry {
  readonly key: string;
  readonly value: string;
}

/** One row, its values in the order of `columnNames`. The document is JSON, as every document of OCSF. */
export function rowOf({ body, canonical }: Item, classUid: string): readonly unknown[] {
  const document = JSON.parse(body) as Readonly<Record<string, unknown>>;
  const columns = columnsOf(classUid);
  const rest: Entry[] = [];
  const row = membersOf({ ...document, unmapped: undefined }, columns, '', rest);
  // As JSON text of the event's own numbers, which a double may not hold.
  const { details: stated } = canonical;
  const details = stated === null ? undefined : JSON.stringify(stated);
  const unmapped = isObject(document['unmapped']) ? Object.entries(document['unmapped']) : [];
  const entries = [
    ...unmapped.map(([key, value]) =>
      key === 'event_details' && details !== undefined ? { key, value: details } : entryOf(key, value),
    ),
    ...rest,
  ];
  return Object.keys(columns).map((name) =>
    name === 'unmapped' && entries.length > 0 ? entries : row[name],
  );
}

function membersOf(
  value: Readonly<Record<string, unknown>>,
  members: Members,
  path: string,
  rest: Entry[],
): Readonly<Record<string, unknown>> {
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(members, key) && value[key] !== undefined)
      rest.push(entryOf(`${path}${key}`, value[key]));
  }
  return Object.fromEntries(
    Object.entries(members).map(([name, column]) => [
      name,
      Object.hasOwn(value, name) ? cellOf(value[name], column, `${path}${name}`, rest) : undefined,
    ]),
  );
}

/** The value as its column takes it; one of another kind goes to `rest`. */
function cellOf(value: unknown, column: Column, path: string, rest: Entry[]): unknown {
  if (value === undefined || value === null) return undefined;
  if (column.kind === 'struct' && isObject(value)) return membersOf(value, column.members, `${path}.`, rest);
  if (column.kind === 'list' && Array.isArray(value))
    return value.map((one, index) => cellOf(one, column.of, `${path}.${index}`, rest));
  const cell = scalarOf(value, column.kind);
  if (cell === undefined) rest.push(entryOf(path, value));
  return cell;
}

function scalarOf(value: unknown, kind: Column['kind']): unknown {
  if (kind === 'text') return typeof value === 'string' ? value.toWellFormed() : undefined;
  if (kind === 'flag') return typeof value === 'boolean' ? value : undefined;
  if (kind === 'int') return typeof value === 'number' && (value | 0) === value ? value : undefined;
  if (kind === 'long') return Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
  if (kind !== 'time' || typeof value !== 'string') return undefined;
  const ns = parseTime(value);
  return ns === null ? undefined : ns / 1000n;
}

function entryOf(key: string, value: unknown): Entry {
  return {
    key: key.toWellFormed(),
    value: typeof value === 'string' ? value.toWellFormed() : JSON.stringify(value),
  };
}

/** The schema of a class, flat, as Parquet keeps it. */
export function schemaOf(classUid: string): SchemaElement[] {
  const columns = Object.entries(columnsOf(classUid));
  return [
    { name: 'schema', num_children: columns.length },
    ...columns.flatMap(([name, column]) => elementsOf(name, column)),
  ];
}

const UTF8 = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } } as const;

function elementsOf(name: string, column: Column): SchemaElement[] {
  const optional = { name, repetition_type: 'OPTIONAL' } as const;
  switch (column.kind) {
    case 'text':
      return [{ ...optional, ...UTF8 }];
    case 'int':
      return [{ ...optional, type: 'INT32' }];
    case 'long':
      return [{ ...optional, type: 'INT64' }];
    case 'flag':
      return [{ ...optional, type: 'BOOLEAN' }];
    case 'time':
      return [
        {
          ...optional,
          type: 'INT64',
          converted_type: 'TIMESTAMP_MICROS',
          logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
        },
      ];
    case 'map':
      return [
        { ...optional, num_children: 1, converted_type: 'MAP', logical_type: { type: 'MAP' } },
        { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
        { name: 'key', repetition_type: 'REQUIRED', ...UTF8 },
        { name: 'value', repetition_type: 'OPTIONAL', ...UTF8 },
      ];
    case 'list':
      return [
        { ...optional, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        ...elementsOf('element', column.of),
      ];
    case 'struct': {
      const members = Object.entries(column.members);
      return [
        { ...optional, num_children: members.length },
        ...members.flatMap(([member, of]) => elementsOf(member, of)),
      ];
    }
  }
}
