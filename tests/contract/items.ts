import type { CanonicalEvent, Origin } from '../../src/formats/format.ts';
import { heartbeatEvent, renderHeartbeat } from '../../src/formats/heartbeat.ts';
import type { Heartbeat } from '../../src/formats/heartbeat.ts';
import type { Json } from '../../src/model/event.ts';
import { formatTime, NS_PER_MS, parseTime } from '../../src/model/time.ts';
import type { Item } from '../../src/sinks/sink.ts';
import { CLOUDQUERY } from '../../src/sources/cloudquery/product.ts';

/** Stands in every made body: an error that shows it has leaked an event. */
export const BODY_MARK = 'never-show-this-body';

export interface ItemWishes {
  readonly id?: string;
  /** RFC 3339; by default one millisecond later per number. */
  readonly createdAt?: string;
  readonly eventType?: string;
  /** The rendered document; by default a small JSON object with the id, the mark and `details`. */
  readonly body?: string;
  readonly kind?: Item['kind'];
  readonly details?: Json;
  readonly labels?: Readonly<Record<string, string>>;
  readonly apiVersion?: Origin['apiVersion'];
  /** Pads the body with that many more characters. */
  readonly padding?: number;
}

/** The n-th event of a test, deterministic, with an id that sorts by its number. */
export function makeItem(number: number, wishes: ItemWishes = {}): Item {
  const id = wishes.id ?? `0b8f6c52-3e1d-4a77-8f0e-${number.toString(16).padStart(12, '0')}`;
  const createdAt = wishes.createdAt ?? formatTime(FIRST_CREATED_NS + BigInt(number) * NS_PER_MS);
  const canonical = makeCanonical(number, id, createdAt, wishes);
  const body =
    wishes.body ??
    JSON.stringify({
      event_id: id,
      event_type: canonical.classification.eventType,
      mark: BODY_MARK,
      details: wishes.details ?? null,
      ...(wishes.padding === undefined ? {} : { padding: 'x'.repeat(wishes.padding) }),
    });
  return { canonical, origin: makeOrigin(wishes), body, kind: wishes.kind ?? 'json' };
}

/** A heartbeat as a sink with three events would get it. */
export const HEARTBEAT: Heartbeat = {
  version: 1,
  installation_id: '00000000-0000-4000-8000-0000000000aa',
  sink: 'bench',
  stream: '00112233445566aa',
  number: 7,
  closed_at: '2026-01-02T03:05:00.000Z',
  every_seconds: 300,
  first_seq: 1,
  last_seq: 4,
  events: 3,
  seqs: '1-2,4',
  digest: 'd'.repeat(64),
  filtered: 1,
  dead_letters: 0,
  pruned: '',
  unsealed: '',
  ordered: true,
  waiting: 0,
  open_dead_letters: 0,
  journal_seq: 4,
  journal_sha256: 'e'.repeat(64),
  sources: [{ name: 'platform', frontier: '2026-01-02T03:04:50Z', verified_up_to: null }],
  previous: 'f'.repeat(64),
};

/** The same as the item that the deliver loop hands over, beside items as `makeItem` makes them. */
export function makeHeartbeat(): Item {
  const origin = makeOrigin({});
  const body = renderHeartbeat(HEARTBEAT, { name: 'cim', kind: 'json' }, origin);
  return { canonical: heartbeatEvent(HEARTBEAT), origin, body, kind: 'json', heartbeat: HEARTBEAT };
}

/** `count` events numbered from `first`. */
export function makeItems(count: number, wishes: Omit<ItemWishes, 'id'> = {}, first = 1): readonly Item[] {
  return Array.from({ length: count }, (_, index) => makeItem(first + index, wishes));
}

