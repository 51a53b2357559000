import { hash } from 'node:crypto';

import type { Json } from '../model/event.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import { canonicalJson } from './canonical-json.ts';
import type { CanonicalEvent, Format } from './format.ts';
import { readJson } from './json.ts';
import { markedRaw } from './line-ids.ts';

/**
 * How each format's record carries its place in the journal and a digest of itself, and how both are read from it again: the two
 * directions stand together because they must agree. docs/heartbeat.md shows them.
 */

/** A rendered event that carries its seal. */
export interface Sealed {
  readonly body: string;
  /** SHA-256 of the record without its seal, in base64url. */
  readonly digest: string;
}

export type Seal = (body: string, event: Pick<CanonicalEvent, 'seq' | 'id'>) => Sealed;

/** What a record says of itself. */
export interface OpenedSeal {
  readonly stream: string;
  readonly seq: number;
  readonly digest: string;
  /** `trimmed`: a sink shortened it and said so, so that nothing tells whether it was changed. */
  readonly content: 'intact' | 'changed' | 'trimmed';
}

const SEAL = 'auditferry_seal';
const SEQ = 'auditferry_seq';
const TEXT_SEAL = 'auditferrySeal';
const TEXT_SEQ = 'auditferrySeq';
const SEAL_TEXT = /^([0-9a-f]{16})\.([A-Za-z0-9_-]{43})$/;
/** Hex digits of a stream's name. */
const STREAM_DIGITS = 16;

/** Names what one journal sends to one sink. */
export function streamOf(installationId: string, sink: string): string {
  return hash('sha256', `${installationId}\n${sink}`).slice(0, STREAM_DIGITS);
}

/**
 * Where a format keeps them: behind the first `…` of the text that is written here. It is always a key of ours: within a text of the
 * event the quotation marks would be escaped, and what holds keys of the event's comes later. Null: at the end of the document.
 */
interface Places {
  readonly seq: { readonly after: string; readonly key: string } | null;
  readonly seal: { readonly after: string } | null;
}

const PLACES: Readonly<Record<string, Places>> = {
  ecs: { seq: { after: '"event":{', key: 'sequence' }, seal: null },
  ocsf: { seq: { after: '"metadata":{', key: 'sequence' }, seal: { after: '"unmapped":{' } },
  // In front: Splunk extracts fields from the first kilobytes only.
  cim: { seq: { after: '{', key: SEQ }, seal: { after: '{' } },
};
const AT_THE_END: Places = { seq: null, seal: null };

/** Seals what `format` renders. Throws for a body that has no place for it: that is an event which cannot be rendered. */
export function createSeal({ name, kind }: Pick<Format, 'name' | 'kind'>, stream: string): Seal {
  if (kind === 'text') return (body, { seq }) => sealText(body, seq, stream);
  const places = PLACES[name] ?? AT_THE_END;
  return (body, { seq, id }) => {
    const numbered = insert(body, places.seq?.after ?? null, `"${places.seq?.key ?? SEQ}":${seq}`);
    // An item that states no id goes by what it says, and now it says more.
    const marked = name === 'raw' ? markedRaw(numbered, id) : numbered;
    const digest = digestOf(marked);
    return { body: insert(marked, places.seal?.after ?? null, `"${SEAL}":"${stream}.${digest}"`), digest };
  };
}

function insert(body: string, after: string | null, member: string): string {
  if (after !== null) {
    const at = body.indexOf(after);
    if (at < 0) throw new Error(`the document has no ${after} to number it by`);
    return `${body.slice(0, at + after.length)}${member},${body.slice(at + after.length)}`;
  }
  const end = body.lastIndexOf('}');
  if (end < 0 || !body.startsWith('{'))
    throw new Error('the document is not an object, and cannot be numbered');
  const start = body.slice(0, end).trimEnd();
  return `${start}${start === '{' ? '' : ','}${member}}`;
}

/** Of the text where it is no JSON: what the receiver makes of that is its own affair. */
function digestOf(text: string): string {
  const { value } = readJson(text);
  return hash('sha256', value === undefined ? text.trim() : canonicalJson(value), 'base64url');
}

// --- CEF and LEEF ---

