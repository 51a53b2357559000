import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { cefFormat } from '../../src/formats/cef.ts';
import { cimFormat } from '../../src/formats/cim.ts';
import { ecsFormat } from '../../src/formats/ecs.ts';
import { leefFormat } from '../../src/formats/leef.ts';
import { ocsfFormat } from '../../src/formats/ocsf.ts';
import { normalizeSchema } from '../../src/formats/options.ts';
import { rawFormat } from '../../src/formats/raw.ts';
import type { PartSchema } from '../../src/model/part.ts';

function accepts(schema: PartSchema, value: unknown): boolean {
  const { properties, required = [] } = schema;
  // `form` is a word of ours, for messages.
  return new Ajv({ useDefaults: true, keywords: ['form'] }).validate(
    { type: 'object', additionalProperties: false, properties, required },
    value,
  );
}

describe('the normalize section', () => {
  it('takes its defaults', () => {
    const section = {};
    expect(accepts(normalizeSchema, section)).toBe(true);
    expect(section).toMatchObject({
      event_types: [],
      redact: { enabled: true, keys: [], keep: [], replacement: '[redacted]' },
      trim_user: true,
      system_actors: { ids: [], emails: [] },
    });
  });

  it.each([
    [{ event_types: [{ match: 'x.*', category: 'config', action: 'update', severity: 'high' }] }, true],
    [{ event_types: [{ match: 'x' }] }, false],
    [{ event_types: [{ match: 'x', category: 'sorcery' }] }, false],
    [{ event_types: [{ match: 'x', action: 'frobnicate' }] }, false],
    [{ pointers: { reason: '/event_details/a~1b' } }, true],
    [{ pointers: { reason: 'event_details' } }, false],
    [{ labels: { site: 'north' } }, true],
    [{ labels: { 'a.b': 'x' } }, false],
    [{ redact: { enable: true } }, false],
  ])('%j is accepted: %s', (section, accepted) => expect(accepts(normalizeSchema, section)).toBe(accepted));
});

describe('the options of a format', () => {
  it.each([rawFormat, ecsFormat, ocsfFormat, cimFormat, cefFormat, leefFormat])(
    '$name describe themselves',
    ({ schema }) => {
      expect(accepts(schema, {})).toBe(true);
      expect(accepts(schema, { nonsense: 1 })).toBe(false);
      for (const property of Object.values(schema.properties)) {
        expect(property).toHaveProperty('description');
        expect(property).toHaveProperty('default');
      }
    },
  );

  it.each([
    [ecsFormat.schema, { dataset: 'Has-Upper' }, false],
    [ecsFormat.schema, { version: '8.11.0' }, true],
    [ocsfFormat.schema, { version: '1.6.0' }, false],
    [leefFormat.schema, { version: '1.0' }, true],
  ])('%# are checked', (schema, options, accepted) => expect(accepts(schema, options)).toBe(accepted));
});
