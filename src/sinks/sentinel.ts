import { BY_SENDING, failedItem } from '../model/check.ts';
import type { CheckReport } from '../model/check.ts';
import { ForwardError, oneLine } from '../model/errors.ts';
import { isObject, parseObject } from '../model/json.ts';
import type { Credential } from '../model/secret.ts';
import { exchangeWith } from '../net/credentials.ts';
import { gzipped } from '../net/gzip.ts';
import { mediaType } from '../net/http.ts';
import type { HttpClient, HttpResponse } from '../net/http.ts';
import { openOauth2 } from '../net/oauth2.ts';
import { placeOf, reactionTo, statusFailure, unreadableAnswer } from './http-fates.ts';
import { OpenFates } from './open-fates.ts';
import { openLimitedClient } from './request-limit.ts';
import { sendInRuns } from './send-in-runs.ts';
import { ingestionUrl, sentinelSchema, tokenOptions, validateSentinel } from './sentinel/options.ts';
import type { SentinelOptions } from './sentinel/options.ts';
import { rowOf, VALUE_LIMIT_BYTES } from './sentinel/row.ts';
import { halves, SizeLimit } from './size-limit.ts';
import { bytesOf } from './sink.ts';
import type { Batch, Item, Receipt, Sink, SinkContext, SinkDefinition } from './sink.ts';

/**
 * Microsoft Sentinel: rows to a stream of a data collection rule. 2xx takes a request whole and says nothing of its rows: what the rule's
 * transformation drops shows in the workspace's DCRLogErrors only. Source: Azure Monitor, "Logs Ingestion API".
 */
export const sentinel: SinkDefinition<SentinelOptions> = {
  type: 'sentinel',
  schema: sentinelSchema,
  defaultFormat: 'ecs',
  defaultBatch: { maxEvents: 1000, maxBytes: 800 * 1024, maxWaitMs: 1000 },
  validate: validateSentinel,
  create: (options, context) => new SentinelSink(options, context),
};

/** One call takes 1 MB before compression and after it. Whether that is MB or MiB is not said. */
const REQUEST_LIMIT_BYTES = 1_000_000;
const ANSWER_LIMIT_BYTES = 256 * 1024;
/** Codes of 400 that speak of the request's size or pace, not of its rows. */
const TOO_SLOW = /^ReadyBody_/;

interface Row {
  readonly place: number;
  readonly text: string;
  /** In the request, comma included. */
  readonly bytes: number;
}

class SentinelSink implements Sink {
  readonly delivery = 'confirmed';
  readonly #options: SentinelOptions;
  readonly #context: SinkContext;
  readonly #client: HttpClient;
  readonly #url: URL;
  readonly #token: Credential;
  readonly #limit: SizeLimit;

  constructor(options: SentinelOptions, context: SinkContext) {
    this.#options = options;
    this.#context = context;
    this.#url = ingestionUrl(options);
    this.#client = openLimitedClient({ tls: options.tls }, context);
    this.#token = openOauth2(tokenOptions(options), { ...context, client: this.#client });
    this.#limit = new SizeLimit(REQUEST_LIMIT_BYTES - 2, context.clock);
  }

