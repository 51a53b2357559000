import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { format, resolveConfig } from 'prettier';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { schemaText } from '../../src/cli/schema.ts';
import { loadParts } from '../../src/config/parts.ts';
import { assembleSchema } from '../../src/config/schema.ts';
import { fullExample, referenceTables } from './reference.ts';

const allParts = await loadParts();
const schema = await schemaText();

const place = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** The file as it is; with UPDATE=1 it is first written as it ought to be. */
function current(name: string, wanted: string): string {
  if (process.env['UPDATE'] === '1') writeFileSync(place(name), wanted);
  return readFileSync(place(name), 'utf8');
}

async function pretty(text: string, name: string): Promise<string> {
  return format(text, { ...(await resolveConfig(place(name))), filepath: place(name) });
}

const BEGIN = '<!-- keys: generated from the schemas, do not edit -->';
const END = '<!-- end of keys -->';
const again = 'to be written anew by UPDATE=1 npx vitest run --project unit tests/config';

test('what the program compiles at a start is a schema', () => {
  expect(new Ajv2020({ strict: false }).validateSchema(assembleSchema(allParts))).toBe(true);
});

describe('what is generated from the schemas', () => {
  test.each([
    ['config/config.schema.json', schema],
    ['config/full.yaml', fullExample(allParts)],
  ])('%s', async (name, text) => {
    const wanted = await pretty(text, name);
    expect(current(name, wanted), again).toBe(wanted);
  });

  test('the tables of docs/configuration.md', async () => {
    const name = 'docs/configuration.md';
    const text = readFileSync(place(name), 'utf8');
    const [before, rest] = [text.slice(0, text.indexOf(BEGIN)), text.slice(text.indexOf(END))];
    const wanted = await pretty(`${before}${BEGIN}\n\n${referenceTables(allParts)}\n\n${rest}`, name);
    expect(current(name, wanted), again).toBe(wanted);
  });
});

describe('the schema for editors', () => {
  const ajv = new Ajv2020({ strict: true, strictRequired: true, allowUnionTypes: true, allErrors: true });
  const validate = ajv.compile(JSON.parse(schema) as object);

  test.each(['minimal', 'full', 'splunk', 'syslog', 'elasticsearch', 'kafka', 'demo'])(
    'takes config/%s.yaml',
    (name) => {
      const data: unknown = parse(readFileSync(place(`config/${name}.yaml`), 'utf8'), { merge: true });
      validate(data);
      expect(validate.errors ?? []).toEqual([]);
    },
  );

  test('refuses what the program refuses', () => {
    const sinks = { a: { type: 'file', path: 'x' } };
    const source = { type: 'cloudquery', url: 'https://x', api_key: '${KEY}' };
    expect(validate({ sources: { p: source }, sinks })).toBe(true);
    expect(validate({ sources: { p: { ...source, overlap: '15' } }, sinks })).toBe(false);
    expect(validate({ sources: { p: { ...source, overlap: '${OVERLAP}' } }, sinks })).toBe(true);
    expect(validate({ sources: { p: { ...source, urll: 'x' } }, sinks })).toBe(false);
    expect(validate({ sources: { p: { ...source, type: 'cloud' } }, sinks })).toBe(false);
    expect(validate({ sources: { p: source } })).toBe(false);
  });

  const source = { type: 'cloudquery', url: 'https://x', api_key: '${KEY}' };

  test.each(allParts.sinks.map(({ type }) => type))(
    'speaks of the key that is wrong in a sink %s',
    (type) => {
      validate({ sources: { p: source }, sinks: { a: { type, urrl: 'x', concurrent: 'many' } } });
      const said = (validate.errors ?? []).map(({ instancePath, keyword, params }) => [
        instancePath,
        keyword,
        (params as Record<string, unknown>)['additionalProperty'],
      ]);
      expect(said).toContainEqual(['/sinks/a', 'additionalProperties', 'urrl']);
      expect(said).toContainEqual(['/sinks/a/concurrent', 'pattern', undefined]);
      // Beside them only what this type asks for, and that its branch does not fit.
      for (const [place, keyword] of said) {
        expect(['/sinks/a', '/sinks/a/concurrent']).toContain(place);
        expect(['additionalProperties', 'pattern', 'required', 'oneOf', 'if']).toContain(keyword);
      }
    },
  );

  test('says which types there are', () => {
    validate({ sources: { p: source }, sinks: { a: { type: 'splunk' } } });
    expect(validate.errors?.find(({ keyword }) => keyword === 'enum')?.params).toEqual({
      allowedValues: allParts.sinks.map(({ type }) => type),
    });
  });

  test.each<[object, boolean]>([
    [{ tls: null, batch: { max_events: null } }, true],
    [{ tls: { ca_file: null } }, true],
    [{ urls: null }, true],
    [{ ack: null }, true],
    [{ token: null }, false],
    [{ url: null }, false],
    [{ concurrent: 0 }, false],
    [{ concurrent: '${MANY}' }, true],
  ])('takes a key without a value for an absent one: %j is %s', (more, taken) => {
    const hec = { type: 'splunk_hec', url: 'https://x', token: '${T}', ...more };
    expect(validate({ sources: { p: source }, sinks: { a: hec } })).toBe(taken);
  });

  test('has a name of its own', () => {
    expect(JSON.parse(schema)).toMatchObject({ $id: 'urn:auditferry:configuration:1' });
  });

  test('holds no keyword of our own', () => {
    for (const keyword of [
      'duration',
      'size',
      'secret',
      'lines',
      'header',
      'path',
      'listen',
      'discriminator',
    ]) {
      expect(schema).not.toContain(`"${keyword}": true`);
    }
    expect(schema).not.toContain('"propertyName"');
  });
});
