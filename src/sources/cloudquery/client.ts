import pRetry from 'p-retry';

import type { Clock } from '../../model/clock.ts';
import { ForwardError, oneLine } from '../../model/errors.ts';
import type { Window } from '../../model/event.ts';
import { parseObject } from '../../model/json.ts';
import type { Credential } from '../../model/secret.ts';
import { span } from '../../model/trace.ts';
import { formatTime } from '../../model/time.ts';
import { exchangeWith, isRefusal } from '../../net/credentials.ts';
import { isTimeout, isTooLarge, mediaType, retryAfterMs } from '../../net/http.ts';
import type { HttpClient, HttpResponse } from '../../net/http.ts';
import { createLimit } from '../../net/rate-limit.ts';
import { NoConnectionError } from '../../net/socket.ts';
import type { ServerClock } from './server-clock.ts';
import { AnswerFault, readObject, readPage, speaksOfCredentials, wordsOf } from './wire.ts';
import type { Page, Wanted } from './wire.ts';

export interface ClientOptions {
  /** The API's base, ending in /api. */
  readonly base: URL;
  readonly apiKey: Credential;
  readonly requestTimeoutMs: number;
  readonly maxResponseBytes: number;
  readonly requestsPerSecond: number;
  readonly concurrent: number;
  readonly userAgent: string;
  /** Which events the filters keep. Absent or null: all. */
  readonly wanted?: Wanted | null;
}

/**
 * How a request that failed for a passing reason is repeated here: within about three seconds. A failure that lasts longer ends the poll,
 * and the loop logs it, shows it and waits.
 */
const RETRIES = { retries: 3, minTimeout: 200, factor: 2, randomize: true };
/**
 * The longest pauses (Retry-After) that are waited for here; after a longer one the request fails, and the loop waits. The short limit is
 * for a failure that may be of this window alone: other windows are read meanwhile. The long one is for a failure that all would share.
 */
const RETRY_AFTER_INSIDE_MS = 3_000;
const RETRY_AFTER_OF_ALL_MS = 30_000;
/** Repeats for a window that is known to fail: the next request asks for less anyway. */
const QUICK_RETRIES = 1;

/** The Platform's API as auditferry uses it: GET only, one key, rate-limited, redirects not followed. */
export interface Client {
  /**
   * One page of the audit log in a window, both ends inclusive. `quick`: gives up sooner, for a window that failed before.
   */
  page(window: Window, page: number, perPage: number, signal: AbortSignal, quick?: boolean): Promise<Page>;
  /** Any other GET of the API. Resolves with any status, throws only if there is no answer, and does not repeat. */
  get(path: string, options: { readonly withKey: boolean }, signal: AbortSignal): Promise<HttpResponse>;
  /** Requests sent so far, repeats included. */
  requests(): number;
  close(): Promise<void>;
}

/** The same client, but it gives up a failing page sooner. */
export function quick(client: Client): Client {
  return {
    ...client,
    page: (window, page, perPage, signal) => client.page(window, page, perPage, signal, true),
  };
}

export function createClient(
  http: HttpClient,
  options: ClientOptions,
  serverClock: ServerClock,
  clock: Clock,
): Client {
  const { requestsPerSecond, concurrent } = options;
  const limited = createLimit({ requestsPerSecond, concurrent }, clock);
  let requests = 0;

  const once = async (url: URL, withKey: boolean, signal: AbortSignal): Promise<HttpResponse> => {
    const headers = {
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': options.userAgent,
    };
    let sentMs = clock.monotonic();
    const { requestTimeoutMs: timeoutMs, maxResponseBytes } = options;
    const response = await span('request', { path: url.pathname }, async (open) => {
      const counting: typeof http.exchange = (request, until) => {
        requests += 1;
        sentMs = clock.monotonic();
        return http.exchange(request, until);
      };
      const answer = await exchangeWith(
        { exchange: counting },
        async (show) => {
          const key = withKey ? { authorization: `Bearer ${await show(options.apiKey)}` } : {};
          return { method: 'GET', url, headers: { ...headers, ...key }, timeoutMs, maxResponseBytes };
        },
        signal,
        (response) => isRefusal(response) || isRefusalInWords(response),
      );
      open.note({ status: answer.status });
      return answer;
    });
    serverClock.observe(response.headers, sentMs);
    return response;
  };

  return {
    page: (window, page, perPage, signal, quick = false) => {
      const url = endpoint(options.base, 'audit-logs');
      url.searchParams.set('start_time', formatTime(window.startNs));
      url.searchParams.set('end_time', formatTime(window.endNs));
      url.searchParams.set('per_page', String(perPage));
      url.searchParams.set('page', String(page));
      const where = `${url.origin}${url.pathname}`;
      return pRetry(
        async () => {
          const response = await limited(() => once(url, true, signal), signal);
          assertUsable(response, where, clock.now());
          return readPage(response.body, where, { rowsBefore: (page - 1) * perPage }, options.wanted);
        },
        {
          ...RETRIES,
          ...(quick ? { retries: QUICK_RETRIES } : {}),
          signal,
          shouldRetry: ({ error }) => isWorthAnotherTry(error),
          onFailedAttempt: async ({ error, retriesLeft }) => {
            const floor = error instanceof ForwardError ? (error.retryAfterMs ?? 0) : 0;
            if (floor > 0 && retriesLeft > 0 && isWorthAnotherTry(error)) await clock.sleep(floor, signal);
          },
        },
      );
    },
    get: (path, { withKey }, signal) =>
      limited(() => once(endpoint(options.base, path), withKey, signal), signal),
    requests: () => requests,
    close: () => http.close(),
  };
}

