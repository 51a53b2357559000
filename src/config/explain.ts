import type { ErrorObject } from 'ajv/dist/2020.js';

import { actual, either, expectation } from './expected.ts';
import { isInterpolated } from './interpolate.ts';
import { meantType } from './meant.ts';
import { nearest } from './nearest.ts';
import type { Problem } from './problems.ts';
import type { Schema } from './schema.ts';
import { missingScheme } from './scheme.ts';
import { NAME_PATTERN } from './sections.ts';
import type { TreeNode } from './tree.ts';
import { secretFault } from './validate.ts';
import { find, pathOf, segmentsOf } from './values.ts';

/** A longer value says nothing more, and may be something that was pasted by mistake. */
const QUOTED_LENGTH_MAX = 60;

/** Keys listed in one message, at most. */
const KEYS_LISTED_MAX = 24;

/** Our own words and positions for what ajv found; one problem for each value or key. */
export function explainErrors(errors: readonly ErrorObject[], root: TreeNode): Problem[] {
  const seen = new Set<string>();
  return errors
    .filter((error) => isNews(error, errors))
    .filter((error) => {
      // A value that breaks two rules is told once; a mapping may lack two keys.
      if (STRUCTURAL.has(error.keyword)) return true;
      return seen.has(error.instancePath) ? false : seen.add(error.instancePath);
    })
    .map((error) => explain(error, root));
}

const STRUCTURAL: ReadonlySet<string> = new Set([
  'additionalProperties',
  'unevaluatedProperties',
  'propertyNames',
  'required',
  'dependentRequired',
  'discriminator',
  'anyOf',
  'oneOf',
  'not',
]);

/** Drops what only repeats another error: the branches below a failed alternative, and the wrapping ones. */
function isNews(error: ErrorObject, all: readonly ErrorObject[]): boolean {
  if (error.keyword === 'if' || (error.propertyName !== undefined && error.keyword !== 'propertyNames'))
    return false;
  if (error.keyword === 'required' && isDiscriminated(error)) return false;
  if (isMisspelt(error, all)) return false;
  return !all.some(
    (other) =>
      other !== error &&
      (other.keyword === 'anyOf' || other.keyword === 'oneOf' || other.keyword === 'contains') &&
      error.schemaPath.startsWith(`${other.schemaPath}/`) &&
      error.instancePath.startsWith(other.instancePath),
  );
}

/** A missing key is no news when an unknown one beside it was probably meant to be it. */
function isMisspelt(error: ErrorObject, all: readonly ErrorObject[]): boolean {
  const wanted =
    error.keyword === 'required'
      ? [String(error.params['missingProperty'])]
      : error.keyword === 'anyOf' || error.keyword === 'oneOf'
        ? requiredKeys(error).flat()
        : [];
  if (wanted.length === 0) return false;
  return all.some((other) => {
    if (other.keyword !== 'additionalProperties' || other.instancePath !== error.instancePath) return false;
    const guess = nearest(String(other.params['additionalProperty']), Object.keys(propertiesOf(other)));
    return guess !== null && wanted.includes(guess);
  });
}

function isDiscriminated(error: ErrorObject): boolean {
  return error.params['missingProperty'] === 'type' && 'discriminator' in schemaOf(error);
}

function explain(error: ErrorObject, root: TreeNode): Problem {
  const segments = segmentsOf(error.instancePath);
  const { params } = error;
  switch (error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const key = String(params['additionalProperty'] ?? params['unevaluatedProperty']);
      return atKey(root, [...segments, key], unknownKey(key, Object.keys(propertiesOf(error))));
    }
    case 'propertyNames':
      return atKey(root, [...segments, String(params['propertyName'])], badName(error));
    case 'required':
      return missing(root, segments, String(params['missingProperty']), error);
    case 'dependentRequired': {
      const [key, needed] = [String(params['property']), String(params['missingProperty'])];
      return atKey(root, [...segments, key], `needs "${needed}" beside it; expected both or neither`);
    }
    case 'discriminator':
      return badType(root, segments, error);
    case 'anyOf':
    case 'oneOf':
    case 'not':
      return combination(root, segments, error);
    case 'minProperties':
      return atKey(
        root,
        segments,
        `holds too little; ${atLeast(Number(params['limit']), propertiesOf(error))}`,
      );
    case 'maxProperties':
      return atKey(root, segments, `holds too much; ${atMost(Number(params['limit']), propertiesOf(error))}`);
    default:
      return atValue(root, segments, badValue(error, quoted(root, segments, error)));
  }
}

