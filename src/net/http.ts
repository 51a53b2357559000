import type { Dispatcher } from 'undici';

import { describe, ForwardError } from '../model/errors.ts';
import { problemsOf } from '../model/option-problems.ts';
import type { OptionProblem } from '../model/option-problems.ts';
import { ACCEPT_ENCODING, ContentCodingError, decodeContent } from './content-coding.ts';
import { gathering } from './gathering.ts';
import { nameOf, readProxies } from './proxies.ts';
import type { Proxies, Proxy } from './proxies.ts';
import { reachHint } from './reach-hint.ts';
import { NoConnectionError } from './socket.ts';
import { isCertificateError } from './tls.ts';
import type { TlsOptions } from './tls.ts';
import { openTlsFiles, tlsProblems } from './tls-files.ts';
import { credentialsWanted, TunnelRefusedError } from './tunnel.ts';
import { openWays } from './ways.ts';
import type { Ways } from './ways.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'HEAD';
  readonly url: URL;
  /** Lower-case names. Credentials go here and nowhere else. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** For the whole exchange, connection and body included. */
  readonly timeoutMs: number;
  /** A longer answer is an error, never cut. */
  readonly maxResponseBytes: number;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; set-cookie may be a list. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/**
 * One HTTP exchange at a time, for everything that speaks HTTP: TLS options, proxies from the usual environment
 * variables, a deadline, a size limit, no redirects, a body without its content coding. Any status resolves; only what
 * left us without a whole answer throws: `transient` (with `ambiguous` true once the request may have been taken), or
 * `denied` for certificates and for a proxy that wants credentials. Always ends by its deadline, and at an abort.
 */
export interface HttpClient {
  exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  /** Reads the certificate files again. Returns whether a certificate was replaced since the last call. */
  certificateReplaced?(): boolean;
  close(): Promise<void>;
}

export interface HttpClientOptions {
  readonly tls?: TlsOptions | undefined;
  /** Connections kept open to one origin. */
  readonly connections?: number;
  /** Told when certificate files have changed and cannot be used. */
  readonly warn?: (message: string) => void;
  /** For tests: what to send through instead of the network. */
  readonly dispatcher?: Dispatcher;
}

export function openHttpClient(options: HttpClientOptions = {}): HttpClient {
  const { dispatcher, connections = 4 } = options;
  const tls = openTlsFiles(options.tls, options.warn ?? (() => {}));
  const proxies = dispatcher === undefined ? readProxies() : NO_PROXIES;
  const ways = dispatcher === undefined ? openWays(tls, proxies, connections) : only(dispatcher);
  let certificates = tls.current();
  const route: Route = { ways, proxies, forwarded: new Set() };
  return {
    exchange: (request, signal) => exchange(route, request, signal),
    certificateReplaced: () => {
      const before = certificates;
      certificates = tls.current();
      return certificates !== before;
    },
    close: () => ways.close(),
  };
}

const NO_PROXIES: Proxies = { for: () => null };

function only(dispatcher: Dispatcher): Ways {
  return { direct: () => dispatcher, through: () => dispatcher, close: () => dispatcher.destroy() };
}

/** Why a client with the `tls` block at `path` could not be opened. */
export function clientProblems(tls: TlsOptions | undefined, path: string): readonly OptionProblem[] {
  const owner = path.split('.').slice(0, -1).join('.');
  return [...tlsProblems(tls, path), ...problemsOf([[owner, () => readProxies()]])];
}

// --- one exchange ---

interface Route {
  readonly ways: Ways;
  readonly proxies: Proxies;
  /** Origins for which a proxy opens no tunnel, as many do for plain HTTP: it is asked with the whole address instead. */
  readonly forwarded: Set<string>;
}

/** What is known of a request on its way. */
interface Progress {
  /** From here on the peer may have taken it. */
  sent: boolean;
}

async function exchange(route: Route, request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
  signal.throwIfAborted();
  const progress: Progress = { sent: false };
  const late = new DOMException('timed out', 'TimeoutError');
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(late), request.timeoutMs);
  const abort = (): void => stop.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await untilAborted(perform(route, request, progress, stop.signal), stop.signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ForwardError) throw error;
    if (error === late && !progress.sent) throw unconnected(request, route.proxies.for(request.url));
    throw failure(error, request, progress.sent);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    stop.abort(late); // ends what is left of it
  }
}

