import { ForwardError } from '../../model/errors.ts';
import { isObject } from '../../model/json.ts';
import { NoConnectionError } from '../../net/socket.ts';
import type { SourceOrigin } from '../source.ts';
import { optionalObject } from './client.ts';
import type { Client } from './client.ts';

/**
 * Completes what is known of the installation: the API version from its own OpenAPI document (v1 filters by team_name), the
 * Platform's version and tenant from /platform-info. Each is optional: whatever does not answer stays as it was.
 */
export async function learnOrigin(
  client: Client,
  api: 'auto' | 'v1' | 'v2',
  known: SourceOrigin,
  signal: AbortSignal,
): Promise<SourceOrigin> {
  const apiVersion = api === 'auto' ? await learnVersion(client, known.apiVersion, signal) : api;
  const info = await optional(client, 'platform-info', true, signal);
  const platformVersion = textOf(info?.['version']);
  const tenantId = textOf(info?.['tenant_id']);
  return {
    ...known,
    apiVersion,
    ...(platformVersion === null ? {} : { platformVersion }),
    ...(tenantId === null ? {} : { tenantId }),
  };
}

async function learnVersion(client: Client, fallback: string, signal: AbortSignal): Promise<string> {
  const document = await optional(client, 'openapi.json', false, signal);
  const list = at(document, 'paths', '/audit-logs', 'get');
  if (list === null) return fallback;
  const parameters = Array.isArray(list['parameters']) ? (list['parameters'] as unknown[]) : [];
  return parameters.some((parameter) => isObject(parameter) && parameter['name'] === 'team_name')
    ? 'v1'
    : 'v2';
}

/** A 200 answer's object, null for anything else. Without a connection for all of its time, the poll ends here: the next request would wait as long. */
async function optional(
  client: Client,
  path: string,
  withKey: boolean,
  signal: AbortSignal,
): Promise<Record<string, unknown> | null> {
  try {
    return optionalObject(await client.get(path, { withKey }, signal));
  } catch (error) {
    if (error instanceof ForwardError && !(error instanceof NoConnectionError)) return null;
    throw error;
  }
}

function at(value: unknown, ...keys: readonly string[]): Record<string, unknown> | null {
  let here: unknown = value;
  for (const key of keys) {
    if (!isObject(here) || !Object.hasOwn(here, key)) return null;
    here = here[key];
  }
  return isObject(here) ? here : null;
}

const TEXT_LIMIT = 128;

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_LIMIT ? value : null;
}