/** Text that has broken receivers, parsers and terminals. */
export const HOSTILE_STRINGS: readonly string[] = [
  'plain',
  'quote " backslash \\ slash /',
  'line\nfeed, carriage\rreturn, tab\t',
  'NUL \u0000 and bell \u0007',
  'separators \u2028 and \u2029',
  'byte order mark \ufeff inside',
  'lone high \ud800 and lone low \udfff surrogates',
  'emoji 👩‍👩‍👧‍👦 and right to left \u202e gnirts',
  '"}{"event":"forged","index":"other"}',
  '{"create":{"_id":"forged"}}\n{"forged":true}',
  '<34>1 2026-01-02T03:04:05Z forged app - - - syslog',
  'CEF:0|a|b|c|d|e|f|k=v\\=|x',
  '; DROP TABLE events; --',
  '${jndi:ldap://127.0.0.1/x} %s %n {{7*7}}',
  '\u001b[31mred\u001b[0m',
  '__proto__',
  ...['</script><img src=x onerror=forged()>', '=cmd|forged!A1', '- forged: yes # & *a', '"]\nforged: [x]'],
  ...[
    '[forged@1 a="b"]',
    '\u0085\u009b2J',
    '\u2066\u200f turned',
    'x\r\nforged: header\r\n\r\n',
    ' forged=1\tforged=2|forged',
  ],
  'a'.repeat(5000),
];

/** Numbers that a double cannot hold, as JSON text. */
export const HOSTILE_NUMBERS = [
  '9007199254740993',
  '18446744073709551615',
  '1e400',
  '-0',
  '0.1000000000000000055',
];

/**
 * Events whose bodies carry the hostile strings and numbers, as formats hand them over: well-formed JSON on one line
 * (lone surrogates replaced), numbers as text that never went through a double. Whatever else a sink may write of an event (headers,
 * envelopes, keys, columns) holds the string as well, in every field that somebody outside can choose.
 */
export function hostileItems(first = 9000): readonly Item[] {
  const strings = HOSTILE_STRINGS.map((text, index) => {
    const number = first + index;
    const id = makeItem(number).canonical.id;
    const item = makeItem(number, {
      id,
      body: JSON.stringify({ event_id: id, mark: BODY_MARK, text: text.toWellFormed() }),
    });
    return { ...item, canonical: hostileThroughout(item.canonical, text.toWellFormed()) };
  });
  const numbers = HOSTILE_NUMBERS.map((text, index) => {
    const number = first + HOSTILE_STRINGS.length + index;
    const id = makeItem(number).canonical.id;
    return makeItem(number, { id, body: `{"event_id":"${id}","mark":"${BODY_MARK}","number":${text}}` });
  });
  return [...strings, ...numbers];
}

function hostileThroughout(event: CanonicalEvent, text: string): CanonicalEvent {
  const user = { id: text, email: text, name: text };
  return {
    ...event,
    classification: { ...event.classification, eventType: text },
    title: text,
    actor: { ...event.actor, ...user, roles: [{ id: text, name: text, type: text }], provider: text },
    apiKey: { id: text, name: text },
    address: text,
    entityName: text,
    entityId: text,
    target: { ...user, roles: [text] },
    addedRoles: [text],
    removedRoles: [text],
    changedAttributes: [text],
    reason: text,
    team: text,
    details: { text, [`key of ${text}`]: text },
    originalText: JSON.stringify({ id: event.id, text }),
  };
}

const FIRST_CREATED_NS = parseTime('2026-01-02T03:04:05.123456789Z') ?? 0n;

function makeCanonical(number: number, id: string, createdAt: string, wishes: ItemWishes): CanonicalEvent {
  const eventType = wishes.eventType ?? 'user_login';
  return {
    id,
    source: 'platform',
    seq: BigInt(number),
    createdNs: parseTime(createdAt) ?? 0n,
    createdAt,
    receivedAt: '2026-01-02T03:04:06.000Z',
    classification: {
      eventType,
      slug: eventType.toLowerCase(),
      domain: 'auth',
      object: 'session',
      verb: 'login',
      outcomeHint: null,
      confidence: 'high',
      overridden: false,
    },
    title: 'User Login',
    outcome: 'success',
    severity: 'informational',
    actor: {
      id: '3f2b8c1d-6a4e-4c77-9b1f-2a5d8e7f9010',
      email: 'ana.admin@acme.example',
      type: 'user',
      roles: [],
    },
    ip: '203.0.113.7',
    address: '203.0.113.7',
    addedRoles: [],
    removedRoles: [],
    changedAttributes: [],
    details: wishes.details ?? null,
    originalText: JSON.stringify({ id, event_type: eventType, created_at: createdAt }),
    redactions: 0,
  };
}

function makeOrigin(wishes: ItemWishes): Origin {
  return {
    product: CLOUDQUERY,
    instance: 'acme.mycloudquery.com',
    apiVersion: wishes.apiVersion ?? 'v2',
    forwarderVersion: '0.0.0-test',
    labels: wishes.labels ?? {},
  };
}