function atLeast(limit: number, known: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(known);
  return limit === 1 && names.length > 0 ? `expected ${either(names)}` : `expected ${limit} or more keys`;
}

function atMost(limit: number, known: Readonly<Record<string, unknown>>): string {
  return limit === 1
    ? `expected only one of ${either(Object.keys(known))}`
    : `expected ${limit} keys or fewer`;
}

function unknownKey(key: string, known: readonly string[]): string {
  const guess = nearest(key, known);
  const listed = known.length > KEYS_LISTED_MAX ? [...known.slice(0, KEYS_LISTED_MAX), 'others'] : known;
  const keys = listed.length === 0 ? 'no key' : either(listed);
  return `unknown key; expected ${keys}${guess === null ? '' : `; did you mean "${guess}"?`}`;
}

function badName(error: ErrorObject): string {
  const { pattern } = (schemaOf(error)['propertyNames'] ?? {}) as { pattern?: string };
  if (pattern !== NAME_PATTERN)
    return 'this name does not have the right form; expected letters, digits and "_"';
  return 'this name cannot be used; expected letters, digits, "_", "." or "-", the first a letter or digit, at most 64 of them';
}

function missing(root: TreeNode, segments: readonly string[], key: string, error: ErrorObject): Problem {
  const wanted = expectation(propertiesOf(error)[key] ?? {});
  const given = find(root, [...segments, key]);
  if (given !== null) return atKey(root, [...segments, key], `has no value; expected ${wanted}`);
  return atKey(root, segments, `the key "${key}" is missing; expected ${wanted}`);
}

function badType(root: TreeNode, segments: readonly string[], error: ErrorObject): Problem {
  const known = ((schemaOf(error)['oneOf'] ?? []) as { properties: { type: { const: string } } }[]).map(
    (branch) => branch.properties.type.const,
  );
  const place = find(root, [...segments, 'type']);
  if (place === null) {
    const part = find(root, segments)?.node;
    const keys = part?.kind === 'map' ? [...part.entries.keys()] : [];
    const meant = keys.find((key) => nearest(key, ['type']) !== null);
    if (meant !== undefined) return atKey(root, [...segments, meant], unknownKey(meant, ['type']));
    return atKey(root, segments, `the key "type" is missing; expected ${either(known)}`);
  }
  const value: unknown = error.params['tagValue'];
  if (typeof value !== 'string')
    return atValue(root, [...segments, 'type'], `${actual(value)}; expected ${either(known)}`);
  const shown = quotable(place.node, value);
  const meant = meantType(value, known);
  const guess = meant?.type ?? nearest(value, known);
  const page = meant?.page ?? null;
  const asked = guess === null || shown === null ? '' : `; did you mean "${guess}"?`;
  const hint = asked === '' || page === null ? asked : `${asked} ${page} shows how`;
  return atValue(root, [...segments, 'type'], `unknown type${shown ?? ''}; expected ${either(known)}${hint}`);
}

/** `anyOf` and `oneOf` over required keys, and `not` over keys that exclude one another, are what parts use. */
function combination(root: TreeNode, segments: readonly string[], error: ErrorObject): Problem {
  const keys = requiredKeys(error);
  if (keys.some((required) => required.length === 0)) {
    return atValue(root, segments, 'does not have an allowed form; see its page in the documentation');
  }
  const alternatives = keys.map((required) =>
    either(
      required.map((key) => `"${key}"`),
      'and',
    ),
  );
  const many = error.keyword === 'not' || (error.params as { passingSchemas?: unknown }).passingSchemas;
  if (many === null || many === undefined || many === false) {
    return atKey(root, segments, `a key is missing; expected ${either(alternatives)}`);
  }
  const present = keys.flat().filter((key) => find(root, [...segments, key]) !== null);
  const excluding = either(
    error.keyword === 'not' ? keys.flat().map((key) => `"${key}"`) : alternatives,
    'and',
  );
  const last = present.at(-1);
  return atKey(
    root,
    last === undefined ? segments : [...segments, last],
    `${excluding} exclude one another; expected only one of them`,
  );
}

/** The keys that each branch of `anyOf`, `oneOf` or `not` requires; an empty list for a branch of another kind. */
function requiredKeys(error: ErrorObject): string[][] {
  const given: unknown = error.schema;
  const branches = (Array.isArray(given) ? given : [given]) as readonly Schema[];
  return branches.map((branch) => (Array.isArray(branch['required']) ? branch['required'].map(String) : []));
}

