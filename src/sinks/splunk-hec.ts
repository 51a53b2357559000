import type { CheckReport } from '../model/check.ts';
import { ForwardError } from '../model/errors.ts';
import type { HttpClient } from '../net/http.ts';
import { untilAborted } from '../model/abort.ts';
import { placeOf } from './http-fates.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { OpenFates } from './open-fates.ts';
import { openLimitedClient } from './request-limit.ts';
import { sendInRuns } from './send-in-runs.ts';
import { halves, SizeLimit } from './size-limit.ts';
import type { Batch, Item, Receipt, Sink, SinkContext, SinkDefinition } from './sink.ts';
import { awaitAcks, pollFailure } from './splunk/ack.ts';
import { checkHec } from './splunk/check.ts';
import { verdictOn } from './splunk/codes.ts';
import { HecConnection } from './splunk/connection.ts';
import { Endpoints } from './splunk/endpoints.ts';
import type { Channel, Endpoint } from './splunk/endpoints.ts';
import { createEnvelope, envelopeText } from './splunk/envelope.ts';
import type { WriteEnvelope } from './splunk/envelope.ts';
import { addressesOf, splunkSchema, validateSplunk } from './splunk/options.ts';
import type { SplunkOptions } from './splunk/options.ts';
import { packed } from './splunk/packed.ts';
import type { Packed, Placed } from './splunk/packed.ts';
import { countCopies } from './splunk/search.ts';

/**
 * Splunk's HTTP Event Collector. Events are posted in requests of many; HEC indexes as it parses, so that an answer
 * which names a bad event also says that everything before it is in. With acknowledgement the events count as delivered
 * only once the indexer says so. Sources: Splunk's HEC documentation and table of codes; others' measurements.
 */
export const splunkHecSink: SinkDefinition<SplunkOptions> = {
  type: 'splunk_hec',
  schema: splunkSchema,
  defaultFormat: 'cim',
  defaultBatch: { maxEvents: 1000, maxBytes: 1024 * 1024, maxWaitMs: 1000 },
  validate: validateSplunk,
  create: (options, context) => new SplunkHecSink(options, context),
};

/** Splunk Cloud refuses bodies somewhere between 5,242,881 and 6,000,000 bytes before compression. */
const REQUEST_BYTES_LIMIT = 5_000_000;

/** Batches that wait for an acknowledgement while the next one is sent: an indexer takes seconds for it. */
const AHEAD = 3;

/** What one `send` knows while it goes on. */
interface Sending {
  readonly endpoint: Endpoint;
  readonly channel: Channel;
  readonly open: OpenFates;
  readonly bodyOf: Packed['bodyOf'];
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** Places that wait for the acknowledgement with this id. */
  readonly queued: Map<number, readonly number[]>;
}

class SplunkHecSink implements Sink {
  readonly delivery = 'confirmed';
  readonly holds?: NonNullable<Sink['holds']>;
  readonly #options: SplunkOptions;
  readonly #context: SinkContext;
  readonly #client: HttpClient;
  readonly #searchClient: HttpClient | null;
  readonly #connection: HecConnection;
  readonly #endpoints: Endpoints;
  readonly #limit: SizeLimit;
  readonly #userAgent: string;
  readonly #envelope: WriteEnvelope;
  readonly #inTurn = oneAtATime();

