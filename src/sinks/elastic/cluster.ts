import { ForwardError } from '../../model/errors.ts';
import { isObject } from '../../model/json.ts';
import { openLimitedClient } from '../request-limit.ts';
import { showHeaders } from '../operator-headers.ts';
import type { OperatorHeaders } from '../operator-headers.ts';
import type { SinkContext } from '../sink.ts';
import { exchangeWith, isRefusal } from '../../net/credentials.ts';
import type { Show } from '../../net/credentials.ts';
import { openAuthorize } from '../../net/auth.ts';
import type { Authorize, AuthOptions } from '../../net/auth.ts';
import type { HttpClient, HttpResponse } from '../../net/http.ts';
import type { TlsOptions } from '../../net/tls.ts';

/** One question to the cluster. */
export interface ClusterRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Starts with a slash; may hold a query. */
  readonly path: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether an answer, read as JSON, refuses the credential although its status does not say so. */
  readonly refuses?: (json: unknown) => boolean;
}

export interface ClusterAnswer extends HttpResponse {
  /** Origin and path that answered, for messages. */
  readonly where: string;
  /** The body read as JSON; undefined when it is none. */
  readonly json: unknown;
}

/** The nodes behind a sink, asked in turn. */
export interface Cluster {
  /**
   * Any status resolves. A node that cannot be reached before a byte of the body left is passed over for the next one;
   * what may have been taken throws at once, and the next call starts at another node.
   */
  ask(request: ClusterRequest, signal: AbortSignal): Promise<ClusterAnswer>;
  close(): Promise<void>;
}

export interface ClusterOptions {
  readonly urls: readonly URL[];
  /** Called for each request, so that a credential read again is used at once. */
  readonly authorization: (show: Show) => Promise<string | undefined>;
  readonly auth?: AuthOptions | undefined;
  readonly headers?: OperatorHeaders | undefined;
  readonly timeoutMs: number;
  readonly tls?: TlsOptions | undefined;
  readonly context: SinkContext;
}

/** An answer names each item, and a mapping error may quote its document. */
const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024;

export function openCluster(options: ClusterOptions): Cluster {
  const client = openLimitedClient({ tls: options.tls }, options.context);
  const authorize = openAuthorize(options.auth ?? {}, { ...options.context, client });
  const asker: Asker = { ...options, client, authorize };
  let turn = 0;
  return {
    ask: async (request, signal) => {
      const first = turn;
      turn = (turn + 1) % options.urls.length;
      return askInTurn(asker, request, first, signal);
    },
    close: () => client.close(),
  };
}

interface Asker extends ClusterOptions {
  readonly client: HttpClient;
  readonly authorize: Authorize;
}

async function askInTurn(
  asker: Asker,
  request: ClusterRequest,
  first: number,
  signal: AbortSignal,
): Promise<ClusterAnswer> {
  let last: unknown;
  const { urls } = asker;
  for (let step = 0; step < urls.length; step += 1) {
    const base = urls[(first + step) % urls.length];
    if (base === undefined) continue;
    const url = new URL(`${base.pathname.replace(/\/+$/, '')}${request.path}`, base);
    try {
      return await askNode(asker, request, url, signal);
    } catch (error) {
      const passable = error instanceof ForwardError && error.kind === 'transient' && !error.ambiguous;
      if (!passable) throw error;
      last = error;
    }
  }
  throw last;
}

async function askNode(
  asker: Asker,
  request: ClusterRequest,
  url: URL,
  signal: AbortSignal,
): Promise<ClusterAnswer> {
  const headers = {
    accept: 'application/json',
    'user-agent': `auditferry/${asker.context.forwarderVersion}`,
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...request.headers,
  };
  let json: unknown;
  const response = await exchangeWith(
    asker.client,
    async (show) => {
      const authorization = await asker.authorization(show);
      const whole = {
        method: request.method,
        url,
        headers: {
          ...(await showHeaders(asker.headers ?? {}, show)),
          ...headers,
          ...(authorization === undefined ? {} : { authorization }),
        },
        ...(request.body === undefined ? {} : { body: request.body }),
        timeoutMs: asker.timeoutMs,
        maxResponseBytes: ANSWER_LIMIT_BYTES,
      };
      return asker.authorize(whole, show);
    },
    signal,
    (answer) => {
      json = readJson(answer.body);
      return isRefusal(answer) || request.refuses?.(json) === true;
    },
  );
  return { ...response, where: `${url.origin}${url.pathname}`, json: json ?? readJson(response.body) };
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined; // a proxy's page, say: the caller decides what that means
  }
}

/** `type` and `reason` of a whole request's error, empty where it names none. */
export function errorOf(answer: ClusterAnswer): { readonly type: string; readonly reason: string } {
  const error = isObject(answer.json) ? answer.json.error : undefined;
  if (typeof error === 'string') return { type: '', reason: error };
  if (!isObject(error)) return { type: '', reason: '' };
  return {
    type: typeof error.type === 'string' ? error.type : '',
    reason: typeof error.reason === 'string' ? error.reason : '',
  };
}
