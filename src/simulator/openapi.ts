/**
 * The document that the instance serves about itself, as far as a client looks into it: paths, parameters and event
 * fields of the audit part. Names and bounds follow the vendor's OpenAPI (v1 at client release 1.0.7, v2 at 2.0.2).
 */
export function openapiDocument(api: 'v1' | 'v2'): object {
  const v1 = api === 'v1';
  const key = { security: [{ bearerAuth: [] }] };
  const open = { security: [] };
  const paths: Record<string, object> = {
    '/': { get: operation('Index', open) },
    '/healthcheck': { get: operation('HealthCheck', open) },
    '/openapi.json': { get: operation('GetOpenAPIJSON', open) },
    '/audit-logs': { get: { ...operation('ListAuditLogs', key), parameters: listParameters(v1) } },
    '/audit-logs/{id}': {
      get: {
        ...operation('GetAuditLog', key),
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } }],
      },
    },
    '/platform-info': { get: operation('GetPlatformInfo', key) },
    '/user': { get: operation('GetCurrentUser', key) },
  };
  if (!v1) {
    paths['/user/authenticated-status'] = { get: operation('CheckUserAuthStatus', open) };
    paths['/billing/plan'] = { get: operation('GetTenantPlan', key) };
    paths['/apikeys'] = { get: operation('ListAPIKeys', key) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'CloudQuery Platform OpenAPI Spec (simulated by auditferry)', version: '1.0.0' },
    security: [{ bearerAuth: [] }],
    paths,
    components: {
      schemas: { AuditLogEvent: eventSchema(v1) },
      securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operation(operationId: string, security: object): object {
  return { operationId, ...security, responses: { '200': { description: 'Response' } } };
}

function listParameters(v1: boolean): object[] {
  const text = (name: string, format?: string) => ({
    name,
    in: 'query',
    schema: { type: 'string', ...(format === undefined ? {} : { format }) },
  });
  const count = (name: string, limits: object) => ({
    name,
    in: 'query',
    schema: { type: 'integer', format: 'int64', minimum: 1, ...limits },
  });
  return [
    count('per_page', { maximum: 1000, default: 100 }),
    count('page', { default: 1 }),
    text('user_id', 'uuid'),
    ...(v1 ? [text('team_name')] : []),
    text('event_type'),
    text('entity_display_name'),
    text('user_ip_address'),
    text('start_time', 'date-time'),
    text('end_time', 'date-time'),
    text('search'),
  ];
}

function eventSchema(v1: boolean): object {
  return {
    type: 'object',
    required: ['id', 'user', 'event_type', 'created_at', 'user_ip_address'],
    properties: {
      id: { type: 'string', format: 'uuid' },
      user: { type: 'object' },
      user_ip_address: { type: 'string' },
      event_type: { type: 'string' },
      entity_display_name: { type: 'string', nullable: true },
      event_details: { type: 'object', additionalProperties: true },
      is_success: { type: 'boolean' },
      created_at: { type: 'string', format: 'date-time' },
      ...(v1 ? { team_name: { type: 'string', nullable: true } } : {}),
    },
  };
}
