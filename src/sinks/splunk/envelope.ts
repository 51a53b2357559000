import { perOrigin } from '../../formats/format.ts';
import type { CanonicalEvent, Origin } from '../../formats/format.ts';
import type { Part } from '../../model/text-room.ts';
import { NS_PER_MS } from '../../model/time.ts';
import type { Item } from '../sink.ts';

/** What the operator sets about every event; undefined means the default. */
export interface EnvelopeSettings {
  readonly index: string | undefined;
  readonly host: string | undefined;
  readonly source: string | undefined;
  readonly sourcetype: string;
}

/** One object of a HEC request, JSON text on one line, in its parts: the document may be bytes that are at hand. */
export type Envelope = readonly [before: string, document: Part, after: string];

export type WriteEnvelope = (item: Item) => Envelope;

export function envelopeText(envelope: Envelope): string {
  return envelope.map(String).join('');
}

/**
 * Every object carries all its metadata, because some receivers keep the last seen value for the next object; and nothing but the
 * seven known keys, because an unknown one makes Splunk drop this object and all after it while it answers 200. A JSON document goes in
 * as it is, so that numbers which a double cannot hold survive. Lone surrogates become U+FFFD. What an origin says is written once.
 */
export function createEnvelope(settings: EnvelopeSettings): WriteEnvelope {
  const constants = perOrigin((origin) => ({
    metadata: [
      `"host":${JSON.stringify(settings.host ?? origin.instance)}`,
      `"source":${JSON.stringify(settings.source ?? `${origin.product.slug}:audit-logs:${origin.apiVersion}`)}`,
    ].join(','),
    fields: JSON.stringify(originFields(origin)).slice(1, -1),
  }));
  const sourcetype = JSON.stringify(settings.sourcetype);
  const index = settings.index === undefined ? '' : `,"index":${JSON.stringify(settings.index)}`;
  return (item) => {
    const { canonical, origin, heartbeat } = item;
    const { metadata, fields } = constants(origin);
    const own = eventFields(canonical, origin);
    const all = `{${fields}${fields === '' ? '' : ','}${own}}`;
    const type = heartbeat === undefined ? sourcetype : HEARTBEAT_SOURCETYPE;
    return [
      `{"time":${epochSeconds(canonical.createdNs)},${metadata},"sourcetype":${type}${index},"event":`,
      documentOf(item),
      `,"fields":${all}}`,
    ];
  };
}

function documentOf(item: Item): Part {
  if (item.kind === 'json') return item.utf8 ?? item.body.toWellFormed();
  return JSON.stringify(item.body.toWellFormed());
}

/** Searches for audit events name their own source type, and so never meet a heartbeat. */
const HEARTBEAT_SOURCETYPE = '"auditferry:heartbeat"';

/** Seconds with three digits of milliseconds, as text: no float is involved. */
export function epochSeconds(ns: bigint): string {
  const ms = Number(ns / NS_PER_MS);
  const digits = String(Math.abs(ms)).padStart(4, '0');
  return `${ms < 0 ? '-' : ''}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

/** Splunk's own fields of every event: the metadata, and what it finds while it indexes or searches. */
const SPLUNK_FIELDS =
  'host source sourcetype index time event fields linecount punct timestamp timestartpos timeendpos eventtype tag splunk_server ' +
  'splunk_server_group date_hour date_mday date_minute date_month date_second date_wday date_year date_zone';

/** What the format `cim` writes into the event itself, where a search finds it by the same name. */
const CIM_FIELDS =
  'action added_roles api_key_id api_key_name api_version app authentication_method authentication_service change_type cim_model ' +
  'classification_confidence command dest domain dvc event_time event_type forwarder forwarder_version labels object object_attrs object_category object_id object_type product_version ' +
  'reason removed_roles result severity signature signature_id src src_ip src_user src_user_name src_user_type status tenant tenant_id unclassified user ' +
  'user_id user_name user_role user_type vendor_account vendor_product verb';

/** A label of such a name would give the field a second value, or another one. */
const TAKEN = new Set(`${SPLUNK_FIELDS} ${CIM_FIELDS}`.split(' '));

/** Flat and strings only: a nested value is refused with code 15, a number is silently dropped. */
type Fields = Readonly<Record<string, string>>;

/** The members of what an event carries of its own, as JSON text. Never empty: every event has an id. */
export function eventFields(
  { id, classification: { eventType }, severity }: CanonicalEvent,
  { product: { slug } }: Origin,
): string {
  const type = eventType === '' ? '' : `,"${slug}_event_type":${quoted(eventType)}`;
  return `"event_id":${quoted(id)}${type},"${slug}_severity":"${severity}"`;
}

function quoted(text: string): string {
  return JSON.stringify(text.toWellFormed());
}

/** What every event of an origin carries: the operator's labels, none of which takes the name of another field, and the instance. */
export function originFields(origin: Origin): Fields {
  const { slug } = origin.product;
  const used = new Set([slug, 'event_id', `${slug}_instance`, `${slug}_event_type`, `${slug}_severity`]);
  const labels = Object.entries(origin.labels).map(([name, value]): [string, string] => {
    let field = fieldName(name);
    while (TAKEN.has(field) || used.has(field)) field = `label_${field}`;
    used.add(field);
    return [field, value];
  });
  return filled([...labels, [`${slug}_instance`, origin.instance]]);
}

function filled(fields: readonly [string, string][]): Fields {
  // fromEntries defines properties instead of assigning them: a label named __proto__ stays a label.
  return Object.fromEntries(
    fields.filter(([, value]) => value !== '').map(([name, value]) => [name, value.toWellFormed()]),
  );
}

/** Letters, digits, `_`, `.`, `:`; neither a digit nor `_` first. Source: fields.conf.spec. */
function fieldName(label: string): string {
  const name = label.replace(/[^A-Za-z0-9_.:]/g, '_');
  return /^[0-9_]|^$/.test(name) ? `label_${name}` : name;
}