  async send(batch: Batch, signal: AbortSignal): Promise<Receipt> {
    signal.throwIfAborted();
    const open = new OpenFates(batch.items.length);
    const rows = rowsOf(batch.items, open);
    const limits = { open, limit: this.#limit, weigh };
    const failure = await sendInRuns(rows, limits, (run) => this.#sendRun(run, open, signal), signal);
    if (failure !== null) return open.interrupted(failure);
    return open.receipt(`${placeOf(this.#url)} refuses one event after the other for the same reason`);
  }

  asSent(item: Item): string | null {
    return bytesOf(item) > VALUE_LIMIT_BYTES ? null : rowOf(item);
  }

  /** Settles a run, or returns the parts that it has to be sent in. */
  async #sendRun(
    run: readonly Row[],
    open: OpenFates,
    signal: AbortSignal,
  ): Promise<readonly (readonly Row[])[]> {
    const response = await this.#post(`[${run.map(({ text }) => text).join(',')}]`, signal);
    const { code, message } = errorOf(response);
    const reaction = response.status === 400 && TOO_SLOW.test(code) ? 'split' : reactionTo(response.status);
    if (reaction === 'taken') {
      if (mediaType(response.headers) === 'text/html') throw unreadableAnswer(placeOf(this.#url), response);
      for (const { place } of run) open.settle(place, { outcome: 'delivered' });
      open.progress();
      return [];
    }
    if (reaction !== 'split' && reaction !== 'isolate') throw this.#failure(response, code);
    if (response.status === 413) this.#limit.refused(run.reduce((sum, row) => sum + row.bytes, 0));
    if (run.length > 1) return halves(run, weigh);
    if (TOO_SLOW.test(code))
      throw new ForwardError('transient', `${placeOf(this.#url)} gave up reading: ${code}`);
    const said = [code, message].filter((text) => text !== '').join(': ');
    for (const { place } of run)
      open.reject(
        place,
        `refused with ${response.status}${said === '' ? '' : `: ${said}`}`,
        String(response.status),
      );
    return [];
  }

  async #post(text: string, signal: AbortSignal): Promise<HttpResponse> {
    const zipped = this.#options.compress === 'gzip';
    const body = zipped ? await gzipped(text) : Buffer.from(text);
    return exchangeWith(
      this.#client,
      async (show) => ({
        method: 'POST',
        url: this.#url,
        headers: {
          'user-agent': `auditferry/${this.#context.forwarderVersion}`,
          authorization: `Bearer ${await show(this.#token)}`,
          'content-type': 'application/json',
          ...(zipped ? { 'content-encoding': 'gzip' } : {}),
        },
        body,
        timeoutMs: this.#options.request_timeout,
        maxResponseBytes: ANSWER_LIMIT_BYTES,
      }),
      signal,
    );
  }

  #failure(response: HttpResponse, code: string): ForwardError {
    const hint = HINTS[response.status];
    return statusFailure(placeOf(this.#url), response, this.#context.clock.now(), { said: code, hint });
  }

  /** A token proves tenant, application and secret. Role, rule and stream show themselves with a row only. */
  async check(signal: AbortSignal): Promise<CheckReport> {
    try {
      await this.#token.get(signal);
    } catch (error) {
      signal.throwIfAborted();
      return { items: [failedItem('token', error)] };
    }
    const accepts =
      'role, rule and stream show themselves when a row is sent; rows can still vanish after that';
    return {
      items: [
        { name: 'token', outcome: 'ok', finding: `a token for ${this.#options.audience} was given` },
        {
          name: 'accepts',
          outcome: 'warn',
          finding: accepts,
          hint: `${BY_SENDING}; turn on the diagnostic setting "Log Errors" of the rule and query DCRLogErrors`,
        },
      ],
    };
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

const HINTS: Readonly<Record<number, string>> = {
  401: 'check audience: the token is for another cloud',
  403: 'give the application the role Monitoring Metrics Publisher on the data collection rule; it takes up to 30 minutes to hold',
  404: 'check endpoint, rule_id (the immutable ID) and stream; an endpoint of the rule itself needs kind: Direct',
};

/** Rows of what can be sent at all. A longer event would silently be stored cut. */
function rowsOf(items: readonly Item[], open: OpenFates): readonly Row[] {
  return items.flatMap((item, place) => {
    const bytes = bytesOf(item);
    if (bytes > VALUE_LIMIT_BYTES) {
      const reason = `the event takes ${bytes} bytes, Azure Monitor cuts values over ${VALUE_LIMIT_BYTES}`;
      open.settle(place, { outcome: 'rejected', reason });
      return [];
    }
    const text = rowOf(item);
    return [{ place, text, bytes: Buffer.byteLength(text) + 1 }];
  });
}

function weigh({ bytes }: Row): number {
  return bytes;
}

/** `{"error":{"code","message"}}`, in the receiver's words. */
function errorOf({ status, body }: HttpResponse): { readonly code: string; readonly message: string } {
  const none = { code: '', message: '' };
  if (status < 400) return none;
  const error = parseObject(body)?.['error'];
  if (!isObject(error)) return none;
  const text = (value: unknown): string => (typeof value === 'string' ? oneLine(value, 200) : '');
  return { code: text(error['code']), message: text(error['message']) };
}
