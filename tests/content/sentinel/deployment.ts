import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const SENTINEL = fileURLToPath(new URL('../../../content/sentinel/', import.meta.url));

export const TABLE = 'CloudQueryAudit_CL';
/** What a row of the sink holds: the document of the `ecs` format, and three columns that say when and which. */
export const STREAM = {
  TimeGenerated: 'datetime',
  EventTime: 'datetime',
  EventId: 'string',
  message: 'string',
  event: 'dynamic',
  user: 'dynamic',
  source: 'dynamic',
  related: 'dynamic',
  group: 'dynamic',
  organization: 'dynamic',
  observer: 'dynamic',
  agent: 'dynamic',
  labels: 'dynamic',
  tags: 'dynamic',
  cloudquery: 'dynamic',
  auditferry_heartbeat: 'dynamic',
} as const;
/** Of the document's members, what a row leaves behind: names that no column may have, and what Sentinel has no use for. */
export const LEFT_OUT = ['@timestamp', 'ecs', 'data_stream'];

interface Column {
  readonly name: string;
  readonly type: 'datetime' | 'string' | 'dynamic' | 'boolean';
  /** Of the row, in the language of transformations. */
  readonly from: string;
}

const text = (name: string, path: string): Column => ({ name, type: 'string', from: `tostring(${path})` });
const value = (name: string, path: string): Column => ({ name, type: 'dynamic', from: path });
const flag = (name: string, path: string): Column => ({ name, type: 'boolean', from: `tobool(${path})` });

/** The columns of the table. Transformations know no `coalesce`. */
export const COLUMNS: readonly Column[] = [
  {
    name: 'TimeGenerated',
    type: 'datetime',
    from: 'iff(isnotnull(TimeGenerated), TimeGenerated, iff(isnotnull(happened), happened, now()))',
  },
  { name: 'EventTime', type: 'datetime', from: 'happened' },
  { name: 'EventId', type: 'string', from: 'iff(isempty(EventId), tostring(event.id), EventId)' },
  text('EventType', 'event.code'),
  text('Action', 'event.action'),
  text('Outcome', 'event.outcome'),
  text('Reason', 'event.reason'),
  text('Severity', 'cloudquery.audit.severity'),
  text('Domain', 'cloudquery.audit.domain'),
  text('ObjectType', 'cloudquery.audit.object_type'),
  text('Verb', 'cloudquery.audit.verb'),
  text('EntityName', 'cloudquery.audit.entity_display_name'),
  text('EntityId', 'cloudquery.audit.entity_id'),
  text('ActorId', 'user.id'),
  text('ActorName', 'user.name'),
  text('ActorFullName', 'user.full_name'),
  text('ActorType', 'cloudquery.audit.user.type'),
  text('ActorProvider', 'cloudquery.audit.user.provider'),
  value('ActorRoles', 'user.roles'),
  flag('ActorEnabled', 'cloudquery.audit.user.enabled'),
  flag('ActorMfaConfigured', 'cloudquery.audit.user.mfa_configured'),
  text('TargetId', 'user.target.id'),
  text('TargetName', 'user.target.name'),
  value('AddedRoles', 'cloudquery.audit.added_roles'),
  value('RemovedRoles', 'cloudquery.audit.removed_roles'),
  value('ChangedAttributes', 'cloudquery.audit.changed_attributes'),
  text('ApiKeyId', 'cloudquery.audit.api_key.id'),
  text('ApiKeyName', 'cloudquery.audit.api_key.name'),
  text('SrcIpAddr', 'source.ip'),
  text('SrcAddress', 'source.address'),
  text('Instance', 'cloudquery.audit.instance'),
  text('TeamName', 'cloudquery.audit.team_name'),
  text('ForwarderVersion', 'agent.version'),
  { name: 'Message', type: 'string', from: 'message' },
  value('Tags', 'tags'),
  value('Details', 'cloudquery.audit.event_details'),
  text('Original', 'event.original'),
  value('Heartbeat', 'auditferry_heartbeat'),
];

