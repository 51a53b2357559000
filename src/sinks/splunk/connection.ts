import type { Credential } from '../../model/secret.ts';
import { exchangeWith } from '../../net/credentials.ts';
import { gzipped } from '../../net/gzip.ts';
import type { HttpClient, HttpResponse } from '../../net/http.ts';
import type { Channel } from './endpoints.ts';

const MAX_RESPONSE_BYTES = 1024 * 1024;
/** Of an acknowledgement poll, which is small by nature. */
const POLL_TIMEOUT_MS = 30_000;

export interface ConnectionSettings {
  readonly client: HttpClient;
  readonly token: Credential;
  readonly userAgent: string;
  readonly gzip: boolean;
  readonly timeoutMs: number;
}

/** The three requests of HEC, with the channel and its cookies on every one of them. */
export class HecConnection {
  readonly #settings: ConnectionSettings;

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
  }

  async postEvents(url: URL, channel: Channel, plain: Buffer, signal: AbortSignal): Promise<HttpResponse> {
    const zipped = this.#settings.gzip && plain.length > 0;
    const body = zipped ? await gzipped(plain) : plain;
    const headers = { 'content-type': 'application/json', ...(zipped ? { 'content-encoding': 'gzip' } : {}) };
    return this.#exchange(url, channel, headers, body, this.#settings.timeoutMs, signal);
  }

  /** Never compressed. */
  async postPoll(
    url: URL,
    channel: Channel,
    acks: readonly number[],
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const body = Buffer.from(JSON.stringify({ acks }));
    const timeoutMs = Math.min(POLL_TIMEOUT_MS, this.#settings.timeoutMs);
    return this.#exchange(url, channel, { 'content-type': 'application/json' }, body, timeoutMs, signal);
  }

  /** Needs no token, and gets none. */
  async getHealth(url: URL, signal: AbortSignal): Promise<HttpResponse> {
    const headers = { 'user-agent': this.#settings.userAgent };
    const limits = { timeoutMs: this.#settings.timeoutMs, maxResponseBytes: MAX_RESPONSE_BYTES };
    return this.#settings.client.exchange({ method: 'GET', url, headers, ...limits }, signal);
  }

  async #exchange(
    url: URL,
    channel: Channel,
    more: Readonly<Record<string, string>>,
    body: Buffer,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const cookie = channel.cookieHeader();
    const headers = {
      'user-agent': this.#settings.userAgent,
      'x-splunk-request-channel': channel.id,
      ...(cookie === undefined ? {} : { cookie }),
      ...more,
    };
    const request = { method: 'POST', url, body, timeoutMs, maxResponseBytes: MAX_RESPONSE_BYTES } as const;
    const { client, token } = this.#settings;
    const response = await exchangeWith(
      client,
      async (show) => ({
        ...request,
        headers: { ...headers, authorization: `Splunk ${await show(token)}` },
      }),
      signal,
    );
    channel.keepCookies(response);
    return response;
  }
}
