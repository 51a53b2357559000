import { loadParts } from '../../src/config/parts.ts';
import { assembleSchema } from '../../src/config/schema.ts';

export const parts = await loadParts();

interface Schema {
  readonly [key: string]: unknown;
}

/** Every place of the schema that becomes a secret, as the path of keys that leads there; a new key is found by itself. */
function placesIn(schema: unknown, path: readonly string[]): (readonly string[])[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { secret, header, properties, additionalProperties, items, ...rest } = schema as Schema;
  if (secret === true) return [path];
  if (header === true) return [path];
  const within = (one: unknown, step: string): (readonly string[])[] => placesIn(one, [...path, step]);
  return [
    ...Object.entries((properties ?? {}) as Schema).flatMap(([key, one]) => within(one, key)),
    ...within(additionalProperties, 'X-Api-Key'),
    ...within(items, '0'),
    ...['oneOf', 'anyOf', 'allOf', 'then', 'else'].flatMap((key) => placesIn(rest[key] ?? null, path)),
    ...Object.keys(rest)
      .filter((key) => /^\d+$/.test(key))
      .flatMap((key) => placesIn(rest[key], path)),
  ];
}

/** The least of each part, so that the place under test is what it differs by. */
const LEAST: Readonly<Record<string, object>> = {
  cloudquery: { url: 'https://p.example', api_key: 'k' },
  splunk_hec: { url: 'https://s.example', token: 'k' },
  elasticsearch: { url: 'https://e.example' },
  syslog: { address: 'tls://s.example:6514' },
  file: { path: './a.ndjson' },
  stdout: {},
  http: { url: 'https://h.example' },
  otlp: { url: 'https://o.example' },
  s3: { bucket: 'audit', region: 'eu-west-1', access_key_id: 'AKIDEXAMPLE', secret_access_key: 'k' },
  kafka: {
    brokers: ['k.example:9093'],
    topic: 'audit',
    sasl: { mechanism: 'plain', username: 'ana', password: 'k' },
  },
  sentinel: {
    endpoint: 'https://a.example',
    rule_id: 'dcr-00aa',
    stream: 'Custom-A',
    tenant_id: 't',
    client_id: 'c',
    client_secret: 'k',
  },
};
/** What must stand beside a place for it to be taken. */
const AWS = { region: 'r', service: 's', access_key_id: 'AKIDEXAMPLE' };
const OAUTH2 = { token_url: 'https://t.example', client_id: 'c' };
const BESIDE: Readonly<Record<string, object>> = {
  'search.token': { search: { url: 'https://m.example:8089' } },
  'auth.oauth2.client_secret': { auth: { oauth2: OAUTH2 } },
  'auth.aws.secret_access_key': { auth: { aws: AWS } },
  'auth.aws.session_token': { auth: { aws: { ...AWS, secret_access_key: 'k' } } },
  'sasl.oauth2.client_secret': { sasl: { mechanism: 'oauthbearer', oauth2: OAUTH2 } },
  password: { username: 'ana' },
  path_secret: { url: 'https://h.example/{path_secret}' },
};

/** Where a secret can stand in a configuration. */
export interface Place {
  readonly name: string;
  readonly type: string;
  readonly section: 'sources' | 'sinks' | '';
  readonly path: readonly string[];
}

export function everyPlace(): Place[] {
  const schemaOf = (
    list: readonly { readonly type: string; readonly schema: unknown }[],
    section: 'sources' | 'sinks',
  ) =>
    list.flatMap(({ type, schema }) =>
      placesIn(schema, []).map((path): Place => ({ name: `${type}.${path.join('.')}`, type, section, path })),
    );
  const {
    sources: _sources,
    sinks: _sinks,
    simulator: _simulator,
    ...rest
  } = (assembleSchema({ ...parts, used: undefined } as never) as unknown as { properties: Schema })
    .properties;
  const own = placesIn({ properties: rest }, []).map((path): Place => ({
    name: path.join('.'),
    type: '',
    section: '',
    path,
  }));
  const all = [...schemaOf(parts.sources, 'sources'), ...schemaOf(parts.sinks, 'sinks'), ...own];
  return [...new Map(all.map((place) => [place.name, place])).values()];
}

function put(target: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (key === '0') return;
  if (rest[0] === '0') target[key] = [value];
  else if (rest.length === 0) target[key] = value;
  else {
    target[key] = { ...(target[key] ?? {}) };
    put(target[key] as Record<string, unknown>, rest, value);
  }
}

/** A configuration with a secret in that place, and what must stand beside it. */
export function configured({ type, section, path }: Place, mark: string): Record<string, unknown> {
  const part = { type, ...LEAST[type], ...BESIDE[path.join('.')] };
  const source = { type: 'cloudquery', ...LEAST['cloudquery'] };
  const root: Record<string, unknown> = { sources: { platform: source }, sinks: { out: { type: 'stdout' } } };
  if (section === '') put(root, path, mark);
  else {
    put(part, path, mark);
    root[section] = { x: JSON.parse(JSON.stringify(part)) as object };
  }
  return root;
}
