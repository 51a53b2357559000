import type { Clock } from '../../model/clock.ts';
import { describe, ForwardError } from '../../model/errors.ts';
import { isObject, parseObject } from '../../model/json.ts';
import { retryAfterMs } from '../../net/http.ts';
import type { HttpResponse } from '../../net/http.ts';
import { placeOf, reactionTo, statusFailure } from '../http-fates.ts';
import { failureOf, readAnswer } from './codes.ts';
import type { HecConnection } from './connection.ts';
import type { Channel, Endpoint } from './endpoints.ts';

const FIRST_PAUSE_MS = 250;

export interface AckSettings {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly longestPauseMs: number;
}

/**
 * Asks until every id is acknowledged, and tells `acknowledged` about each. Splunk says true once and then forgets, and
 * has no way to say no: false may mean not yet, or never. So an answer that is lost may have been the only true, and
 * nothing that goes wrong here is ever taken for an acknowledgement. Throws `transient` (ambiguous) when the time is up
 * or an answer was lost, `denied` when asking is refused; the channel must not be used again after that.
 */
export async function awaitAcks(
  connection: HecConnection,
  endpoint: Endpoint,
  channel: Channel,
  ids: readonly number[],
  settings: AckSettings,
  acknowledged: (id: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { clock, timeoutMs, longestPauseMs } = settings;
  const open = new Set(ids);
  const endMs = clock.monotonic() + timeoutMs;
  let pauseMs = Math.min(FIRST_PAUSE_MS, longestPauseMs);
  while (open.size > 0) {
    const leftMs = endMs - clock.monotonic();
    if (leftMs <= 0) throw timedOut(endpoint, open.size, timeoutMs);
    await clock.sleep(Math.min(pauseMs, leftMs), signal);
    const answer = await poll(connection, endpoint, channel, [...open], clock, signal);
    for (const id of answer.acknowledged) {
      if (open.delete(id)) acknowledged(id);
    }
    pauseMs = Math.max(answer.pauseMs ?? 0, Math.min(pauseMs * 2, longestPauseMs));
  }
  channel.lastUsedMs = clock.monotonic();
}

interface PollAnswer {
  readonly acknowledged: readonly number[];
  /** The receiver asked us to wait. */
  readonly pauseMs?: number | undefined;
}

async function poll(
  connection: HecConnection,
  endpoint: Endpoint,
  channel: Channel,
  asked: readonly number[],
  clock: Clock,
  signal: AbortSignal,
): Promise<PollAnswer> {
  let response: HttpResponse;
  try {
    response = await connection.postPoll(endpoint.ack, channel, asked, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ForwardError) || error.kind !== 'transient') throw error;
    if (!error.ambiguous) return { acknowledged: [] }; // nothing was asked, so nothing was forgotten
    throw lostAnswer(endpoint, describe(error), error);
  }
  const acks = response.status === 200 ? readAcks(response) : null;
  if (acks !== null) return { acknowledged: asked.filter((id) => acks[String(id)] === true) };
  if (reactionTo(response.status) === 'taken') {
    throw lostAnswer(
      endpoint,
      `${placeOf(endpoint.ack)} answered ${response.status} without acknowledgements`,
    );
  }
  const failure = pollFailure(endpoint, response, clock.now());
  if (failure.kind !== 'transient') throw failure;
  return { acknowledged: [], pauseMs: retryAfterMs(response.headers, clock.now()) };
}

/** What a refused question means: for a question, every status but these holds the sink; none counts as delivered. */
export function pollFailure(endpoint: Endpoint, response: HttpResponse, nowMs: number): ForwardError {
  const where = placeOf(endpoint.ack);
  const answer = readAnswer(response);
  const failure =
    answer === null ? statusFailure(where, response, nowMs) : failureOf(answer, response, { where, nowMs });
  if (failure.kind === 'transient') return failure;
  return new ForwardError('denied', failure.message, {
    ambiguous: true,
    hint: failure.hint ?? 'check that the token has indexer acknowledgement, or set ack: off',
    retryAfterMs: failure.retryAfterMs,
  });
}

/** Own keys only: an answer cannot acknowledge through a prototype. */
function readAcks(response: HttpResponse): Readonly<Record<string, unknown>> | null {
  const acks = parseObject(response.body)?.['acks'];
  return isObject(acks) ? acks : null;
}

function timedOut(endpoint: Endpoint, count: number, timeoutMs: number): ForwardError {
  const message = `${placeOf(endpoint.ack)} did not acknowledge ${count} requests within ${Math.round(timeoutMs / 1000)} s`;
  return new ForwardError('transient', message, {
    ambiguous: true,
    hint: 'look at the indexer’s queues; behind a load balancer, check that sessions are sticky',
  });
}

function lostAnswer(endpoint: Endpoint, what: string, cause?: unknown): ForwardError {
  const message = `an answer about acknowledgements was lost: ${what}`;
  return new ForwardError('transient', message, {
    ambiguous: true,
    cause,
    hint: `check the proxies and load balancers between here and ${endpoint.ack.host}`,
  });
}
