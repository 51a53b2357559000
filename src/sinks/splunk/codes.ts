import { ForwardError, oneLine } from '../../model/errors.ts';
import { parseObject } from '../../model/json.ts';
import { retryAfterMs } from '../../net/http.ts';
import type { HttpResponse } from '../../net/http.ts';
import { reactionTo, statusFailure, unreadableAnswer } from '../http-fates.ts';

/** HEC's own answer, where the body is one. */
export interface HecAnswer {
  readonly code: number;
  readonly text: string;
  readonly invalidEventNumber: number | undefined;
  readonly ackId: number | undefined;
}

/**
 * What an answer to a request with events means.
 * - taken      all of it; with an ackId it is queued, not yet indexed
 * - bad_event  `index` is refused, nothing after it was looked at
 * - too_large  send less at a time
 * - damaged    nothing taken, and no event named
 * HEC indexes as it parses: whenever an answer names an event, the ones before it (`index`, `before`) are taken.
 */
export type Verdict =
  | { readonly kind: 'taken'; readonly ackId: number | undefined; readonly slowDown: boolean }
  | {
      readonly kind: 'bad_event';
      readonly index: number;
      readonly ackId: number | undefined;
      readonly reason: string;
    }
  | {
      readonly kind: 'too_large';
      readonly before: number;
      readonly ackId: number | undefined;
      readonly reason: string;
    }
  | { readonly kind: 'damaged'; readonly reason: string }
  | {
      readonly kind: 'failed';
      readonly before: number;
      readonly ackId: number | undefined;
      readonly error: ForwardError;
    };

export interface Question {
  /** Origin and path of the request, for messages. */
  readonly where: string;
  readonly events: number;
  /** Size of the body before compression. */
  readonly bytes: number;
  readonly nowMs: number;
}

/** Splunk Cloud says "invalid data format" at event 0 instead of 413 when a body is too large. Measured by others. */
const SUSPICIOUS_BYTES = 1_000_000;

const TAKEN = new Set([0, 24, 25]);
const NEAR_CAPACITY = new Set([24, 25]);
const BAD_EVENT = new Set([6, 12, 13, 15]);
const BUSY = new Set([9, 18, 19, 20, 23, 26, 27]);
const INTERNAL_ERROR = 8;

/** Codes that every request would meet, each with what a person can do. */
const DENIED: ReadonlyMap<number, string> = new Map([
  [1, 'enable the token in Splunk, or set another one'],
  [2, 'check that no proxy removes the Authorization header'],
  [3, 'check the token'],
  [4, 'check the token: this Splunk does not know it'],
  [5, 'report this: a request with events was read as empty'],
  [7, 'add the index to the token’s allowed indexes, or correct index'],
  [10, 'check that no proxy removes the header X-Splunk-Request-Channel'],
  [11, 'check that no proxy changes the header X-Splunk-Request-Channel'],
  [14, 'turn on indexer acknowledgement for the token, or set ack: off'],
  [16, 'check that no proxy moves the token into the address'],
  [21, 'check the token'],
  [22, 'enable the token in Splunk, or set another one'],
  [28, 'give the load balancer sticky sessions, or list the indexers under urls'],
]);

/** Decides by `code`, never by `text`; without a code by the HTTP status. Source: Splunk's table of HEC codes. */
export function verdictOn(response: HttpResponse, question: Question): Verdict {
  const answer = readAnswer(response);
  const reaction = reactionTo(response.status);
  const taken = { before: takenBefore(answer, question), ackId: answer?.ackId };
  if (reaction === 'split') return { kind: 'too_large', ...taken, reason: 'refused with 413' };
  if (answer === null) return { kind: 'failed', ...taken, error: withoutCode(response, question) };
  if (reaction === 'taken' && TAKEN.has(answer.code)) {
    return { kind: 'taken', ackId: answer.ackId, slowDown: NEAR_CAPACITY.has(answer.code) };
  }
  // A server that is busy or failing did not judge the event at which it stopped.
  const judged = reaction === 'isolate' || reaction === 'taken';
  if (judged && BAD_EVENT.has(answer.code)) return refusedEvent(answer, question);
  const error =
    reaction === 'taken' ? unreadableAnswer(question.where, response) : failureOf(answer, response, question);
  return { kind: 'failed', ...taken, error };
}

/**
 * How many events were taken although the request failed, whatever its status. Codes that every request would meet say
 * nothing about a part of it; "incorrect index" even names the event after the one it means.
 */
function takenBefore(answer: HecAnswer | null, question: Question): number {
  const index = answer?.invalidEventNumber ?? 0;
  return answer === null || DENIED.has(answer.code) || index >= question.events ? 0 : index;
}

/** The error for a code that settles no event. */
export function failureOf(
  answer: HecAnswer,
  response: HttpResponse,
  question: Pick<Question, 'where' | 'nowMs'>,
): ForwardError {
  const message = `${question.where} answered code ${answer.code} (${answer.text})`;
  const floor = retryAfterMs(response.headers, question.nowMs);
  const hint = DENIED.get(answer.code);
  if (hint !== undefined) return new ForwardError('denied', message, { hint, retryAfterMs: floor });
  if (BUSY.has(answer.code)) return new ForwardError('transient', message, { retryAfterMs: floor });
  if (answer.code === INTERNAL_ERROR) {
    return new ForwardError('transient', message, { retryAfterMs: floor, ambiguous: true });
  }
  return withoutCode(response, question, answer.text);
}

/** Null unless the body is a JSON object with a whole number as `code`. */
export function readAnswer(response: HttpResponse): HecAnswer | null {
  const parsed = parseObject(response.body);
  if (parsed === null || !isCount(parsed['code'])) return null;
  const text = typeof parsed['text'] === 'string' ? oneLine(parsed['text'], 200) : '';
  return {
    code: parsed['code'],
    text,
    invalidEventNumber: countOf(parsed['invalid-event-number']),
    ackId: countOf(parsed['ackId']),
  };
}

function refusedEvent(answer: HecAnswer, question: Question): Verdict {
  const reason = `refused with code ${answer.code} (${answer.text})`;
  const index = answer.invalidEventNumber;
  if (index === undefined) return { kind: 'damaged', reason };
  if (index >= question.events) {
    const message = `${question.where} refuses event ${index} of a request of ${question.events}`;
    const error = new ForwardError('transient', message, { ambiguous: true });
    return { kind: 'failed', before: 0, ackId: undefined, error };
  }
  const maybeSize = answer.code === 6 && index === 0 && question.bytes > SUSPICIOUS_BYTES;
  if (maybeSize && question.events > 1) return { kind: 'too_large', before: 0, ackId: undefined, reason };
  return { kind: 'bad_event', index, ackId: answer.ackId, reason };
}

/** A 400 that HEC did not number may have taken a part: bisecting could repeat it, so the sink holds. */
function withoutCode(
  response: HttpResponse,
  question: Pick<Question, 'where' | 'nowMs'>,
  said?: string,
): ForwardError {
  if (reactionTo(response.status) !== 'isolate') {
    return statusFailure(question.where, response, question.nowMs, { said });
  }
  return new ForwardError('denied', `${question.where} answered ${response.status} without a HEC code`, {
    hint: 'check that the address leads to the HTTP Event Collector, with the right scheme, and any proxy in between',
  });
}

function countOf(value: unknown): number | undefined {
  return isCount(value) ? value : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