/** `work` has to end itself at the abort, but is not relied upon to. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function perform(
  route: Route,
  request: HttpRequest,
  progress: Progress,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const answer = await ask(route, request, progress, signal);
  const { 'content-encoding': encoding, ...headers } = answer.headers;
  try {
    const body = await decodeContent(answer.body, encoding, request.maxResponseBytes);
    return { status: answer.status, headers, body };
  } catch (error) {
    throw error instanceof ContentCodingError ? undecodable(error, answer.status, request) : error;
  }
}

async function ask(
  { ways, proxies, forwarded }: Route,
  request: HttpRequest,
  progress: Progress,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const { url } = request;
  const proxy = proxies.for(url);
  if (!forwarded.has(url.origin)) {
    try {
      return await dispatch(ways.direct(), url.origin, pathOf(url), {}, request, progress, signal);
    } catch (error) {
      if (proxy === null || url.protocol !== 'http:' || !(error instanceof TunnelRefusedError)) throw error;
      signal.throwIfAborted();
      forwarded.add(url.origin);
    }
  }
  if (proxy === null) throw new Error('an address is forwarded without a proxy');
  try {
    return await forward(ways.through(proxy), proxy, request, progress, signal);
  } catch (error) {
    forwarded.delete(url.origin);
    throw error;
  }
}

/** Asks a proxy for the whole address. Source: RFC 9112 3.2.2. */
async function forward(
  dispatcher: Dispatcher,
  proxy: Proxy,
  request: HttpRequest,
  progress: Progress,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const { url } = request;
  const { authorization } = proxy;
  const headers = {
    host: url.host,
    ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
  };
  const whole = `${url.origin}${pathOf(url)}`;
  const answer = await dispatch(dispatcher, PROXY_ORIGIN, whole, headers, request, progress, signal);
  if (answer.status === 407) throw credentialsWanted(proxy);
  return answer;
}

/** Names the pool of connections to a proxy; where they lead is decided when they are made. */
const PROXY_ORIGIN = 'http://proxy.invalid';

function pathOf(url: URL): string {
  return `${url.pathname}${url.search}`;
}

/** Interim (1xx) answers before the final one: a few are normal. */
const INTERIM_LIMIT = 100;

function dispatch(
  dispatcher: Dispatcher,
  origin: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  request: HttpRequest,
  progress: Progress,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const answer = Promise.withResolvers<HttpResponse>();
  const body = gathering();
  let [size, interim, status] = [0, 0, 0];
  let answered: HttpResponse['headers'] = {};
  let controller: Dispatcher.DispatchController | null = null;
  const end = (reason: Error): void => {
    answer.reject(reason);
    controller?.abort(reason);
  };
  // Without a connection yet there is nothing to end: the request is turned away when it gets one.
  signal.addEventListener('abort', () => controller?.abort(signal.reason as Error), { once: true });
  const options: Dispatcher.DispatchOptions = {
    origin,
    path,
    method: request.method,
    headers: { 'accept-encoding': ACCEPT_ENCODING, ...request.headers, ...headers },
    body: request.body ?? null,
    // The deadline above covers all of it.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  dispatcher.dispatch(options, {
    onRequestStart: (started) => {
      if (signal.aborted) return started.abort(signal.reason as Error);
      controller = started;
      progress.sent = true;
    },
    onResponseStart: (_controller, code, head) => {
      if (code >= 200) [status, answered] = [code, head];
      else if ((interim += 1) > INTERIM_LIMIT) end(new Error('more interim answers than anyone needs'));
    },
    onResponseData: (_controller, part) => {
      size += part.length;
      if (size <= request.maxResponseBytes) body.add(part);
      else end(tooLarge(request, `with more than ${request.maxResponseBytes} bytes`));
    },
    onResponseEnd: () => answer.resolve({ status, headers: answered, body: body.whole() }),
    onResponseError: (_controller, error) => answer.reject(error),
  });
  return answer.promise;
}

// --- what can go wrong ---

function tooLarge(request: HttpRequest, what: string): ForwardError {
  return new ForwardError('transient', `${where(request)} answered ${what}; the answer was not used`, {
    cause: new DOMException('too large', 'QuotaExceededError'),
    ambiguous: true,
    hint: 'raise the limit of one answer if the peer may send this much',
  });
}

function undecodable(error: ContentCodingError, status: number, request: HttpRequest): ForwardError {
  if (error.fault === 'too_large') return tooLarge(request, `with a compressed body that ${error.message}`);
  return new ForwardError(
    'transient',
    `${where(request)} answered ${status} with a body that ${error.message}`,
    {
      cause: error,
      ambiguous: true,
      hint:
        error.fault === 'unknown'
          ? 'turn off compression of answers in the peer or in the proxy before it: gzip, deflate and br are understood'
          : 'look for a proxy between here and the peer',
    },
  );
}

