import { bulk, knownParameters, refusal } from './elastic/bulk.ts';
import type { BulkRules, ItemTrouble } from './elastic/bulk.ts';
import {
  allDocuments,
  filterPath,
  indicesOf,
  makeStream,
  openStore,
  refreshAll,
  rollOver,
} from './elastic/store.ts';
import type { Store } from './elastic/store.ts';
import type { FakeAnswer, FakeReceiver, FakeRequest } from './faults.ts';

export interface FakeElasticsearchOptions {
  readonly flavour?: 'elasticsearch' | 'opensearch';
  /** What `GET /` shows. */
  readonly version?: string;
  readonly serverless?: boolean;
  /** The one Authorization header that is let in; absent: security is off. */
  readonly authorization?: string;
  /** The only authorization whose documents are taken. */
  readonly writer?: string;
  /** What those credentials may do; by default everything. */
  readonly privileges?: readonly string[];
  /** A template with `data_stream` for `logs-*` is there from the beginning. */
  readonly builtInTemplate?: boolean;
  readonly failureStore?: boolean;
  readonly autoCreateIndex?: boolean;
  /** A longer bulk body is refused with 413. */
  readonly maxBytes?: number;
  /** A shard does not answer searches. */
  readonly shardMissing?: boolean;
  readonly indexMode?: string;
  readonly pipelines?: readonly string[];
}

export interface FakeElasticsearch {
  readonly receive: FakeReceiver;
  readonly store: Store;
  readonly stored: Map<string, Readonly<Record<string, unknown>>>;
  /** Ids held, copies apart, in order of indices. */
  ids(): readonly string[];
  source(id: string): string | undefined;
  /** A new backing index takes what is written from now on. */
  rollOver(stream: string): void;
  /** Documents with these ids end like that: for good, or `once`. */
  trouble(ids: readonly string[], trouble: ItemTrouble, once?: boolean): void;
}

export const MAPPING_TROUBLE: ItemTrouble = {
  status: 400,
  type: 'document_parsing_exception',
  reason:
    "[1:233] failed to parse field [source.ip] of type [ip] in document with id 'x'. Preview of field's value: 'never-show-this-body'",
};

export const THROTTLED: ItemTrouble = {
  status: 429,
  type: 'es_rejected_execution_exception',
  reason: 'rejected execution of primary operation [coordinating_and_primary_bytes=12345]',
};

type Answer = FakeAnswer & { json?: unknown };

/** A cluster as strict as the documentation: everything not understood is refused, nothing is silently accepted. */
export function fakeElasticsearch(options: FakeElasticsearchOptions = {}): FakeElasticsearch {
  const store = openStore();
  const stored = new Map<string, Readonly<Record<string, unknown>>>();
  const troubles = new Map<string, { readonly trouble: ItemTrouble; readonly once: boolean }>();
  const opensearch = options.flavour === 'opensearch';
  const rules: BulkRules = {
    store,
    opensearch,
    failureStore: options.failureStore ?? false,
    autoCreateIndex: options.autoCreateIndex ?? true,
    pipelines: new Set(options.pipelines ?? []),
    streamTemplate: (name) => streamTemplate(name, options, stored),
    troubleFor: (id) => {
      const found = troubles.get(id);
      if (found?.once === true) troubles.delete(id);
      return found?.trouble ?? null;
    },
  };
  const answer = (request: FakeRequest): Answer => {
    if (options.authorization !== undefined && request.headers.authorization !== options.authorization) {
      return refusal(401, 'security_exception', `unable to authenticate with provided credentials`);
    }
    return route(request, options, rules, stored);
  };
  return {
    store,
    stored,
    receive: (request) => finish(request, answer(request), opensearch),
    ids: () => allDocuments(store).map((document) => document.id),
    source: (id) => allDocuments(store).find((document) => document.id === id)?.source,
    rollOver: (name) => {
      const stream = store.streams.get(name);
      if (stream === undefined) throw new Error(`no stream ${name}`);
      rollOver(stream);
    },
    trouble: (ids, trouble, once = false) => {
      for (const id of ids) troubles.set(id, { trouble, once });
    },
  };
}

function finish(request: FakeRequest, answer: Answer, opensearch: boolean): FakeAnswer {
  const filter = request.query.get('filter_path');
  const json = filter === null ? answer.json : filterPath(answer.json ?? {}, filter);
  const product: Record<string, string> = opensearch ? {} : { 'x-elastic-product': 'Elasticsearch' };
  const headers = { 'content-type': 'application/json', ...product };
  return { status: answer.status, headers, body: JSON.stringify(json) };
}

/** As a cluster refuses documents, and not the request, of a key that may sign in but not write. */
function refusedItems(request: FakeRequest): Answer {
  const lines = request.body.toString().trimEnd().split('\n').length / 2;
  const error = { type: 'security_exception', reason: 'action [indices:data/write/bulk] is unauthorized' };
  const items = Array.from({ length: lines }, () => ({ create: { status: 403, error } }));
  return { status: 200, json: { took: 1, errors: true, items } };
}

