import type { DeadLetter, Journal, RejectedEvent } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import { ForwardError } from '../model/errors.ts';
import type { AuditEvent } from '../model/event.ts';
import type { Log } from '../model/log.ts';
import { span } from '../model/trace.ts';
import type { Item } from '../sinks/sink.ts';
import type { Outlet, Refusal } from './outlet.ts';
import type { Prepare } from './prepare.ts';
import { createFaultLog, TRANSIENT, waitMs } from './retry.ts';
import { enterState } from './status.ts';
import type { SinkStatus } from './status.ts';

export interface DeliverContext {
  readonly name: string;
  readonly journal: Journal;
  readonly outlet: Outlet;
  /** Event to item: filter, canonical form, format. */
  readonly prepare: Prepare;
  readonly batch: { readonly maxEvents: number; readonly maxBytes: number; readonly maxWaitMs: number };
  /** Batches in flight at once. */
  readonly concurrent: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: SinkStatus;
  /** True once no more events will come: the loop returns when the journal is drained. */
  readonly finishing: () => boolean;
  /** True once nothing new may be sent: the loop returns when what is in flight has landed. */
  readonly halting: () => boolean;
}

/** How long to wait for new events before looking at dead letters to retry and at `finishing`. */
const IDLE_MS = 500;
const RETRY_BATCH = 200;

/** A span of the journal on its way through one lane. */
interface Flight {
  readonly upTo: bigint;
  done: boolean;
  rejected: readonly RejectedEvent[];
  readonly landed: Promise<void>;
}

/**
 * The second of the two loops: journal to one sink. Lanes send in parallel; the cursor moves over a settled prefix only, so
 * that a crash sends again what was in flight and never skips. Returns when `signal` aborts or, once `finishing`, when the
 * journal is drained. Throws what no waiting can fix.
 */
