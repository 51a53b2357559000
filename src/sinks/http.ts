import { BY_SENDING, failedItem } from '../model/check.ts';
import type { CheckItem, CheckReport } from '../model/check.ts';
import { ForwardError, oneLine } from '../model/errors.ts';
import { awsRefusal } from '../net/aws-refusals.ts';
import { openAuthorize } from '../net/auth.ts';
import type { Authorize } from '../net/auth.ts';
import type { Secret } from '../model/secret.ts';
import { exchangeWith } from '../net/credentials.ts';
import type { Show } from '../net/credentials.ts';
import { gzipped } from '../net/gzip.ts';
import { mediaType } from '../net/http.ts';
import type { HttpClient, HttpResponse } from '../net/http.ts';
import { readHttpAddress } from './http-address.ts';
import { placeOf, reactionTo, statusFailure, unreadableAnswer } from './http-fates.ts';
import { contradiction } from './http/answer.ts';
import { contentType, encodeBody, encodeEvent } from './http/body.ts';
import { httpSchema, successRanges, validateHttp } from './http/options.ts';
import type { HttpSinkOptions } from './http/options.ts';
import { deliveryId, signatureHeaders } from './http/signature.ts';
import { takesWhole } from './http/template.ts';
import { knownLimits, limitItems } from './known-limits.ts';
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
  knownLimits: ({ url }) => knownLimits(url),
  create: (options, context) => new HttpSink(options, context),
};

const MAX_RESPONSE_BYTES = 1024 * 1024;
/** Of a refusal's body in the reason of a dead letter. Characters. */
const EXCERPT_CHARACTERS = 200;

interface Placed {
  readonly item: Item;
  /** Index in the batch. */
  readonly place: number;
  /** As it stands in a request. */
  readonly text: string;
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
  readonly wholeEvents: boolean;

  constructor(options: HttpSinkOptions, context: SinkContext) {
    this.#options = options;
    this.wholeEvents = takesWhole(options.template?.event ?? '');
    this.#context = context;
    this.#url = readHttpAddress(options.url);
    this.#success = successRanges(options.success);
    this.#limit = new SizeLimit(options.max_request_size ?? Number.MAX_SAFE_INTEGER, context.clock);
    this.#client = openLimitedClient({ tls: options.tls }, context);
    this.#authorize = openAuthorize(options.auth ?? {}, { ...context, client: this.#client });
  }