function route(
  request: FakeRequest,
  options: FakeElasticsearchOptions,
  rules: BulkRules,
  stored: Map<string, Readonly<Record<string, unknown>>>,
): Answer {
  const may = (privilege: string) => options.privileges?.includes(privilege) ?? true;
  const denied = (action: string) =>
    refusal(403, 'security_exception', `action [${action}] is unauthorized for user [u]`);
  const parts = request.path.split('/').slice(1).map(decodeURIComponent);
  const last = parts.at(-1);
  if (request.path === '/')
    return may('monitor') ? { status: 200, json: about(options) } : denied('cluster:monitor/main');
  if (last === '_bulk') {
    if (!may('create_doc')) return denied('indices:data/write/bulk');
    if (options.writer !== undefined && request.headers.authorization !== options.writer)
      return refusedItems(request);
    return bulkOf(request, parts.length === 1 ? null : (parts[0] ?? null), options, rules);
  }
  if (last === '_search')
    return may('read')
      ? search(request, parts[0] ?? '', options, rules.store)
      : denied('indices:data/read/search');
  if (request.path === '/_mget')
    return may('read') ? multiGet(request, rules.store) : denied('indices:data/read/mget');
  if (last === '_refresh') {
    if (!may('maintenance')) return denied('indices:admin/refresh');
    refreshAll(rules.store, parts[0] ?? '');
    return { status: 200, json: { _shards: { failed: 0 } } };
  }
  if (parts[0] === '_data_stream') return dataStream(request, parts[1] ?? '', options, rules);
  if (request.path === '/_security/user/_has_privileges') return hasPrivileges(request, options, may);
  if (!may('manage_index_templates')) return denied('cluster:admin');
  return pieces(request, parts, options, stored);
}

function about(options: FakeElasticsearchOptions): unknown {
  const opensearch = options.flavour === 'opensearch';
  const number = options.version ?? (opensearch ? '2.19.1' : '9.1.2');
  const distribution = opensearch ? { distribution: 'opensearch' } : {};
  const flavor = opensearch ? {} : { build_flavor: options.serverless === true ? 'serverless' : 'default' };
  return {
    name: 'node',
    cluster_name: 'fake',
    version: { ...distribution, number, ...flavor },
    tagline: 'fake',
  };
}

function bulkOf(
  request: FakeRequest,
  target: string | null,
  options: FakeElasticsearchOptions,
  rules: BulkRules,
): Answer {
  const old = options.version !== undefined && options.version < '8.13' && options.version.startsWith('8');
  const known = knownParameters(rules.opensearch, old);
  const unknown = [...request.query.keys()].filter((key) => !known.includes(key)).map((key) => `[${key}]`);
  if (unknown.length > 0) {
    const plural = unknown.length > 1 ? 'parameters' : 'parameter';
    const reason = `request [${request.path}] contains unrecognized ${plural}: ${unknown.join(', ')}`;
    return refusal(400, 'illegal_argument_exception', reason);
  }
  if (options.maxBytes !== undefined && request.body.length > options.maxBytes)
    return { status: 413, json: {} };
  return bulk(request, target, rules);
}

function search(
  request: FakeRequest,
  pattern: string,
  options: FakeElasticsearchOptions,
  store: Store,
): Answer {
  const question = JSON.parse(request.body.toString()) as {
    query: { ids: { values: string[] } };
    size: number;
    _source: readonly string[];
  };
  const wanted = new Set(question.query.ids.values);
  const hits = indicesOf(store, pattern).flatMap((index) =>
    [...index.documents.values()]
      .filter((document) => document.visible && wanted.has(document.id))
      .map((document) => ({
        _index: index.name,
        _id: document.id,
        _score: 1,
        _source: sourceFields(document.source, question._source),
      })),
  );
  const failed = options.shardMissing === true ? 1 : 0;
  const total = { value: hits.length, relation: 'eq' };
  return {
    status: 200,
    json: {
      timed_out: false,
      _shards: { total: 2, failed },
      hits: { total, hits: hits.slice(0, question.size) },
    },
  };
}

function multiGet(request: FakeRequest, store: Store): Answer {
  const { docs } = JSON.parse(request.body.toString()) as { docs: { _index: string; _id: string }[] };
  const fields = (request.query.get('_source_includes') ?? '').split(',');
  const found = docs.map(({ _index, _id }) => {
    // Backing indices by their own names only, as the real thing: a stream has no one document of an id.
    const all = [...store.streams.values()].flatMap((stream) => stream.indices);
    const index = store.indices.get(_index) ?? all.find(({ name }) => name === _index);
    const source = index?.documents.get(_id)?.source;
    if (source === undefined) return { _index, _id, found: false };
    return { _index, _id, found: true, _source: sourceFields(source, fields) };
  });
  return { status: 200, json: { docs: found } };
}

/** Only the named members, as `_source` filters them. */
function sourceFields(source: string, fields: readonly string[]): unknown {
  return filterPath(JSON.parse(source), fields.join(','));
}

