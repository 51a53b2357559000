import { readJson } from '../formats/json.ts';
import type { Json } from '../model/event.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';

/** A record as it was sent, without what a receiver's export put around it. */
export interface Unwrapped {
  /** A parsed document, or a line of CEF or LEEF. */
  readonly record: Json;
  /** Nothing was around it: where it stands in the file is where it was written. */
  readonly bare: boolean;
}

/** Searches and pages stand in one another, but not deeper than this. */
const DEPTH_LIMIT = 6;
/** Shorter ones are never read in part. Characters. */
const PAGE_LIMIT = 200_000;
const NOTHING: readonly Unwrapped[] = [];

/**
 * The records of one line of an export, in whichever of these forms: as our file sink writes it; Splunk's `{"result":{"_raw":…}}`; a HEC
 * event; a hit of Elasticsearch with its `_source`, or a page of them; a row of Sentinel; a message of syslog with its header. None: nothing to be read.
 */
export function recordsIn(line: string): readonly Unwrapped[] {
  const text = line.trim().replace(/,$/, ''); // one of an array that takes a line for each
  if (text === '' || text === '[' || text === ']') return NOTHING;
  return fromText(text, true, 0);
}

function fromText(text: string, bare: boolean, depth: number): readonly Unwrapped[] {
  if (!text.startsWith('{') && !text.startsWith('[')) {
    const at = text.search(/\b(?:CEF:\d|LEEF:\d)/);
    if (at >= 0) return [{ record: text.slice(at), bare }];
    const brace = text.indexOf('{');
    return brace < 0 ? NOTHING : fromText(text.slice(brace), bare, depth);
  }
  const { value, cut } = readJson(text);
  // A whole page of a search in one line may be too large to be read at once, and a part of it proves nothing.
  const partly = cut && text.length > PAGE_LIMIT;
  return value === undefined || partly ? NOTHING : fromValue(value, bare, depth);
}

function fromValue(value: Json, bare: boolean, depth: number): readonly Unwrapped[] {
  if (depth > DEPTH_LIMIT) return NOTHING;
  if (Array.isArray(value))
    return (value as readonly Json[]).flatMap((item) => fromValue(item, bare, depth + 1));
  if (!isObject(value)) return NOTHING;
  const inner = around(value);
  if (inner === null) return [{ record: value, bare }];
  return typeof inner === 'string'
    ? fromText(inner.trim(), false, depth + 1)
    : fromValue(inner, false, depth + 1);
}

/** What stands within a receiver's wrapping; null where there is none. Our own documents have none of these members. */
function around(value: JsonObject): Json | null {
  const { result, results, hits, _raw: raw, _source: source, event, message } = value;
  if (typeof raw === 'string') return raw;
  if (isObject(source)) return source;
  if (isObject(result) && result['_raw'] !== undefined) return result;
  if (Array.isArray(results)) return results as Json;
  if (isObject(hits) && Array.isArray(hits['hits'])) return hits['hits'] as Json;
  if (typeof value['EventTime'] === 'string' && value['Event'] !== undefined) return value['Event'];
  if (typeof value['sourcetype'] === 'string' && event !== undefined && event !== null) return event;
  const isText = typeof message === 'string' && /^(?:CEF|LEEF):\d/.test(message);
  return isText && value['auditferry_heartbeat'] === undefined ? message : null;
}
