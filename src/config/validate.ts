import { resolve } from 'node:path';

import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject } from 'ajv/dist/2020.js';
import * as formats from 'ajv-formats';

import { isCredential, isSecretName } from '../model/secret-names.ts';
import { Secret } from '../model/secret.ts';
import type { Schema } from './schema.ts';
import { parseDuration, parseSize } from '../model/units.ts';
import { segmentsOf } from './values.ts';

/** What the custom keywords need to know about the file that is being validated. */
export interface Surroundings {
  /** Relative paths start here. */
  readonly folder: string;
  /** Whether the value at this JSON pointer stands in the file; otherwise it is a default. */
  isWritten(pointer: string): boolean;
  /** Gives the text at this JSON pointer anew, from its variable or file; null when it is literal. */
  reader(pointer: string): (() => string) | null;
}

export type Validate = (data: unknown, surroundings: Surroundings) => readonly ErrorObject[];

type KeywordFunction = (
  this: unknown,
  schema: unknown,
  data: unknown,
  parentSchema?: Schema,
  place?: { instancePath: string; parentData: object; parentDataProperty: string | number },
) => boolean;

type Convert = (value: unknown, schema: Schema, pointer: string, around: Surroundings) => unknown;

/**
 * Compiles the assembled schema. The result fills defaults into `data` and converts durations, sizes, secrets and paths
 * in place, so each call needs data of its own. All errors are returned.
 */
export function compileSchema(schema: Schema): Validate {
  const ajv = new Ajv2020({
    allErrors: true,
    useDefaults: true,
    verbose: true,
    discriminator: true,
    passContext: true,
    strictSchema: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    addUsedSchema: false,
    // At every start: whether the schema is one is asked by a test, and code that runs once need not be fast.
    validateSchema: false,
    meta: false,
    code: { optimize: false },
  });
  // The package exports its function in CommonJS fashion, which the types describe as a namespace.
  (formats.default as unknown as (ajv: Ajv2020) => void)(ajv);
  for (const [keyword, convert] of Object.entries(conversions)) {
    ajv.addKeyword({ keyword, schemaType: 'boolean', modifying: true, validate: keywordFunction(convert) });
  }
  ajv.addKeyword({ keyword: 'lines', schemaType: 'boolean' });
  ajv.addKeyword({ keyword: 'form', schemaType: 'string' });
  const validate = ajv.compile(untyped(schema) as object);
  return (data, surroundings) => (validate.call(surroundings, data) ? [] : (validate.errors ?? []));
}

/** What each custom keyword makes of a value; undefined when it is no such value. */
const conversions: Readonly<Record<string, Convert>> = {
  duration: (value, schema, pointer, around) => {
    const ms = typeof value === 'string' ? parseDuration(value) : defaultNumber(value, pointer, around);
    return ms !== null && withinLimits(ms, schema) ? ms : undefined;
  },
  size: (value, schema) => {
    const bytes = typeof value === 'number' ? value : parseSize(String(value));
    return bytes !== null && Number.isSafeInteger(bytes) && bytes >= 0 && withinLimits(bytes, schema)
      ? bytes
      : undefined;
  },
  secret: (value, schema, pointer, around) => secretOf(value, schema, pointer, around),
  header: (value, schema, pointer, around) => {
    const secret = secretOf(value, schema, pointer, around);
    const name = segmentsOf(pointer).at(-1) ?? '';
    const hidden = around.reader(pointer) !== null || isSecretName(name) || isCredential(String(value));
    return secret === undefined || hidden ? secret : value;
  },
  path: (value, _schema, _pointer, around) =>
    typeof value === 'string' && value !== '' && !value.includes('\0')
      ? resolve(around.folder, value)
      : undefined,
  listen: (value) =>
    typeof value === 'string' && (value === 'off' || parseListen(value) !== null) ? value : undefined,
};

function secretOf(value: unknown, schema: Schema, pointer: string, around: Surroundings): Secret | undefined {
  if (typeof value !== 'string' || secretFault(value, schema) !== null) return undefined;
  const read = around.reader(pointer);
  return read === null ? Secret.of(value) : new Secret(() => sound(read(), schema));
}

function keywordFunction(convert: Convert): KeywordFunction {
  return function (this: unknown, wanted, data, parentSchema, place) {
    if (wanted !== true || place === undefined) return true;
    const converted = convert(data, parentSchema ?? {}, place.instancePath, this as Surroundings);
    if (converted === undefined) return false;
    Object.assign(place.parentData, { [place.parentDataProperty]: converted });
    return true;
  };
}

function defaultNumber(value: unknown, pointer: string, around: Surroundings): number | null {
  return typeof value === 'number' && !around.isWritten(pointer) ? value : null;
}

function withinLimits(value: number, schema: Schema): boolean {
  const { minimum, maximum } = schema;
  return (
    !(typeof minimum === 'number' && value < minimum) && !(typeof maximum === 'number' && value > maximum)
  );
}

/** Why a text cannot be a credential, or null. Never quotes it. */
export function secretFault(value: string, schema: Schema): string | null {
  if (value === '') return 'is empty';
  if (schema['lines'] === true) return null; // a key in PEM, which is never sent
  // It will stand in a header: a line break there would start another one.
  return /[\u0000-\u001f\u007f]/.test(value) ? 'holds a line break or another control character' : null;
}

function sound(value: string, schema: Schema): string {
  const fault = secretFault(value, schema);
  if (fault !== null) throw new Error(`the secret ${fault}`);
  return value;
}

/** `host:port`, the host of an IPv6 address in brackets; null for anything else. */
export function parseListen(text: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? null : { host, port };
}

/**
 * Drops `type` and the limits beside `duration` and `size`: their keyword looks at text and numbers alike, and compares in
 * milliseconds and bytes itself.
 */
function untyped(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(untyped);
  if (typeof schema !== 'object' || schema === null) return schema;
  const measured = (schema as Schema)['duration'] === true || (schema as Schema)['size'] === true;
  const kept = Object.entries(schema).filter(([key]) => !(measured && key === 'type'));
  return Object.fromEntries(kept.map(([key, value]) => [key, untyped(value)]));
}
