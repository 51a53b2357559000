import { ForwardError, oneLine } from '../model/errors.ts';
import { awsRefusal } from '../net/aws-refusals.ts';
import { mediaType, retryAfterMs } from '../net/http.ts';
import type { HttpResponse } from '../net/http.ts';

/**
 * What an HTTP status asks of a sink, alike for all that speak HTTP:
 * - taken      2xx; the body may still say otherwise, that is the sink's own business
 * - denied     credentials, permission, address or media type are wrong: every request would fail alike
 * - transient  the receiver or something before it cannot now
 * - split      the request is too large
 * - isolate    something in the request is wrong, perhaps one event only
 */
export type StatusReaction = 'taken' | 'denied' | 'transient' | 'split' | 'isolate';

const TRANSIENT = new Set([408, 425, 429]);
const ISOLATE = new Set([400, 422]);
/** 5xx that no waiting fixes: not implemented, HTTP version, network login wanted. */
const NOT_PASSING = new Set([501, 505, 511]);
/** Refused before anything was taken; every other transient status may come from behind the receiver's back. */
const CLEAN = new Set([425, 429, 503]);

/** Any status that is not understood holds the sink: a hold loses nothing, an isolation might. */
export function reactionTo(status: number): StatusReaction {
  if (status >= 200 && status < 300) return 'taken';
  if (status === 413) return 'split';
  if (ISOLATE.has(status)) return 'isolate';
  if (TRANSIENT.has(status)) return 'transient';
  return status >= 500 && !NOT_PASSING.has(status) ? 'transient' : 'denied';
}

export interface StatusFailureOptions {
  /** The receiver's own words, only from a field known not to quote an event. Shown on one line. */
  readonly said?: string | undefined;
  readonly hint?: string | undefined;
}

/**
 * The error for an answer that settles nothing. `where` is origin and path. Only `said` of the answer is shown, because
 * a body may quote the request. Kinds: `denied`, `transient` (ambiguous where the data may have been taken), and
 * `rejected` for the statuses that a sink has to split or isolate by itself. Retry-After, in both forms and on every
 * status, is a floor.
 */
export function statusFailure(
  where: string,
  response: HttpResponse,
  nowMs: number,
  options: StatusFailureOptions = {},
): ForwardError {
  const aws = awsRefusal(response);
  const reaction = aws === null ? reactionTo(response.status) : 'denied';
  const words = (options.said ?? '') === '' ? aws?.code : options.said;
  const said = words === undefined ? page(response) : `: ${oneLine(words)}`;
  const message = `${where} answered ${response.status}${said}`;
  const retryAfter = retryAfterMs(response.headers, nowMs);
  if (reaction === 'taken') return unreadableAnswer(where, response);
  if (reaction === 'transient') {
    const ambiguous = !CLEAN.has(response.status);
    return new ForwardError('transient', message, {
      retryAfterMs: retryAfter,
      ambiguous,
      hint: options.hint,
    });
  }
  const hint = options.hint ?? aws?.hint ?? hintFor(response.status);
  return new ForwardError(reaction === 'denied' ? 'denied' : 'rejected', message, {
    retryAfterMs: retryAfter,
    hint,
  });
}

/** A 2xx whose body is not what the protocol promises: a proxy's page, or an answer cut short. Not proof of anything. */
export function unreadableAnswer(where: string, response: HttpResponse): ForwardError {
  const message = `${where} answered ${response.status} with a body that is not its protocol's${page(response)}`;
  return new ForwardError('transient', message, {
    ambiguous: true,
    hint: 'check that the address leads to the receiver itself, and not to a login page or a proxy',
  });
}

/** Origin and path of an address, for messages: its query and user part may hold secrets. */
export function placeOf(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function page(response: HttpResponse): string {
  return mediaType(response.headers) === 'text/html' ? ' (an HTML page, as proxies send)' : '';
}

function hintFor(status: number): string | undefined {
  if (status === 401) return 'check the credentials; a secret kept in a file is reread automatically';
  if (status === 403)
    return 'check what the credentials are allowed to do, and any address filter before the receiver';
  if (status === 407) return 'check the user and password of the proxy in the environment';
  if (status === 404 || status === 405) return 'check the address: the receiver does not know this path';
  if (status === 410) return 'the receiver says that this address is gone for good: set the new one';
  if (status === 406 || status === 415) return 'check that the receiver takes this encoding and compression';
  if (status >= 300 && status < 400)
    return 'set the address that the receiver redirects to: credentials are never sent after a redirect';
  return undefined;
}
