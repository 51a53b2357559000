import type { Schema } from './schema.ts';

/** `siem.example.com`, `es:9200`, `10.0.0.1:8088/services`: an address but for its scheme. */
const BARE =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\/[^\s@]*)?$/;

/**
 * What to put before a value that is an address without a scheme where the schema asks for one: `https://`. Null where that is not what is
 * wrong with it.
 */
export function missingScheme(value: unknown, schema: Schema): string | null {
  if (typeof value !== 'string' || !BARE.test(value)) return null;
  const pattern = typeof schema['pattern'] === 'string' ? schema['pattern'] : '';
  if (schema['format'] === 'uri' || pattern.startsWith('^https?:')) return 'https://';
  return /^\^\((?:\?:)?(?:tcp|tls)\|/.test(pattern) ? 'tls://' : null;
}