function unconnected(request: HttpRequest, proxy: Proxy | null): ForwardError {
  const by = proxy === null ? '' : ` by ${nameOf(proxy)}`;
  const message = `${where(request)} was given no connection${by} within ${secondsOf(request)} s`;
  return new NoConnectionError(message);
}

function secondsOf(request: HttpRequest): number {
  return Math.round(request.timeoutMs / 100) / 10;
}

function failure(error: unknown, request: HttpRequest, sent: boolean): ForwardError {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    const message = `${where(request)} gave no whole answer within ${secondsOf(request)} s`;
    return new ForwardError('transient', message, {
      cause: error,
      ambiguous: sent,
    });
  }
  const code = codeOf(error);
  if (isCertificateError(code)) {
    return new ForwardError('denied', `${where(request)}: TLS was refused (${code}: ${describe(error)})`, {
      cause: error,
      hint: 'check tls.ca_file, the name in the certificate and its dates, and tls.cert_file if the peer asks for one',
    });
  }
  if (code === 'UND_ERR_INVALID_ARG') {
    return new ForwardError('denied', `${where(request)} was not asked: ${describe(error)}`, {
      cause: error,
      hint: 'see whether a key or token holds a line break or another character that no header may carry',
    });
  }
  return new ForwardError('transient', `${where(request)} cannot be reached: ${describe(error)}`, {
    cause: error,
    ambiguous: sent,
    hint: reachHint(code),
  });
}

/** True when an exchange failed because the peer gave no whole answer by its deadline. */
export function isTimeout(error: unknown): boolean {
  return (
    error instanceof ForwardError &&
    error.cause instanceof DOMException &&
    error.cause.name === 'TimeoutError'
  );
}

/** True when an exchange failed because the answer was larger than `maxResponseBytes`. */
export function isTooLarge(error: unknown): boolean {
  return (
    error instanceof ForwardError &&
    error.cause instanceof DOMException &&
    error.cause.name === 'QuotaExceededError'
  );
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') return code;
  return codeOf((error as { cause?: unknown }).cause);
}

/** Origin and path: a query may hold what an operator searches for, and a URL's user part may hold a password. */
function where(request: HttpRequest): string {
  return `${request.url.origin}${request.url.pathname}`;
}

const RETRY_AFTER_LIMIT_MS = 3_600_000;

/**
 * Retry-After in either form, as milliseconds from now, clamped to [0, 1 h]; undefined when absent or unreadable. A date is
 * measured against the Date of the same answer, since the peer wrote both by one clock; `nowMs` stands in where there is none.
 * Source: RFC 9110 10.2.3.
 */
export function retryAfterMs(headers: HttpResponse['headers'], nowMs: number): number | undefined {
  const value = headers['retry-after'];
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text) * 1000, RETRY_AFTER_LIMIT_MS);
  const untilMs = parseHttpDate(text);
  if (untilMs === null) return undefined;
  return Math.min(Math.max(untilMs - (dateMs(headers) ?? nowMs), 0), RETRY_AFTER_LIMIT_MS);
}

/** The Date of an answer, milliseconds since 1970; null when it has none that can be read. */
export function dateMs(headers: HttpResponse['headers']): number | null {
  const value = headers['date'];
  return typeof value === 'string' ? parseHttpDate(value.trim()) : null;
}

/** The three forms of RFC 9110 5.6.7. The third names no zone and is UTC. */
const HTTP_DATE =
  /^[A-Z][a-z]{2,8},? (?:\d\d[ -][A-Z][a-z]{2}[ -](?:\d{4}|\d\d) \d\d:\d\d:\d\d (?:GMT|UTC)|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})$/;

/** Date.parse alone takes nearly any text with a number in it for a date of some year. */
function parseHttpDate(text: string): number | null {
  if (!HTTP_DATE.test(text)) return null;
  const ms = Date.parse(/(?:GMT|UTC)$/.test(text) ? text : `${text} GMT`);
  return Number.isNaN(ms) ? null : ms;
}

/** The media type of an answer, lower case, without parameters. */
export function mediaType(headers: HttpResponse['headers']): string {
  const value = headers['content-type'];
  return (typeof value === 'string' ? (value.split(';')[0] ?? '') : '').trim().toLowerCase();
}
