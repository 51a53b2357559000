import type { Json } from '../model/event.ts';
import { isObject, isRawNumber } from '../model/json.ts';
import { formatTime } from '../model/time.ts';
import { roleNames } from './actor.ts';
import { isUnclassified } from './unclassified.ts';
import { ecsCategories } from './ecs-categories.ts';
import { perOrigin } from './format.ts';
import type { CanonicalEvent, Format, FormatDefinition, Origin } from './format.ts';
import { joinObjects, jsonLine } from './json.ts';
import { displayMessage } from './title.ts';
import { withDefaults } from '../model/options.ts';
import type { GivenOf } from '../model/options.ts';
import type { PartSchema } from '../model/part.ts';

const DATASET_PATTERN = '^[^-A-Z\\\\/*?"<>|,# :]{1,100}$';

const schema = {
  description: 'Elastic Common Schema.',
  properties: {
    version: {
      type: 'string',
      pattern: '^[89]\\.[0-9]{1,2}\\.[0-9]{1,2}$',
      form: 'a version such as 8.17.0',
      default: '9.4.0',
      description: 'The value of ecs.version; the fields are the same from 8.11 on.',
    },
    dataset: {
      type: 'string',
      pattern: DATASET_PATTERN,
      default: 'cloudquery.audit',
      description:
        'The data set in data_stream.dataset and event.dataset; must be the one in the data stream’s name.',
    },
    namespace: {
      type: 'string',
      pattern: DATASET_PATTERN,
      default: 'default',
      description: 'The namespace in data_stream.namespace; must be the one in the data stream’s name.',
    },
    original: {
      type: 'boolean',
      default: true,
      description: 'Whether event.original carries the whole event as text.',
    },
  },
} as const satisfies PartSchema;

/** Elastic Common Schema 9.x; every field exists unchanged since 8.11. Own fields stand under `cloudquery.audit`. */
export const ecsFormat: FormatDefinition<GivenOf<typeof schema>> = {
  name: 'ecs',
  kind: 'json',
  schema,
  create(given): Format {
    const { version, namespace, dataset, original } = withDefaults(schema, given);
    const constants = perOrigin((origin) => jsonLine(constantFields(origin, version, dataset, namespace)));
    return {
      name: 'ecs',
      kind: 'json',
      render: (event, origin) =>
        joinObjects(jsonLine(ecsFields(event, origin, dataset, original)), constants(origin)),
    };
  },
};

/** Undefined fields do not appear in the JSON. */
type Fields = Record<string, unknown>;

function constantFields(origin: Origin, version: string, dataset: string, namespace: string): Fields {
  return {
    ecs: { version },
    data_stream: { type: 'logs', dataset, namespace },
    agent: { type: 'auditferry', name: 'auditferry', version: origin.forwarderVersion },
    observer: {
      vendor: origin.product.vendor,
      product: origin.product.name,
      type: 'saas',
      version: origin.platformVersion,
    },
    labels: filled(origin.labels),
  };
}

function ecsFields(event: CanonicalEvent, origin: Origin, dataset: string, original: boolean): Fields {
  const { slug } = origin.product;
  const team = event.classification.domain === 'group' && event.classification.object === 'team';
  return {
    '@timestamp': formatTime(event.createdNs),
    message: displayMessage(event),
    event: eventFields(event, origin, dataset, original),
    organization: filled({ id: origin.tenantId, name: event.team }),
    user: userFields(event),
    group: team && event.entityName !== undefined ? { name: event.entityName } : undefined,
    source: event.address === undefined ? undefined : { address: event.address, ip: event.ip },
    related: {
      user: relatedUsers(event),
      ip: event.ip === undefined ? undefined : [event.ip],
      hosts: [origin.instance],
    },
    tags: [
      `${slug}-audit`,
      'forwarded',
      ...(original ? ['preserve_original_event'] : []),
      ...(isUnclassified(event.classification) ? [`${slug}_unclassified`] : []),
    ],
    [slug]: { audit: auditFields(event, origin) },
  };
}

function eventFields(event: CanonicalEvent, { product }: Origin, dataset: string, original: boolean): Fields {
  const { category, type } = ecsCategories(event);
  return {
    kind: 'event',
    category: list(category),
    type: list(type),
    outcome: event.outcome,
    action: event.classification.slug,
    id: event.id,
    code: event.classification.eventType === '' ? undefined : event.classification.eventType,
    module: product.slug,
    dataset,
    provider: product.service,
    created: event.receivedAt,
    reason: event.reason,
    original: original ? event.originalText : undefined,
  };
}

function userFields(event: CanonicalEvent): Fields | undefined {
  const { id, email, name, roles } = event.actor;
  const { target, addedRoles } = event;
  return filled({
    id,
    name: email ?? name,
    email,
    full_name: name,
    roles: list(roleNames(roles)),
    target:
      target === undefined
        ? undefined
        : {
            id: target.id,
            name: target.email ?? target.name,
            email: target.email,
            full_name: target.name,
            roles: target.roles,
          },
    changes: addedRoles.length === 0 ? undefined : { roles: addedRoles },
  });
}

function relatedUsers(event: CanonicalEvent): readonly string[] | undefined {
  const { actor, target } = event;
  const names = [actor.id, actor.email, actor.name, target?.id, target?.email, target?.name];
  return list([...new Set(names.filter((name) => name !== undefined))]);
}

function auditFields(event: CanonicalEvent, origin: Origin): Fields {
  const { classification: c, actor } = event;
  return {
    event_type: c.eventType === '' ? undefined : c.eventType,
    object_type: c.object,
    verb: c.verb,
    domain: c.domain,
    classification_confidence: c.confidence,
    severity: event.severity,
    entity_display_name: event.entityName,
    entity_id: event.entityId,
    changed_attributes: list(event.changedAttributes),
    added_roles: list(event.addedRoles),
    removed_roles: list(event.removedRoles),
    api_key: event.apiKey,
    team_name: event.team,
    instance: origin.instance,
    api_version: origin.apiVersion,
    user: {
      provider: actor.provider,
      enabled: actor.enabled,
      mfa_configured: actor.mfaConfigured,
      type: actor.type,
      role_types: list(actor.roles.map((role) => role.type).filter((type) => type !== undefined)),
      last_login_at: actor.lastLoginAt,
    },
    event_details: fitFlattened(event.details),
  };
}

/** Elasticsearch refuses a document with more nesting than this in a `flattened` field (`depth_limit`, 20 by default). */
const MAX_FLATTENED_DEPTH = 16;

/**
 * `event_details` as the `flattened` field takes it: an object, not too deep, no NUL in a key. What would make Elasticsearch refuse the whole
 * document is carried as JSON text instead.
 */
function fitFlattened(details: Json): unknown {
  if (details === null) return undefined;
  const object = isObject(details) ? details : { value: details };
  return fits(object, MAX_FLATTENED_DEPTH) ? object : { text: JSON.stringify(object) };
}

function fits(value: Json, depth: number): boolean {
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return true;
  if (depth === 0) return false;
  if (Array.isArray(value)) return (value as readonly Json[]).every((item) => fits(item, depth - 1));
  return Object.entries(value).every(
    ([key, inner]) => key !== '' && !key.includes('\0') && fits(inner, depth - 1),
  );
}

function list<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}

/** The object, unless nothing in it is defined. */
function filled<T extends object>(object: T): T | undefined {
  return Object.values(object).some((value) => value !== undefined) ? object : undefined;
}
