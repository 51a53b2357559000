import { eventTypes, oddAddresses, people, teams } from './catalog.ts';
import type { EventType } from './catalog.ts';
import { detailsJson } from './details.ts';
import type { Facts } from './details.ts';
import type { SimulatorOptions } from './options.ts';
import { NIL_UUID } from '../model/event-id.ts';
import { randomFrom } from './random.ts';
import type { Random } from './random.ts';
import { MALFORMED, MISSING_ID, ODD, SHARED_ID } from './stream.ts';
import type { Row } from './stream.ts';
import { personJson } from './users.ts';

/** Names the third seed word of a row's own draws. */
const BODY_SALT = 0xb0d1;
const SHARED_ID_SALT = 0x1d1d;
const STRAY_SALT = 0x57a7;
const POISON_SALT = 0x9015;

/** What the row says: the same for the same row, whatever the switches say. */
export function factsOf(row: Row): Facts {
  const random = randomFrom(row.a, row.b, BODY_SALT);
  const own = uuidFrom(random);
  const id = (row.flags & SHARED_ID) === 0 ? own : sharedId(row);
  const person = people[random.below(people.length)] ?? null;
  const type = eventTypes[random.below(eventTypes.length)] as EventType;
  const address = addressFrom(random);
  const entity = entityFrom(type, random);
  const outcome = random.unit();
  const team = random.unit() < 0.2 ? null : (teams[random.below(teams.length)] ?? null);
  const odd = (row.flags & ODD) !== 0 ? random.uint32() : null;
  return {
    id: (row.flags & MISSING_ID) === 0 ? id : null,
    person: odd !== null && odd % 4 === 0 ? null : person,
    type,
    address: odd === null ? address : (oddAddresses[odd % oddAddresses.length] ?? ''),
    entity,
    success: outcome < 0.1 ? undefined : (type.success ?? outcome < 0.92),
    team,
    random,
  };
}

/** The id that a listed row carries; null for none, and for what is no event at all. */
export function idOf(row: Row): string | null {
  if (row.given?.id !== undefined) return row.given.id;
  if (row.given?.json !== undefined) return givenId(row.given.json);
  if ((row.flags & (MALFORMED | MISSING_ID)) !== 0) return null;
  if ((row.flags & SHARED_ID) !== 0) return sharedId(row);
  return uuidFrom(randomFrom(row.a, row.b, BODY_SALT));
}

function givenId(json: string): string | null {
  try {
    const id = (JSON.parse(json) as { id?: unknown } | null)?.id;
    return typeof id === 'string' && id !== '' ? id : null;
  } catch {
    return null; // a test may give what is no JSON at all
  }
}

/** Items remembered with their text, by the switches they were written under. */
const MAX_REMEMBERED = 5000;
const remembered = new WeakMap<SimulatorOptions, Map<Row, string>>();

/**
 * The item's text as it is listed. `nowMs` counts only with `live_users`; else the text stays the same and is written once, since a reader
 * asks for the same rows several times over.
 */
export function jsonOf(row: Row, options: SimulatorOptions, nowMs: number): string {
  if (row.given?.json !== undefined) return row.given.json;
  if (options.live_users) return write(row, options, nowMs);
  const texts = remembered.get(options) ?? new Map<Row, string>();
  remembered.set(options, texts);
  const known = texts.get(row);
  if (known !== undefined) return known;
  if (texts.size >= MAX_REMEMBERED) texts.clear();
  const text = write(row, options, nowMs);
  texts.set(row, text);
  return text;
}

