import { basicError, html } from './answers.ts';
import type { PlatformResponse, SocketFault } from './answers.ts';
import type { FaultKind, SimulatorOptions } from './options.ts';
import { randomFrom } from './random.ts';

const FAULT_SALT = 0xfa17;
/** What a 429 that is thrown in as a fault asks for. */
const FAULT_RETRY_AFTER_MS = 1000;

/** Either an answer of its own, or a failure that the socket shows while it carries the real answer, or neither. */
export interface Verdict {
  readonly answer?: PlatformResponse;
  readonly fault?: SocketFault;
}

/** Stands before the API: the rate limit, then the failures of the switch. The n-th request fails the same on each run. */
export class Gate {
  #requests = 0;
  #tokens = 0;
  #filledMs: number | null = null;

  admit(options: SimulatorOptions, nowMs: number): Verdict {
    this.#requests += 1;
    const limited = this.#limit(options, nowMs);
    if (limited !== null) return { answer: limited };
    const { share, kinds } = options.faults;
    if (share === 0 || kinds.length === 0) return {};
    const random = randomFrom(options.seed ^ FAULT_SALT, this.#requests);
    if (random.unit() >= share) return {};
    return act(kinds[random.below(kinds.length)] ?? '500', options, nowMs);
  }

  /** A bucket of one second's requests, refilled evenly. */
  #limit(options: SimulatorOptions, nowMs: number): PlatformResponse | null {
    const { requests_per_second: rate } = options.rate_limit;
    if (rate === 0) {
      this.#filledMs = null;
      return null;
    }
    const capacity = Math.max(1, rate);
    const sinceMs = this.#filledMs === null ? Infinity : Math.max(0, nowMs - this.#filledMs);
    this.#tokens = Math.min(
      capacity,
      sinceMs === Infinity ? capacity : this.#tokens + (sinceMs / 1000) * rate,
    );
    this.#filledMs = nowMs;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return null;
    }
    return tooMany(options, nowMs, ((1 - this.#tokens) / rate) * 1000);
  }
}

function act(kind: FaultKind, options: SimulatorOptions, nowMs: number): Verdict {
  switch (kind) {
    case '500':
      return { answer: basicError(500, 'internal error') };
    case '502':
      return { answer: html(502, '502 Bad Gateway') };
    case '503':
      return { answer: basicError(503, 'service unavailable') };
    case '429':
      return { answer: tooMany(options, nowMs, FAULT_RETRY_AFTER_MS) };
    case 'html':
      return { answer: html(200, 'Sign in') };
    case 'reset':
    case 'truncate':
    case 'hang':
    case 'slow':
      return { fault: kind };
  }
}

function tooMany(options: SimulatorOptions, nowMs: number, waitMs: number): PlatformResponse {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  const forms: Record<typeof options.rate_limit.retry_after, Record<string, string>> = {
    seconds: { 'retry-after': String(seconds) },
    date: { 'retry-after': new Date(Math.ceil(nowMs / 1000) * 1000 + seconds * 1000).toUTCString() },
    none: {},
  };
  return basicError(429, 'too many requests', forms[options.rate_limit.retry_after]);
}
