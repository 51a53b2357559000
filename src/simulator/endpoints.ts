import { basicError, fieldError, json } from './answers.ts';
import type { PlatformRequest, PlatformResponse } from './answers.ts';
import { idOf, jsonOf } from './body.ts';
import { people, roles, uuid } from './catalog.ts';
import { listAuditLogs } from './list.ts';
import { openapiDocument } from './openapi.ts';
import type { SimulatorOptions } from './options.ts';
import type { Random } from './random.ts';
import type { Rows } from './rows.ts';
import { fullUser, personJson, roleObject } from './users.ts';

/** What an endpoint may look at. Times in milliseconds since 1970, by the Platform's own clock. */
export interface Scene {
  readonly options: SimulatorOptions;
  readonly rows: Rows;
  readonly nowMs: number;
  /** Draws for this request alone. */
  readonly random: Random;
}

const DAY_MS = 86_400_000;
const SERVICE_DOC = '<https://platform-api-docs.example.com>; rel="service-doc"';
const AUDIT_LOG = /^\/audit-logs\/([^/]+)$/;

/** The API below /api. Which paths need a key, and the bodies of refusals, follow the vendor's OpenAPI. */
export function answerApi(path: string, request: PlatformRequest, scene: Scene): PlatformResponse {
  if (request.method !== 'GET' && request.method !== 'HEAD') return basicError(405, 'method not allowed');
  const open = openEndpoint(path, request, scene);
  if (open !== null) return open;
  if (!keyFits(request, scene.options)) return basicError(401, 'requires authentication');
  return keyedEndpoint(path, request, scene);
}

function openEndpoint(path: string, request: PlatformRequest, scene: Scene): PlatformResponse | null {
  const { options } = scene;
  switch (path) {
    case '':
    case '/':
      return json(200, {}, { link: SERVICE_DOC });
    case '/healthcheck':
      return json(200, {});
    case '/openapi.json':
      return json(200, openapiDocument(options.api));
    case '/user/authenticated-status':
      if (options.api === 'v1') return basicError(404, 'resource not found');
      return json(200, { authenticated: keyFits(request, options), mfa_required: false });
    default:
      return null;
  }
}

function keyedEndpoint(path: string, request: PlatformRequest, scene: Scene): PlatformResponse {
  const { options, nowMs } = scene;
  if (path === '/audit-logs' || AUDIT_LOG.test(path)) return auditEndpoint(path, request, scene);
  if (path === '/platform-info') return json(200, platformInfo(options.api));
  if (path === '/user') return json(200, currentUser(options.api));
  if (options.api === 'v2' && path === '/billing/plan') return json(200, tenantPlan(options.plan));
  if (options.api === 'v2' && path === '/apikeys') return json(200, apiKeys(nowMs));
  return basicError(404, 'resource not found');
}

function auditEndpoint(path: string, request: PlatformRequest, scene: Scene): PlatformResponse {
  const { options, rows, nowMs, random } = scene;
  if (options.plan !== 'enterprise')
    return fieldError(403, 'the plan of this tenant has no audit log export');
  if (!options.role_ok) return fieldError(403, 'the role of this key may not read the audit log');
  const id = AUDIT_LOG.exec(path)?.[1]?.toLowerCase();
  if (id === undefined) return listAuditLogs(rows, request.query, options, random, nowMs);
  const row = rows.visible().find((candidate) => idOf(candidate) === id);
  if (row === undefined) return basicError(404, 'resource not found');
  return { status: 200, headers: { 'content-type': 'application/json' }, body: jsonOf(row, options, nowMs) };
}

/** Not a secret: the key of a Platform that does not exist. Compared plainly for that reason. */
function keyFits(request: PlatformRequest, options: SimulatorOptions): boolean {
  if (options.api_key === '') return true;
  return request.headers['authorization'] === `Bearer ${options.api_key}`;
}

function platformInfo(api: 'v1' | 'v2'): object {
  const addresses = { public_ips: ['192.0.2.10', '192.0.2.11'] };
  if (api === 'v1') return addresses;
  return {
    ...addresses,
    version: '0.0.0-simulated',
    tenant_id: uuid(0x7e4a47),
    aws_account_id: '000000000000',
  };
}

function currentUser(api: 'v1' | 'v2'): object {
  const person = people[4] ?? people[0];
  if (person === undefined) return {};
  const user = api === 'v2' ? fullUser(person) : (JSON.parse(personJson(person, 'v1', null)) as object);
  return { ...user, registered_team_name: 'acme' };
}

function tenantPlan(tier: SimulatorOptions['plan']): object {
  const enterprise = tier === 'enterprise';
  const unlimited = { used: 1, limit: null, period: 'month' };
  return {
    status: 'paid_active',
    tier,
    plan_name: enterprise ? 'Enterprise' : 'Foundations',
    sales_managed: enterprise,
    limits: {
      ai_conversations: unlimited,
      integrations: { ...unlimited, defaults: [], additional: [] },
      users: { ...unlimited, used: people.length },
    },
    features: {
      mcp_and_api_access: true,
      email_support: true,
      dedicated_customer_success: enterprise,
      custom_slas_and_contracts: enterprise,
      sso_scim_audit_logs: enterprise,
      external_destinations: enterprise,
    },
  };
}

function apiKeys(nowMs: number): object {
  const reader = roles.filter((role) => role.type === 'admin:read').map(roleObject);
  const key = (number: number, name: string, daysLeft: number) => ({
    id: uuid(0xe00 + number),
    name,
    created_by: people[0]?.email,
    created_at: new Date(nowMs - 30 * DAY_MS).toISOString(),
    expires_at: new Date(nowMs + daysLeft * DAY_MS).toISOString(),
    last_access_at: new Date(Math.floor(nowMs / DAY_MS) * DAY_MS).toISOString(),
    expired: daysLeft < 0,
    roles: reader,
  });
  const items = [
    key(1, 'auditferry', 300),
    key(2, 'auditferry-expiring', 5),
    key(3, 'auditferry-expired', -1),
  ];
  return {
    items,
    metadata: { page_size: 100, total_count: items.length, last_page: 1 },
    allowed_roles: reader,
  };
}
