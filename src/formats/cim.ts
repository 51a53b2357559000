import { perOrigin } from './format.ts';
import type { CanonicalEvent, CanonicalUser, Format, FormatDefinition, Origin } from './format.ts';
import { isUnclassified } from './unclassified.ts';
import { roleNames } from './actor.ts';
import { joinObjects, jsonLine } from './json.ts';
import { actorName } from './title.ts';
import { objectLabel } from './vocabulary.ts';
import { formatMicroseconds } from '../model/time.ts';

/**
 * Splunk's Common Information Model, flat: the fields of the Change and Authentication models first, because automatic extraction reads only
 * the first kilobytes, and the event itself beneath `cloudquery`. Tags come from the add-on in content/splunk.
 */
export const cimFormat: FormatDefinition<Record<string, never>> = {
  name: 'cim',
  kind: 'json',
  schema: {
    description: 'Splunk Common Information Model; install the add-on for the tags.',
    properties: {},
  },
  create: (): Format => {
    const constants = perOrigin((origin) => jsonLine(constantFields(origin)));
    return {
      name: 'cim',
      kind: 'json',
      // The event is set in as text, so that its own bytes reach the index.
      render: (event, origin) =>
        joinObjects(
          jsonLine(leadingFields(event, origin)),
          jsonLine(modelFields(event, origin)),
          jsonLine(furtherFields(event)),
          constants(origin),
          `{"${origin.product.slug}":${event.originalText}}`,
        ),
    };
  },
};

/** Most names in `object_attrs`, and most roles in a list. */
const MAX_NAMES = 50;

type Fields = Record<string, unknown>;

/** Not of the model, and the operator's labels may be long: they come behind its fields. */
function constantFields(origin: Origin): Fields {
  return {
    product_version: origin.platformVersion,
    api_version: origin.apiVersion,
    tenant_id: origin.tenantId,
    forwarder: 'auditferry',
    forwarder_version: origin.forwarderVersion,
    labels: Object.keys(origin.labels).length === 0 ? undefined : origin.labels,
  };
}

// Each part is written by itself: an object that is spread into another one has its keys looked up one by one.

function leadingFields(event: CanonicalEvent, origin: Origin): Fields {
  const { classification: c } = event;
  return {
    // First, and of one length: the add-on finds the time of events in files here.
    event_time: formatMicroseconds(event.createdNs),
    vendor_product: origin.product.name,
    dvc: origin.instance,
    dest: origin.instance,
    src: event.ip ?? event.address ?? (event.actor.type === 'system' ? origin.instance : undefined),
    src_ip: event.ip,
    signature: event.title,
    signature_id: c.eventType === '' ? c.slug : c.eventType,
  };
}

function furtherFields(event: CanonicalEvent): Fields {
  const { classification: c } = event;
  return {
    reason: event.reason,
    api_key_id: event.apiKey?.id,
    api_key_name: event.apiKey?.name,
    added_roles: list(event.addedRoles),
    removed_roles: list(event.removedRoles),
    vendor_account: event.team,
    severity: event.severity,
    event_type: c.eventType === '' ? undefined : c.eventType,
    event_id: event.id,
    object_type: c.object,
    verb: c.verb,
    domain: c.domain,
    classification_confidence: c.confidence,
    unclassified: isUnclassified(c) ? true : undefined,
  };
}

function modelFields(event: CanonicalEvent, origin: Origin): Fields {
  const { domain, verb } = event.classification;
  if (domain === 'auth' && verb === 'login') return authenticationFields(event, origin);
  const action = isUnclassified(event.classification) ? undefined : actionOf(event);
  // A run changes nothing, and what nobody understood is in no model; both are found by the same fields.
  if (domain === 'run' || action === undefined)
    return Object.assign(subjectFields(undefined, event, null, action), actorFields(event));
  return changeFields(event, action);
}

/** What was attempted; whether it worked is `status`. Verbs without an entry are no change in the sense of the model. */
const ACTIONS: Readonly<Record<string, string>> = {
  logout: 'logoff',
  create: 'created',
  invite: 'created',
  update: 'modified',
  enable: 'modified',
  disable: 'modified',
  accept: 'modified',
  reset: 'modified',
  rotate: 'modified',
  expire: 'modified',
  delete: 'deleted',
  lock: 'lockout',
  unlock: 'unlocked',
  grant: 'acl_modified',
  revoke: 'acl_modified',
  share: 'acl_modified',
  read: 'read',
  export: 'read',
  execute: 'started',
  start: 'started',
  stop: 'stopped',
  finish: 'stopped',
};

/** Rights that change are those of an account; where nobody knows of which, something was modified. */
function actionOf({ classification: { domain, verb }, target }: CanonicalEvent): string | undefined {
  if (domain === 'privilege' && RIGHTS_CHANGE.has(verb))
    return target === undefined ? 'modified' : 'acl_modified';
  return ACTIONS[verb];
}

