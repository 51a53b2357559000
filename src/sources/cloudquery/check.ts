import type { CheckItem, CheckReport } from '../../model/check.ts';
import { describe, ForwardError, oneLine } from '../../model/errors.ts';
import { isObject } from '../../model/json.ts';
import { assertUsable, optionalObject } from './client.ts';
import type { Client } from './client.ts';
import { askExpiry, daysLeft, EXPIRY_WARN_DAYS, expiryText } from './key-expiry.ts';
import type { CloudqueryOptions } from './options.ts';
import type { PollTime, Decided } from './poll-time.ts';
import type { ServerClock } from './server-clock.ts';
import { readPage } from './wire.ts';

/**
 * Looks at everything a poll needs, in the order in which a fault explains the later ones: reachable, API, key, permission
 * (told apart into plan and role where the Platform says), clock, expiry of the key.
 */
export async function checkPlatform(
  client: Client,
  serverClock: ServerClock,
  pollTime: PollTime,
  options: CloudqueryOptions,
  signal: AbortSignal,
): Promise<CheckReport> {
  const items: CheckItem[] = [];
  const reachable = await attempt(() => client.get('healthcheck', { withKey: false }, signal));
  if (reachable instanceof ForwardError) return { items: [failed('reachable', reachable)] };
  items.push({
    name: 'reachable',
    outcome: reachable.status === 200 ? 'ok' : 'warn',
    finding: `the health check answers ${reachable.status}`,
  });
  items.push(await checkApi(client, signal));
  const key = await checkKey(client, signal);
  items.push(key);
  if (key.outcome !== 'fail') items.push(await checkPermission(client, signal));
  const time = await attempt(() => pollTime.decide(signal));
  items.push(clockItem(time, pollTime, serverClock));
  if (options.api_key_name !== undefined && !(time instanceof ForwardError))
    items.push(await checkExpiry(client, options.api_key_name, time.nowMs, signal));
  return { items };
}

async function checkApi(client: Client, signal: AbortSignal): Promise<CheckItem> {
  const name = 'API';
  const answer = await attempt(() => client.get('openapi.json', { withKey: false }, signal));
  const document = answer instanceof ForwardError ? null : optionalObject(answer);
  const paths = document?.['paths'];
  if (!isObject(paths))
    return {
      name,
      outcome: 'warn',
      finding: 'the installation shows no OpenAPI document; v2 is assumed',
      hint: 'set api: v1 for an installation from before April 2026',
    };
  const path = paths['/audit-logs'];
  if (!isObject(path))
    return {
      name,
      outcome: 'fail',
      finding: 'the installation has no /audit-logs',
      hint: 'it is too old, or the URL is not that of a CloudQuery Platform',
    };
  return {
    name,
    outcome: 'ok',
    finding: `/audit-logs is there (${JSON.stringify(path).includes('"team_name"') ? 'v1' : 'v2'})`,
  };
}

async function checkKey(client: Client, signal: AbortSignal): Promise<CheckItem> {
  const name = 'key';
  const answer = await attempt(() => client.get('platform-info', { withKey: true }, signal));
  if (answer instanceof ForwardError) return failed(name, answer);
  if (answer.status === 401)
    return {
      name,
      outcome: 'fail',
      finding: 'the Platform refuses the key (401)',
      hint: 'create a new key (every key expires) and replace it',
    };
  const version = optionalObject(answer)?.['version'];
  if (answer.status !== 200)
    return {
      name,
      outcome: 'warn',
      finding: `/platform-info answers ${answer.status}: whether the key is valid shows at the next item`,
    };
  return {
    name,
    outcome: 'ok',
    finding: typeof version === 'string' ? `valid; Platform version ${oneLine(version, 60)}` : 'valid',
  };
}

async function checkPermission(client: Client, signal: AbortSignal): Promise<CheckItem> {
  const name = 'permission';
  const where = '/audit-logs';
  const answer = await attempt(() => client.get('audit-logs?per_page=1', { withKey: true }, signal));
  if (answer instanceof ForwardError) return failed(name, answer);
  if (answer.status === 403) return whyForbidden(client, signal);
  const read = await attempt(async () => {
    assertUsable(answer, where, 0);
    return readPage(answer.body, where);
  });
  if (read instanceof ForwardError) return failed(name, read);
  const counted =
    read.totalCount === null
      ? 'the server gives no count, so closed windows are counted by their rows'
      : `${read.totalCount} events in sight`;
  return { name, outcome: 'ok', finding: `the audit log can be read; ${counted}` };
}

/** A 403 may mean the plan or the role; /billing/plan tells which, where it answers. */
async function whyForbidden(client: Client, signal: AbortSignal): Promise<CheckItem> {
  const name = 'permission';
  const answer = await attempt(() => client.get('billing/plan', { withKey: true }, signal));
  const plan = answer instanceof ForwardError ? null : optionalObject(answer);
  const features = plan?.['features'];
  if (isObject(features) && features['sso_scim_audit_logs'] === false) {
    const tier = typeof plan?.['tier'] === 'string' ? ` ("${oneLine(plan['tier'], 40)}")` : '';
    return {
      name,
      outcome: 'fail',
      finding: `the plan${tier} does not include audit log exports (403)`,
      hint: 'audit log exports need the Enterprise plan; ask CloudQuery',
    };
  }
  if (isObject(features) && features['mcp_and_api_access'] === false) {
    return {
      name,
      outcome: 'fail',
      finding: 'the plan does not include API access (403)',
      hint: 'API access needs the Foundations or Enterprise plan; ask CloudQuery',
    };
  }
  return {
    name,
    outcome: 'fail',
    finding: 'the role of the key may not read the audit log (403)',
    hint: 'create a key with the admin:read role',
  };
}

function clockItem(time: Decided | ForwardError, pollTime: PollTime, serverClock: ServerClock): CheckItem {
  const name = 'clock';
  if (time instanceof ForwardError) return { ...failed(name, time), outcome: 'warn' };
  const doubt = pollTime.doubt();
  if (doubt !== null) return { name, outcome: 'warn', finding: doubt.text, hint: doubt.hint };
  if (serverClock.read() === null)
    return {
      name,
      outcome: 'warn',
      finding: 'the Platform sends no Date: windows end by the clock of this machine',
      hint: 'keep the clock of this machine synchronized',
    };
  return { name, outcome: 'ok', finding: 'this machine and the Platform agree' };
}

async function checkExpiry(
  client: Client,
  keyName: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<CheckItem> {
  const name = 'key expiry';
  const expires = await askExpiry(client, keyName, nowMs, signal);
  if (expires === null)
    return {
      name,
      outcome: 'warn',
      finding: 'the Platform does not say when the key expires',
      hint: 'check api_key_name, and note the date yourself',
    };
  const finding = expiryText(expires, nowMs);
  return daysLeft(expires, nowMs) < EXPIRY_WARN_DAYS
    ? { name, outcome: 'warn', finding, hint: 'create a new key now and replace it' }
    : { name, outcome: 'ok', finding };
}

async function attempt<T>(work: () => Promise<T>): Promise<T | ForwardError> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ForwardError) return error;
    throw error;
  }
}

function failed(name: string, error: ForwardError): CheckItem {
  return {
    name,
    outcome: 'fail',
    finding: describe(error),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}
