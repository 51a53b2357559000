import type { Json } from '../../model/event.ts';
import type { JsonObject } from '../../model/json.ts';

/** One thing that a document was to hold and does not. */
export interface Lack {
  /** Keys from the top, joined by dots; empty for the whole. */
  readonly path: string;
  readonly expected: Json;
  /** Undefined where the document has nothing at this place. */
  readonly actual: Json | undefined;
}

/**
 * What `actual` lacks of `expected`: a mapping must hold each key, a list each member in any order, null stands for nothing at all. A key with
 * dots also stands for keys within one another: `event.outcome`.
 */
export function lacks(expected: Json, actual: Json | undefined, path = ''): Lack[] {
  const lack: Lack = { path, expected, actual };
  if (expected === null) return actual === undefined || actual === null ? [] : [lack];
  if (isList(expected)) {
    const members = actual === undefined ? [] : isList(actual) ? actual : [actual];
    const isThere = (wanted: Json): boolean => members.some((one) => lacks(wanted, one).length === 0);
    return expected.every(isThere) ? [] : [lack];
  }
  if (typeof expected !== 'object') return Object.is(expected, actual) ? [] : [lack];
  if (typeof actual !== 'object' || actual === null || isList(actual)) return [lack];
  return Object.entries(expected).flatMap(([key, value]) =>
    lacks(value, valueAt(actual, key), path === '' ? key : `${path}.${key}`),
  );
}

/** By the key as it is written, else by its parts. */
function valueAt(object: JsonObject, key: string): Json | undefined {
  if (Object.hasOwn(object, key)) return object[key];
  for (let dot = key.indexOf('.'); dot !== -1; dot = key.indexOf('.', dot + 1)) {
    const inner = Object.hasOwn(object, key.slice(0, dot)) ? object[key.slice(0, dot)] : undefined;
    if (typeof inner !== 'object' || inner === null || isList(inner)) continue;
    const found = valueAt(inner, key.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}