/** Up to where the fields begin: a sink that shortens a line cuts it from the end. */
const TEXT_HEADER =
  /^(?:CEF:\d+\|(?:(?:[^\\|]|\\.)*\|){6} ?|LEEF:1\.0\|(?:[^|]*\|){4}|LEEF:2\.0\|(?:[^|]*\|){5})/;
const TEXT_FIELDS =
  /^auditferrySeq=(\d{1,16})[ \t]auditferrySeal=([0-9a-f]{16}\.[A-Za-z0-9_-]{43})(?:[ \t]|$)/;
/** What `trim` of the syslog sink leaves in a line. */
const TRIMMED_TEXT = /[ \t]truncated=true[ \t]/;

function sealText(body: string, seq: bigint, stream: string): Sealed {
  const header = TEXT_HEADER.exec(body)?.[0];
  if (header === undefined) throw new Error('the line has no header to number it behind');
  const fields = body.slice(header.length);
  const divider = body.startsWith('LEEF:') ? '\t' : ' ';
  const digest = hash('sha256', `${header}${TEXT_SEQ}=${seq}${divider}${fields}`, 'base64url');
  const seal = `${TEXT_SEQ}=${seq}${divider}${TEXT_SEAL}=${stream}.${digest}${divider}`;
  return { body: `${header}${seal}${fields}`, digest };
}

function openText(line: string): OpenedSeal | null {
  const header = TEXT_HEADER.exec(line)?.[0];
  if (header === undefined) return null;
  const fields = line.slice(header.length);
  const [found, seq = '', text = ''] = TEXT_FIELDS.exec(fields) ?? [];
  const [, stream = '', digest = ''] = SEAL_TEXT.exec(text) ?? [];
  if (found === undefined) return null;
  const divider = line.startsWith('LEEF:') ? '\t' : ' ';
  const seen = hash(
    'sha256',
    `${header}${TEXT_SEQ}=${seq}${divider}${fields.slice(found.length)}`,
    'base64url',
  );
  const content = seen === digest ? 'intact' : TRIMMED_TEXT.test(fields) ? 'trimmed' : 'changed';
  return { stream, seq: Number(seq), digest, content };
}

// --- reading ---

/** What a record says of itself; null where it is no sealed record. `record` is a line of CEF or LEEF, or a parsed document. */
export function openSeal(record: Json): OpenedSeal | null {
  if (typeof record === 'string') return openText(record);
  if (!isObject(record)) return null;
  const { [SEAL]: own, ...rest } = record;
  const { unmapped } = record;
  if (typeof own === 'string') return opened(own, rest);
  if (!isObject(unmapped)) return null;
  const { [SEAL]: inner, ...others } = unmapped;
  return typeof inner === 'string' ? opened(inner, { ...record, unmapped: others }) : null;
}

type Document = JsonObject;

function opened(text: string, document: Document): OpenedSeal | null {
  const [, stream, digest] = SEAL_TEXT.exec(text) ?? [];
  const seq = [
    document[SEQ],
    memberOf(document['event'], 'sequence'),
    memberOf(document['metadata'], 'sequence'),
  ]
    .map(Number)
    .find((number) => Number.isSafeInteger(number) && number >= 0);
  if (stream === undefined || digest === undefined || seq === undefined) return null;
  return { stream, seq, digest, content: contentOf(document, digest) };
}

function contentOf(document: Document, digest: string): OpenedSeal['content'] {
  for (const form of formsOf(document)) {
    if (hash('sha256', canonicalJson(form), 'base64url') === digest) return 'intact';
  }
  return memberOf(document['auditferry'], 'truncated') === true ? 'trimmed' : 'changed';
}

/** The document, and without the times that a receiver adds for itself. */
function* formsOf(document: Document): Generator<Document> {
  yield document;
  const { event } = document;
  const { '@timestamp': time, ...untimed } = document;
  if (time !== undefined) yield untimed;
  if (!isObject(event) || event['ingested'] === undefined) return;
  const { ingested: _, ...sent } = event;
  yield { ...document, event: sent };
}

function memberOf(value: Json | undefined, key: string): Json | undefined {
  return isObject(value) ? value[key] : undefined;
}
