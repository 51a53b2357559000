import { BY_SENDING } from '../model/check.ts';
import type { CheckItem, CheckReport } from '../model/check.ts';
import { describe, ForwardError, oneLine } from '../model/errors.ts';
import { openAuthorize } from '../net/auth.ts';
import type { Authorize } from '../net/auth.ts';
import { exchangeWith } from '../net/credentials.ts';
import type { Show } from '../net/credentials.ts';
import { gzipped } from '../net/gzip.ts';
import { mediaType } from '../net/http.ts';
import type { HttpClient, HttpResponse } from '../net/http.ts';
import { readHttpAddress } from './http-address.ts';
import { placeOf, reactionTo, statusFailure, unreadableAnswer } from './http-fates.ts';
import { contentType, encodeBody, weighItem } from './http/body.ts';
import { httpSchema, successRanges, validateHttp } from './http/options.ts';
import type { HttpSinkOptions } from './http/options.ts';
import { deliveryId, signatureHeaders } from './http/signature.ts';
import { OpenFates } from './open-fates.ts';
import { showHeaders } from './operator-headers.ts';
import { openLimitedClient } from './request-limit.ts';
import { sendInRuns } from './send-in-runs.ts';
import { halves, SizeLimit } from './size-limit.ts';
import type { Batch, Item, Receipt, Sink, SinkContext, SinkDefinition } from './sink.ts';

/**
 * Any HTTP endpoint. One request per batch; a status from `success` settles it whole. A batch that is too large is
 * split, one that is refused with 400 or 422 is bisected until the refused events stand alone.
 * Sources: Standard Webhooks; RFC 9110.
 */
export const httpSink: SinkDefinition<HttpSinkOptions> = {
  type: 'http',
  schema: httpSchema,
  defaultFormat: 'raw',
  defaultBatch: { maxEvents: 500, maxBytes: 1024 * 1024, maxWaitMs: 1000 },
  validate: validateHttp,
  create: (options, context) => new HttpSink(options, context),
};

const MAX_RESPONSE_BYTES = 1024 * 1024;
/** Of a refusal's body in the reason of a dead letter. Characters. */
const EXCERPT_CHARACTERS = 200;

interface Placed {
  readonly item: Item;
  /** Index in the batch. */
  readonly place: number;
}

class HttpSink implements Sink {
  readonly delivery = 'confirmed';
  readonly #options: HttpSinkOptions;
  readonly #context: SinkContext;
  readonly #client: HttpClient;
  readonly #url: URL;
  readonly #success: readonly (readonly [number, number])[];
  readonly #limit: SizeLimit;
  readonly #authorize: Authorize;

  constructor(options: HttpSinkOptions, context: SinkContext) {
    this.#options = options;
    this.#context = context;
    this.#url = readHttpAddress(options.url);
    this.#success = successRanges(options.success);
    this.#limit = new SizeLimit(Number.MAX_SAFE_INTEGER, context.clock);
    this.#client = openLimitedClient({ tls: options.tls }, context);
    this.#authorize = openAuthorize(options.auth ?? {}, { ...context, client: this.#client });
  }