function dataStream(
  request: FakeRequest,
  name: string,
  options: FakeElasticsearchOptions,
  rules: BulkRules,
): Answer {
  const may = (privilege: string) => options.privileges?.includes(privilege) ?? true;
  if (!may('view_index_metadata')) return refusal(403, 'security_exception', 'action is unauthorized');
  const stream = rules.store.streams.get(name);
  if (request.method === 'PUT') {
    const template = rules.streamTemplate(name);
    const reason = `no matching index template found for data stream [${name}]`;
    if (template === null) return refusal(400, 'illegal_argument_exception', reason);
    makeStream(rules.store, name, template);
    return { status: 200, json: { acknowledged: true } };
  }
  if (stream === undefined) return refusal(404, 'index_not_found_exception', `no such index [${name}]`);
  const indices = stream.indices.map((index) => ({ index_name: index.name }));
  const mode = options.indexMode === undefined ? {} : { index_mode: options.indexMode };
  return { status: 200, json: { data_streams: [{ name, indices, template: stream.template, ...mode }] } };
}

function hasPrivileges(
  request: FakeRequest,
  options: FakeElasticsearchOptions,
  may: (name: string) => boolean,
): Answer {
  if (options.flavour === 'opensearch') return refusal(400, 'illegal_argument_exception', 'no handler found');
  const asked = JSON.parse(request.body.toString()) as { index: { names: string[]; privileges: string[] }[] };
  const index = Object.fromEntries(
    asked.index.flatMap(({ names, privileges }) =>
      names.map((name) => [
        name,
        Object.fromEntries(privileges.map((privilege) => [privilege, may(privilege)])),
      ]),
    ),
  );
  return { status: 200, json: { username: 'u', has_all_requested: false, index } };
}

const KINDS: Readonly<Record<string, { readonly list: string; readonly item: string } | null>> = {
  _component_template: { list: 'component_templates', item: 'component_template' },
  _index_template: { list: 'index_templates', item: 'index_template' },
  _ilm: null,
  _plugins: null,
  _ingest: null,
};

/** Templates, policies and pipelines: put, and given back tidied as the real thing does. */
function pieces(
  request: FakeRequest,
  parts: readonly string[],
  options: FakeElasticsearchOptions,
  stored: Map<string, Readonly<Record<string, unknown>>>,
): Answer {
  const opensearch = options.flavour === 'opensearch';
  const kind = KINDS[parts[0] ?? ''];
  const foreign =
    parts[0] === (opensearch ? '_ilm' : '_plugins') || (parts[0] === '_ilm' && options.serverless === true);
  if (kind === undefined || foreign)
    return refusal(400, 'illegal_argument_exception', 'no handler found for uri');
  const name = parts.at(-1) ?? '';
  if (request.method === 'PUT') {
    const body = JSON.parse(request.body.toString()) as Readonly<Record<string, unknown>>;
    stored.set(request.path, body);
    return { status: 200, json: { acknowledged: true } };
  }
  if (parts.length === 1 && kind !== null) {
    const all = [...stored].filter(([path]) => path.startsWith(`/${parts[0]}/`));
    const builtIn = options.builtInTemplate === true ? [BUILT_IN] : [];
    const found = all.map(([path, body]) => ({ name: path.split('/').at(-1), [kind.item]: tidy(body) }));
    return { status: 200, json: { [kind.list]: [...builtIn, ...found] } };
  }
  const body = stored.get(request.path);
  if (body === undefined) return refusal(404, 'resource_not_found_exception', `[${name}] not found`);
  if (kind === null) return { status: 200, json: { [name]: { version: 1, ...body } } };
  return { status: 200, json: { [kind.list]: [{ name, [kind.item]: tidy(body) }] } };
}

const BUILT_IN = {
  name: 'logs',
  index_template: { index_patterns: ['logs-*-*'], priority: 100, data_stream: { hidden: false } },
};

/** Settings come back nested and as text, `data_stream` with its defaults. */
function tidy(body: Readonly<Record<string, unknown>>): unknown {
  const template = (body['template'] ?? {}) as Readonly<Record<string, unknown>>;
  const settings = Object.entries((template['settings'] ?? {}) as Readonly<Record<string, unknown>>);
  const nested: Record<string, unknown> = {};
  for (const [key, value] of settings) {
    const keys = key.split('.');
    const leaf = keys.pop() ?? '';
    let level = nested;
    for (const step of keys) level = (level[step] ??= {}) as Record<string, unknown>;
    level[leaf] = String(value);
  }
  return {
    ...body,
    template: { ...template, ...(settings.length === 0 ? {} : { settings: nested }) },
    ...(body['data_stream'] === undefined
      ? {}
      : { data_stream: { hidden: false, allow_custom_routing: false } }),
  };
}

function streamTemplate(
  name: string,
  options: FakeElasticsearchOptions,
  stored: ReadonlyMap<string, Readonly<Record<string, unknown>>>,
): string | null {
  for (const [path, body] of stored) {
    const patterns = (body['index_patterns'] ?? []) as readonly string[];
    const hit = patterns.some((pattern) => name.startsWith(pattern.replace(/\*.*$/, '')));
    if (path.startsWith('/_index_template/') && hit) return body['data_stream'] === undefined ? null : path;
  }
  return options.builtInTemplate === true && /^logs-[^-]+-/.test(name) ? 'logs' : null;
}
