import type { FakeAnswer, FakeRequest } from '../faults.ts';
import { makeStream, openIndex } from './store.ts';
import type { Store, StoredIndex, StoredStream } from './store.ts';

export interface BulkRules {
  readonly store: Store;
  readonly opensearch: boolean;
  readonly failureStore: boolean;
  readonly autoCreateIndex: boolean;
  /** Template with `data_stream` that matches a name, if any. */
  streamTemplate(name: string): string | null;
  /** How the next document with this id ends, when it does not end well. */
  troubleFor(id: string): ItemTrouble | null;
  readonly pipelines: ReadonlySet<string>;
}

export interface ItemTrouble {
  readonly status: number;
  readonly type: string;
  readonly reason: string;
}

/** Query parameters that the bulk endpoint knows. A real cluster refuses any other before it reads the body. */
const PARAMETERS = [
  'filter_path',
  'pipeline',
  'refresh',
  'require_alias',
  'timeout',
  'wait_for_active_shards',
];

const ID_LIMIT_BYTES = 512;

export function knownParameters(opensearch: boolean, old: boolean): readonly string[] {
  return opensearch || old ? PARAMETERS : [...PARAMETERS, 'require_data_stream', 'include_source_on_error'];
}

/** Reads action line, source line, action line … as strictly as the real parser, and stores what fits. */
export function bulk(
  request: FakeRequest,
  target: string | null,
  rules: BulkRules,
): FakeAnswer & { json?: unknown } {
  if (request.headers['content-type'] !== 'application/x-ndjson') {
    return refusal(406, 'media_type_header_exception', 'Content-Type is not supported');
  }
  const text = new TextDecoder('utf-8', { fatal: true }).decode(request.body);
  if (!text.endsWith('\n')) {
    return refusal(
      400,
      'illegal_argument_exception',
      'The bulk request must be terminated by a newline [\\n]',
    );
  }
  const lines = text.slice(0, -1).split('\n');
  if (lines.length % 2 !== 0)
    return refusal(400, 'illegal_argument_exception', 'Malformed action/metadata line');
  const items: unknown[] = [];
  for (let line = 0; line < lines.length; line += 2) {
    const action = readAction(lines[line] ?? '');
    if (action === null) {
      return refusal(400, 'illegal_argument_exception', `Malformed action/metadata line [${line + 1}]`);
    }
    items.push({
      create: createOne(action.index ?? target, action.id, lines[line + 1] ?? '', request, rules),
    });
  }
  const errors = items.some((item) => (item as { create: { status: number } }).create.status >= 300);
  return { status: 200, json: { took: 3, errors, items } };
}

export function refusal(status: number, type: string, reason: string): FakeAnswer & { json: unknown } {
  return { status, json: { error: { root_cause: [{ type, reason }], type, reason }, status } };
}

function readAction(line: string): { readonly index: string | null; readonly id: string } | null {
  let action: unknown;
  try {
    action = JSON.parse(line);
  } catch {
    return null;
  }
  const create = (action as { create?: { _id?: unknown; _index?: unknown } }).create;
  if (create === undefined || typeof create._id !== 'string') return null;
  const strange = Object.keys(create).filter((key) => key !== '_id' && key !== '_index');
  if (strange.length > 0 || Object.keys(action as object).length !== 1) return null;
  return { index: typeof create._index === 'string' ? create._index : null, id: create._id };
}