const RIGHTS_CHANGE = new Set(['create', 'update', 'delete', 'grant', 'revoke', 'reset', 'expire']);

function authenticationFields(event: CanonicalEvent, { product }: Origin): Fields {
  const { actor } = event;
  return {
    cim_model: 'Authentication',
    // An outcome that the event does not state is left to the model, which shows it as unknown.
    action: event.outcome === 'unknown' ? undefined : event.outcome,
    app: product.slug,
    user: actorName(event),
    user_id: actor.id,
    user_name: actor.name,
    user_type: userType(event),
    user_role: list(roleNames(actor.roles)),
    authentication_method: actor.provider === 'local' ? 'password' : actor.provider?.toUpperCase(),
    authentication_service: product.name,
  };
}

const AAA_DOMAINS = new Set([
  'auth',
  'user',
  'privilege',
  'role',
  'group',
  'credential',
  'security_settings',
]);

function changeFields(event: CanonicalEvent, action: string): Fields {
  const { domain, object } = event.classification;
  const account = accountOf(event);
  const fields = subjectFields('Change', event, account, object === 'team_member' ? 'modified' : action);
  fields['change_type'] = domain === 'audit' ? 'audit' : AAA_DOMAINS.has(domain) ? 'AAA' : 'configuration';
  return Object.assign(fields, account === null ? actorFields(event) : accountFields(event, account));
}

/**
 * What was done to what, and with what result. The model wants a name and an id of everything: what has no name goes by its kind, what
 * has no id by its name. An outcome that the event does not state is left out, and the model shows it as unknown.
 */
function subjectFields(
  model: 'Change' | undefined,
  event: CanonicalEvent,
  account: CanonicalUser | null,
  action: string | undefined,
): Fields {
  const { eventType, slug, object } = event.classification;
  const name = unquoted(account === null ? event.entityName : (nameOf(account) ?? event.entityName));
  const id = unquoted(account === null ? event.entityId : (account.id ?? event.entityId));
  const subject = name ?? id ?? objectLabel(object);
  return {
    cim_model: model,
    action,
    command: eventType === '' ? slug : eventType,
    status: event.outcome === 'unknown' ? undefined : event.outcome,
    result:
      event.outcome === 'failure'
        ? (event.reason ?? 'failure')
        : action === 'lockout'
          ? 'lockout'
          : undefined,
    object: subject,
    object_id: id ?? subject,
    object_attrs: list(changedAttributes(event)),
    object_category: account === null ? (object === 'user' ? 'account' : object) : 'user',
  };
}

/** The user whose account was changed; null where the change is about something else, or nobody knows about whom. */
function accountOf(event: CanonicalEvent): CanonicalUser | null {
  const { domain, object, verb } = event.classification;
  if (domain !== 'user' && domain !== 'privilege') return null;
  if (event.target !== undefined) return event.target;
  if (domain === 'privilege') return null;
  const own = (object === 'password' && verb === 'update') || object === 'mfa';
  return own ? { ...event.actor } : {};
}

function accountFields(event: CanonicalEvent, account: CanonicalUser): Fields {
  return {
    user: nameOf(account) ?? 'unknown',
    user_name: account.name,
    src_user: actorName(event),
    src_user_name: event.actor.name,
    src_user_type: userType(event),
  };
}

function actorFields(event: CanonicalEvent): Fields {
  return { user: actorName(event), user_name: event.actor.name, user_type: userType(event) };
}

/** The attributes that changed, as far as the event or its type tells them: never the keys of details that tell something else. */
function changedAttributes(event: CanonicalEvent): readonly string[] {
  const { object, verb } = event.classification;
  if (event.changedAttributes.length > 0)
    return event.changedAttributes.slice(0, MAX_NAMES).map((name) => name.replaceAll('"', "'"));
  if (object === 'team_member') return ['members'];
  if (event.addedRoles.length + event.removedRoles.length > 0) return ['roles'];
  if (object === 'password' || object === 'mfa') return [object];
  const attribute = ATTRIBUTE_OF[verb];
  return attribute === undefined ? [] : [attribute];
}

/** Verbs that name the one attribute that they change. */
const ATTRIBUTE_OF: Readonly<Record<string, string>> = {
  enable: 'enabled',
  disable: 'enabled',
  lock: 'locked',
  unlock: 'locked',
};

/** The model's own validity rule takes a quotation mark in these fields for a broken extraction. */
function unquoted(text: string | undefined): string | undefined {
  return text?.replaceAll('"', "'");
}

function nameOf(user: CanonicalUser): string | undefined {
  return user.email ?? user.name ?? user.id;
}

function userType(event: CanonicalEvent): string {
  return event.actor.type.charAt(0).toUpperCase() + event.actor.type.slice(1);
}

function list(items: readonly string[]): readonly string[] | undefined {
  return items.length === 0 ? undefined : items.slice(0, MAX_NAMES);
}
