import { failedItem } from '../model/check.ts';
import type { CheckReport } from '../model/check.ts';
import { ForwardError } from '../model/errors.ts';
import { awsRefusal } from '../net/aws-refusals.ts';
import { openAuthorize } from '../net/auth.ts';
import type { Authorize } from '../net/auth.ts';
import { exchangeWith } from '../net/credentials.ts';
import { gzipped } from '../net/gzip.ts';
import { mediaType, retryAfterMs } from '../net/http.ts';
import type { HttpClient, HttpResponse } from '../net/http.ts';
import { placeOf, statusFailure, unreadableAnswer } from './http-fates.ts';
import { knownLimits, limitItems } from './known-limits.ts';
import { OpenFates } from './open-fates.ts';
import { showHeaders } from './operator-headers.ts';
import { readAnswer, refusalWords } from './otlp/answer.ts';
import type { PartialSuccess } from './otlp/answer.ts';
import { logsUrl, otlpSchema, validateOtlp } from './otlp/options.ts';
import type { OtlpOptions } from './otlp/options.ts';
import { encodeItem, encodeRequest } from './otlp/request.ts';
import type { EncodedItem } from './otlp/request.ts';
import { openLimitedClient } from './request-limit.ts';
import { sendInRuns } from './send-in-runs.ts';
import { halves, SizeLimit } from './size-limit.ts';
import type { Batch, Item, KnownLimits, Receipt, Sink, SinkContext, SinkDefinition } from './sink.ts';

/**
 * OpenTelemetry logs over HTTP. The records are built from the canonical event, so the sink's format only matters for
 * `include_original`. Sources: OTLP 1.11.0, "OTLP/HTTP Response"; opentelemetry-proto 1.11.0.
 */
export const otlp: SinkDefinition<OtlpOptions> = {
  type: 'otlp',
  schema: otlpSchema,
  defaultFormat: 'raw',
  defaultBatch: { maxEvents: 1000, maxBytes: 4 * 1024 * 1024, maxWaitMs: 1000 },
  validate: validateOtlp,
  knownLimits: ({ url, include_original: twice }) => otlpLimits(url, twice),
  create: (options, context) => new OtlpSink(options, context),
};

/** What is measured is the event in the sink's format, and a record says about as much; with the original in it, that twice. */
function otlpLimits(url: string, twice: boolean): KnownLimits | null {
  const limits = knownLimits(url);
  if (limits?.maxBytes === undefined || !twice) return limits;
  return { ...limits, maxBytes: limits.maxBytes / 2 };
}

/** The cap that the specification recommends to servers is 64 MiB, before compression; proxies often take less. */
const REQUEST_LIMIT_BYTES = 32 * 1024 * 1024;
const ANSWER_LIMIT_BYTES = 1024 * 1024;
/** Resource, scope and the frames around each record. */
const RECORD_FRAME_BYTES = 16;

/** The only statuses that the specification lets a client retry. */
const RETRYABLE = new Set([429, 502, 503, 504]);

const MEDIA_TYPES = { json: 'application/json', protobuf: 'application/x-protobuf' } as const;

/** A run of records to be sent as one request. */
type Run = readonly EncodedItem[];

class OtlpSink implements Sink {
  readonly delivery = 'confirmed';
  readonly wholeEvents = true;
  readonly #options: OtlpOptions;
  readonly #context: SinkContext;
  readonly #client: HttpClient;
  readonly #url: URL;
  readonly #limit: SizeLimit;
  readonly #authorize: Authorize;

  constructor(options: OtlpOptions, context: SinkContext) {
    this.#options = options;
    this.#context = context;
    this.#url = logsUrl(options.url);
    this.#limit = new SizeLimit(REQUEST_LIMIT_BYTES, context.clock);
    this.#client = openLimitedClient({ tls: options.tls }, context);
    this.#authorize = openAuthorize(options.auth ?? {}, { ...context, client: this.#client });
  }