function write(row: Row, options: SimulatorOptions, nowMs: number): string {
  if ((row.flags & MALFORMED) !== 0) return malformedJson(row);
  const facts = factsOf(row);
  const id = row.given?.id === undefined ? facts.id : row.given.id;
  const userFields = options.live_users ? nowMs : null;
  const parts = [
    ...(id === null ? missingId(row) : [`"id":${JSON.stringify(id)}`]),
    ...(facts.person === null
      ? noUser(row)
      : [`"user":${personJson(facts.person, options.api, userFields)}`]),
    `"user_ip_address":${JSON.stringify(facts.address)}`,
    `"event_type":${JSON.stringify(facts.type.name)}`,
    ...(facts.entity === undefined ? [] : [`"entity_display_name":${JSON.stringify(facts.entity)}`]),
    ...(options.details_bytes === 0 ? [] : [`"event_details":${detailsJson(facts, options.details_bytes)}`]),
    ...(facts.success === undefined ? [] : [`"is_success":${facts.success}`]),
    ...(options.api === 'v1' ? [`"team_name":${JSON.stringify(facts.team)}`] : []),
    `${JSON.stringify(options.created_at_key)}:"${createdAtOf(row, options)}"`,
  ];
  return `{${parts.join(',')}}`;
}

/** The time that a row shows, milliseconds since 1970: for a share of them another than the one they are listed by. */
export function shownMs(row: Row, { stray }: SimulatorOptions): number {
  return isAmong(row, stray.share, STRAY_SALT) ? row.ms + stray.by : row.ms;
}

/** Whether no window that holds the row is answered. */
export function isPoison(row: Row, { poison }: SimulatorOptions): boolean {
  return isAmong(row, poison, POISON_SALT);
}

/** Whether a row belongs to a share: always the same rows, whatever else is switched. */
function isAmong(row: Row, share: number, salt: number): boolean {
  return share > 0 && randomFrom(row.a, row.b, salt).unit() < share;
}

/** created_at as Go writes it: the trailing zeros of the fraction are not written, nor is an empty fraction. */
export function createdAtOf(row: Row, options: SimulatorOptions): string {
  const whole = new Date(shownMs(row, options)).toISOString();
  const fraction = `${whole.slice(20, 23)}${String(row.sub).padStart(6, '0')}`.replace(/0+$/, '');
  return fraction === '' ? `${whole.slice(0, 19)}Z` : `${whole.slice(0, 19)}.${fraction}Z`;
}

/** Ids that are not any event's own: some few, so that each is stated by several events. */
const SHARED_IDS = 3;

function sharedId(row: Row): string {
  return uuidFrom(randomFrom(row.a % SHARED_IDS, 0, SHARED_ID_SALT));
}

function missingId(row: Row): string[] {
  const forms = ['', '"id":null', '"id":""', '"id":"  "', `"id":"${NIL_UUID}"`, `"id":"{${NIL_UUID}}"`];
  const form = forms[row.a % forms.length] ?? '';
  return form === '' ? [] : [form];
}

function noUser(row: Row): string[] {
  return [[], ['"user":null'], [`"user":{"id":"${NIL_UUID}","email":""}`]][row.b % 3] ?? [];
}

function malformedJson(row: Row): string {
  const forms = [
    'null',
    '"an event told in words"',
    '42',
    '[]',
    `{"id":"${uuidFrom(randomFrom(row.a, row.b, BODY_SALT))}","event_type":"user_login"}`,
    `{"id":"${uuidFrom(randomFrom(row.a, row.b, BODY_SALT))}","event_type":"user_login","created_at":"a while ago"}`,
  ];
  return forms[row.a % forms.length] ?? 'null';
}

function uuidFrom(random: Random): string {
  const hex = hexWord(random) + hexWord(random) + hexWord(random) + hexWord(random);
  const variant = '89ab'[Number.parseInt(hex.charAt(16), 16) % 4] ?? '8';
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

function hexWord(random: Random): string {
  return random.uint32().toString(16).padStart(8, '0');
}

function addressFrom(random: Random): string {
  const kind = random.below(10);
  const host = 1 + random.below(254);
  if (kind < 2) return `2001:db8:${(host * 7).toString(16)}::${host.toString(16)}`;
  const network = ['192.0.2', '198.51.100', '203.0.113'][kind % 3] ?? '192.0.2';
  return `${network}.${host}`;
}

function entityFrom(type: EventType, random: Random): string | null | undefined {
  const chance = random.unit();
  const name = type.entities[random.below(Math.max(1, type.entities.length))];
  if (name === undefined || chance < 0.1) return null;
  return chance < 0.14 ? undefined : name;
}
