import type { CanonicalEvent, Origin, Outcome, Severity } from './format.ts';

/** Longest title, in UTF-16 units: CEF takes 512 for a name, people read far less. */
const MAX_TITLE_UNITS = 120;
/** Longest name, address or entity within the display message, in UTF-16 units. */
const MAX_PART_UNITS = 256;

/**
 * One sentence for people, on one line: `Sync Created by ana@acme.example on "nightly" from 203.0.113.7 (success)`,
 * `Role Changed by ana@acme.example on "bob@acme.example", added Admin, removed Reader (success)`.
 * Shared by every format that has a place for it, so that an event reads the same everywhere.
 */
export function displayMessage(event: CanonicalEvent): string {
  const { apiKey } = event;
  const actor = actorName(event);
  const thing = thingName(event);
  const key = apiKey?.name ?? apiKey?.id;
  const by = key === undefined ? '' : ` with API key "${part(key)}"`;
  const on = thing === undefined ? '' : ` on "${part(thing)}"`;
  const roles = `${roleWords('added', event.addedRoles)}${roleWords('removed', event.removedRoles)}`;
  const from = event.address === undefined ? '' : `${roles === '' ? '' : ','} from ${part(event.address)}`;
  const outcome = event.outcome === 'unknown' ? 'outcome unknown' : event.outcome;
  return `${event.title} by ${part(actor)}${by}${on}${roles}${from} (${outcome})`;
}

/** An event in the columns of a table, after redaction. A column that the event says nothing about is null. */
export interface EventSummary {
  readonly eventType: string;
  readonly who: string;
  /** "Api Key Deleted". */
  readonly what: string;
  readonly on: string | null;
  readonly outcome: Outcome;
  readonly address: string | null;
  readonly severity: Severity;
}

export function summaryOf(event: CanonicalEvent): EventSummary {
  const thing = onWhat(event);
  return {
    eventType: part(event.classification.eventType),
    who: part(actorName(event)),
    what: event.title,
    on: thing === undefined ? null : part(thing),
    outcome: event.outcome,
    address: event.address === undefined ? null : part(event.address),
    severity: event.severity,
  };
}

/** What was acted on, in a column of its own: by its id where it has no name. */
export function onWhat(event: CanonicalEvent): string | undefined {
  return thingName(event) ?? event.entityId;
}

function thingName({ entityName, target }: CanonicalEvent): string | undefined {
  return entityName ?? target?.email ?? target?.name ?? target?.id;
}

function roleWords(verb: string, roles: readonly string[]): string {
  return roles.length === 0 ? '' : `, ${verb} ${part(roles.join(', '))}`;
}

/** Who did it, in the shortest form that identifies: e-mail, name, id, or what kind of actor it was. */
export function actorName(event: CanonicalEvent): string {
  const { email, name, id, type } = event.actor;
  return email ?? name ?? (type === 'system' ? 'system' : (id ?? 'unknown user'));
}

/** "Api Key Deleted" of the words of an event type. An event type without words is an "Unnamed Event". */
export function titleOf(tokens: readonly string[]): string {
  if (tokens.length === 0) return 'Unnamed Event';
  return cut(
    tokens.map((token) => token.charAt(0).toUpperCase() + token.slice(1)).join(' '),
    MAX_TITLE_UNITS,
  );
}

/** At most `units` UTF-16 units, never half a character. */
export function cut(text: string, units: number): string {
  if (text.length <= units) return text;
  const last = text.charCodeAt(units - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? units - 1 : units);
}

/** Control characters and the line separators that some readers break lines at. */
const BREAKING = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Text on one line: control characters and line breaks become single spaces. */
export function flat(text: string): string {
  return text.replace(BREAKING, ' ');
}

function part(text: string): string {
  return flat(cut(text, MAX_PART_UNITS));
}

/** The operator's labels on one line: `environment: production, site: north`. */
export function labelsText(origin: Origin): string {
  return Object.entries(origin.labels)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
}
