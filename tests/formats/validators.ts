import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Ajv, type ValidateFunction } from 'ajv';

/** Validators made from the schemas' own data files, which stand with their licences in tests/fixtures/formats. Each returns what is wrong. */
const FIXTURES = new URL('../fixtures/formats/', import.meta.url);

export function fixture<T>(name: string): T {
  return JSON.parse(fixtureText(name)) as T;
}

export function fixtureText(name: string): string {
  return readFileSync(new URL(name, FIXTURES), 'utf8');
}

export type Document = Record<string, unknown>;

// ---- OCSF ----

const compiled = new Map<string, ValidateFunction>();

export function ocsfFaults(document: Document, version: '1.5.0' | '1.8.0'): string[] {
  const validate = compiled.get(version) ?? compile(`ocsf/${version}.schema.json`);
  compiled.set(version, validate);
  const faults = validate(document)
    ? []
    : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  for (const observable of (document['observables'] ?? []) as { name: string; value: string }[]) {
    if (at(document, observable.name) !== observable.value)
      faults.push(`observable ${observable.name} does not repeat its value`);
  }
  return faults;
}

/** Compiling takes longest with these large schemas; they are known to be schemas. */
function compile(name: string): ValidateFunction {
  return new Ajv({
    strict: false,
    inlineRefs: false,
    validateSchema: false,
    code: { optimize: false },
  }).compile(fixture(name));
}

export function at(document: Document, path: string): unknown {
  return path.split('.').reduce<unknown>((here, key) => (here as Document | undefined)?.[key], document);
}

// ---- OTLP ----

const otlpRequest = new Ajv({ strict: false, allErrors: true }).compile(
  fixture<object>('otlp-logs.schema.json'),
);

export function otlpFaults(document: Document): string[] {
  if (otlpRequest(document)) return [];
  return (otlpRequest.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}

// ---- ECS ----

interface EcsField {
  readonly type: string;
  readonly array?: boolean;
  readonly beta?: unknown;
  readonly allowed_values?: readonly string[];
  readonly expected_event_types?: Readonly<Record<string, readonly string[]>>;
}
const ecsFields = fixture<{ fields: Record<string, EcsField> }>('ecs/fields-9.4.0.json').fields;
const OWN = ['labels', 'cloudquery.audit'];

export function ecsFaults(document: Document): string[] {
  const faults: string[] = [];
  for (const [path, value] of leaves(document, '')) {
    if (OWN.some((own) => path === own || path.startsWith(`${own}.`))) continue;
    const field = ecsFields[path];
    if (field === undefined) faults.push(`${path} is no ECS field`);
    else faults.push(...ecsValueFaults(path, value, field));
  }
  return [...faults, ...ecsEventFaults(document), ...flattenedFaults(document)];
}

export function* leaves(value: unknown, path: string): Generator<[string, unknown]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || OWN.includes(path)) {
    yield [path, value];
    return;
  }
  if (Object.keys(value).length === 0) yield [path, value];
  for (const [key, inner] of Object.entries(value))
    yield* leaves(inner, path === '' ? key : `${path}.${key}`);
}

function ecsValueFaults(path: string, value: unknown, field: EcsField): string[] {
  const items = Array.isArray(value) ? (value as unknown[]) : [value];
  const faults: string[] = [];
  if (Array.isArray(value) !== (field.array ?? false))
    faults.push(`${path} is ${Array.isArray(value) ? '' : 'not '}a list`);
  if (items.length === 0) faults.push(`${path} is empty`);
  for (const item of items) {
    if (typeof item !== 'string') faults.push(`${path} is a ${typeof item}`);
    else if (field.type === 'ip' && isIP(item) === 0) faults.push(`${path} is no address`);
    else if (field.type === 'date' && Number.isNaN(Date.parse(item))) faults.push(`${path} is no time`);
    else if (field.allowed_values !== undefined && !field.allowed_values.includes(item))
      faults.push(`${path} is ${item}, which is not allowed`);
  }
  return faults;
}

function ecsEventFaults(document: Document): string[] {
  const categories = (at(document, 'event.category') ?? []) as string[];
  const types = (at(document, 'event.type') ?? []) as string[];
  const table = ecsFields['event.category']?.expected_event_types ?? {};
  const expected = categories.flatMap((category) => table[category] ?? []);
  const faults =
    categories.length === 0
      ? []
      : types
          .filter((type) => !expected.includes(type))
          .map((type) => `type ${type} of ${categories.join()}`);
  for (const required of ['@timestamp', 'ecs.version', 'event.kind', 'event.id', 'event.action']) {
    if (at(document, required) === undefined || at(document, required) === '')
      faults.push(`${required} is missing`);
  }
  if (at(document, 'event.dataset') !== at(document, 'data_stream.dataset')) faults.push('data sets differ');
  return faults;
}

