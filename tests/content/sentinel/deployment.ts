import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const SENTINEL = fileURLToPath(new URL('../../../content/sentinel/', import.meta.url));

export const TABLE = 'CloudQueryAudit_CL';
/** What a row of the `sentinel` sink holds; `Event` is the document of the `ecs` format. */
export const STREAM = {
  TimeGenerated: 'datetime',
  EventTime: 'datetime',
  EventId: 'string',
  EventType: 'string',
  Outcome: 'string',
  Severity: 'string',
  ActorId: 'string',
  ActorEmail: 'string',
  SourceAddress: 'string',
  Instance: 'string',
  Event: 'dynamic',
} as const;

interface Column {
  readonly name: string;
  readonly type: 'datetime' | 'string' | 'dynamic' | 'boolean';
  /** Of the row, in the language of transformations. */
  readonly from: string;
}

const own = (name: keyof typeof STREAM): Column => ({ name, type: STREAM[name], from: name });
const text = (name: string, path: string): Column => ({
  name,
  type: 'string',
  from: `tostring(Event.${path})`,
});
const value = (name: string, path: string): Column => ({ name, type: 'dynamic', from: `Event.${path}` });
const flag = (name: string, path: string): Column => ({
  name,
  type: 'boolean',
  from: `tobool(Event.${path})`,
});

/** The columns of the table: those of the row, and what searches want to have a name. */
export const COLUMNS: readonly Column[] = [
  own('TimeGenerated'),
  own('EventTime'),
  own('EventId'),
  own('EventType'),
  text('Action', 'event.action'),
  own('Outcome'),
  text('Reason', 'event.reason'),
  own('Severity'),
  text('Domain', 'cloudquery.audit.domain'),
  text('ObjectType', 'cloudquery.audit.object_type'),
  text('Verb', 'cloudquery.audit.verb'),
  text('EntityName', 'cloudquery.audit.entity_display_name'),
  text('EntityId', 'cloudquery.audit.entity_id'),
  own('ActorId'),
  text('ActorName', 'user.name'),
  own('ActorEmail'),
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
  { name: 'SrcIpAddr', type: 'string', from: 'SourceAddress' },
  own('Instance'),
  text('TeamName', 'cloudquery.audit.team_name'),
  text('Message', 'message'),
  value('Heartbeat', 'auditferry_heartbeat'),
  own('Event'),
];

/** From a row as the sink sends it to a row of the table. */
export const TRANSFORMATION = `source | project ${COLUMNS.map(({ name, from }) => (name === from ? name : `${name} = ${from}`)).join(', ')}`;

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

/** A table spells types in its own way. */
const TABLE_TYPES = {
  datetime: 'dateTime',
  string: 'string',
  dynamic: 'dynamic',
  boolean: 'boolean',
} as const;

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
      schema: { name: TABLE, columns: columns(COLUMNS.map(({ name, type }) => [name, TABLE_TYPES[type]])) },
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