/** When it happened: what the sink says, else what the event or the heartbeat itself says. */
const HAPPENED = [
  'iff(isnotnull(EventTime), EventTime',
  'iff(isnotnull(auditferry_heartbeat), todatetime(auditferry_heartbeat.closed_at)',
  'todatetime(parse_json(tostring(event.original)).created_at)))',
].join(', ');

/** From a row as the sink sends it to a row of the table. */
export const TRANSFORMATION = [
  'source',
  `extend happened = ${HAPPENED}`,
  `project ${COLUMNS.map(({ name, from }) => (name === from ? name : `${name} = ${from}`)).join(', ')}`,
].join(' | ');

export interface Parser {
  readonly name: string;
  readonly query: string;
}

export function parsers(): Parser[] {
  return readdirSync(`${SENTINEL}parsers`)
    .sort()
    .map((file) => ({
      name: file.replace('.kql', ''),
      query: readFileSync(`${SENTINEL}parsers/${file}`, 'utf8'),
    }));
}

/** content/sentinel/deploy.json: an ARM template for the table, the data collection rule and the functions. */
export function deployment(): object {
  const workspace = "[resourceId('Microsoft.OperationalInsights/workspaces', parameters('workspace'))]";
  const inWorkspace = (name: string): string => `[concat(parameters('workspace'), '/${name}')]`;
  const columns = (entries: readonly (readonly [string, string])[]) =>
    entries.map(([name, type]) => ({ name, type }));
  const table = {
    type: 'Microsoft.OperationalInsights/workspaces/tables',
    apiVersion: '2022-10-01',
    name: inWorkspace(TABLE),
    properties: {
      plan: 'Analytics',
      retentionInDays: "[parameters('retentionInDays')]",
      schema: { name: TABLE, columns: columns(COLUMNS.map(({ name, type }) => [name, type])) },
    },
  };
  const rule = {
    type: 'Microsoft.Insights/dataCollectionRules',
    apiVersion: '2023-03-11',
    name: "[parameters('rule')]",
    location: "[parameters('location')]",
    // With an endpoint of its own; this cannot be added later.
    kind: 'Direct',
    dependsOn: [
      `[resourceId('Microsoft.OperationalInsights/workspaces/tables', parameters('workspace'), '${TABLE}')]`,
    ],
    properties: {
      streamDeclarations: { 'Custom-CloudQueryAudit': { columns: columns(Object.entries(STREAM)) } },
      destinations: { logAnalytics: [{ workspaceResourceId: workspace, name: 'workspace' }] },
      dataFlows: [
        {
          streams: ['Custom-CloudQueryAudit'],
          destinations: ['workspace'],
          transformKql: TRANSFORMATION,
          outputStream: `Custom-${TABLE}`,
        },
      ],
    },
  };
  const functions = parsers().map(({ name, query }) => ({
    type: 'Microsoft.OperationalInsights/workspaces/savedSearches',
    apiVersion: '2020-08-01',
    name: inWorkspace(name),
    dependsOn: [
      `[resourceId('Microsoft.OperationalInsights/workspaces/tables', parameters('workspace'), '${TABLE}')]`,
    ],
    properties: { category: 'CloudQuery', displayName: name, functionAlias: name, query, version: 2 },
  }));
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    parameters: {
      workspace: {
        type: 'string',
        metadata: { description: 'Name of the Log Analytics workspace with Sentinel.' },
      },
      rule: {
        type: 'string',
        defaultValue: 'auditferry',
        metadata: { description: 'Name of the data collection rule.' },
      },
      location: { type: 'string', defaultValue: '[resourceGroup().location]' },
      retentionInDays: { type: 'int', defaultValue: 365 },
    },
    resources: [table, rule, ...functions],
    outputs: {
      rule_id: { type: 'string', value: "[reference(parameters('rule')).immutableId]" },
      endpoint: { type: 'string', value: "[reference(parameters('rule')).endpoints.logsIngestion]" },
    },
  };
}
