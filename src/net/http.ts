import { TLSSocket } from 'node:tls';

import { Agent, buildConnector, EnvHttpProxyAgent, request as send } from 'undici';
import type { Dispatcher } from 'undici';

import { describe, ForwardError } from '../model/errors.ts';
import type { OptionProblem } from '../model/option-problems.ts';
import { assertPinned, connectOptions, isCertificateError, tlsProblems } from './tls.ts';
import type { TlsOptions } from './tls.ts';

const CONNECT_TIMEOUT_MS = 10_000;

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
 * variables, a deadline, a size limit, no redirects. Any status resolves; only what left us without a whole answer
 * throws: `transient` (with `ambiguous` true once the body may have been taken) or `denied` for certificates.
 */
export interface HttpClient {
  exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  close(): Promise<void>;
}

export interface HttpClientOptions {
  readonly tls?: TlsOptions | undefined;
  /** Connections kept open to one origin. */
  readonly connections?: number;
  /** For tests: what to send through instead of the network. */
  readonly dispatcher?: Dispatcher;
}

export function openHttpClient(options: HttpClientOptions = {}): HttpClient {
  const dispatcher = options.dispatcher ?? openDispatcher(options);
  return {
    exchange: (request, signal) => exchange(dispatcher, request, signal),
    close: () => dispatcher.destroy(),
  };
}

const UNPINNABLE =
  'cannot be checked through the proxy that the environment names; expected tls.ca_file instead, or no proxy';

/** Why a client with the `tls` block at `path` could not be opened. */
export function clientProblems(tls: TlsOptions | undefined, path: string): readonly OptionProblem[] {
  const unpinnable = tls?.fingerprint !== undefined && proxyConfigured();
  return [
    ...tlsProblems(tls, path),
    ...(unpinnable ? [{ path: `${path}.fingerprint`, problem: UNPINNABLE }] : []),
  ];
}

function openDispatcher(options: HttpClientOptions): Dispatcher {
  const connect = connectOptions(options.tls);
  const common = { connections: options.connections ?? 4, pipelining: 1, keepAliveTimeout: 10_000 };
  if (!proxyConfigured()) return new Agent({ ...common, connect: pinningConnector(options.tls) });
  if (options.tls?.fingerprint !== undefined)
    throw new ForwardError('config', `tls.fingerprint ${UNPINNABLE}`);
  return new EnvHttpProxyAgent({ ...common, connect, requestTls: connect });
}

function pinningConnector(tls: TlsOptions | undefined): buildConnector.connector {
  const connect = buildConnector({
    ...connectOptions(tls),
    timeout: CONNECT_TIMEOUT_MS,
    // On a resumed session the server shows no certificate that a pin could be compared with.
    ...(tls?.fingerprint === undefined ? {} : { maxCachedSessions: 0 }),
  });
  return (target, done) => {
    connect(target, (...[error, socket]) => {
      if (error !== null) return done(error, null);
      try {
        if (socket instanceof TLSSocket)
          assertPinned(tls, socket.getPeerX509Certificate()?.raw, target.hostname);
      } catch (refused) {
        socket.destroy();
        return done(refused as Error, null);
      }
      // With TLS 1.3 a refused client certificate shows only now, as an alert that undici would cover with its own words.
      socket.prependOnceListener('error', (alert: Error) => socket.destroy(alert));
      return done(null, socket);
    });
  };
}

function proxyConfigured(): boolean {
  return ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY'].some((name) =>
    Boolean(process.env[name]),
  );
}

async function exchange(
  dispatcher: Dispatcher,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<HttpResponse> {
  signal.throwIfAborted();
  const deadline = AbortSignal.timeout(request.timeoutMs);
  try {
    const response = await send(request.url, {
      dispatcher,
      method: request.method,
      headers: { ...request.headers },
      body: request.body ?? null,
      signal: AbortSignal.any([signal, deadline]),
      headersTimeout: request.timeoutMs,
      bodyTimeout: request.timeoutMs,
    });
    const body = await readBody(response.body, request);
    return { status: response.statusCode, headers: response.headers, body };
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof ForwardError ? error : failure(error, request, deadline.aborted);
  }
}

async function readBody(stream: Dispatcher.ResponseData['body'], request: HttpRequest): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > request.maxResponseBytes) {
      stream.destroy();
      throw new ForwardError(
        'transient',
        `${where(request)} answered with more than ${request.maxResponseBytes} bytes; the answer was not used`,
        {
          cause: new DOMException('too large', 'QuotaExceededError'),
          ambiguous: true,
          hint: 'raise the limit of one answer if the peer may send this much',
        },
      );
    }
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}

/** Before a byte of the request left, nothing can have been taken. */
const CLEAN_CODES = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function failure(error: unknown, request: HttpRequest, timedOut: boolean): ForwardError {
  const code = codeOf(error);
  if (timedOut || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    const seconds = Math.round(request.timeoutMs / 100) / 10;
    return new ForwardError('transient', `${where(request)} gave no whole answer within ${seconds} s`, {
      cause: new DOMException('timed out', 'TimeoutError'),
      ambiguous: true,
    });
  }
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
  const ambiguous = !CLEAN_CODES.has(code);
  return new ForwardError('transient', `${where(request)} cannot be reached: ${describe(error)}`, {
    cause: error,
    ambiguous,
  });
}

/** True when an exchange failed because its deadline passed. */
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
