import type { CanonicalEvent, Product } from '../../formats/format.ts';
import type { Heartbeat } from '../../formats/heartbeat.ts';
import { otlpSeverity } from '../../formats/severity.ts';
import { displayMessage } from '../../formats/title.ts';
import { parseTime } from '../../model/time.ts';
import type { Item } from '../sink.ts';
import { errorType } from './error-type.ts';

/** A value that both encodings of OTLP can carry. */
export type AttributeValue = string | boolean | readonly string[];

export interface Attribute {
  readonly key: string;
  readonly value: AttributeValue;
}

/** One log record, before it is written as JSON or protobuf. Every string is well-formed. */
export interface LogRecord {
  /** Nanoseconds since 1970. */
  readonly timeUnixNano: bigint;
  readonly observedTimeUnixNano: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: string;
  readonly attributes: readonly Attribute[];
}

/** The records of one origin, each encoded already. */
export interface ResourceGroup {
  readonly resource: readonly Attribute[];
  readonly scopeName: string;
  readonly scopeVersion: string;
  readonly records: readonly Buffer[];
}

/** Which release of the semantic conventions the attribute names follow. */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.44.0';

/** One name for one structure: `cloudquery.platform.audit`; what kind of event it is stands in `cloudquery.audit.event_type`. */
function eventName({ service }: Product): string {
  return `${service.replaceAll('-', '.')}.audit`;
}

/**
 * An audit event as a log record: the body is a sentence for people, everything structured is a flat attribute, and
 * `log.record.uid` is the event id, by which repeats can be dropped. Semantic conventions 1.44.0.
 */
export function logRecord(item: Item, includeOriginal: boolean): LogRecord {
  const event = item.canonical;
  if (item.heartbeat !== undefined) return heartbeatRecord(item, item.heartbeat, includeOriginal);
  const severity = otlpSeverity(event);
  const { product } = item.origin;
  const own = `${product.slug}.audit`;
  return {
    timeUnixNano: positive(event.createdNs),
    observedTimeUnixNano: positive(parseTime(event.receivedAt) ?? event.createdNs),
    severityNumber: severity.number,
    severityText: severity.text,
    eventName: eventName(product),
    body: displayMessage(event).toWellFormed(),
    attributes: present([
      ['log.record.uid', event.id],
      ['auditferry.seq', item.digest === undefined ? undefined : event.seq.toString()],
      ['auditferry.digest', item.digest],
      ...actorAttributes(event, own),
      ['server.address', item.origin.instance],
      ...outcomeAttributes(event, own),
      ...classAttributes(event, own),
      ...subjectAttributes(event, own),
      ['log.record.original', includeOriginal ? item.body : undefined],
    ]),
  };
}

/** No audit event: the body is the whole heartbeat, and what an alert compares are attributes. */
function heartbeatRecord(
  { canonical: event, body }: Item,
  heartbeat: Heartbeat,
  includeOriginal: boolean,
): LogRecord {
  const severity = otlpSeverity(event);
  return {
    timeUnixNano: positive(event.createdNs),
    observedTimeUnixNano: positive(event.createdNs),
    severityNumber: severity.number,
    severityText: severity.text,
    eventName: event.classification.eventType,
    body: event.originalText,
    attributes: present([
      ['log.record.uid', event.id],
      ['auditferry.heartbeat.number', heartbeat.number.toString()],
      ['auditferry.heartbeat.first_seq', heartbeat.first_seq.toString()],
      ['auditferry.heartbeat.last_seq', heartbeat.last_seq.toString()],
      ['auditferry.heartbeat.events', heartbeat.events.toString()],
      ['log.record.original', includeOriginal ? body : undefined],
    ]),
  };
}

type Pair = readonly [key: string, value: AttributeValue | undefined];

function actorAttributes({ actor, apiKey, address }: CanonicalEvent, own: string): readonly Pair[] {
  return [
    ['client.address', address],
    ['user.id', actor.id],
    ['user.name', actor.email ?? actor.name],
    ['user.email', actor.email],
    ['user.full_name', actor.name],
    ['user.roles', actor.roles.flatMap((role) => role.name ?? [])],
    [`${own}.user.provider`, actor.provider],
    [`${own}.user.mfa_configured`, actor.mfaConfigured],
    [`${own}.api_key.id`, apiKey?.id],
    [`${own}.api_key.name`, apiKey?.name],
  ];
}

function outcomeAttributes(event: CanonicalEvent, own: string): readonly Pair[] {
  return [
    ['error.type', event.outcome === 'failure' ? errorType(event.reason) : undefined],
    [`${own}.outcome`, event.outcome],
    [`${own}.reason`, event.reason],
    [`${own}.severity`, event.severity],
  ];
}

function classAttributes({ classification }: CanonicalEvent, own: string): readonly Pair[] {
  return [
    [`${own}.event_type`, classification.eventType],
    [`${own}.domain`, classification.domain],
    [`${own}.object_type`, classification.object],
    [`${own}.verb`, classification.verb],
  ];
}

function subjectAttributes(event: CanonicalEvent, own: string): readonly Pair[] {
  return [
    [`${own}.entity.display_name`, event.entityName],
    [`${own}.entity.id`, event.entityId],
    [`${own}.target_user.id`, event.target?.id],
    [`${own}.target_user.email`, event.target?.email],
    [`${own}.target_user.name`, event.target?.name],
    [`${own}.changed_attributes`, event.changedAttributes],
    [`${own}.added_roles`, event.addedRoles],
    [`${own}.removed_roles`, event.removedRoles],
    [`${own}.team.name`, event.team],
    [`${own}.event_details`, event.details === null ? undefined : JSON.stringify(event.details)],
  ];
}

/** What is not stated is left out: OTLP has no null, and an empty value says nothing. */
function present(pairs: readonly Pair[]): readonly Attribute[] {
  return pairs.flatMap(([key, value]): readonly Attribute[] => {
    if (value === undefined || value === '') return [];
    if (typeof value === 'boolean') return [{ key, value }];
    if (typeof value === 'string') return [{ key, value: value.toWellFormed() }];
    return value.length === 0 ? [] : [{ key, value: value.map((text) => text.toWellFormed()) }];
  });
}

/** The protocol's times are unsigned; 1970 stands for anything before it. */
function positive(ns: bigint): bigint {
  return ns < 0n ? 0n : ns;
}