function badValue(error: ErrorObject, shown: string | null): string {
  const schema = schemaOf(error);
  const wanted = expectation(schema);
  const limit = Number(error.params['limit']);
  const scheme = missingScheme(error.data, schema);
  if (scheme !== null && schema['secret'] !== true)
    return `has no scheme; expected ${scheme} before it${shown === null || shown.includes('/') ? '' : `; did you mean "${scheme}${String(error.data)}"?`}`;
  switch (error.keyword) {
    case 'type':
      return `${actual(error.data)}; expected ${typeof schema['form'] === 'string' ? schema['form'] : wanted}`;
    case 'enum':
    case 'const': {
      if (typeof error.data !== 'string') return `${actual(error.data)}; expected ${wanted}`;
      const guess = shown === null ? null : nearest(error.data, enumOf(schema));
      return `unknown value${shown ?? ''}; expected ${wanted}${guess === null ? '' : `; did you mean "${guess}"?`}`;
    }
    case 'header':
    case 'secret':
      return `${typeof error.data === 'string' ? secretFault(error.data, schema) : actual(error.data)}; expected ${wanted}`;
    case 'duration':
    case 'size':
    case 'path':
    case 'listen': {
      const wrong =
        typeof error.data === 'object' ? actual(error.data) : `${shown ?? ' the value'} does not fit`.trim();
      return `${wrong}; expected ${wanted}`;
    }
    case 'format':
    case 'pattern':
      return `does not have the right form; expected ${formOf(schema)}`;
    case 'minLength':
    case 'minItems':
      return `is too short; expected at least ${limit} ${error.keyword === 'minItems' ? 'values' : 'characters'}`;
    case 'maxLength':
    case 'maxItems':
      return `is too long; expected at most ${limit} ${error.keyword === 'maxItems' ? 'values' : 'characters'}`;
    case 'uniqueItems':
      return 'holds a value twice; expected each once';
    default:
      return `${shown === null ? 'the value' : shown.trim()} does not fit; expected ${wanted}`;
  }
}

function formOf(schema: Schema): string {
  if (schema['format'] !== undefined) return expectation(schema);
  // `form` says it where the description tells something else.
  const said = schema['form'] ?? schema['description'];
  return typeof said === 'string'
    ? said.replace(/\.$/, '').replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())
    : `text that fits ${String(schema['pattern'])}`;
}

function enumOf(schema: Schema): string[] {
  return Array.isArray(schema['enum']) ? schema['enum'].map(String) : [String(schema['const'])];
}

/** The value for a message, with a blank before it; null when it is secret, comes from outside the file, or is long. */
function quoted(root: TreeNode, segments: readonly string[], error: ErrorObject): string | null {
  const place = find(root, segments);
  const schema = schemaOf(error);
  if (place === null || schema['secret'] === true || schema['header'] === true) return null;
  return quotable(place.node, error.data);
}

function quotable(node: TreeNode, value: unknown): string | null {
  if (node.kind !== 'scalar' || (node.template !== null && isInterpolated(node.template))) return null;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return null;
  const text = typeof value === 'string' ? `"${value}"` : String(value);
  return text.length > QUOTED_LENGTH_MAX ? null : ` ${text}`;
}

function schemaOf(error: ErrorObject): Schema {
  return error.parentSchema ?? {};
}

function propertiesOf(error: ErrorObject): Readonly<Record<string, Schema>> {
  return (schemaOf(error)['properties'] ?? {}) as Record<string, Schema>;
}

function atKey(root: TreeNode, segments: readonly string[], text: string): Problem {
  return { at: positionOf(root, segments, 'key'), path: pathOf(root, segments), text };
}

function atValue(root: TreeNode, segments: readonly string[], text: string): Problem {
  return { at: positionOf(root, segments, 'value'), path: pathOf(root, segments), text };
}

/** Of the key or the value; of the nearest key above when the file does not hold it. */
export function positionOf(root: TreeNode, segments: readonly string[], which: 'key' | 'value'): number {
  const place = find(root, segments);
  if (place !== null) return which === 'key' || isEmpty(place.node) ? place.keyAt : place.node.at;
  return segments.length === 0 ? root.at : positionOf(root, segments.slice(0, -1), 'key');
}

function isEmpty(node: TreeNode): boolean {
  return node.kind === 'scalar' && node.value === null;
}
