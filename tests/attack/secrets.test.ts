import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { effectiveConfig } from '../../src/cli/verify/fingerprint.ts';
import type { Config } from '../../src/config/config.ts';
import { FileError } from '../../src/config/problems.ts';
import { parseConfig } from '../../src/config/load.ts';
import { loadParts } from '../../src/config/parts.ts';
import { assembleSchema } from '../../src/config/schema.ts';
import { echoesOf } from '../../src/model/echoes.ts';

/** Stands in every place; no word of ours shares six characters with it. */
const MARK = 'q7Xk2Vw9Zr4Tn8Bp';

const parts = await loadParts();

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
  elasticsearch: { url: 'https://e.example', username: 'ana' },
  syslog: { address: 'tls://s.example:6514' },
  file: { path: './a.ndjson' },
  stdout: {},
  http: { url: 'https://h.example', username: 'ana' },
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
  'auth.oauth2.client_secret': { username: undefined, auth: { oauth2: OAUTH2 } },
  'auth.aws.secret_access_key': { username: undefined, auth: { aws: AWS } },
  'auth.aws.session_token': { username: undefined, auth: { aws: { ...AWS, secret_access_key: 'k' } } },
  'sasl.oauth2.client_secret': { sasl: { mechanism: 'oauthbearer', oauth2: OAUTH2 } },
  bearer: { username: undefined },
  path_secret: { url: 'https://h.example/{path_secret}' },
};

interface Place {
  readonly name: string;
  readonly type: string;
  readonly section: 'sources' | 'sinks' | '';
  readonly path: readonly string[];
}

function everyPlace(): Place[] {
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

function configured({ type, section, path }: Place, mark: string): Record<string, unknown> {
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

/** Six characters of the mark in a row, in whatever writing. */
function readable(text: string): string | undefined {
  const runs = [...MARK.slice(5)].map((_, at) => MARK.slice(at, at + 6));
  const lower = text.toLowerCase();
  return runs.find(
    (run) =>
      lower.includes(run.toLowerCase()) ||
      lower.includes(Buffer.from(run).toString('hex')) ||
      text.includes(Buffer.from(run).toString('base64').slice(0, 7)),
  );
}

const WRITINGS: Readonly<Record<string, (text: string) => string>> = {
  'as it is': String,
  'in capitals': (text) => text.toUpperCase(),
  'percent-encoded': (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join(''),
  'in base64': (text) => Buffer.from(text).toString('base64'),
  'in base64 after a user name': (text) => Buffer.from(`ana:${text}`).toString('base64'),
  'escaped as in JSON': (text) => [...text].map((one) => `\\u00${one.charCodeAt(0).toString(16)}`).join(''),
  'in hex': (text) => Buffer.from(text).toString('hex'),
  'cut short': (text) => text.slice(0, 9),
};

describe('a secret in any place of the configuration', () => {
  const places = everyPlace();

  it('finds every place', () => {
    expect(places.length).toBeGreaterThan(18);
    for (const type of [
      'splunk_hec',
      'elasticsearch',
      'http',
      'otlp',
      's3',
      'kafka',
      'sentinel',
      'cloudquery',
    ])
      expect(places.map((place) => place.type)).toContain(type);
  });

  it.each(places)('$name is shown by nothing that shows the configuration', (place) => {
    const mark =
      place.path.at(-1) === 'url'
        ? `postgres://u:${MARK}@db.example/d`
        : place.name.endsWith('signing_secrets.0')
          ? `whsec_${Buffer.from(MARK.repeat(2)).toString('base64')}`
          : MARK;
    const text = JSON.stringify(configured(place, mark), null, 2);
    let config: Config;
    try {
      config = parseConfig(text, '/nowhere/a.yaml', {}, parts);
    } catch (error) {
      // A key has its own form, which the mark has not: what is said of it must not quote it.
      if (!(error instanceof FileError)) throw error;
      expect(readable(`${error.message} ${inspect(error, { depth: 9 })}`)).toBeUndefined();
      expect(error.message).not.toMatch(/unknown key|is missing/);
      return;
    }
    const shown = [
      inspect(config, { depth: 20, showHidden: true }),
      JSON.stringify(effectiveConfig(config)),
      String(Object.values(config)),
    ];
    for (const one of shown) expect(readable(one)).toBeUndefined();
    // A key beside it that nobody knows: the excerpt of that place must not quote it.
    const wrong = text.replaceAll(JSON.stringify(mark), `${JSON.stringify(mark)}, "formt": 1`);
    try {
      parseConfig(wrong, '/nowhere/a.yaml', {}, parts);
    } catch (error) {
      expect(readable(`${(error as Error).message} ${inspect(error, { depth: 9 })}`)).toBeUndefined();
    }
  });

  it.each(places.filter(({ section }) => section !== ''))(
    '$name is covered wherever a peer quotes it',
    (place) => {
      let config: Config;
      try {
        config = parseConfig(JSON.stringify(configured(place, MARK)), '/nowhere/a.yaml', {}, parts);
      } catch {
        return; // it has a form of its own, and the end-to-end test has one of those
      }
      const { options } = (place.section === 'sinks' ? config.sinks : config.sources).get('x') ?? {};
      const { hide } = echoesOf(options, [], () => undefined);
      for (const [writing, write] of Object.entries(WRITINGS))
        expect([writing, readable(hide(`refused: ${write(MARK)}, sorry`))]).toEqual([writing, undefined]);
    },
  );
});
