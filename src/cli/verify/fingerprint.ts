import { hash } from 'node:crypto';

import type { Config } from '../../config/config.ts';
import type { Json } from '../../model/event.ts';
import type { JsonObject } from '../../model/json.ts';
import { addressSecrets } from '../../model/secret-names.ts';
import { Secret } from '../../model/secret.ts';

/**
 * SHA-256 in hex of the effective configuration: defaults filled in, keys in order, secrets masked. Two runs with the same
 * fingerprint worked under the same settings; where the file lies does not count.
 */
export function fingerprintOf(config: Config): string {
  return hash('sha256', JSON.stringify(effectiveConfig(config)));
}

/** The same of what replicas over one journal have in common: each may have a listener, a log and a way to the database of its own. */
export function sharedFingerprintOf(config: Config): string {
  const effective = effectiveConfig(config) as JsonObject;
  const { admin: _admin, log: _log, simulator: _simulator, state, ...shared } = effective;
  const { retention, lease } = state as JsonObject;
  return hash('sha256', JSON.stringify({ ...shared, retention, lease }));
}

/** The configuration as plain JSON: defaults filled in, keys in order, secrets masked. */
export function effectiveConfig(config: Config): Json {
  const { file: _file, folder: _folder, warnings: _warnings, simulator, ...effective } = config;
  // The simulated Platform's key is plain text there; it may be the one that a source has as a secret.
  const masked = simulator === null || simulator.api_key === '' ? {} : { api_key: MASK };
  return ordered({
    ...effective,
    simulator: simulator === null ? null : { ...simulator, ...masked },
  }) as Json;
}

const MASK = String(Secret.of(''));

function ordered(value: unknown): unknown {
  if (value instanceof Secret) return MASK;
  if (typeof value === 'string') return withoutSecrets(value);
  if (value instanceof Map) return ordered(Object.fromEntries(value as ReadonlyMap<string, unknown>));
  if (Array.isArray(value)) return value.map(ordered);
  if (value instanceof RegExp || value instanceof URL) return withoutSecrets(String(value));
  if (typeof value !== 'object' || value === null)
    return typeof value === 'bigint' ? value.toString() : value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, ordered(one)]));
}

/** An address whose query holds keys is shown without its query. */
function withoutSecrets(text: string): string {
  return addressSecrets(text).length === 0 ? text : text.replace(/\?.*$/s, `?${MASK}`);
}