  async send(batch: Batch, signal: AbortSignal): Promise<Receipt> {
    signal.throwIfAborted();
    const open = new OpenFates(batch.items.length);
    const { encoding, template } = this.#options;
    const placed = batch.items.map((item, place) => {
      return { item, place, text: encodeEvent(item, encoding, template) };
    });
    const limits = { open, limit: this.#limit, weigh };
    const failure = await sendInRuns(placed, limits, (run) => this.#sendRun(run, open, signal), signal);
    if (failure !== null) return open.interrupted(failure);
    return open.receipt(`${placeOf(this.#url)} refuses one event after the other for the same reason`);
  }

  asSent(item: Item): string {
    return encodeEvent(item, this.#options.encoding, this.#options.template);
  }

  /** Settles a run, or returns the parts that it has to be sent in. */
  async #sendRun(
    run: readonly Placed[],
    open: OpenFates,
    signal: AbortSignal,
  ): Promise<readonly (readonly Placed[])[]> {
    const response = await this.#exchange(run, signal);
    const wrong = this.#isSuccess(response.status) ? this.#contradiction(response) : null;
    if (wrong === null && this.#isSuccess(response.status)) {
      for (const { place } of run) open.settle(place, { outcome: 'delivered' });
      open.progress();
      return [];
    }
    // Whatever the status: it is not about the events.
    if (awsRefusal(response) !== null) throw this.#failure(response, null);
    const reaction = wrong === null ? reactionTo(response.status) : 'isolate';
    const isolates = reaction === 'isolate' && this.#options.isolate;
    if (reaction !== 'split' && !isolates) throw this.#failure(response, wrong);
    const bytes = run.reduce((sum, placed) => sum + weigh(placed), 0);
    if (reaction === 'split') this.#limit.refused(bytes);
    if (run.length > 1) return halves(run, weigh);
    for (const { place } of run) {
      const reason =
        reaction === 'split'
          ? `refused with 413: the event alone makes a request of ${bytes} bytes`
          : `refused with ${response.status}${wrong === null ? '' : `, ${wrong}`}${this.#excerpt(response)}`;
      open.reject(place, reason, String(response.status));
    }
    return [];
  }

  /** What an answer with a good status says against it; null for nothing. Throws for a page that stands for the receiver. */
  #contradiction(response: HttpResponse): string | null {
    const { expect, html_is_success: believesPages } = this.#options;
    const wrong = expect === undefined ? null : contradiction(response, expect);
    if (wrong === undefined || (!believesPages && isHtmlPage(response)))
      throw unreadableAnswer(placeOf(this.#url), response);
    return wrong;
  }

  async #exchange(run: readonly Placed[], signal: AbortSignal): Promise<HttpResponse> {
    const { encoding, method, path_secret, request_timeout, signing_secrets, template } = this.#options;
    const items = run.map(({ item }) => item);
    const text = encodeBody(
      run.map((placed) => placed.text),
      encoding,
      template,
    );
    const id = deliveryId(items.map((item) => item.canonical.id));
    const zipped = this.#options.compress === 'gzip';
    const body = zipped ? await gzipped(text) : Buffer.from(text);
    const limits = { timeoutMs: request_timeout, maxResponseBytes: MAX_RESPONSE_BYTES };
    return exchangeWith(
      this.#client,
      async (show) => {
        const secrets = await Promise.all(signing_secrets.map(show));
        const headers = {
          'content-type': contentType(items, encoding, template),
          ...(await this.#ownHeaders(show)),
          ...signatureHeaders(secrets, id, this.#context.clock.now(), text),
          ...(zipped ? { 'content-encoding': 'gzip' } : {}),
        };
        const url = await this.#secretUrl(path_secret, show);
        return this.#authorize({ method, url, headers, body, ...limits }, show);
      },
      signal,
    );
  }

  async #secretUrl(secret: Secret | undefined, show: Show): Promise<URL> {
    if (secret === undefined) return this.#url;
    const url = new URL(this.#url);
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${encodeURIComponent((await show(secret)).trim())}`;
    return url;
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

  #failure(response: HttpResponse, wrong: string | null): ForwardError {
    const where = placeOf(this.#url);
    if (wrong !== null) {
      return new ForwardError(
        'denied',
        `${where} answered ${response.status}, but ${wrong}, and isolate is off`,
        {
          hint: 'look at what the receiver refuses, or set isolate: true where a repeat does no harm',
        },
      );
    }
    if (awsRefusal(response) !== null) return statusFailure(where, response, this.#context.clock.now());
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
    const items: CheckItem[] = [...limitItems(this.#options.url)];
    try {
      items.push(...(await this.#probe(signal)));
    } catch (error) {
      signal.throwIfAborted();
      items.push(failedItem('reachable', error));
    }
    return { items };
  }

  /** HEAD carries the credentials and no event; what it cannot prove is said. */
  async #probe(signal: AbortSignal): Promise<readonly CheckItem[]> {
    const limits = { timeoutMs: this.#options.request_timeout, maxResponseBytes: MAX_RESPONSE_BYTES };
    const { path_secret: secret } = this.#options;
    const response = await exchangeWith(
      this.#client,
      async (show) => {
        const url = await this.#secretUrl(secret, show);
        return this.#authorize(
          { method: 'HEAD', url, headers: await this.#ownHeaders(show), ...limits },
          show,
        );
      },
      signal,
    );
    const { status } = response;
    if (awsRefusal(response) !== null) throw this.#failure(response, null);
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

/** The text and one separator. */
function weigh({ text }: Placed): number {
  return Buffer.byteLength(text) + 1;
}

function isHtmlPage(response: HttpResponse): boolean {
  const start = response.body.subarray(0, 200).toString('latin1').trimStart().toLowerCase();
  return mediaType(response.headers) === 'text/html' && /^<(!doctype|html|head|body)/.test(start);
}
