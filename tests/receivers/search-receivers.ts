import { pbkdf2Sync, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { Agent, request } from 'undici';

import type { Certificates } from './certificates.ts';
import { fillTemplate, freePorts, removeFolder, runFolder, startProgram, until } from './processes.ts';
import type { Running } from './processes.ts';
import {
  ELASTICSEARCH_FOLDER,
  findProgram,
  javaHome,
  OPENSEARCH_FOLDER,
  RECEIVERS_FOLDER,
  SECURED_OPENSEARCH_FOLDER,
} from './receivers.ts';

/** A running node of OpenSearch or Elasticsearch. */
export interface SearchReceiver {
  readonly url: string;
  /** One REST call as the administrator; the answer's text is parsed where it is JSON. */
  call(
    method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<RestAnswer>;
  /** Every document of an index, alias or data stream, after a refresh: id and the source's own text. */
  documents(index: string): Promise<readonly StoredDocument[]>;
  /** The password of ADMIN_NAME and WRITER_NAME; empty where the node knows no users. */
  readonly password: string;
  readonly running: Running;
  stop(): Promise<void>;
}

export interface RestAnswer {
  readonly status: number;
  /** As sent: JSON.parse would round numbers over 2^53. */
  readonly text: string;
  readonly json: unknown;
}

export interface StoredDocument {
  readonly id: string;
  readonly index: string;
  /** `_source` as JSON text, numbers untouched. */
  readonly source: string;
}

export const ADMIN_NAME = 'receiver-admin';
/** May write to and read from indices named audit-* only, see setup/search/roles.yml. */
export const WRITER_NAME = 'receiver-writer';
const START_LIMIT_MS = 180_000;
const DOCUMENTS_LIMIT = 5_000;
/** Small, so that a 413 of the real server can be had with little data. */
const MAX_CONTENT_LENGTH = '2mb';

/** One node, plain HTTP, no users: what an OpenSearch without its security plugin is. */
export async function startOpenSearch(): Promise<SearchReceiver> {
  const folder = runFolder('opensearch');
  const ports = await freePorts('http', 'transport');
  const config = makeConfig(folder, OPENSEARCH_FOLDER);
  fillTemplate('search/opensearch.yml', join(config, 'opensearch.yml'), words(folder, ports));
  const url = `http://127.0.0.1:${ports.http}`;
  const call = caller(url, new Agent(), '');
  const running = await startNode(folder, join(OPENSEARCH_FOLDER, 'bin/opensearch'), call, {
    OPENSEARCH_JAVA_HOME: javaHome() ?? '',
    OPENSEARCH_PATH_CONF: config,
    OPENSEARCH_TMPDIR: join(folder, 'tmp'),
  });
  return searchReceiver(folder, url, call, '', running);
}

/** One node with the security plugin: HTTPS and roles. The administrator goes by the client certificate; there are no other users yet. */
export async function startSecuredOpenSearch(certificates: Certificates): Promise<SearchReceiver> {
  const folder = runFolder('opensearch-security');
  const ports = await freePorts('http', 'transport');
  const config = makeConfig(folder, SECURED_OPENSEARCH_FOLDER);
  fillTemplate('search/opensearch.yml', join(config, 'opensearch.yml'), words(folder, ports));
  fillTemplate('search/opensearch-security.yml', join(config, 'security.yml'), {});
  appendFileSync(join(config, 'opensearch.yml'), readFileSync(join(config, 'security.yml')));
  rmSync(join(config, 'security.yml'));
  cpSync(
    join(RECEIVERS_FOLDER, SECURED_OPENSEARCH_FOLDER, 'config/opensearch-security'),
    join(config, 'opensearch-security'),
    { recursive: true },
  );
  const { server, client, caFile } = certificates;
  copyFileSync(server.certFile, join(config, 'server.pem'));
  copyFileSync(server.keyFile, join(config, 'server.key'));
  copyFileSync(caFile, join(config, 'ca.pem'));
  const url = `https://localhost:${ports.http}`;
  const connect = {
    ca: readFileSync(caFile),
    cert: readFileSync(client.certFile),
    key: readFileSync(client.keyFile),
  };
  const call = caller(url, new Agent({ connect }), '');
  const running = await startNode(folder, join(SECURED_OPENSEARCH_FOLDER, 'bin/opensearch'), call, {
    OPENSEARCH_JAVA_HOME: javaHome() ?? '',
    OPENSEARCH_PATH_CONF: config,
    OPENSEARCH_TMPDIR: join(folder, 'tmp'),
  });
  const receiver = searchReceiver(folder, url, call, '', running);
  await until('the index of users and roles', START_LIMIT_MS, async () => {
    return (await call('GET', '/_plugins/_security/api/roles/')).status === 200;
  });
  return receiver;
}

/**
 * One node with HTTPS, users and API keys on. Client certificates are asked for, not demanded. `roles`: further users with a role of their
 * own name, since this build has no API to make them.
 */
export async function startElasticsearch(
  certificates: Certificates,
  roles: Readonly<Record<string, object>> = {},
): Promise<SearchReceiver> {
  const folder = runFolder('elasticsearch');
  const ports = await freePorts('http', 'transport');
  const config = makeConfig(folder, ELASTICSEARCH_FOLDER);
  fillTemplate('search/elasticsearch.yml', join(config, 'elasticsearch.yml'), words(folder, ports));
  copyFileSync(certificates.server.certFile, join(config, 'server.pem'));
  copyFileSync(certificates.server.keyFile, join(config, 'server.key'));
  copyFileSync(certificates.caFile, join(config, 'ca.pem'));
  const password = randomBytes(18).toString('base64url');
  const hash = hashPassword(password);
  const names = Object.keys(roles);
  const lines = (items: readonly string[]) => `${items.join('\n')}\n`;
  writeFileSync(
    join(config, 'users'),
    lines([ADMIN_NAME, WRITER_NAME, ...names].map((name) => `${name}:${hash}`)),
  );
  writeFileSync(
    join(config, 'users_roles'),
    lines([
      `superuser:${ADMIN_NAME}`,
      `receiver_writer:${WRITER_NAME}`,
      ...names.map((name) => `${name}:${name}`),
    ]),
  );
  fillTemplate('search/roles.yml', join(config, 'roles.yml'), {});
  // JSON is YAML.
  appendFileSync(
    join(config, 'roles.yml'),
    lines(Object.entries(roles).map(([name, role]) => `${name}: ${JSON.stringify(role)}`)),
  );
  const url = `https://localhost:${ports.http}`;
  const call = caller(url, new Agent({ connect: { ca: readFileSync(certificates.caFile) } }), password);
  const running = await startNode(folder, join(ELASTICSEARCH_FOLDER, 'bin/elasticsearch'), call, {
    ES_JAVA_HOME: javaHome() ?? '',
    ES_PATH_CONF: config,
    ES_TMPDIR: join(folder, 'tmp'),
  });
  return searchReceiver(folder, url, call, password, running);
}

function words(folder: string, ports: Readonly<Record<string, number>>): Record<string, string | number> {
  return { ...ports, folder, maxContentLength: MAX_CONTENT_LENGTH };
}

/** A configuration folder of the run's own: the installation's stays as it was unpacked. */
function makeConfig(folder: string, installation: string): string {
  const config = join(folder, 'config');
  mkdirSync(join(config, 'jvm.options.d'), { recursive: true });
  mkdirSync(join(folder, 'tmp'));
  copyFileSync(
    join(RECEIVERS_FOLDER, installation, 'config/log4j2.properties'),
    join(config, 'log4j2.properties'),
  );
  fillTemplate('search/jvm.options', join(config, 'jvm.options'), { folder });
  return config;
}

type Call = SearchReceiver['call'];

async function startNode(
  folder: string,
  program: string,
  call: Call,
  env: Readonly<Record<string, string>>,
): Promise<Running> {
  const [command, ...args] = asOrdinaryUser(join(RECEIVERS_FOLDER, program));
  return startProgram({
    command,
    args,
    env,
    folder,
    readyWithinMs: START_LIMIT_MS,
    ready: async () =>
      (await call('GET', '/_cluster/health?wait_for_status=yellow&timeout=1s')).status === 200,
  });
}

/** Both servers refuse to run as root: in a user namespace, root's files belong to an ordinary user and the server is that one. */
function asOrdinaryUser(program: string): readonly [string, ...string[]] {
  if (process.getuid?.() !== 0) return [program];
  return [findProgram('unshare') ?? 'unshare', '--user', '--map-user=1000', '--map-group=1000', program];
}

function caller(url: string, dispatcher: Agent, password: string): Call {
  const basic = Buffer.from(`${ADMIN_NAME}:${password}`).toString('base64');
  return async (method, path, body) => {
    const answer = await request(new URL(path, url), {
      dispatcher,
      method,
      headers: {
        ...(password === '' ? {} : { authorization: `Basic ${basic}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, text, json: parse(text) };
  };
}

function searchReceiver(
  folder: string,
  url: string,
  call: Call,
  password: string,
  running: Running,
): SearchReceiver {
  return {
    url,
    call,
    password,
    running,
    documents: async (index) => {
      await call('POST', `/${index}/_refresh`);
      const answer = await call('POST', `/${index}/_search?size=${DOCUMENTS_LIMIT}`, { sort: ['_doc'] });
      if (answer.status !== 200) throw new Error(`${index} cannot be searched: ${answer.text.slice(0, 300)}`);
      return documentsOf(answer.text);
    },
    stop: async () => {
      await running.stop();
      removeFolder(folder);
    },
  };
}

/** In the standard library since ES2025, but not in the compiler's names for it. */
const exact = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
};

interface Found {
  readonly hits: {
    readonly hits: readonly { readonly _id: string; readonly _index: string; readonly _source: object }[];
  };
}

/** Every number stays as the server wrote it: JSON.parse alone would round what a double cannot hold. */
function documentsOf(text: string): readonly StoredDocument[] {
  const found = exact.parse(text, (_key, value, context) => {
    return typeof value === 'number' && context.source !== undefined ? exact.rawJSON(context.source) : value;
  }) as Found;
  return found.hits.hits.map((hit) => ({
    id: hit._id,
    index: hit._index,
    source: JSON.stringify(hit._source),
  }));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // an HTML page or a plain word: the caller looks at `text`
  }
}

const HASH_ROUNDS = 10_000;

/** The hash of a password as the server's `users` file holds it. Source: Elasticsearch, security settings, password hashing. */
function hashPassword(password: string): string {
  const salt = randomBytes(32);
  const hash = pbkdf2Sync(password, salt, HASH_ROUNDS, 32, 'sha512');
  return `{PBKDF2}${HASH_ROUNDS}$${salt.toString('base64')}$${hash.toString('base64')}`;
}
