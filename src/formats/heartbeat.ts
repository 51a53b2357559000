import { hash } from 'node:crypto';

import type { Json } from '../model/event.ts';
import { isObject } from '../model/json.ts';
import { parseTime } from '../model/time.ts';
import { canonicalJson } from './canonical-json.ts';
import { cefHeader, cefValue, leefHeader, leefValue } from './escape.ts';
import type { CanonicalEvent, Format, Origin } from './format.ts';
import { jsonLine, readJson } from './json.ts';
import { SEVERITY_NUMBERS } from './severity.ts';

/**
 * What a heartbeat says, as docs/heartbeat.md lists it. A type rather than an interface: it is JSON, and is kept and sent as such.
 */
export type Heartbeat = {
  readonly version: 1;
  readonly installation_id: string;
  readonly sink: string;
  readonly stream: string;
  readonly number: number;
  readonly closed_at: string;
  readonly every_seconds: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly events: number;
  readonly seqs: string;
  readonly digest: string;
  readonly filtered: number;
  readonly dead_letters: number;
  readonly unanswered?: string;
  readonly pruned: string;
  readonly unsealed: string;
  readonly ordered: boolean;
  readonly waiting: number;
  readonly open_dead_letters: number;
  readonly journal_seq: number;
  readonly journal_sha256: string;
  readonly sources: readonly {
    readonly name: string;
    readonly frontier: string | null;
    readonly verified_up_to: string | null;
  }[];
  readonly previous: string | null;
  readonly key?: string;
  readonly signature?: string;
};

const HEARTBEAT_TYPE = 'auditferry.heartbeat';
const KEY = 'auditferry_heartbeat';
const TITLE = 'auditferry heartbeat';

/** Characters of a digest by which `unanswered` names a record: 132 bits. */
const DIGEST_CHARACTERS = 22;

/** An event whose fate nobody knows, as a heartbeat names it. */
export function unansweredText({ seq, digest }: { readonly seq: number; readonly digest: string }): string {
  return `${seq}:${digest.slice(0, DIGEST_CHARACTERS)}`;
}

/** What the signature is over: everything else, in the one form that it has. */
export function signedText({ signature: _, ...heartbeat }: Heartbeat): string {
  return canonicalJson(heartbeat);
}

/** What the next heartbeat names this one by. */
export function heartbeatHash(heartbeat: Heartbeat): string {
  return hash('sha256', canonicalJson(heartbeat));
}

/** The same for the same heartbeat, so that a receiver which knows ids keeps one of two copies. */
function heartbeatId({ stream, number }: Heartbeat): string {
  return `auditferry-heartbeat:${stream}:${number}`;
}

/** The heartbeat as sinks take events: it has a time and an id, nobody who acted and nothing acted upon. */
export function heartbeatEvent(heartbeat: Heartbeat): CanonicalEvent {
  return {
    id: heartbeatId(heartbeat),
    source: 'auditferry',
    seq: 0n,
    createdNs: parseTime(heartbeat.closed_at) ?? 0n,
    createdAt: heartbeat.closed_at,
    receivedAt: heartbeat.closed_at,
    classification: {
      eventType: HEARTBEAT_TYPE,
      slug: 'auditferry_heartbeat',
      domain: 'auditferry',
      object: 'heartbeat',
      verb: 'report',
      outcomeHint: null,
      confidence: 'high',
      overridden: false,
    },
    title: TITLE,
    outcome: 'success',
    severity: 'informational',
    actor: { type: 'system', roles: [] },
    addedRoles: [],
    removedRoles: [],
    changedAttributes: [],
    details: null,
    originalText: jsonLine(heartbeat),
    redactions: 0,
  };
}

/** In the terms of each format, and unlike every audit event in what searches look at. */
export function renderHeartbeat(
  heartbeat: Heartbeat,
  { name, kind }: Pick<Format, 'name' | 'kind'>,
  origin: Origin,
): string {
  if (kind === 'text') return name === 'leef' ? leef(heartbeat, origin) : cef(heartbeat, origin);
  return jsonLine({ ...around(heartbeat, name, origin), ...(name === 'ocsf' ? {} : { [KEY]: heartbeat }) });
}

function around(heartbeat: Heartbeat, format: string, origin: Origin): object {
  const labels = Object.keys(origin.labels).length === 0 ? undefined : origin.labels;
  const version = origin.forwarderVersion;
  if (format === 'ecs') {
    return {
      '@timestamp': heartbeat.closed_at,
      message: sentence(heartbeat),
      event: {
        kind: 'state',
        action: HEARTBEAT_TYPE,
        id: heartbeatId(heartbeat),
        module: 'auditferry',
        dataset: HEARTBEAT_TYPE,
        provider: 'auditferry',
      },
      ecs: { version: '9.4.0' },
      agent: { type: 'auditferry', name: 'auditferry', version },
      labels,
      tags: ['auditferry-heartbeat'],
    };
  }
  if (format === 'cim') {
    const event = {
      vendor_product: 'auditferry',
      event_type: HEARTBEAT_TYPE,
      event_id: heartbeatId(heartbeat),
    };
    return {
      ...event,
      severity: 'informational',
      forwarder: 'auditferry',
      forwarder_version: version,
      labels,
    };
  }
  return format === 'ocsf' ? baseEvent(heartbeat, origin) : {};
}