function createOne(
  name: string | null,
  id: string,
  source: string,
  request: FakeRequest,
  rules: BulkRules,
): Readonly<Record<string, unknown>> {
  const failed = (index: string, trouble: ItemTrouble) => ({
    _index: index,
    _id: id,
    status: trouble.status,
    error: { type: trouble.type, reason: trouble.reason },
  });
  if (name === null)
    return failed('', {
      status: 400,
      type: 'action_request_validation_exception',
      reason: 'index is missing',
    });
  const pipeline = request.query.get('pipeline');
  if (pipeline !== null && pipeline !== '_none' && !rules.pipelines.has(pipeline)) {
    const reason = `pipeline with id [${pipeline}] does not exist`;
    return failed(name, { status: 400, type: 'illegal_argument_exception', reason });
  }
  const place = placeFor(name, request.query.get('require_data_stream') === 'true', rules);
  if ('status' in place) return failed(name, place);
  const trouble = rules.troubleFor(id) ?? documentTrouble(id, source, place.stream !== null);
  if (trouble !== null)
    return troubled(place, id, source, trouble, rules) ?? failed(place.index.name, trouble);
  if (place.index.documents.has(id)) {
    const reason = `[${id}]: version conflict, document already exists (current version [1])`;
    return failed(place.index.name, { status: 409, type: 'version_conflict_engine_exception', reason });
  }
  place.index.documents.set(id, { id, source, visible: false });
  const failureStore =
    place.stream !== null && !rules.opensearch ? { failure_store: 'not_applicable_or_unknown' } : {};
  return { _index: place.index.name, _id: id, _version: 1, result: 'created', status: 201, ...failureStore };
}

/** Only what the mapping refuses goes to the failure store; conflicts, throttling and a `drop` do not. */
function troubled(
  place: Place,
  id: string,
  source: string,
  trouble: ItemTrouble,
  rules: BulkRules,
): Readonly<Record<string, unknown>> | null {
  if (trouble.status === 200)
    return { _index: place.index.name, _id: id, _version: -4, result: 'noop', status: 200 };
  if (!rules.failureStore || place.stream === null || trouble.status !== 400) return null;
  place.stream.failures.push({ id, source });
  const index = `.fs-${place.stream.name}-2026.01.02-000001`;
  return {
    _index: index,
    _id: `f${place.stream.failures.length}`,
    result: 'created',
    status: 201,
    failure_store: 'used',
  };
}

interface Place {
  readonly index: StoredIndex;
  readonly stream: StoredStream | null;
}

function placeFor(name: string, requireStream: boolean, rules: BulkRules): Place | ItemTrouble {
  const template = rules.streamTemplate(name);
  const plain = rules.store.indices.get(name);
  if (plain !== undefined && !requireStream) return { index: plain, stream: null };
  const stream =
    rules.store.streams.get(name) ??
    (template === null ? undefined : makeStream(rules.store, name, template));
  const write = stream?.indices.at(-1);
  if (stream !== undefined && write !== undefined) return { index: write, stream };
  if (requireStream || !rules.autoCreateIndex) {
    return { status: 404, type: 'index_not_found_exception', reason: `no such index [${name}]` };
  }
  const made = openIndex(name);
  rules.store.indices.set(name, made);
  return { index: made, stream: null };
}

function documentTrouble(id: string, source: string, inStream: boolean): ItemTrouble | null {
  if (Buffer.byteLength(id) > ID_LIMIT_BYTES) {
    const reason = `id is too long, must be no longer than 512 bytes but was: ${Buffer.byteLength(id)}`;
    return { status: 400, type: 'action_request_validation_exception', reason };
  }
  let document: unknown;
  try {
    document = JSON.parse(source);
  } catch {
    return {
      status: 400,
      type: 'document_parsing_exception',
      reason: `[1:2] failed to parse: '${source.slice(0, 99)}'`,
    };
  }
  // The real parser refuses half of a surrogate pair.
  if (!JSON.stringify(document).isWellFormed() || /\\ud[89a-f]/i.test(JSON.stringify(document))) {
    return { status: 400, type: 'document_parsing_exception', reason: '[1:2] Incomplete surrogate pair' };
  }
  const time = (document as { '@timestamp'?: unknown })['@timestamp'];
  if (inStream && (typeof time !== 'string' || Number.isNaN(Date.parse(time)))) {
    const reason = 'data stream timestamp field [@timestamp] is missing';
    return { status: 400, type: 'document_parsing_exception', reason };
  }
  return null;
}