  constructor(options: SplunkOptions, context: SinkContext) {
    this.#options = options;
    this.#context = context;
    this.#userAgent = `auditferry/${context.forwarderVersion}`;
    const { index, host, source, sourcetype } = options;
    this.#envelope = createEnvelope({ index, host, source, sourcetype });
    this.#endpoints = new Endpoints(addressesOf(options), context.clock);
    this.#limit = new SizeLimit(REQUEST_BYTES_LIMIT, context.clock);
    this.#client = openLimitedClient({ tls: options.tls }, context);
    this.#connection = new HecConnection({
      client: this.#client,
      token: options.token,
      userAgent: this.#userAgent,
      gzip: options.compress === 'gzip',
      timeoutMs: options.request_timeout,
    });
    const { search } = options;
    this.#searchClient =
      search === undefined ? null : openLimitedClient({ tls: search.tls, connections: 1 }, context);
    if (this.#searchClient !== null && search !== undefined) {
      const around = { client: this.#searchClient, clock: context.clock, userAgent: this.#userAgent };
      this.holds = (ids, signal) => countCopies(search, options.index, ids, around, signal);
    }
  }

  async send(batch: Batch, signal: AbortSignal): Promise<Receipt> {
    signal.throwIfAborted();
    const open = new OpenFates(batch.items.length);
    const envelopes = packed(batch.items, this.#envelope, this.#options.max_event_size, open);
    if (envelopes.placed.length === 0) return open.receipt('');
    const post = () => this.#post(envelopes, open, batch.attempt, signal);
    const { sending, failure } = await (this.#keepsOrder()
      ? untilAborted(this.#inTurn(post), signal)
      : post());
    const { endpoint, channel } = sending;
    // What was queued before a failure still has to be asked for.
    const unacknowledged = await this.#settleQueued(sending);
    signal.throwIfAborted();
    const fault = failure ?? unacknowledged;
    if (fault === null) {
      endpoint.giveBack(channel);
      // What was sent is another piece of memory then; what was sent as it is may still be on its way out of here.
      if (this.#options.compress === 'gzip') envelopes.free();
      const where = placeOf(endpoint.event);
      return open.receipt(`${where} has not acknowledged it, or refuses one event after the other`);
    }
    return open.interrupted(this.#endpoints.failed(endpoint, fault));
  }

  asSent(item: Item): string | null {
    const envelope = envelopeText(this.#envelope(item));
    return Buffer.byteLength(envelope) < this.#options.max_event_size ? envelope : null;
  }

  readonly aheadAtMost = AHEAD;

  ahead(): number {
    return this.#keepsOrder() && this.#endpoints.all.some(({ ackProven }) => ackProven) ? AHEAD : 0;
  }

  #keepsOrder(): boolean {
    return (this.#context.concurrent ?? 1) === 1;
  }

  /** Sends everything on one channel; what HEC has taken may be queued for its acknowledgement then. */
  async #post(
    { placed, bodyOf }: Packed,
    open: OpenFates,
    attempt: number,
    signal: AbortSignal,
  ): Promise<{ readonly sending: Sending; readonly failure: ForwardError | null }> {
    signal.throwIfAborted();
    const endpoint = this.#endpoints.next();
    const channel = endpoint.takeChannel(this.#context.clock.monotonic(), this.#options.channel_cookie);
    const sending = { endpoint, channel, open, bodyOf, signal, attempt, queued: new Map() };
    const limits = { open, limit: this.#limit, weigh };
    const failure = await sendInRuns(placed, limits, (run) => this.#postRun(run, sending), signal);
    return { sending, failure };
  }

  /** Settles or queues a run, and returns the parts that still have to be sent. */
  async #postRun(run: readonly Placed[], sending: Sending): Promise<readonly (readonly Placed[])[]> {
    const { endpoint, channel, open } = sending;
    const { clock } = this.#context;
    await this.#proveAck(sending);
    const body = sending.bodyOf(run);
    const response = await this.#connection.postEvents(endpoint.event, channel, body, sending.signal);
    channel.lastUsedMs = clock.monotonic();
    const bytes = body.length;
    const where = placeOf(endpoint.event);
    const verdict = verdictOn(response, { where, events: run.length, bytes, nowMs: clock.now() });
    switch (verdict.kind) {
      case 'taken':
        endpoint.works();
        if (verdict.slowDown) open.slowDown();
        this.#accept(run, verdict.ackId, sending);
        return [];
      case 'bad_event': {
        endpoint.works();
        this.#acceptPart(run.slice(0, verdict.index), verdict.ackId, sending);
        for (const { place } of run.slice(verdict.index, verdict.index + 1))
          open.reject(place, verdict.reason);
        const rest = run.slice(verdict.index + 1);
        return rest.length > 0 ? [rest] : [];
      }
      case 'too_large':
        this.#limit.refused(bytes);
        this.#acceptPart(run.slice(0, verdict.before), verdict.ackId, sending);
        return this.#isolate(
          run.slice(verdict.before),
          `${verdict.reason}: the event alone makes a request of ${bytes} bytes`,
          open,
        );
      case 'damaged':
        // Perhaps it was damaged on the way: the loop sends it once more, and only then is it taken apart.
        if (sending.attempt > 1) return this.#isolate(run, verdict.reason, open);
        throw new ForwardError('transient', `${where} could not read a request: ${verdict.reason}`);
      case 'failed':
        this.#acceptPart(run.slice(0, verdict.before), verdict.ackId, sending);
        throw endpoint.soften(verdict.error, response.status, clock.monotonic());
    }
  }

  #isolate(run: readonly Placed[], reason: string, open: OpenFates): readonly (readonly Placed[])[] {
    if (run.length > 1) return halves(run, weigh);
    for (const { place } of run) open.reject(place, reason, reason.replace(/\d+/g, 'n'));
    return [];
  }

  /** What HEC took of a request that failed. Without an id, from an endpoint that gives them, it is sent again. */
  #acceptPart(part: readonly Placed[], ackId: number | undefined, sending: Sending): void {
    if (ackId !== undefined || !sending.endpoint.ackProven) this.#accept(part, ackId, sending);
  }

  /** What HEC has taken: delivered, or queued until its id is acknowledged. */
  #accept(run: readonly Placed[], ackId: number | undefined, sending: Sending): void {
    if (run.length === 0) return;
    const { endpoint, open, queued } = sending;
    open.progress();
    const places = run.map((one) => one.place);
    const { ack } = this.#options;
    if (ack === 'off' || (ack === 'auto' && ackId === undefined)) {
      for (const place of places) open.settle(place, { outcome: 'delivered' });
      return;
    }
    if (ackId === undefined) {
      throw new ForwardError(
        'denied',
        `${placeOf(endpoint.event)} took events without an acknowledgement id`,
        {
          ambiguous: true,
          hint: 'turn on indexer acknowledgement for the token, or set ack: auto',
        },
      );
    }
    endpoint.ackProven = true;
    // Ids start again when an indexer restarts: what waited under the same one stays open, and is sent again.
    queued.set(ackId, places);
  }

  /** Waits for what is queued; returns the failure after which the channel is not to be used again. */
  async #settleQueued(sending: Sending): Promise<ForwardError | null> {
    const { endpoint, channel, open, queued, signal } = sending;
    const { ack_timeout: timeoutMs, ack_poll: longestPauseMs } = this.#options;
    const settle = (id: number): void => {
      for (const place of queued.get(id) ?? []) open.settle(place, { outcome: 'delivered' });
    };
    try {
      const settings = { clock: this.#context.clock, timeoutMs, longestPauseMs };
      await awaitAcks(this.#connection, endpoint, channel, [...queued.keys()], settings, settle, signal);
      return null;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ForwardError) return error;
      throw error;
    }
  }

  /** With `ack: on` nothing is sent before the endpoint has shown that it acknowledges: a refusal would repeat events. */
  async #proveAck(sending: Sending): Promise<void> {
    const { endpoint, channel, signal } = sending;
    if (this.#options.ack !== 'on' || endpoint.ackProven) return;
    const response = await this.#connection.postPoll(endpoint.ack, channel, [0], signal);
    if (response.status !== 200) throw pollFailure(endpoint, response, this.#context.clock.now());
    endpoint.ackProven = true;
  }

  async check(signal: AbortSignal): Promise<CheckReport> {
    const { clock } = this.#context;
    const search = this.#searchClient;
    const around = search === null ? null : { client: search, clock, userAgent: this.#userAgent };
    return checkHec(this.#connection, this.#endpoints.all, this.#options, around, clock, signal);
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#searchClient?.close();
  }
}

function weigh(placed: Placed): number {
  return placed.bytes;
}
