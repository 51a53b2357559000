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
  'header',
  'listen',
  'path',
  'secret',
  'size',
  // With them a `${NAME}` would be marked wrong in the editor.
  'format',
  'maxLength',
  'minLength',
]);

/**
 * The JSON Schema that editors use: draft 2020-12 without keywords of our own. It lets `${NAME}` stand wherever a plain
 * value may.
 */
export function editorSchema(parts: Parts): Schema {
  const translated = translate(assembleSchema(parts)) as Schema;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'auditferry configuration',
    ...translated,
  };
}

function translate(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(translate);
  if (!isSchema(schema)) return schema;
  const { type, enum: allowed, pattern } = schema;
  if (schema['duration'] === true) return textSchema(schema, DURATION);
  if (schema['size'] === true) return { ...textSchema(schema, SIZE), type: ['string', 'integer'] };
  if (schema['listen'] === true) return textSchema(schema, LISTEN);
  const kept = keywords(schema);
  if (typeof pattern === 'string') return { ...kept, pattern: `(?:${pattern})|${INTERPOLATION}` };
  if (Array.isArray(allowed) || type === 'integer' || type === 'number' || type === 'boolean')
    return orText(kept);
  return kept;
}

/** Every keyword in the editor's words. Names of keys below `properties` are no keywords and stay as they are. */
function keywords(schema: Schema): Schema {
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (DROPPED.has(key)) return [];
    if (key === 'oneOf' && 'discriminator' in schema) return [['anyOf', translate(value)]];
    if ((key === 'properties' || key === '$defs') && isSchema(value)) {
      return [
        [key, Object.fromEntries(Object.entries(value).map(([name, below]) => [name, translate(below)]))],
      ];
    }
    const literal = key === 'default' || key === 'enum' || key === 'const' || key === 'examples';
    // A key's own name is never put in from outside.
    return [[key, literal || key === 'propertyNames' ? value : translate(value)]];
  });
  return Object.fromEntries(entries);
}

function textSchema(schema: Schema, pattern: string): Schema {
  const { description, default: initial } = schema;
  return {
    type: 'string',
    pattern: `^(?:${pattern})$|${INTERPOLATION}`,
    ...(description === undefined ? {} : { description }),
    ...(initial === undefined ? {} : { default: initial }),
  };
}

function orText(schema: Schema): Schema {
  const { description, default: initial, ...rules } = schema;
  return {
    ...(description === undefined ? {} : { description }),
    ...(initial === undefined ? {} : { default: initial }),
    anyOf: [rules, { type: 'string', pattern: INTERPOLATION }],
  };
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