  async send(batch: Batch, signal: AbortSignal): Promise<Receipt> {
    signal.throwIfAborted();
    const open = new OpenFates(batch.items.length);
    const placed = batch.items.map((item, place) => ({ item, place }));
    const limits = { open, limit: this.#limit, weigh };
    const failure = await sendInRuns(placed, limits, (run) => this.#sendRun(run, open, signal), signal);
    if (failure !== null) return open.interrupted(failure);
    return open.receipt(`${placeOf(this.#url)} refuses one event after the other for the same reason`);
  }

  /** Settles a run, or returns the parts that it has to be sent in. */
  async #sendRun(
    run: readonly Placed[],
    open: OpenFates,
    signal: AbortSignal,
  ): Promise<readonly (readonly Placed[])[]> {
    const response = await this.#exchange(
      run.map((placed) => placed.item),
      signal,
    );
    if (this.#isSuccess(response.status)) {
      if (!this.#options.html_is_success && isHtmlPage(response))
        throw unreadableAnswer(placeOf(this.#url), response);
      for (const { place } of run) open.settle(place, { outcome: 'delivered' });
      open.progress();
      return [];
    }
    const reaction = reactionTo(response.status);
    const isolates = reaction === 'isolate' && this.#options.isolate;
    if (reaction !== 'split' && !isolates) throw this.#failure(response);
    const bytes = run.reduce((sum, placed) => sum + weigh(placed), 0);
    if (reaction === 'split') this.#limit.refused(bytes);
    if (run.length > 1) return halves(run, weigh);
    for (const { place } of run) {
      const reason =
        reaction === 'split'
          ? `refused with 413: the event alone makes a request of ${bytes} bytes`
          : `refused with ${response.status}${this.#excerpt(response)}`;
      open.reject(place, reason, String(response.status));
    }
    return [];
  }

  async #exchange(items: readonly Item[], signal: AbortSignal): Promise<HttpResponse> {
    const { encoding, method, request_timeout, signing_secrets } = this.#options;
    const text = encodeBody(items, encoding);
    const id = deliveryId(items.map((item) => item.canonical.id));
    const zipped = this.#options.compress === 'gzip';
    const body = zipped ? await gzipped(text) : Buffer.from(text);
    const limits = { timeoutMs: request_timeout, maxResponseBytes: MAX_RESPONSE_BYTES };
    return exchangeWith(
      this.#client,
      async (show) => {
        const secrets = await Promise.all(signing_secrets.map(show));
        const headers = {
          'content-type': contentType(items, encoding),
          ...(await this.#ownHeaders(show)),
          ...signatureHeaders(secrets, id, this.#context.clock.now(), text),
          ...(zipped ? { 'content-encoding': 'gzip' } : {}),
        };
        return this.#authorize({ method, url: this.#url, headers, body, ...limits }, show);
      },
      signal,
    );
  }

  async #ownHeaders(show: Show): Promise<Readonly<Record<string, string>>> {
    const { bearer, username, password } = this.#options;
    const headers = {
      'user-agent': `auditferry/${this.#context.forwarderVersion}`,
      ...(await showHeaders(this.#options.headers, show)),
    };
    if (bearer !== undefined) return { ...headers, authorization: `Bearer ${await show(bearer)}` };
    if (username === undefined || password === undefined) return headers;
    const pair = Buffer.from(`${username}:${await show(password)}`).toString('base64');
    return { ...headers, authorization: `Basic ${pair}` };
  }

  #isSuccess(status: number): boolean {
    return this.#success.some(([first, last]) => status >= first && status <= last);
  }

  #failure(response: HttpResponse): ForwardError {
    const where = placeOf(this.#url);
    const reaction = reactionTo(response.status);
    if (reaction === 'taken') {
      return new ForwardError('denied', `${where} answered ${response.status}, which is not in success`, {
        hint: 'add the status to success if it means that the batch was taken',
      });
    }
    if (reaction === 'isolate') {
      return new ForwardError('denied', `${where} answered ${response.status} and isolate is off`, {
        hint: 'look at what the receiver refuses, or set isolate: true where a failed request takes nothing',
      });
    }
    return statusFailure(where, response, this.#context.clock.now());
  }

  /** The receiver's own words. */
  #excerpt(response: HttpResponse): string {
    const text = oneLine(response.body.subarray(0, 4096).toString('utf8'), EXCERPT_CHARACTERS);
    return text === '' || isHtmlPage(response) ? '' : `: ${text}`;
  }

  async check(signal: AbortSignal): Promise<CheckReport> {
    const items: CheckItem[] = [];
    try {
      items.push(...(await this.#probe(signal)));
    } catch (error) {
      signal.throwIfAborted();
      const hint = error instanceof ForwardError ? error.hint : undefined;
      items.push({
        name: 'reachable',
        outcome: 'fail',
        finding: describe(error),
        ...(hint === undefined ? {} : { hint }),
      });
    }
    return { items };
  }

  /** HEAD carries the credentials and no event; what it cannot prove is said. */
  async #probe(signal: AbortSignal): Promise<readonly CheckItem[]> {
    const limits = { timeoutMs: this.#options.request_timeout, maxResponseBytes: MAX_RESPONSE_BYTES };
    const request = { method: 'HEAD', url: this.#url, ...limits } as const;
    const { status } = await exchangeWith(
      this.#client,
      async (show) => this.#authorize({ ...request, headers: await this.#ownHeaders(show) }, show),
      signal,
    );
    const reachable: CheckItem = {
      name: 'reachable',
      outcome: 'ok',
      finding: `${placeOf(this.#url)} answered HEAD with ${status}`,
    };
    const refused = status === 401 || status === 403;
    const finding = refused
      ? `the receiver answered HEAD with ${status}: the credentials are wrong, or it refuses HEAD to everyone`
      : 'a webhook cannot be asked whether it takes events without sending one';
    return [
      reachable,
      {
        name: 'accepts',
        outcome: 'warn',
        finding,
        hint: BY_SENDING,
      },
    ];
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

function weigh(placed: Placed): number {
  return weighItem(placed.item);
}

function isHtmlPage(response: HttpResponse): boolean {
  const start = response.body.subarray(0, 200).toString('latin1').trimStart().toLowerCase();
  return mediaType(response.headers) === 'text/html' && /^<(!doctype|html|head|body)/.test(start);
}