function isWorthAnotherTry(error: unknown): boolean {
  // No connection within the whole deadline: the loop logs it and repeats the poll.
  if (error instanceof NoConnectionError) return false;
  // A request beyond its deadline or size limit most likely asks for too much: the window is split instead.
  if (!(error instanceof ForwardError) || error.kind !== 'transient' || isTimeout(error) || isTooLarge(error))
    return false;
  return (error.retryAfterMs ?? 0) <= (mayAskForLess(error) ? RETRY_AFTER_INSIDE_MS : RETRY_AFTER_OF_ALL_MS);
}

/** Statuses that have other reasons than the window asked for: credentials (401, 403), the address (404), a proxy (407), the rate (429). */
const NOT_THE_WINDOW = new Set([401, 403, 404, 407, 429]);

/**
 * Whether a smaller request may succeed where this one failed: it may have been too slow or too large, or hold a row that the server
 * cannot show. The error alone cannot tell this from a server that fails for every request; only another request can.
 */
export function mayAskForLess(error: unknown): error is ForwardError {
  if (!(error instanceof ForwardError)) return false;
  if (isTimeout(error) || isTooLarge(error)) return true;
  if (error.cause instanceof AnswerFault) {
    const { status } = error.cause;
    return !NOT_THE_WINDOW.has(status) && (status < 300 || status >= 400);
  }
  return error.kind === 'transient' && error.ambiguous; // the connection broke once the request was sent
}

const ABOUT_PAGES = /page|limit|\bsize\b/i;
const ABOUT_TIME = /range|_time|\b(time|date|day|hour|week|month|window|period|interval|span)s?\b/i;

/** Whether a refusal is about the number of rows on a page. Then smaller pages are tried before a smaller window. */
export function isAboutPages(error: ForwardError): boolean {
  if (!(error.cause instanceof AnswerFault) || error.cause.status < 400 || error.cause.status >= 500)
    return false;
  const { words } = error.cause;
  return ABOUT_PAGES.test(words) && !ABOUT_TIME.test(words);
}

function endpoint(base: URL, path: string): URL {
  return new URL(path, `${base.href.replace(/\/+$/, '')}/`);
}

/**
 * The base of the API for a configured URL: /api is appended when missing, as the vendor's own command line does.
 * A query or fragment is dropped.
 */
export function apiBase(url: string): URL {
  const base = new URL(url);
  base.search = '';
  base.hash = '';
  const path = base.pathname.replace(/\/+$/, '');
  base.pathname = path.endsWith('/api') ? path : `${path}/api`;
  return base;
}

/** Throws unless the answer is a 200 with JSON. Says what the status most likely means and what fixes it. */
export function assertUsable(response: HttpResponse, where: string, nowMs: number): void {
  const { status } = response;
  if (status === 200) {
    const type = mediaType(response.headers);
    if (isJson(type)) return;
    throw new ForwardError(
      'denied',
      `${where} answered with ${type === '' ? 'no content type' : oneLine(type, 60)} instead of JSON`,
      {
        cause: new AnswerFault(status, ''),
        hint: 'the URL may be that of the web interface, or there is a sign-in gateway in front of the API',
      },
    );
  }
  throw statusError(response, where, nowMs);
}

function statusError(response: HttpResponse, where: string, nowMs: number): ForwardError {
  const { status } = response;
  const said = messageOf(response);
  const what = `${where} answered ${status}${said === '' ? '' : ` (${said})`}`;
  const options = {
    cause: new AnswerFault(status, said),
    retryAfterMs: retryAfterMs(response.headers, nowMs),
  };
  if (status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501)) {
    return new ForwardError('transient', what, options);
  }
  return new ForwardError('denied', what, { ...options, hint: hintFor(status) });
}

function hintFor(status: number): string {
  if (status === 401)
    return 'the key is wrong, deleted or expired (every key expires): create one and replace it; a key file is reread automatically';
  if (status === 403)
    return 'the key may not read the audit log: it needs an admin:read role, and the plan must include API access and audit log exports; `auditferry check` tells which';
  if (status === 404) return 'no audit log at this URL: check the host, or the Platform is too old';
  if (status >= 300 && status < 400)
    return 'the URL redirects, and a key is never sent along: configure the address it redirects to';
  return 'the request was not accepted: the API may have changed; see whether a newer auditferry is out';
}

/** The server's own words from a BasicError or FieldError. A gateway may quote the key that it refuses: see sources/credential-guard.ts. */
function messageOf(response: HttpResponse): string {
  if (!isJson(mediaType(response.headers))) return '';
  try {
    return wordsOf(readObject(response.body, ''));
  } catch {
    return ''; // no readable JSON: nothing to quote
  }
}

/** An answer with a status of 200 that lists events may be larger; one that only holds a message is not. */
const WORDS_BYTES = 4096;

/** Some gateways refuse credentials with a status of 200 and a message. */
function isRefusalInWords({ status, headers, body }: HttpResponse): boolean {
  if (status !== 200 || body.length > WORDS_BYTES || !isJson(mediaType(headers))) return false;
  try {
    const said = readObject(body, '');
    return !Array.isArray(said['items']) && speaksOfCredentials(wordsOf(said));
  } catch {
    return false; // readPage reports what is no JSON object
  }
}

function isJson(type: string): boolean {
  return type === 'application/json' || type === 'text/json' || type.endsWith('+json');
}

/** The JSON object of an answer; null if there is none. For calls that the source can do without. */
export function optionalObject(response: HttpResponse): Readonly<Record<string, unknown>> | null {
  return response.status === 200 ? parseObject(response.body) : null;
}
