import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { format, resolveConfig } from 'prettier';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { schemaText } from '../../src/cli/schema.ts';
import { loadParts } from '../../src/config/parts.ts';
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
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
  const validate = ajv.compile(JSON.parse(schema) as object);

  test.each(['minimal', 'full', 'splunk', 'syslog', 'elasticsearch', 'demo'])(
    'takes config/%s.yaml',
    (name) => {
      const data: unknown = parse(readFileSync(place(`config/${name}.yaml`), 'utf8'), { merge: true });
      validate(withoutEmpty(data));
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

  test('holds no keyword of our own', () => {
    for (const keyword of ['duration', 'size', 'secret', 'header', 'path', 'listen', 'discriminator']) {
      expect(schema).not.toContain(`"${keyword}": true`);
    }
    expect(schema).not.toContain('"propertyName"');
  });
});

function withoutEmpty(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data, (_key, value: unknown) => (value === null ? undefined : value)));
}
