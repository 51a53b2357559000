import type { Schema } from './schema.ts';
import { formatDuration, formatSize } from '../model/units.ts';

/** What a value has to be, as a sentence part: "a duration such as 15s, 10m, 24h or 30d". */
export function expectation(schema: Schema): string {
  if (schema['duration'] === true) {
    return `a duration such as 15s, 10m, 24h or 30d${limits(schema, formatDuration)}`;
  }
  if (schema['size'] === true) return `a size such as 512KiB, 1MiB or 2GiB${limits(schema, formatSize)}`;
  if (schema['secret'] === true) return 'a secret, as ${NAME} or ${file:/path}';
  if (schema['header'] === true) return 'text, or a secret as ${NAME} or ${file:/path}';
  if (schema['path'] === true) return 'a path';
  if (schema['listen'] === true) return 'host:port such as 127.0.0.1:9464, or "off"';
  if (Array.isArray(schema['enum'])) return either(schema['enum'].map((value) => String(value)));
  if ('const' in schema) return String(schema['const']);
  const types = Array.isArray(schema['type']) ? (schema['type'] as unknown[]) : [schema['type']];
  return either(types.map((type) => typeExpectation(String(type), schema)));
}

function typeExpectation(type: string, schema: Schema): string {
  switch (type) {
    case 'string':
      return schema['format'] === 'uri' ? 'a URL such as https://host:8088' : 'text';
    case 'integer':
      return `a whole number${limits(schema, String)}`;
    case 'number':
      return `a number${limits(schema, String)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list';
    case 'object':
      return 'a mapping of keys to values';
    default:
      return 'another value';
  }
}

function limits(schema: Schema, show: (value: number) => string): string {
  const { minimum, maximum, exclusiveMinimum } = schema;
  const parts: string[] = [];
  if (typeof exclusiveMinimum === 'number') parts.push(`above ${show(exclusiveMinimum)}`);
  if (typeof minimum === 'number') parts.push(`from ${show(minimum)}`);
  if (typeof maximum === 'number') parts.push(`up to ${show(maximum)}`);
  return parts.length === 0 ? '' : `, ${parts.join(' ')}`;
}

/** "a", "a or b", "a, b or c". */
export function either(words: readonly string[], conjunction = 'or'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${conjunction} ${words.at(-1)}`;
}

/** What a value is instead: "is a list". Never the value itself. */
export function actual(value: unknown): string {
  if (value === null || value === undefined) return 'is empty';
  if (Array.isArray(value)) return 'is a list';
  const names: Readonly<Record<string, string>> = {
    string: 'is text',
    number: 'is a number',
    boolean: 'is true or false',
  };
  return names[typeof value] ?? 'is a mapping';
}
