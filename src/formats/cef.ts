import { nsToMs } from '../model/time.ts';
import { roleNames } from './actor.ts';
import { cefClassId, cefHeader, cefValue, detailsText, type CefValueOptions } from './escape.ts';
import type { CanonicalEvent, Format, FormatDefinition, Origin } from './format.ts';
import { cefIdField } from './line-ids.ts';
import { isIpv6 } from './address.ts';
import { SEVERITY_NUMBERS } from './severity.ts';
import { actorName, displayMessage, labelsText } from './title.ts';
import { UNKNOWN } from './vocabulary.ts';
import { withDefaults } from '../model/options.ts';
import type { GivenOf, OptionsOf } from '../model/options.ts';
import type { PartSchema } from '../model/part.ts';

const schema = {
  description: 'ArcSight Common Event Format, CEF:0.',
  properties: {
    ipv6_in_src: {
      type: 'boolean',
      default: false,
      description:
        'Puts IPv6 addresses into src as well, which the standard keeps for IPv4 but some receivers expect.',
    },
    replace_newlines: {
      type: 'boolean',
      default: false,
      description: 'Replaces line breaks in values by a space, for receivers that decode \\n wrongly.',
    },
    replace_pipe: {
      type: 'boolean',
      default: false,
      description: 'Replaces | in values by /, for collectors that split there.',
    },
    space_after_header: {
      type: 'boolean',
      default: false,
      description:
        'Puts a space after the last bar of the header, for parsers that swallow the first character.',
    },
  },
} as const satisfies PartSchema;

/** Common Event Format, version 0: the only one that every parser knows; header and escapes are the same in version 1. */
export const cefFormat: FormatDefinition<GivenOf<typeof schema>> = {
  name: 'cef',
  kind: 'text',
  schema,
  create(given): Format {
    const options = withDefaults(schema, given);
    return {
      name: 'cef',
      kind: 'text',
      render: (event, origin) => cefLine(event, origin, options).toWellFormed(),
    };
  },
};

/** Lengths of the dictionary, in UTF-16 units. */
const LENGTH = {
  classId: 1023,
  name: 512,
  version: 31,
  text: 1023,
  short: 63,
  custom: 4000,
  host: 100,
  device: 255,
};

/** An undefined or empty value leaves the key out, and with it the label of a custom field. */
type Extension = readonly [key: string, value: string | undefined, length: number, label?: string];

function cefLine(event: CanonicalEvent, origin: Origin, options: OptionsOf<typeof schema>): string {
  const header = [
    'CEF:0',
    origin.product.vendor,
    origin.product.name,
    cefHeader(origin.platformVersion ?? origin.apiVersion, LENGTH.version) || origin.apiVersion,
    cefClassId(event.classification.eventType, LENGTH.classId),
    cefHeader(event.title, LENGTH.name),
    String(SEVERITY_NUMBERS[event.severity].cef),
  ].join('|');
  const values: CefValueOptions = {
    replaceNewlines: options.replace_newlines,
    replacePipe: options.replace_pipe,
  };
  const extension: string[] = [];
  for (const [key, value, length, label] of extensions(event, origin, options)) {
    const escaped = value === undefined ? '' : cefValue(value, length, values);
    if (escaped === '') continue;
    extension.push(`${key}=${escaped}`);
    if (label !== undefined) extension.push(`${key}Label=${label}`);
  }
  return `${header}|${options.space_after_header ? ' ' : ''}${extension.join(' ')}`;
}

function extensions(event: CanonicalEvent, origin: Origin, options: OptionsOf<typeof schema>): Extension[] {
  const { actor, target, classification: c } = event;
  const ms = String(nsToMs(event.createdNs));
  const id = cefIdField(event.id, options.replace_pipe);
  const forwarder = `auditferry ${origin.forwarderVersion}`;
  // Every custom string has its use: a long id takes the forwarder's, which then stands where it needs no label.
  const last: readonly Extension[] =
    id.key === 'externalId'
      ? [['flexString2', forwarder, LENGTH.text, 'forwarder']]
      : [
          ['deviceProcessName', forwarder, LENGTH.text],
          ['flexString2', id.text, LENGTH.text, id.label],
        ];
  return [
    ['rt', ms, LENGTH.short],
    ['start', ms, LENGTH.short],
    ['externalId', id.key === 'externalId' ? id.text : undefined, LENGTH.text],
    ['act', c.verb === UNKNOWN ? undefined : c.verb, LENGTH.short],
    ['cat', c.domain, LENGTH.text],
    ['outcome', event.outcome === 'unknown' ? undefined : event.outcome, LENGTH.short],
    ['reason', event.reason, LENGTH.text],
    ['suser', actorName(event), LENGTH.text],
    ['suid', actor.id, LENGTH.text],
    [
      'spriv',
      actor.type === 'admin' ? 'Administrator' : actor.type === 'user' ? 'User' : undefined,
      LENGTH.text,
    ],
    ['sourceServiceName', apiKeyText(event), LENGTH.text],
    ...sourceAddress(event, options.ipv6_in_src),
    ['duser', target?.email ?? target?.name, LENGTH.text],
    ['duid', target?.id, LENGTH.text],
    ['dpriv', event.addedRoles.join(', '), LENGTH.text],
    ['dvchost', origin.instance, LENGTH.host],
    ['deviceExternalId', origin.tenantId, LENGTH.device],
    ['destinationServiceName', origin.product.name, LENGTH.text],
    ['cs1', event.entityName, LENGTH.custom, 'entityDisplayName'],
    ['cs2', c.object, LENGTH.custom, 'objectType'],
    ['cs3', detailsText(event.details), LENGTH.custom, 'eventDetails'],
    ['cs4', actor.provider, LENGTH.custom, 'authProvider'],
    ['cs5', roleNames(actor.roles).join(', '), LENGTH.custom, 'roles'],
    ['cs6', event.team, LENGTH.custom, 'teamName'],
    ['flexString1', labelsText(origin), LENGTH.text, 'labels'],
    ...last,
    ['msg', displayMessage(event), LENGTH.text],
  ];
}

/** `API key terraform (3f2b…)`: the service in whose name the request was made. */
function apiKeyText({ apiKey }: CanonicalEvent): string | undefined {
  if (apiKey === undefined) return undefined;
  const { id, name } = apiKey;
  return `API key ${name === undefined ? id : id === undefined ? name : `${name} (${id})`}`;
}

/** The standard keeps `src` for IPv4 and gives the source's IPv6 address a custom field. */
function sourceAddress(event: CanonicalEvent, ipv6InSrc: boolean): Extension[] {
  if (event.ip === undefined) return [['shost', event.address, LENGTH.text]];
  if (!isIpv6(event.ip)) return [['src', event.ip, LENGTH.short]];
  const own: Extension = ['c6a2', event.ip, LENGTH.short, 'Source IPv6 Address'];
  return ipv6InSrc ? [['src', event.ip, LENGTH.short], own] : [own];
}
