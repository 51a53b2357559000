import { nsToMs } from '../model/time.ts';
import { roleNames } from './actor.ts';
import { detailsText, leefHeader, leefValue } from './escape.ts';
import type { CanonicalEvent, Format, FormatDefinition, Origin } from './format.ts';
import { idText } from './line-ids.ts';
import { SEVERITY_NUMBERS } from './severity.ts';
import { actorName, labelsText } from './title.ts';
import { withDefaults } from '../model/options.ts';
import type { GivenOf } from '../model/options.ts';
import type { PartSchema } from '../model/part.ts';

const schema = {
  description: 'IBM QRadar Log Event Extended Format.',
  properties: {
    version: { enum: ['1.0', '2.0'], default: '2.0', description: 'The version of the header.' },
  },
} as const satisfies PartSchema;

/** Log Event Extended Format of QRadar. Attributes are parted by a tab. */
export const leefFormat: FormatDefinition<GivenOf<typeof schema>> = {
  name: 'leef',
  kind: 'text',
  schema,
  create(given): Format {
    const { version } = withDefaults(schema, given);
    return {
      name: 'leef',
      kind: 'text',
      render: (event, origin) => leefLine(event, origin, version).toWellFormed(),
    };
  },
};

/** In UTF-16 units. */
const MAX_NAME_UNITS = 255;
const MAX_VERSION_UNITS = 31;

function leefLine(event: CanonicalEvent, origin: Origin, version: '1.0' | '2.0'): string {
  const header = [
    `LEEF:${version}`,
    origin.product.vendor,
    origin.product.name,
    leefHeader(origin.platformVersion ?? origin.apiVersion, MAX_VERSION_UNITS) || origin.apiVersion,
    leefHeader(event.classification.eventType, MAX_NAME_UNITS) || 'unknown',
    ...(version === '2.0' ? ['x09'] : []),
  ].join('|');
  const attributes: string[] = [];
  for (const [key, value, units] of attributesOf(event, origin)) {
    const clean = value === undefined ? '' : leefValue(value, units);
    if (clean !== '') attributes.push(`${key}=${clean}`);
  }
  return `${header}|${attributes.join('\t')}`;
}

type Attribute = readonly [key: string, value: string | undefined, units?: number];

/** EventID and `cat` together choose the meaning in QRadar: both are the same for every event of a kind, never a name. */
function attributesOf(event: CanonicalEvent, origin: Origin): Attribute[] {
  const { actor, target, classification: c } = event;
  const signedIn = c.domain === 'auth' && c.verb === 'login' && event.outcome === 'success';
  return [
    ['cat', `${c.domain}.${event.outcome}`],
    ['devTime', String(nsToMs(event.createdNs))],
    ['sev', String(SEVERITY_NUMBERS[event.severity].leef)],
    ['src', event.ip],
    ['identSrc', signedIn ? event.ip : undefined],
    ['usrName', actorName(event), MAX_NAME_UNITS],
    ['role', roleNames(actor.roles).join(', ')],
    ['realm', actor.provider],
    ['resource', event.entityName],
    ['policy', c.domain === 'policy' ? event.entityName : undefined],
    ['groupID', event.team],
    ['url', `https://${origin.instance}`],
    ['eventId', idText(event.id)],
    ['action', c.verb],
    ['objectType', c.object],
    ['objectId', event.entityId],
    ['outcome', event.outcome],
    ['reason', event.reason],
    ['usrId', actor.id],
    ['usrType', actor.type],
    ['apiKeyId', event.apiKey?.id],
    ['apiKeyName', event.apiKey?.name],
    ['srcText', event.ip === undefined ? event.address : undefined],
    ['targetUser', target?.email ?? target?.name],
    ['targetUserId', target?.id],
    ['addedRoles', event.addedRoles.join(', ')],
    ['removedRoles', event.removedRoles.join(', ')],
    ['changedAttributes', event.changedAttributes.join(', ')],
    ['tenantId', origin.tenantId],
    ['forwarder', `auditferry ${origin.forwarderVersion}`],
    ['labels', labelsText(origin)],
    ['eventDetails', detailsText(event.details)],
  ];
}