/** What Elasticsearch refuses in a `flattened` field. */
function flattenedFaults(document: Document): string[] {
  const details = at(document, 'cloudquery.audit.event_details');
  if (details === undefined) return [];
  if (typeof details !== 'object' || details === null || Array.isArray(details))
    return ['event_details is no object'];
  return JSON.stringify(details).includes('\\u0000":')
    ? ['NUL in a key']
    : depthOf(details) > 20
      ? ['too deep']
      : [];
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

// ---- CIM ----

interface CimModel {
  readonly fields: Readonly<Record<string, { readonly type: string }>>;
}
const cim = fixture<{
  models: { Change: Record<string, CimModel>; Authentication: Record<string, CimModel> };
  sa_cim_8_5_0: Record<'change' | 'authentication', { expected_values: Record<string, string[]> }>;
}>('cim.json');
/**
 * Fields of the models that an event may leave out, since nobody would know better: where a request came from, and how it ended. The
 * attributes are those that changed; of what was created or deleted the Platform names none.
 */
const UNSTATED: Readonly<Record<string, readonly string[]>> = {
  Authentication: ['src', 'action'],
  Change: ['src', 'status', 'object_attrs'],
};
/** A dataset: its name, and the fields that are required in it. */
const requiredIn = (model: 'Authentication' | 'Change', dataset: string): readonly string[] =>
  Object.entries(cim.models[model][dataset]?.fields ?? {})
    .filter(([name, { type }]) => type === 'required' && !UNSTATED[model]?.includes(name))
    .map(([name]) => name);
const REQUIRED = {
  Authentication: requiredIn('Authentication', 'Authentication'),
  Change: requiredIn('Change', 'All_Changes'),
};

export function cimFaults(document: Document): string[] {
  const model = document['cim_model'];
  if (model === undefined) return [];
  if (model !== 'Change' && model !== 'Authentication') return ['no such model'];
  const faults = REQUIRED[model]
    .filter((key) => typeof document[key] !== 'string' || document[key] === '')
    .map((key) => `${key} is missing`);
  const prescribed = cim.sa_cim_8_5_0[model === 'Change' ? 'change' : 'authentication'].expected_values;
  for (const [key, values] of Object.entries(prescribed)) {
    const value = document[key];
    if (value !== undefined && !values.includes(value as string))
      faults.push(`${key} is ${JSON.stringify(value)}`);
  }
  for (const key of ['action', 'object_attrs', 'object_id']) {
    const values = [document[key] ?? ''].flat() as string[];
    if (values.some((value) => value.includes('"'))) faults.push(`${key} holds a quotation mark`);
  }
  if (document['status'] === 'failure' && typeof document['result'] !== 'string')
    faults.push('a failure without a result');
  if (document['object_category'] === 'user' && typeof document['src_user'] !== 'string')
    faults.push('an account without src_user');
  for (const key of Object.keys(cim.models.Change['All_Changes']?.fields ?? {})) {
    if (typeof document[key] === 'object' && key !== 'object_attrs') faults.push(`${key} is not flat`);
  }
  return faults;
}

// ---- CEF and LEEF ----

interface CefEntry {
  readonly type: string;
  readonly length?: number;
  readonly audience: string;
}
const cef = fixture<{ extensions: Record<string, CefEntry> }>('cef.json').extensions;
const CEF_HEADER = [5, 63, 63, 31, 1023, 512, 2];

/** `extension` holds each key once, as an independent parser found it; see parsers.ts. */
export function cefFaults(header: readonly string[], extension: ReadonlyMap<string, string>): string[] {
  const faults = header.flatMap((field, index) =>
    field === '' || field.length > (CEF_HEADER[index] ?? 0) ? [`header field ${index}: ${field.length}`] : [],
  );
  for (const [key, value] of extension) {
    const entry = cef[key];
    if (entry === undefined || entry.audience !== 'producer') faults.push(`${key} is not for producers`);
    else if (value === '' || value.length > (entry.length ?? Infinity))
      faults.push(`${key} has ${value.length} characters`);
    else if (entry.type === 'ipv4_address' && isIP(value) !== 4) faults.push(`${key} is no IPv4 address`);
    else if (entry.type === 'ipv6_address' && isIP(value) !== 6) faults.push(`${key} is no IPv6 address`);
    else if (entry.type === 'timestamp' && !/^-?\d{1,14}$/.test(value)) faults.push(`${key} is no time`);
    const custom = /^(?:cs|c6a|flexString)\d$/.test(key) ? `${key}Label` : null;
    if (custom !== null && !extension.has(custom)) faults.push(`${key} without a label`);
    if (key.endsWith('Label') && !extension.has(key.slice(0, -5))) faults.push(`${key} without a value`);
  }
  return faults;
}

interface LeefEntry {
  readonly type: string;
  readonly limits?: string;
  readonly reserved?: boolean;
}
const leef = fixture<{ attributes: Record<string, LeefEntry> }>('leef.json').attributes;

export function leefFaults(header: readonly string[], attributes: ReadonlyMap<string, string>): string[] {
  const faults = header.flatMap((field, index) => (field === '' ? [`header field ${index} is empty`] : []));
  if ((header[4] ?? '').length > 255) faults.push('EventID is too long');
  for (const [key, value] of attributes) {
    const entry = leef[key];
    if (!/^[A-Za-z0-9]+$/.test(key)) faults.push(`${key} is no single word`);
    if (value === '') faults.push(`${key} is empty`);
    if (entry?.reserved === true) faults.push(`${key} is reserved`);
    if (entry?.type === 'ip_address' && isIP(value) === 0) faults.push(`${key} is no address`);
    if (entry?.limits === '255' && value.length > 255) faults.push(`${key} is too long`);
  }
  if (!/^(?:[1-9]|10)$/.test(attributes.get('sev') ?? '')) faults.push('sev is out of range');
  return faults;
}