  async send(batch: Batch, signal: AbortSignal): Promise<Receipt> {
    signal.throwIfAborted();
    const { encoding, include_original: includeOriginal } = this.#options;
    const open = new OpenFates(batch.items.length);
    const encoded = batch.items.map((item, place) => encodeItem(item, place, encoding, includeOriginal));
    const notices = new Set<string>();
    const limits = { open, limit: this.#limit, weigh };
    const sendRun = (run: Run): Promise<readonly Run[]> => this.#sendRun(run, open, notices, signal);
    const failure = await sendInRuns(encoded, limits, sendRun, signal);
    const receipt =
      failure === null
        ? open.receipt(`${placeOf(this.#url)} refuses one event after the other for the same reason`)
        : open.interrupted(failure);
    return notices.size === 0 ? receipt : { ...receipt, notice: [...notices].join('; ') };
  }

  /** As JSON, which says the same as protobuf. */
  asSent(item: Item): string {
    return encodeItem(item, 0, 'json', this.#options.include_original).record.toString('utf8');
  }

  /** Settles a run, or returns the parts that it has to be sent in. */
  async #sendRun(
    run: Run,
    open: OpenFates,
    notices: Set<string>,
    signal: AbortSignal,
  ): Promise<readonly Run[]> {
    const response = await this.#exchange(run, signal);
    if (response.status >= 200 && response.status < 300) {
      const said = readAnswer(response, this.#options.encoding);
      if (said === null) throw unreadableAnswer(placeOf(this.#url), response);
      return settleTaken(run, said, open, notices);
    }
    const bytes = run.reduce((sum, encoded) => sum + weigh(encoded), 0);
    // OTLP takes nothing of a request that it answers with 400 or 413, so parts of it can be sent again.
    if (response.status !== 400 && response.status !== 413) throw this.#failure(response);
    if (awsRefusal(response) !== null) throw this.#failure(response);
    // A page is no word of a receiver of OTLP: something before it refuses every request alike.
    if (response.status === 400 && mediaType(response.headers) === 'text/html') throw this.#failure(response);
    if (run.length > 1) {
      if (response.status === 413) this.#limit.refused(bytes);
      return halves(run, weigh);
    }
    const words = refusalWords(response);
    const reason =
      response.status === 413
        ? `refused with 413: the event alone makes a record of ${bytes} bytes`
        : `refused with 400${words === '' ? '' : `: ${words}`}`;
    for (const { place } of run) open.reject(place, reason, String(response.status));
    return [];
  }

  async #exchange(run: Run, signal: AbortSignal): Promise<HttpResponse> {
    const { encoding, headers, resource, request_timeout: timeoutMs } = this.#options;
    const plain = encodeRequest(run, encoding, resource);
    const zipped = this.#options.compress === 'gzip';
    const body = zipped ? await gzipped(plain) : plain;
    return exchangeWith(
      this.#client,
      async (show) => {
        const own = {
          'user-agent': `auditferry/${this.#context.forwarderVersion}`,
          accept: MEDIA_TYPES[encoding],
          ...(await showHeaders(headers, show)),
          'content-type': MEDIA_TYPES[encoding],
          ...(zipped ? { 'content-encoding': 'gzip' } : {}),
        };
        const limits = { timeoutMs, maxResponseBytes: ANSWER_LIMIT_BYTES };
        return this.#authorize({ method: 'POST', url: this.#url, headers: own, body, ...limits }, show);
      },
      signal,
    );
  }

  /**
   * Only four statuses are transient. The specification forbids a client to retry any other; since nothing may be
   * dropped, such an answer holds the sink, which probes slowly and says so.
   */
  #failure(response: HttpResponse): ForwardError {
    const where = placeOf(this.#url);
    const nowMs = this.#context.clock.now();
    if (RETRYABLE.has(response.status)) return statusFailure(where, response, nowMs);
    const usual = statusFailure(where, response, nowMs);
    if (usual.kind === 'denied') return usual;
    return new ForwardError(
      'denied',
      `${usual.message}, which OTLP does not let a client send again at once`,
      {
        ambiguous: usual.ambiguous,
        retryAfterMs: retryAfterMs(response.headers, nowMs),
        hint: 'look at the log of the receiver; the events are kept and offered again slowly',
      },
    );
  }

  /** An empty request is valid, stores nothing, and needs the same address, encoding and credentials as a full one. */
  async check(signal: AbortSignal): Promise<CheckReport> {
    const where = placeOf(this.#url);
    try {
      const response = await this.#exchange([], signal);
      const taken = response.status >= 200 && response.status < 300;
      if (!taken) throw this.#failure(response);
      if (readAnswer(response, this.#options.encoding) === null) throw unreadableAnswer(where, response);
    } catch (error) {
      signal.throwIfAborted();
      return { items: [failedItem('receiver', error)] };
    }
    const finding = `${where} takes OTLP logs as ${this.#options.encoding}`;
    const limits = limitItems(this.#options.url);
    return { items: [{ name: 'receiver', outcome: 'ok', finding }, this.#transportItem(), ...limits] };
  }

  #transportItem(): CheckReport['items'][number] {
    if (this.#url.protocol === 'https:') return { name: 'transport', outcome: 'ok', finding: 'https' };
    return {
      name: 'transport',
      outcome: 'warn',
      finding: 'events travel without encryption',
      hint: 'use an https address unless the collector runs beside this program',
    };
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

/**
 * A 200 may say that some records were refused for good, and not which. Alone in its request a record is known by that.
 * Of several, all or none are known too; otherwise each is sent again alone: those that were taken arrive a second
 * time, under the same `log.record.uid`, and nothing is lost or called delivered that was not.
 */
function settleTaken(run: Run, said: PartialSuccess, open: OpenFates, notices: Set<string>): readonly Run[] {
  const words = said.message === '' ? '' : `: ${said.message}`;
  if (said.rejected > 0 && said.rejected < run.length) {
    notices.add(
      'the receiver refused a part of a request without saying which; its events were sent again one by one',
    );
    return run.map((encoded) => [encoded]);
  }
  for (const { place } of run) {
    if (said.rejected === 0) open.settle(place, { outcome: 'delivered' });
    else open.reject(place, `refused by the receiver${words}`);
  }
  if (said.rejected === 0) open.progress();
  if (said.rejected === 0 && said.message !== '') notices.add(`the receiver warns${words}`);
  return [];
}

function weigh(encoded: EncodedItem): number {
  return encoded.record.length + RECORD_FRAME_BYTES;
}
