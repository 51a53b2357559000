import { hash } from 'node:crypto';
import { formatTime, nsToMs } from '../model/time.ts';
import { perOrigin } from './format.ts';
import type { CanonicalEvent, Format, FormatDefinition, Origin } from './format.ts';
import { joinObjects, jsonLine } from './json.ts';
import {
  accountUser,
  actorUser,
  groupOf,
  managedEntity,
  observablesOf,
  platformEndpoint,
  requiredSource,
  resourcesOf,
  sourceEndpoint,
} from './ocsf/objects.ts';
import {
  API_ACTIVITY,
  AUTHENTICATION,
  ENTITY_MANAGEMENT,
  GROUP_MANAGEMENT,
  OTHER,
  USER_ACCESS,
} from './ocsf/classes.ts';
import { placeOf, type Place } from './ocsf/place.ts';
import { abilitiesOf, OCSF_VERSIONS, type Abilities, type OcsfVersion } from './ocsf/version.ts';
import { SEVERITY_NUMBERS } from './severity.ts';
import { displayMessage } from './title.ts';
import { withDefaults } from '../model/options.ts';
import type { GivenOf } from '../model/options.ts';
import type { PartSchema } from '../model/part.ts';

const schema = {
  description: 'Open Cybersecurity Schema Framework.',
  properties: {
    version: {
      enum: OCSF_VERSIONS,
      default: '1.8.0',
      description: 'The version of the schema; before 1.4 all but signing in and out is API Activity.',
    },
    single_class: {
      type: 'boolean',
      default: false,
      description: 'Puts every event into API Activity (6003), for stores with one table per class.',
    },
    raw_data: {
      type: 'boolean',
      default: true,
      description: 'Whether raw_data carries the whole event as text.',
    },
  },
} as const satisfies PartSchema;

/** Open Cybersecurity Schema Framework: each event in the class it belongs to, with the datetime profile. */
export const ocsfFormat: FormatDefinition<GivenOf<typeof schema>> = {
  name: 'ocsf',
  kind: 'json',
  schema,
  create(given): Format {
    const { version, single_class: singleClass, raw_data: rawData } = withDefaults(schema, given);
    const has = abilitiesOf(version);
    const constants = perOrigin((origin) => jsonLine(constantMetadata(origin, version, has)));
    const kindOf = createKindOf();
    return {
      name: 'ocsf',
      kind: 'json',
      render: (event, origin) => {
        const place = placeOf(event, has.identityClasses, singleClass);
        const own = classFields(event, origin, place, has);
        return joinObjects(
          kindOf(event, place),
          jsonLine(occurrenceFields(event)),
          `{"metadata":${joinObjects(jsonLine(eventMetadata(event)), constants(origin))}}`,
          jsonLine({ ...own, observables: observablesOf(own), unmapped: unmapped(event) }),
          rawData ? rawFields(event.originalText, has) : '{}',
        );
      },
    };
  },
};

/** Undefined fields do not appear in the JSON. */
type Fields = Record<string, unknown>;

/**
 * The kind of an event as JSON text, written once for each of the few hundred that there are; an activity with a title of its own is written
 * anew.
 */
function createKindOf(): (event: CanonicalEvent, place: Place) => string {
  const written = new Map<string, string>();
  return (event, place) => {
    if (place.activity === OTHER) return jsonLine(kindFields(event, place));
    const key = `${place.class.uid} ${place.activity} ${event.severity} ${event.outcome}`;
    const known = written.get(key);
    if (known !== undefined) return known;
    const fresh = jsonLine(kindFields(event, place));
    written.set(key, fresh);
    return fresh;
  };
}

function kindFields(event: CanonicalEvent, { class: own, activity }: Place): Fields {
  const severity = SEVERITY_NUMBERS[event.severity];
  const status = STATUS[event.outcome];
  return {
    category_uid: own.category.uid,
    category_name: own.category.name,
    class_uid: own.uid,
    class_name: own.name,
    activity_id: activity,
    activity_name: activity === OTHER ? otherName(event.title) : own.activities[activity],
    type_uid: own.uid * 100 + activity,
    type_name: `${own.name}: ${activity === OTHER ? 'Other' : own.activities[activity]}`,
    severity_id: severity.ocsf,
    severity: severity.ocsfName,
    status_id: status.id,
    status: status.name,
  };
}

function occurrenceFields(event: CanonicalEvent): Fields {
  return {
    status_detail: event.reason,
    time: nsToMs(event.createdNs),
    time_dt: formatTime(event.createdNs),
    message: displayMessage(event),
  };
}

