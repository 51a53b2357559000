import { isObject } from '../model/json.ts';
import { assembleSchema } from './schema.ts';
import type { Parts, Schema } from './schema.ts';

const INTERPOLATION = '\\$\\{[^{}]+\\}';
const DURATION = '(?:\\d{1,12}(?:\\.\\d{1,6})?(?:ms|s|m|h|d|w))+';
const SIZE = '\\d{1,15}(?:\\.\\d{1,6})?\\s*(?:[KMGTkmgt]?[Ii]?[Bb])?';
const LISTEN = 'off|(?:\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+):\\d{1,5}';

/** Keywords that only auditferry's own validation knows, or that do not hold for a value that is yet to be put in. */
const DROPPED: ReadonlySet<string> = new Set([
  'discriminator',
  'duration',
  'form',
  'header',
  'lines',
  'listen',
  'path',
  'secret',
  'size',
  // With them a `${NAME}` would be marked wrong in the editor.
  'format',
  'maxLength',
  'minLength',
]);

/** A name and no address: nobody has to be online to read a configuration. The number is that of the keys' major version. */
const ID = 'urn:auditferry:configuration:1';

/**
 * The JSON Schema that editors use: draft 2020-12 without keywords of our own. It lets `${NAME}` stand wherever a plain
 * value may, and takes a key without a value for an absent one, as the program does.
 */
export function editorSchema(parts: Parts): Schema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: ID,
    title: 'auditferry configuration',
    ...translate(assembleSchema(parts), false),
  };
}

function translate(schema: Schema, nullable: boolean): Schema {
  const { type, enum: allowed, pattern } = schema;
  if (schema['duration'] === true) return textSchema(schema, ['string'], DURATION, nullable);
  if (schema['size'] === true) return textSchema(schema, ['string', 'integer'], SIZE, nullable);
  if (schema['listen'] === true) return textSchema(schema, ['string'], LISTEN, nullable);
  const kept = keywords(schema);
  if (Array.isArray(allowed)) return wordSchema(kept, allowed, nullable);
  if (type === undefined) return kept;
  const types = nullable ? [type, 'null'].flat() : type;
  if (typeof pattern === 'string')
    return { ...kept, type: types, pattern: `(?:${pattern})|${INTERPOLATION}` };
  if (type === 'integer' || type === 'number' || type === 'boolean')
    return { ...kept, type: [types, 'string'].flat(), pattern: INTERPOLATION };
  return { ...kept, type: types };
}

/** Every keyword in the editor's words. Names of keys below `properties` are no keywords and stay as they are. */
function keywords(schema: Schema): Schema {
  const required = Array.isArray(schema['required']) ? (schema['required'] as string[]) : [];
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (DROPPED.has(key)) return [];
    if (key === 'oneOf' && 'discriminator' in schema)
      return [['allOf', branches(value as readonly Schema[])]];
    if (key === '$defs') return [[key, mapped(value as Schema, () => true)]];
    if (key === 'properties') return [[key, mapped(value as Schema, (name) => !required.includes(name))]];
    if (key === 'additionalProperties' && isObject(value))
      return [[key, translate(value, !('discriminator' in value))]];
    if (LITERAL.has(key)) return [[key, value]];
    if (Array.isArray(value)) return [[key, value.map((each: unknown) => below(each))]];
    return [[key, below(value)]];
  });
  const kept = Object.fromEntries(entries);
  if ('discriminator' in schema) return { ...kept, properties: { type: typeSchema(schema) } };
  return schema['type'] === undefined && required.length > 0 ? given(kept, required) : kept;
}

/** A key's own name is never put in from outside. */
const LITERAL = new Set([
  'default',
  'enum',
  'const',
  'examples',
  'propertyNames',
  'required',
  'dependentRequired',
]);

function below(value: unknown): unknown {
  return isObject(value) ? translate(value, false) : value;
}

function mapped(schemas: Schema, nullable: (name: string) => boolean): Schema {
  const entries = Object.entries(schemas) as [string, Schema][];
  return Object.fromEntries(entries.map(([name, schema]) => [name, translate(schema, nullable(name))]));
}

/** A rule that asks for keys: one without a value is not there. */
function given(rule: Schema, required: readonly string[]): Schema {
  const valued = Object.fromEntries(required.map((name) => [name, { not: { type: 'null' } }]));
  return { ...rule, properties: { ...valued, ...(rule['properties'] as Schema | undefined) } };
}

/** One branch for each type, so that an editor speaks of the key that is wrong in the one that is meant. */
function branches(schemas: readonly Schema[]): readonly Schema[] {
  return schemas.map((schema) => ({
    if: { properties: { type: { const: typeOf(schema) } }, required: ['type'] },
    then: translate(schema, false),
  }));
}

function typeSchema({ oneOf }: Schema): Schema {
  return { enum: (oneOf as readonly Schema[]).map(typeOf) };
}

function typeOf(branch: Schema): unknown {
  return (branch['properties'] as { readonly type: Schema }).type['const'];
}

function textSchema(schema: Schema, types: readonly string[], pattern: string, nullable: boolean): Schema {
  const { description, default: initial } = schema;
  return {
    type: nullable || types.length > 1 ? [...types, ...(nullable ? ['null'] : [])] : types[0],
    pattern: `^(?:${pattern})$|${INTERPOLATION}`,
    ...(description === undefined ? {} : { description }),
    ...(initial === undefined ? {} : { default: initial }),
  };
}

function wordSchema(schema: Schema, allowed: readonly unknown[], nullable: boolean): Schema {
  const { description, default: initial, type: _types, enum: _allowed, ...rules } = schema;
  return {
    ...(description === undefined ? {} : { description }),
    ...(initial === undefined ? {} : { default: initial }),
    ...rules,
    anyOf: [{ enum: nullable ? [...allowed, null] : allowed }, { type: 'string', pattern: INTERPOLATION }],
  };
}