/** OCSF has no class for it: the base event is for what no class describes. */
function baseEvent(heartbeat: Heartbeat, { forwarderVersion }: Origin): object {
  const informational = SEVERITY_NUMBERS.informational;
  return {
    category_uid: 0,
    category_name: 'Uncategorized',
    class_uid: 0,
    class_name: 'Base Event',
    activity_id: 99,
    activity_name: 'Heartbeat',
    type_uid: 99,
    type_name: 'Base Event: Heartbeat',
    severity_id: informational.ocsf,
    severity: informational.ocsfName,
    status_id: 1,
    status: 'Success',
    time: Date.parse(heartbeat.closed_at),
    message: sentence(heartbeat),
    metadata: {
      version: '1.8.0',
      uid: heartbeatId(heartbeat),
      event_code: HEARTBEAT_TYPE,
      log_name: 'auditferry-heartbeat',
      log_provider: 'auditferry',
      product: { name: 'auditferry', vendor_name: 'auditferry', version: forwarderVersion },
    },
    unmapped: { [KEY]: heartbeat },
  };
}

function sentence({ sink, number, events, first_seq: first, last_seq: last }: Heartbeat): string {
  const what = events === 0 ? 'no event' : `${events} ${events === 1 ? 'event' : 'events'}`;
  return `${TITLE} ${number} of ${sink}: ${what}${last < first ? '' : ` of ${first} to ${last}`}`;
}

/** A message takes more than a line of the dictionary allows; nothing of it may be cut. */
const TEXT_LIMIT = 16_384;
const VERSION_LIMIT = 31;

function cef(heartbeat: Heartbeat, { forwarderVersion }: Origin): string {
  const version = cefHeader(forwarderVersion, VERSION_LIMIT);
  const severity = SEVERITY_NUMBERS.informational.cef;
  const header = `CEF:0|auditferry|auditferry|${version}|${HEARTBEAT_TYPE}|${TITLE}|${severity}|`;
  const { first_seq: first, last_seq: last, events, closed_at: closedAt } = heartbeat;
  const numbers = `cn1=${first} cn1Label=firstSeq cn2=${last} cn2Label=lastSeq cn3=${events} cn3Label=events`;
  return `${header}rt=${Date.parse(closedAt)} externalId=${heartbeat.stream}:${heartbeat.number} ${numbers} msg=${cefValue(jsonLine(heartbeat), TEXT_LIMIT)}`;
}

function leef(heartbeat: Heartbeat, { forwarderVersion }: Origin): string {
  const version = leefHeader(forwarderVersion, VERSION_LIMIT);
  const { first_seq: first, last_seq: last, events, closed_at: closedAt } = heartbeat;
  const attributes = [
    ['cat', HEARTBEAT_TYPE],
    ['devTime', Date.parse(closedAt)],
    ['sev', SEVERITY_NUMBERS.informational.leef],
    ['eventId', heartbeatId(heartbeat)],
    ['firstSeq', first],
    ['lastSeq', last],
    ['events', events],
    ['heartbeat', leefValue(jsonLine(heartbeat))],
  ];
  const header = `LEEF:2.0|auditferry|auditferry|${version}|${HEARTBEAT_TYPE}|x09|`;
  return header + attributes.map(([key, value]) => `${key}=${value}`).join('\t');
}

// --- reading ---

/** The heartbeat that a record is; null where it is none. `record` is a line of CEF or LEEF, or a parsed document without a seal. */
export function readHeartbeat(record: Json): Heartbeat | null {
  if (typeof record === 'string') return asHeartbeat(parse(textOf(record)));
  if (!isObject(record)) return null;
  const { unmapped } = record;
  const inner = isObject(unmapped) ? unmapped[KEY] : undefined;
  const found = record[KEY] ?? inner;
  // OTLP carries it as text, and so may a store that flattens objects.
  return asHeartbeat(typeof found === 'string' ? parse(found) : found);
}

function textOf(line: string): string {
  if (line.startsWith('CEF:0|auditferry|auditferry|')) {
    return / msg=(.*)$/.exec(line)?.[1]?.replace(/\\(.)/g, '$1') ?? '';
  }
  return line.startsWith('LEEF:2.0|auditferry|auditferry|')
    ? (/\theartbeat=([^\t]*)/.exec(line)?.[1] ?? '')
    : '';
}

function parse(text: string): Json | undefined {
  return text === '' ? undefined : readJson(text).value;
}

const NUMBERS = [
  'number',
  'every_seconds',
  'first_seq',
  'last_seq',
  'events',
  'filtered',
  'dead_letters',
  'waiting',
  'open_dead_letters',
  'journal_seq',
] as const;
const TEXTS = [
  'installation_id',
  'sink',
  'stream',
  'closed_at',
  'seqs',
  'digest',
  'pruned',
  'unsealed',
] as const;

/** Whatever is in the place of a heartbeat and does not have its members is none. */
function asHeartbeat(value: Json | undefined): Heartbeat | null {
  if (!isObject(value) || value['version'] !== 1) return null;
  const { previous, key, signature, unanswered } = value;
  const whole =
    NUMBERS.every((name) => Number.isSafeInteger(value[name]) && Number(value[name]) >= 0) &&
    TEXTS.every((name) => typeof value[name] === 'string') &&
    (previous === null || typeof previous === 'string') &&
    [key, signature, unanswered].every((text) => text === undefined || typeof text === 'string') &&
    typeof value['ordered'] === 'boolean';
  return whole ? (value as unknown as Heartbeat) : null;
}