const STATUS = {
  success: { id: 1, name: 'Success' },
  failure: { id: 2, name: 'Failure' },
  unknown: { id: 0, name: 'Unknown' },
} as const;

function eventMetadata(event: CanonicalEvent): Fields {
  const received = Date.parse(event.receivedAt);
  const known = !Number.isNaN(received);
  const { eventType } = event.classification;
  return {
    uid: event.id,
    event_code: eventType === '' ? undefined : eventType,
    original_time: event.createdAt.trim() === '' ? undefined : event.createdAt,
    processed_time: known ? received : undefined,
    processed_time_dt: known ? event.receivedAt : undefined,
  };
}

function constantMetadata(origin: Origin, version: OcsfVersion, has: Abilities): Fields {
  const labels = Object.entries(origin.labels);
  return {
    version,
    profiles: ['datetime'],
    log_name: 'audit-logs',
    log_provider: origin.product.name,
    log_version: origin.apiVersion,
    tenant_uid: origin.tenantId ?? origin.instance,
    product: {
      name: origin.product.name,
      vendor_name: origin.product.vendor,
      version: origin.platformVersion,
      url_string: `https://${origin.instance}`,
    },
    loggers: has.sizes ? [{ name: 'auditferry', version: origin.forwarderVersion }] : undefined,
    tags: has.sizes && labels.length > 0 ? labels.map(([name, value]) => ({ name, value })) : undefined,
    labels: !has.sizes && labels.length > 0 ? labels.map(([name, value]) => `${name}=${value}`) : undefined,
  };
}

function classFields(event: CanonicalEvent, origin: Origin, place: Place, has: Abilities): Fields {
  const user = actorUser(event, has);
  switch (place.class) {
    case AUTHENTICATION:
      return { user, src_endpoint: sourceEndpoint(event), ...authenticationFields(event, origin) };
    case API_ACTIVITY:
      return { actor: { user }, src_endpoint: requiredSource(event, origin), ...apiFields(event, origin) };
    case ENTITY_MANAGEMENT:
      return { actor: { user }, src_endpoint: sourceEndpoint(event), entity: managedEntity(event) };
    case GROUP_MANAGEMENT:
      return {
        actor: { user },
        src_endpoint: sourceEndpoint(event),
        group: groupOf(event),
        user: changedUser(place),
      };
    case USER_ACCESS:
    default:
      return {
        actor: { user },
        src_endpoint: sourceEndpoint(event),
        user: changedUser(place),
        privileges: place.privileges,
      };
  }
}

function changedUser(place: Place): Fields | undefined {
  return place.user === undefined ? undefined : accountUser(place.user);
}

function authenticationFields(event: CanonicalEvent, origin: Origin): Fields {
  const saml = event.actor.provider === 'saml';
  return {
    service: { name: origin.product.name },
    dst_endpoint: platformEndpoint(origin),
    is_remote: true,
    auth_protocol_id: saml ? 5 : undefined,
    auth_protocol: saml ? 'SAML' : undefined,
  };
}

function apiFields(event: CanonicalEvent, origin: Origin): Fields {
  const { eventType, slug } = event.classification;
  return {
    api: { operation: eventType === '' ? slug : eventType, service: { name: origin.product.name } },
    dst_endpoint: platformEndpoint(origin),
    resources: resourcesOf(event),
  };
}

/** What OCSF has no attribute for. The details go whole, as they came. */
function unmapped(event: CanonicalEvent): Fields {
  const { classification: c, actor } = event;
  return {
    event_details: event.details ?? undefined,
    user_provider: actor.provider,
    user_enabled: actor.enabled,
    api_key_name: event.apiKey?.name,
    added_roles: listed(event.addedRoles),
    removed_roles: listed(event.removedRoles),
    changed_attributes: listed(event.changedAttributes),
    team_name: event.team,
    domain: c.domain,
    object_type: c.object,
    verb: c.verb,
    classification_confidence: c.confidence,
  };
}

function listed(names: readonly string[]): readonly string[] | undefined {
  return names.length === 0 ? undefined : names;
}

/** As JSON text: the longest part of a document, and one with nothing in it to be looked for. */
function rawFields(original: string, has: Abilities): string {
  const size = has.sizes ? `,"raw_data_size":${Buffer.byteLength(original)}` : '';
  const digest = has.hashes
    ? `,"raw_data_hash":{"algorithm_id":3,"algorithm":"SHA-256","value":"${hash('sha256', original)}"}`
    : '';
  return `{"raw_data":${jsonLine(original)}${size}${digest}}`;
}

/** The schema forbids "Other" as the name of an activity that has no number. */
function otherName(title: string): string {
  return title === 'Other' ? 'Other Event' : title;
}
