import { randomUUID } from 'node:crypto';

import type { Clock } from '../../model/clock.ts';
import { ForwardError } from '../../model/errors.ts';
import type { HttpResponse } from '../../net/http.ts';
import { readHttpAddress } from '../http-address.ts';

/** An endpoint that failed is left alone this long while another one is there. */
const REST_MS = 30_000;
/** Splunk forgets a channel after 600 s without a request; ours are given up well before. */
const CHANNEL_IDLE_MS = 300_000;
/** How long a 404 of an address that has worked counts as a rolling restart. */
const RESTART_MS = 300_000;
const COOKIES_LIMIT = 16;
const COOKIE_CHARACTERS = 4096;

const COLLECTOR = '/services/collector';

/**
 * A data channel: the scope of acknowledgement ids. Used by one `send` at a time, so that no two batches can mistake
 * each other's ids. Holds the cookies that keep a load balancer on one indexer.
 */
export class Channel {
  readonly id = randomUUID();
  lastUsedMs: number;
  readonly #cookies = new Map<string, string>();

  constructor(nowMs: number, channelCookie: string | undefined) {
    this.lastUsedMs = nowMs;
    if (channelCookie !== undefined) this.#cookies.set(channelCookie, this.id);
  }

  usable(nowMs: number): boolean {
    return nowMs - this.lastUsedMs < CHANNEL_IDLE_MS;
  }

  cookieHeader(): string | undefined {
    if (this.#cookies.size === 0) return undefined;
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  keepCookies(response: HttpResponse): void {
    for (const line of [response.headers['set-cookie'] ?? []].flat()) {
      const match = /^\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)=([\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]*)\s*(?:;|$)/.exec(
        line,
      );
      const [, name, value] = match ?? [];
      if (name === undefined || value === undefined || line.length > COOKIE_CHARACTERS) continue;
      if (value === '' || /;\s*max-age=(0|-)/i.test(line)) this.#cookies.delete(name);
      else if (this.#cookies.has(name) || this.#cookies.size < COOKIES_LIMIT) this.#cookies.set(name, value);
    }
  }
}

export class Endpoint {
  readonly base: URL;
  readonly event: URL;
  readonly ack: URL;
  readonly health: URL;
  /** Set once this endpoint has answered a poll or given an acknowledgement id. */
  ackProven = false;
  restsUntilMs = 0;
  readonly #idle: Channel[] = [];
  #worked = false;
  #missingSinceMs: number | null = null;

  constructor(address: string) {
    const base = readHttpAddress(address);
    const prefix = base.pathname.replace(/\/+$/, '').replace(/\/services\/collector(\/event(\/1\.0)?)?$/, '');
    base.pathname = `${prefix}${COLLECTOR}`;
    base.search = '';
    base.hash = '';
    this.base = base;
    this.event = new URL(`${base.pathname}/event`, base);
    this.ack = new URL(`${base.pathname}/ack`, base);
    this.health = new URL(`${base.pathname}/health`, base);
  }

  takeChannel(nowMs: number, channelCookie: string | undefined): Channel {
    for (let channel = this.#idle.pop(); channel !== undefined; channel = this.#idle.pop()) {
      if (channel.usable(nowMs)) return channel;
    }
    return new Channel(nowMs, channelCookie);
  }

  /** Only for a channel with nothing outstanding: one that met any failure is not given back, and a new one is made. */
  giveBack(channel: Channel): void {
    this.#idle.push(channel);
  }

  works(): void {
    this.#worked = true;
    this.#missingSinceMs = null;
    this.restsUntilMs = 0;
  }

  /** A 404 of an address that has worked is a rolling restart for a few minutes, and a wrong address after that. */
  soften(error: ForwardError, status: number, nowMs: number): ForwardError {
    if (status !== 404 || !this.#worked) return error;
    this.#missingSinceMs ??= nowMs;
    if (nowMs - this.#missingSinceMs > RESTART_MS) return error;
    return new ForwardError('transient', `${error.message}; it has worked before and may be restarting`, {
      retryAfterMs: error.retryAfterMs,
    });
  }
}

/** The endpoints of one sink: each in turn, those that failed left out while another one is there. */
export class Endpoints {
  readonly all: readonly Endpoint[];
  readonly #clock: Clock;
  #turn = 0;

  constructor(addresses: readonly string[], clock: Clock) {
    this.all = addresses.map((address) => new Endpoint(address));
    this.#clock = clock;
  }

  next(): Endpoint {
    const now = this.#clock.monotonic();
    const order = this.all.map((_, offset) => this.all[(this.#turn + offset) % this.all.length]);
    this.#turn = (this.#turn + 1) % this.all.length;
    const endpoint = order.find((one) => one !== undefined && one.restsUntilMs <= now) ?? order[0];
    if (endpoint === undefined) throw new ForwardError('config', 'no endpoint is configured');
    return endpoint;
  }

  /**
   * Rests the endpoint. What it asked for by Retry-After is between it and us: while another endpoint is awake, the batch
   * need not wait for it.
   */
  failed(endpoint: Endpoint, error: ForwardError): ForwardError {
    const now = this.#clock.monotonic();
    endpoint.restsUntilMs = now + Math.max(error.retryAfterMs ?? 0, REST_MS);
    const awake = this.all.some((one) => one.restsUntilMs <= now);
    if (!awake || error.kind !== 'transient' || error.retryAfterMs === undefined) return error;
    const { ambiguous, cause, hint } = error;
    return new ForwardError('transient', error.message, { ambiguous, cause, hint });
  }
}