export async function deliver(context: DeliverContext, signal: AbortSignal): Promise<void> {
  const { journal, name, clock, status } = context;
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const flights: Flight[] = [];
  try {
    let position = await untilDone(context, () => journal.cursor(name), either);
    status.cursor = position;
    status.progressedMs = clock.monotonic();
    for (;;) {
      either.throwIfAborted();
      while (flights.length < context.concurrent && !context.halting()) {
        const next = await takeOff(context, position, flights.length === 0, either);
        if (next === null) break;
        flights.push(next);
        position = next.upTo;
      }
      status.inFlight = flights.length;
      if (flights.length === 0) {
        if (context.halting()) return;
        enterState(status, 'idle', clock.now());
        status.progressedMs = clock.monotonic();
        await retryDeadLetters(context, either);
        if (context.finishing() && (await headSeq(context, either)) <= position) return;
        await waitForEvents(context, position, IDLE_MS, either);
        continue;
      }
      // The first may have landed while the lanes were filled; a race among none that is still under way would never end.
      if (flights[0]?.done !== true) {
        await Promise.race(flights.filter((flight) => !flight.done).map((flight) => flight.landed));
      }
      await settlePrefix(context, flights, either);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stop.abort(new Error('given up'));
    await Promise.allSettled(flights.map((flight) => flight.landed));
    status.inFlight = 0;
    enterState(status, 'stopped', clock.now());
  }
}

/** Starts a lane on the next events after `position`; null when there are none. */
async function takeOff(
  context: DeliverContext,
  position: bigint,
  waitForMore: boolean,
  signal: AbortSignal,
): Promise<Flight | null> {
  const events = await readBatch(context, position, waitForMore, signal);
  const last = events.at(-1);
  if (last === undefined) return null;
  const items: Item[] = [];
  const unrendered: RejectedEvent[] = [];
  let bytes = 0;
  let upTo = position;
  for (const event of events) {
    const prepared = context.prepare(event);
    const size = prepared.kind === 'item' ? Buffer.byteLength(prepared.item.body) : 0;
    if (items.length > 0 && bytes + size > context.batch.maxBytes * context.outlet.share()) break;
    bytes += size;
    upTo = event.seq;
    if (prepared.kind === 'item') items.push(prepared.item);
    else if (prepared.kind === 'filtered') context.status.filtered += 1;
    else unrendered.push({ event, reason: prepared.reason, attempts: 1 });
  }
  const byId = new Map(events.map((event) => [event.seq, event]));
  enterState(context.status, 'working', context.clock.now());
  const flight: Flight = {
    upTo,
    done: false,
    rejected: unrendered,
    landed: span('batch', { sink: context.name, events: items.length }, land),
  };
  flight.landed.catch(() => {}); // the loop looks at it when its turn comes; until then it must not count as unhandled
  return flight;

  async function land(): Promise<void> {
    const refusals = await context.outlet.settle(items, signal);
    flight.rejected = [...unrendered, ...toRejected(refusals, byId)];
    flight.done = true;
  }
}

/** Events for one batch; when a lone lane finds only a few, waits up to `maxWaitMs` for more to come. */
async function readBatch(
  context: DeliverContext,
  position: bigint,
  waitForMore: boolean,
  signal: AbortSignal,
): Promise<readonly AuditEvent[]> {
  const { journal, batch, clock } = context;
  const maxEvents = Math.max(Math.floor(batch.maxEvents * context.outlet.share()), 1);
  const limit = { maxEvents, maxBytes: batch.maxBytes };
  const read = (): Promise<readonly AuditEvent[]> =>
    untilDone(context, () => journal.read(position, limit), signal);
  let events = await read();
  const until = clock.monotonic() + batch.maxWaitMs;
  while (waitForMore && events.length > 0 && events.length < maxEvents && !context.finishing()) {
    const left = until - clock.monotonic();
    if (left <= 0) break;
    await waitForEvents(context, events.at(-1)?.seq ?? position, left, signal);
    const more = await read();
    if (more.length === events.length && clock.monotonic() < until) break; // the byte limit, not the count, ended the batch
    events = more;
  }
  return events;
}

async function settlePrefix(context: DeliverContext, flights: Flight[], signal: AbortSignal): Promise<void> {
  const { status, clock } = context;
  let upTo: bigint | null = null;
  const rejected: RejectedEvent[] = [];
  while (flights[0]?.done === true) {
    const flight = flights.shift();
    if (flight === undefined) break;
    upTo = flight.upTo;
    rejected.push(...flight.rejected);
  }
  if (upTo === null) return;
  await commit(context, upTo, rejected, signal);
  status.cursor = upTo;
  status.rejected += rejected.length;
  status.lastDeliveredMs = clock.now();
  status.progressedMs = clock.monotonic();
}

/** Moves the cursor. What was sent is sent: while the disk is full only the commit is repeated, never the sending. */
async function commit(
  context: DeliverContext,
  upTo: bigint,
  rejected: readonly RejectedEvent[],
  signal: AbortSignal,
): Promise<void> {
  for (const { event, reason } of rejected)
    context.log.warn({ event_id: event.id, reason }, 'an event became a dead letter');
  await untilDone(context, () => context.journal.settle(context.name, upTo, rejected), signal);
}

async function headSeq(context: DeliverContext, signal: AbortSignal): Promise<bigint> {
  return (await untilDone(context, () => context.journal.size(), signal)).headSeq;
}

async function waitForEvents(
  context: DeliverContext,
  after: bigint,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  await untilDone(context, () => context.journal.waitForEvents(after, ms, signal), signal);
}

/** Repeats what is asked of the journal for as long as it fails in passing: the disk is full, or another process holds it. */
async function untilDone<T>(
  { clock, log, status }: DeliverContext,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const faults = createFaultLog(log, clock, () => 'the journal is asked again');
  for (let failures = 1; ; failures += 1) {
    try {
      const done = await work();
      faults.recovered();
      return done;
    } catch (error) {
      if (!(error instanceof ForwardError) || error.kind !== 'transient') throw error;
      const wait = waitMs(TRANSIENT, failures, error.retryAfterMs, clock.random());
      faults.failed(error, wait);
      enterState(status, 'retrying', clock.now(), {
        reason: error.message,
        hint: error.hint,
        nextTryMs: clock.now() + wait,
      });
      await clock.sleep(wait, signal);
    }
  }
}

/** Dead letters that an operator asked to try again: through today's mapping, and past the filter that let them through. */
async function retryDeadLetters(context: DeliverContext, signal: AbortSignal): Promise<void> {
  const { journal, name } = context;
  const limit = Math.min(RETRY_BATCH, context.batch.maxEvents);
  const letters = await untilDone(
    context,
    () => journal.deadLetters({ owner: name, states: ['retrying'], limit }),
    signal,
  );
  let bytes = 0;
  const byId = new Map<string, DeadLetter>();
  const items: Item[] = [];
  const refused: { id: bigint; reason: string }[] = [];
  for (const letter of letters) {
    if (letter.event === null) continue;
    const prepared = context.prepare(letter.event, { evenFiltered: true });
    if (prepared.kind === 'item') {
      bytes += Buffer.byteLength(prepared.item.body);
      if (items.length > 0 && bytes > context.batch.maxBytes) break; // the rest has its turn next time
      items.push(prepared.item);
      byId.set(`${letter.event.source}\n${letter.event.id}`, letter);
    } else if (prepared.kind === 'unrendered') refused.push({ id: letter.id, reason: prepared.reason });
  }
  if (items.length === 0 && refused.length === 0) return;
  const refusals =
    items.length === 0 ? [] : await context.outlet.settle(items, signal, { refusedBefore: true });
  for (const { item, reason } of refusals) {
    const letter = byId.get(`${item.canonical.source}\n${item.canonical.id}`);
    if (letter === undefined) continue;
    refused.push({ id: letter.id, reason });
    byId.delete(`${item.canonical.source}\n${item.canonical.id}`);
  }
  const delivered = [...byId.values()].map((letter) => letter.id);
  await untilDone(context, () => journal.settleRetried(delivered, refused), signal);
  context.log.info({ delivered: delivered.length, refused: refused.length }, 'retried dead letters');
}

function toRejected(refusals: readonly Refusal[], events: ReadonlyMap<bigint, AuditEvent>): RejectedEvent[] {
  return refusals.flatMap(({ item, reason, attempts }) => {
    const event = events.get(item.canonical.seq);
    return event === undefined ? [] : [{ event, reason, attempts }];
  });
}
