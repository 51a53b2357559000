import type { Json } from './event.ts';
import { lightJson } from './light-json.ts';

export type JsonObject = { readonly [key: string]: Json };

/** The compiler's library does not name this function of ES2025 yet. */
const { isRawJSON } = JSON as unknown as { isRawJSON(this: void, value: unknown): boolean };

/** True for a number kept as it was written: a leaf, although it is an object. */
export function isRawNumber(value: unknown): boolean {
  return isRawJSON(value);
}

/** A parsed object: lists, null and raw numbers are not. */
export function isObject(value: Json | undefined): value is JsonObject;
export function isObject(value: unknown): value is Readonly<Record<string, unknown>>;
export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawJSON(value);
}

/**
 * The object that an untrusted text holds as JSON, without its parts that are too large; null where it holds anything else. Look keys up as its
 * own: nothing of it is merged into another object.
 */
export function parseObject(text: string | Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(lightJson(text.toString()));
    return isObject(value) ? value : null;
  } catch {
    return null; // no JSON, or half of it: the caller knows what that means
  }
}

/** The value where it is an object, else an empty one. */
export function asObject(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
