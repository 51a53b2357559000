import { BY_SENDING, failedItem } from '../../model/check.ts';
import type { CheckItem, CheckReport } from '../../model/check.ts';
import type { Clock } from '../../model/clock.ts';
import { parseObject } from '../../model/json.ts';
import type { HttpResponse } from '../../net/http.ts';
import { placeOf, statusFailure } from '../http-fates.ts';
import { failureOf, readAnswer } from './codes.ts';
import type { HecConnection } from './connection.ts';
import { Channel } from './endpoints.ts';
import type { Endpoint } from './endpoints.ts';
import type { SplunkOptions } from './options.ts';
import { runSearch, searchFor } from './search.ts';
import type { SearchContext } from './search.ts';

const SUCCESS = 0;
/** "No data", and "invalid data format" of some that only resemble Splunk: both are said after the token was looked at. */
const NO_DATA = new Set([5, 6]);
const HEALTHY = 17;
const ACK_DISABLED = 14;
/** How receivers that only resemble Splunk answer for a path that they do not have. */
const NO_SUCH_PATH = new Set([400, 404, 405, 501]);

/**
 * Health, token and acknowledgement of every endpoint, and the search. No event is sent: an empty request is answered
 * with "no data" only after the token was accepted. The index is named in events alone, so nothing can be said about it.
 */
export async function checkHec(
  connection: HecConnection,
  endpoints: readonly Endpoint[],
  options: SplunkOptions,
  search: SearchContext | null,
  clock: Clock,
  signal: AbortSignal,
): Promise<CheckReport> {
  const items: CheckItem[] = [];
  for (const endpoint of endpoints) {
    const channel = new Channel(clock.monotonic(), options.channel_cookie);
    const health = await guarded('health', signal, () => checkHealth(connection, endpoint, clock, signal));
    items.push(health);
    if (endpoint.base.protocol === 'http:' && !isLoopback(endpoint.base)) items.push(clearText(endpoint));
    const token = await guarded('token', signal, () =>
      checkToken(connection, endpoint, channel, clock, signal),
    );
    items.push(token);
    if (token.outcome === 'fail' || options.ack === 'off') continue;
    items.push(
      await guarded('ack', signal, () => checkAck(connection, endpoint, channel, options, clock, signal)),
    );
  }
  items.push(unprovenIndex(options));
  if (search !== null && options.search !== undefined) {
    const { search: settings, index } = options;
    items.push(await guarded('search', signal, () => checkSearch(settings, index, search, signal)));
  }
  return { items };
}

async function checkHealth(
  connection: HecConnection,
  endpoint: Endpoint,
  clock: Clock,
  signal: AbortSignal,
): Promise<CheckItem> {
  const response = await connection.getHealth(endpoint.health, signal);
  const where = placeOf(endpoint.health);
  const answer = readAnswer(response);
  if (response.status === 200 && (answer === null || answer.code === HEALTHY || answer.code === SUCCESS)) {
    return { name: 'health', outcome: 'ok', finding: `${where} says it is healthy` };
  }
  // A receiver that only resembles Splunk may have no health endpoint: the token tells more.
  if (answer === null && NO_SUCH_PATH.has(response.status))
    return { name: 'health', outcome: 'warn', finding: `${where} does not exist` };
  if (answer === null) throw statusFailure(where, response, clock.now());
  throw failureOf(answer, response, { where, nowMs: clock.now() });
}

async function checkToken(
  connection: HecConnection,
  endpoint: Endpoint,
  channel: Channel,
  clock: Clock,
  signal: AbortSignal,
): Promise<CheckItem> {
  const response = await connection.postEvents(endpoint.event, channel, Buffer.alloc(0), signal);
  const where = placeOf(endpoint.event);
  const answer = readAnswer(response);
  if (answer !== null && NO_DATA.has(answer.code)) {
    return {
      name: 'token',
      outcome: 'ok',
      finding: `${where} accepts the token (asked with an empty request)`,
    };
  }
  // VictoriaLogs, LogScale and others take an empty request; some of them look at no token.
  if (response.status === 200 && answer?.code === SUCCESS) {
    return {
      name: 'token',
      outcome: 'ok',
      finding: `${where} accepts the token or wants none (it took an empty request, which Splunk itself refuses)`,
    };
  }
  if (answer === null) throw statusFailure(where, response, clock.now());
  throw failureOf(answer, response, { where, nowMs: clock.now() });
}

async function checkAck(
  connection: HecConnection,
  endpoint: Endpoint,
  channel: Channel,
  options: SplunkOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<CheckItem> {
  const response = await connection.postPoll(endpoint.ack, channel, [0], signal);
  const where = placeOf(endpoint.ack);
  if (response.status === 200 && isPollAnswer(response)) {
    return {
      name: 'ack',
      outcome: 'ok',
      finding: `${where} answers; events count once the indexer acknowledges`,
    };
  }
  const answer = readAnswer(response);
  const unknown = response.status === 200 || (answer === null && NO_SUCH_PATH.has(response.status));
  if (options.ack === 'auto' && unknown) {
    return {
      name: 'ack',
      outcome: 'warn',
      finding: `${where} is not there: this receiver acknowledges nothing, events count once it has taken them`,
      hint: 'set ack: off where the receiver is not Splunk; else check the address',
    };
  }
  if (options.ack === 'auto' && answer?.code === ACK_DISABLED) {
    return {
      name: 'ack',
      outcome: 'warn',
      finding: 'the token has no indexer acknowledgement: what an indexer has queued is lost if it crashes',
      hint: 'turn on indexer acknowledgement for the token, or set ack: off to accept this',
    };
  }
  if (answer === null) throw statusFailure(where, response, clock.now());
  throw failureOf(answer, response, { where, nowMs: clock.now() });
}

/** `{"acks": {"0": false}}`. */
function isPollAnswer(response: HttpResponse): boolean {
  const acks = parseObject(response.body)?.['acks'];
  return typeof acks === 'object' && acks !== null;
}

async function checkSearch(
  settings: NonNullable<SplunkOptions['search']>,
  index: string | undefined,
  context: SearchContext,
  signal: AbortSignal,
): Promise<CheckItem> {
  await runSearch(settings, searchFor(index, ['auditferry-check']), context, signal);
  return { name: 'search', outcome: 'ok', finding: 'the search user may search' };
}

function unprovenIndex(options: SplunkOptions): CheckItem {
  const index = options.index === undefined ? 'the token’s default index' : `index ${options.index}`;
  return {
    name: 'index',
    outcome: 'warn',
    finding: `${index} cannot be proven without sending an event`,
    hint: BY_SENDING,
  };
}

function clearText(endpoint: Endpoint): CheckItem {
  const finding = `${endpoint.base.origin} is plain HTTP: the token and every event can be read on the way`;
  return { name: 'tls', outcome: 'warn', finding, hint: 'use https' };
}

function isLoopback(url: URL): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
}

async function guarded(
  name: string,
  signal: AbortSignal,
  look: () => Promise<CheckItem>,
): Promise<CheckItem> {
  try {
    return await look();
  } catch (error) {
    signal.throwIfAborted();
    return failedItem(name, error);
  }
}
