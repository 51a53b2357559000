/**
 * Every failure that crosses a contract is a ForwardError of one kind, and each kind has one reaction, taken in
 * one place (pipeline/retry.ts):
 *
 * - config     nothing starts; the program exits with 2.
 * - transient  back off with full jitter and try the same again, without end; `retryAfterMs` is a floor.
 * - denied     credentials, certificate, permission or a wrong index: hold, probe slowly, read the secret again,
 *              show unhealthy. Never drop, never hot-loop.
 * - rejected   the receiver will never take this one event: dead letter.
 * - lease_lost another replica may do this work by now: the loop ends, and claims it again (pipeline/duty.ts).
 * - corrupt    the journal fails its own checks: stop; never start from zero silently.
 *
 * Anything else that is thrown counts as denied: see `asForwardError`.
 */
export type ErrorKind = 'config' | 'transient' | 'denied' | 'rejected' | 'lease_lost' | 'corrupt';

export interface ForwardErrorOptions {
  readonly cause?: unknown;
  /** A floor for the next attempt, from Retry-After. Milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** True when the receiver may have taken the data although we cannot tell: resending may repeat it. */
  readonly ambiguous?: boolean;
  /** True if it lasts as long as this process: a run with a limited patience gives up at once. */
  readonly lasting?: boolean;
  /** What a person can do about it, as a sentence part: "create a key with …". */
  readonly hint?: string | undefined;
}

/** Message: what happened and where. Never a secret, never an event's body. What happens next is added by the loop. */
export class ForwardError extends Error {
  readonly kind: ErrorKind;
  readonly retryAfterMs: number | undefined;
  readonly ambiguous: boolean;
  readonly lasting: boolean;
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, message: string, options: ForwardErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'ForwardError';
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
    this.ambiguous = options.ambiguous ?? false;
    this.lasting = options.lasting ?? false;
    this.hint = options.hint;
  }
}

/** An unexpected fault: of the environment, such as a file that vanished, or a bug. */
export class UnexpectedError extends ForwardError {
  constructor(cause: unknown) {
    super('denied', `unexpected error: ${describe(cause)}`, {
      cause,
      hint: 'if nothing around it has changed, this is a bug of auditferry: please report it with the log line',
    });
    this.name = 'UnexpectedError';
  }
}

/**
 * Anything thrown, as an error that the loops react to. An unexpected one counts as denied: only the loop that met it holds,
 * shows itself unhealthy, and tries again.
 */
export function asForwardError(error: unknown): ForwardError {
  return error instanceof ForwardError ? error : new UnexpectedError(error);
}

/** True if no wait can fix it: the journal cannot be trusted, or not be used as configured. */
export function endsProgram(error: ForwardError): boolean {
  return error.kind === 'corrupt' || error.kind === 'config';
}

/** True for what ends one loop, which then claims its duty again. */
export function isLeaseLost(error: unknown): boolean {
  return error instanceof ForwardError && error.kind === 'lease_lost';
}

/** The text of anything thrown, on one line, control characters replaced: safe for a log line and a terminal. */
export function describe(error: unknown): string {
  return oneLine(textOf(error), 600);
}

/** A connection tried at several addresses fails with a list of errors and no message of its own. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors.map(textOf).join('; ') || error.name;
  return error instanceof Error ? error.message || error.name : String(error);
}

/**
 * Untrusted text made safe to show: one line, no control characters, at most `limit` characters. Marks that change the reading direction,
 * which could make a line read differently, become escapes.
 */
export function oneLine(text: string, limit = 300): string {
  const flat = text
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
    .trim()
    .toWellFormed()
    .replace(TURNING, escapeUnit);
  return flat.length > limit ? `${flat.slice(0, limit).toWellFormed()}…` : flat;
}

const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** One UTF-16 unit as JSON escapes it: a pair becomes two escapes, and a JSON reader joins them again. */
export function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
