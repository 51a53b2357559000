import type { CanonicalEvent, Origin } from '../../formats/format.ts';
import { NS_PER_MS } from '../../model/time.ts';
import type { Item } from '../sink.ts';

/** What the operator sets about every event; undefined means the default. */
export interface EnvelopeSettings {
  readonly index: string | undefined;
  readonly host: string | undefined;
  readonly source: string | undefined;
  readonly sourcetype: string;
}

/**
 * One object of a HEC request, as JSON text on one line. Every object carries all its metadata, because some receivers
 * keep the last seen value for the next object; and nothing but the seven known keys, because an unknown one makes Splunk
 * drop this object and all after it while it answers 200. A JSON document goes in as it is, so that numbers which a double
 * cannot hold survive. Lone surrogates become U+FFFD.
 */
export function envelope(item: Item, settings: EnvelopeSettings): string {
  const { canonical, origin } = item;
  const metadata = [
    `"time":${epochSeconds(canonical.createdNs)}`,
    `"host":${JSON.stringify(settings.host ?? origin.instance)}`,
    `"source":${JSON.stringify(settings.source ?? `cloudquery:audit-logs:${origin.apiVersion}`)}`,
    `"sourcetype":${JSON.stringify(settings.sourcetype)}`,
    ...(settings.index === undefined ? [] : [`"index":${JSON.stringify(settings.index)}`]),
  ].join(',');
  const event = item.kind === 'json' ? item.body : JSON.stringify(item.body.toWellFormed());
  const fields = JSON.stringify(indexedFields(canonical, origin));
  return `{${metadata},"event":${event},"fields":${fields}}`.toWellFormed();
}

/** Seconds with three digits of milliseconds, as text: no float is involved. */
export function epochSeconds(ns: bigint): string {
  const ms = ns / NS_PER_MS;
  const digits = (ms < 0n ? -ms : ms).toString().padStart(4, '0');
  return `${ms < 0n ? '-' : ''}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

/** Flat and strings only: a nested value is refused with code 15, a number is dropped without a word. */
export function indexedFields(event: CanonicalEvent, origin: Origin): Readonly<Record<string, string>> {
  const own: [string, string][] = [
    ['event_id', event.id],
    ['cloudquery_instance', origin.instance],
    ['cloudquery_event_type', event.classification.eventType],
    ['cloudquery_severity', event.severity],
  ];
  const taken = new Set(own.map(([name]) => name));
  const labels = Object.entries(origin.labels).map(([name, value]): [string, string] => {
    const field = fieldName(name);
    return [taken.has(field) ? `label_${field}` : field, value];
  });
  // fromEntries defines properties instead of assigning them: a label named __proto__ stays a label.
  return Object.fromEntries(
    [...labels, ...own]
      .filter(([, value]) => value !== '')
      .map(([name, value]) => [name, value.toWellFormed()]),
  );
}

/** Letters, digits, `_`, `.`, `:`; neither a digit nor `_` first. Source: fields.conf.spec. */
function fieldName(label: string): string {
  const name = label.replace(/[^A-Za-z0-9_.:]/g, '_');
  return /^[0-9_]|^$/.test(name) ? `label_${name}` : name;
}
