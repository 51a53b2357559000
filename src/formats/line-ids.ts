import { eventIdOf, hashOf } from '../model/event-id.ts';
import { parseObject } from '../model/json.ts';
import { escapeBreaking } from './escape.ts';

/**
 * How each format's line carries the id of its event, and how the id is read from the line again. Both directions stand here, because they
 * must agree: a search of a receiver for an event has only its id, and two events must never look alike.
 */

/** What neither CEF nor LEEF can carry, or would trim; a quotation mark in front would pass for the quoted form. */
const NOT_AS_IT_IS = /^"|^\s|\s$|[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/**
 * The id as a text field carries it: as it is, or as JSON text between quotation marks where the field could not hold it. Nothing in it needs
 * changing any more but for the field's own escapes. `withoutBar` is for collectors that split at a bar anywhere.
 */
export function idText(id: string, withoutBar = false): string {
  if (!NOT_AS_IT_IS.test(id) && !(withoutBar && id.includes('|'))) return id;
  const quoted = escapeBreaking(JSON.stringify(id));
  return withoutBar ? quoted.replaceAll('|', '\\u007c') : quoted;
}

/** The id that such a text says. */
function readIdText(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    const id: unknown = JSON.parse(text);
    return typeof id === 'string' ? id : text;
  } catch {
    return text; // written by another version or another program
  }
}

/** `externalId` holds this many UTF-16 units by the dictionary. */
const EXTERNAL_ID_UNITS = 40;
/** And `flexString2`. */
const FLEX_STRING_UNITS = 1023;
const CEF_ID_LABEL = 'eventId';
const CEF_HASH_LABEL = 'eventIdHash';

/** Where a CEF extension says the event's id: all of it, in one field and never in both. */
export function cefIdField(
  id: string,
  withoutBar: boolean,
): { readonly key: 'externalId' | 'flexString2'; readonly text: string; readonly label: string } {
  const text = idText(id, withoutBar);
  if (text.length <= EXTERNAL_ID_UNITS) return { key: 'externalId', text, label: CEF_ID_LABEL };
  if (text.length <= FLEX_STRING_UNITS) return { key: 'flexString2', text, label: CEF_ID_LABEL };
  return { key: 'flexString2', text: hashOf(id), label: CEF_HASH_LABEL }; // only an id of control characters gets so long
}

/** The header's seven bars, each but for those that are escaped. */
const CEF_HEADER = /^CEF:\d+\|(?:(?:[^\\|]|\\.)*\|){6} ?/;
/** A key stands before an equals sign that is not escaped, and values have no other: so a value ends where the next key begins. */
const CEF_FIELD = /(?:^| )([A-Za-z0-9]+)=((?:[^\\=]|\\.)*?)(?= [A-Za-z0-9]+=|$)/g;

/** What a line says of the event it holds. */
export interface LineId {
  /** The id, or where `hashed` its `hashOf`. */
  readonly id: string;
  readonly hashed: boolean;
  /** Of a raw line that states no id: the one that earlier versions gave it. */
  readonly former?: string;
}

function cefId(line: string): LineId | null {
  const header = CEF_HEADER.exec(line)?.[0];
  if (header === undefined) return null;
  const fields = new Map<string, string>();
  for (const [, key = '', value = ''] of line.slice(header.length).matchAll(CEF_FIELD)) {
    fields.set(key, value.replace(/\\(.)/g, '$1'));
  }
  const long = fields.get('flexString2') ?? '';
  const label = fields.get('flexString2Label');
  if (label === CEF_HASH_LABEL) return { id: long, hashed: true };
  const text = label === CEF_ID_LABEL ? long : fields.get('externalId');
  return text === undefined ? null : { id: readIdText(text), hashed: false };
}

function leefId(line: string): LineId | null {
  const text = /\teventId=([^\t]*)/.exec(line)?.[1];
  return text === undefined ? null : { id: readIdText(text), hashed: false };
}

/** Where the formats that are JSON keep the id: cim, ecs flat and nested, ocsf. */
const JSON_PLACES: readonly (readonly string[])[] = [
  ['event_id'],
  ['event.id'],
  ['event', 'id'],
  ['metadata', 'uid'],
];

/** Marks a raw line that no longer says what its event goes by. */
const RAW_MARK = 'auditferry_event_id';
/** The same for an id that redaction took out of the item, and that must not come back with the mark. */
const RAW_HASH_MARK = `${RAW_MARK}_hash`;

/**
 * The raw item, which must say its id as every copy must. Most items state it. One without an id goes by the hash of what it says, which is lost
 * where that had to change; an id too long or broken goes by a hash as well, and one that is another event's has a hash added. Only what does not lead back to the id gets a member more.
 */
export function markedRaw(line: string, id: string): string {
  // The Platform writes the id first, so that most lines need no parsing.
  if (line.startsWith(`{"id":${JSON.stringify(id)},`) && !line.includes(RAW_MARK)) return line;
  const item = objectOf(line);
  if (item === null) return line;
  const said = jsonId(item, line);
  if (said.id === id && !said.hashed) return line;
  const mark = /^sha256:[0-9a-f]{64}$/.test(id)
    ? `"${RAW_MARK}":"${id}"`
    : `"${RAW_HASH_MARK}":"${hashOf(id)}"`;
  const start = line.slice(0, line.lastIndexOf('}')).trimEnd();
  return `${start}${start === '{' ? '' : ','}${mark}}`;
}

function jsonId(item: object, line: string): LineId {
  const hash = at(item, [RAW_HASH_MARK]);
  if (typeof hash === 'string') return { id: hash, hashed: true };
  const isRaw = typeof at(item, ['created_at']) === 'string'; // the other formats have none, and every item has one
  const places = [[RAW_MARK], ...(isRaw ? [] : JSON_PLACES)];
  const stated = places.map((place) => at(item, place)).find((id) => typeof id === 'string');
  if (stated !== undefined) return { id: stated, hashed: false };
  const own = at(item, ['id']);
  const id = eventIdOf(own, line);
  if (id === own) return { id, hashed: false };
  return { id, hashed: false, former: typeof own === 'string' && own !== '' ? own : hashOf(line) };
}

/** What a line of any format says of its event; null where auditferry did not write it. */
export function idOfLine(line: string): LineId | null {
  if (line.startsWith('CEF:')) return cefId(line);
  if (line.startsWith('LEEF:')) return leefId(line);
  const item = objectOf(line);
  return item === null ? null : jsonId(item, line);
}

/** Most lines of another format are told apart by their first character. */
function objectOf(line: string): object | null {
  return line.startsWith('{') ? parseObject(line) : null;
}

function at(document: object, place: readonly string[]): unknown {
  let value: unknown = document;
  for (const key of place) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
