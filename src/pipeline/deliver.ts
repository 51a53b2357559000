import { eventsAfter } from '../checkpoint/journal.ts';
import type { Beginning, DeadLetter, Journal, RejectedEvent } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import type { AuditEvent, Json } from '../model/event.ts';
import type { Log } from '../model/log.ts';
import type { Item } from '../sinks/sink.ts';
import { launch, triesOf } from './flight.ts';
import type { Flight } from './flight.ts';
import type { Ask, Heartbeats } from './heartbeat.ts';
import type { Outlet, Refusal } from './outlet.ts';
import { sizeInBatch } from './prepare.ts';
import type { Prepare } from './prepare.ts';
import { readAhead } from './read-ahead.ts';
import type { ReadAhead } from './read-ahead.ts';
import { again, sentOf, takenOf, together } from './segment.ts';
import type { Landed, Sent } from './segment.ts';
import { enterState } from './status.ts';
import type { SinkStatus } from './status.ts';
import { backlogTeller } from './tell-backlog.ts';
import { tellPruned } from './tell-pruned.ts';
import { rejectionsOf, tellRejected } from './rejections.ts';
import { untilDone } from './until-done.ts';

export interface DeliverContext {
  readonly name: string;
  readonly journal: Journal;
  readonly outlet: Outlet;
  /** Event to item: filter, canonical form, format. */
  readonly prepare: Prepare;
  readonly heartbeats: Heartbeats;
  readonly batch: { readonly maxEvents: number; readonly maxBytes: number; readonly maxWaitMs: number };
  /** Batches that are sent at once. */
  readonly concurrent: number;
  /** Batches that may be in flight beside them: sent in order, and waiting for the receiver's word. */
  readonly ahead: () => number;
  readonly aheadAtMost: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: SinkStatus;
  /** Null: a journal that fails is asked for ever. Otherwise a failure that lasts longer is thrown. Milliseconds. */
  readonly patienceMs: number | null;
  /** True once no more events will come: the loop returns when the journal is drained. */
  readonly finishing: () => boolean;
  /**
   * Aborts once nothing new may be sent: the loop returns when what is being sent has landed. What waits for another try is in no
   * receiver's hands and is left to the next start.
   */
  readonly halting: AbortSignal;
}

/** With nothing to do the loop looks around this often even if nobody tells it anything: it shows that it is alive. */
const IDLE_MS = 30_000;
/** While there are events, dead letters to retry are looked for again after this; while it ends, whether it has ended. */
const LOOK_MS = 500;
const RETRY_BATCH = 200;

/**
 * The second of the two loops: journal to one sink. Lanes send in parallel; the cursor moves over a settled prefix only, so
 * that a crash sends again what was in flight and never skips. Returns when `signal` aborts or, once `finishing`, when the
 * journal is drained. Throws what no waiting can fix.
 */
export async function deliver(context: DeliverContext, signal: AbortSignal): Promise<void> {
  const { journal, name, clock, log, status } = context;
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const flights: Flight[] = [];
  enterState(status, 'working', clock.now());
  try {
    const beginning = await untilDone(context, () => journal.begin(name, context.heartbeats.passed), either);
    tellPruned(name, log, beginning);
    const ask: Ask = (work) => untilDone(context, work, either);
    await context.heartbeats.begin(beginning, ask);
    let position = beginning.seq;
    status.cursor = position;
    status.progressedMs = clock.monotonic();
    const takeTurns = turns(context, beginning, either);
    let news = 0;
    const backlog = backlogTeller(context);
    for (;;) {
      either.throwIfAborted();
      while (flights.length < context.concurrent + context.ahead() && !context.halting.aborted) {
        const next =
          takeOffHeartbeats(context, position, ask, either) ?? (await takeTurns(position, flights));
        if (next === null) break;
        flights.push(next);
        position = next.upTo;
      }
      status.inFlight = flights.length;
      if (flights.length === 0) {
        if (context.halting.aborted) return;
        backlog.over();
        enterState(status, 'idle', clock.now());
        status.progressedMs = clock.monotonic();
        const ending = context.finishing() && (await isDrained(context, position, either));
        await context.heartbeats.close(ending, ask);
        if (ending && context.heartbeats.unsent() === 0) return;
        if (context.heartbeats.unsent() > 0) continue; // to be sent before the wait
        const idleMs = Math.min(
          context.finishing() ? LOOK_MS : IDLE_MS,
          Math.max(context.heartbeats.waitMs(), 1),
        );
        news = await untilDone(context, () => journal.waitForNews(news, position, idleMs, either), either);
        status.progressedMs = clock.monotonic(); // until now there was nothing to do
        takeTurns.lookAgain();
        continue;
      }
      // The first may have landed while the lanes were filled; a race among none that is still under way would never end.
      if (flights[0]?.done !== true) {
        const flying = flights.filter((flight) => !flight.done && !flight.left);
        if (flying.length === 0) return;
        await Promise.race(flying.map((flight) => flight.landed));
      }
      await settlePrefix(context, flights, either);
      await backlog.tell(either);
      await context.heartbeats.close(false, ask);
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

/** Starts a lane on the heartbeats that are to be sent; null when there are none. */
function takeOffHeartbeats(
  context: DeliverContext,
  position: bigint,
  ask: Ask,
  signal: AbortSignal,
): Flight | null {
  const { heartbeats } = context;
  const items = heartbeats.takeOff(context.batch);
  if (items.length === 0) return null;
  return launch(context, 'heartbeats', position, 0, async () => {
    const refusals = await context.outlet.settle(items, signal, { refusedBefore: true });
    const refused = refusals.map(({ item }) => item);
    for (const { reason } of refusals.slice(0, 1))
      context.log.warn({ reason }, 'the receiver refuses heartbeats');
    await heartbeats.sent(items, refused, ask);
  });
}

/**
 * Starts lanes by turns on the events after a position and on the dead letters that an operator asked to try again, so that
 * neither a backlog nor many dead letters keep the others waiting. Null when there are none of either.
 */
function turns(
  context: DeliverContext,
  { seq: from, isNew }: Beginning,
  signal: AbortSignal,
): {
  (position: bigint, flights: readonly Flight[]): Promise<Flight | null>;
  /** There may be letters to retry since it was looked last. */
  lookAgain(): void;
} {
  let lookAtMs = -Infinity;
  let lettersNext = true;
  const reader = readAhead(context);
  // What the run before had on its way when it ended: nobody knows what became of it.
  const lanes = context.concurrent + context.aheadAtMost;
  const reach = isNew ? from : from + BigInt(lanes * context.batch.maxEvents);
  let lettersMayBeOut = !isNew;
  const letters = async (position: bigint, flights: readonly Flight[]): Promise<Flight | null> => {
    const now = context.clock.monotonic();
    if (now < lookAtMs || flights.some(({ kind }) => kind === 'letters')) return null; // one at a time, or they go twice
    const flight = await takeOffLetters(context, position, lettersMayBeOut, signal);
    if (flight === null) lookAtMs = now + LOOK_MS;
    else lettersMayBeOut = false;
    return flight;
  };
  const next = async (position: bigint, flights: readonly Flight[]): Promise<Flight | null> => {
    const first = lettersNext ? await letters(position, flights) : null;
    const flight =
      first ??
      (await takeOff(context, reader, position, reach, flights, signal)) ??
      (lettersNext ? null : await letters(position, flights));
    lettersNext = flight?.kind !== 'letters';
    return flight;
  };
  return Object.assign(next, { lookAgain: () => void (lookAtMs = -Infinity) });
}

/**
 * Starts a lane on the next events after `position`; null when there are none. Those up to `reach` may have been sent before.
 */
async function takeOff(
  context: DeliverContext,
  reader: ReadAhead,
  position: bigint,
  reach: bigint,
  flights: readonly Flight[],
  signal: AbortSignal,
): Promise<Flight | null> {
  const events = await reader.read(position, flights.length === 0, signal);
  const last = events.at(-1);
  if (last === undefined) return null;
  if (flights.length >= context.concurrent && (await isDrained(context, last.seq, signal))) {
    reader.keep(position, events); // the last few wait for a lane of their own, and grow meanwhile
    return null;
  }
  const items: Item[] = [];
  const unrendered: RejectedEvent[] = [];
  let bytes = 0;
  let filtered = 0;
  let upTo = position;
  let taken = 0;
  for (const event of events) {
    const prepared = context.prepare(event);
    const size = prepared.kind === 'item' ? sizeInBatch(prepared.item) : 0;
    if (items.length > 0 && bytes + size > context.batch.maxBytes * context.outlet.share()) break;
    bytes += size;
    upTo = event.seq;
    taken += 1;
    if (prepared.kind === 'item') items.push(prepared.item);
    else if (prepared.kind === 'filtered') filtered += 1;
    else unrendered.push({ event, reason: prepared.reason, attempts: 1 });
  }
  reader.keep(upTo, events.slice(taken));
  context.status.filtered += filtered;
  const sent = events.slice(0, taken);
  const first = events[0]?.seq ?? upTo;
  const since = flights[0]?.since ?? triesOf(context);
  const land = async (flight: Flight): Promise<void> => {
    const refusals = await context.outlet.settle(items, signal);
    flight.rejected = [...unrendered, ...rejectionsOf(refusals, sent)];
    flight.told = () => ({
      upTo: Number(upTo),
      taken: takenOf(items, refusals),
      filtered,
      deadLetters: flight.rejected.length,
      unanswered: unansweredOf(
        context,
        refusals,
        unrendered.map(({ event }) => event),
        (seq) => seq <= reach,
      ),
      pruned: first === position + 1n ? [] : [[Number(position) + 1, Number(first) - 1]],
      ordered: context.concurrent === 1 && triesOf(context) === since,
    });
  };
  return launch(context, 'events', upTo, items.length, land, since);
}

/** What the receiver may have although it is a dead letter. `unsent` were not tried this time; `wasOut` tells what may have been before. */
function unansweredOf(
  context: DeliverContext,
  refusals: readonly Refusal[],
  unsent: readonly AuditEvent[],
  wasOut: (seq: bigint) => boolean,
): readonly Sent[] {
  const again = refusals.filter(({ item, unanswered }) => unanswered || wasOut(item.canonical.seq));
  const before = unsent.flatMap((event) => {
    if (!wasOut(event.seq)) return [];
    const prepared = context.prepare(event, { evenFiltered: true, evenTooOld: true });
    return prepared.kind === 'item' ? [prepared.item] : [];
  });
  return [...again.map(({ item }) => item), ...before].map(sentOf);
}

async function settlePrefix(context: DeliverContext, flights: Flight[], signal: AbortSignal): Promise<void> {
  const { status, clock } = context;
  let upTo: bigint | null = null;
  let delivered = false;
  const rejected: RejectedEvent[] = [];
  const told: (() => Landed)[] = [];
  while (flights[0]?.done === true) {
    const flight = flights.shift();
    if (flight === undefined) break;
    upTo = flight.upTo;
    rejected.push(...flight.rejected);
    if (flight.told !== null) told.push(flight.told);
    if (flight.kind !== 'heartbeats') delivered = true;
  }
  if (upTo === null) return;
  if (upTo > status.cursor) await commit(context, upTo, rejected, told, signal); // letters alone move no cursor
  status.cursor = upTo;
  status.rejected += rejected.length;
  if (delivered) status.lastDeliveredMs = clock.now();
  status.progressedMs = clock.monotonic();
}

/** Moves the cursor. What was sent is sent: while the disk is full only the commit is repeated, never the sending. */
async function commit(
  context: DeliverContext,
  upTo: bigint,
  rejected: readonly RejectedEvent[],
  told: readonly (() => Landed)[],
  signal: AbortSignal,
): Promise<void> {
  const { journal, name, heartbeats } = context;
  tellRejected(context.log, rejected);
  const ask: Ask = (work) => untilDone(context, work, signal);
  const write = (segment?: Json) => ask(() => journal.moveCursor(name, upTo, rejected, segment));
  await heartbeats.record(() => together(told.map((tell) => tell())), write, ask);
}

async function isDrained(context: DeliverContext, position: bigint, signal: AbortSignal): Promise<boolean> {
  return eventsAfter(await untilDone(context, () => context.journal.size(), signal), position) === 0;
}

/** Dead letters that an operator asked to try again: through today's mapping, and past the filter that let them through. */
async function takeOffLetters(
  context: DeliverContext,
  position: bigint,
  mayBeOut: boolean,
  signal: AbortSignal,
): Promise<Flight | null> {
  const { journal, name } = context;
  const limit = Math.min(RETRY_BATCH, context.batch.maxEvents);
  const letters = await untilDone(
    context,
    () => journal.deadLetters({ owner: name, states: ['retrying'], limit }),
    signal,
  );
  let bytes = 0;
  const letterOf = new Map<string, DeadLetter>();
  const items: Item[] = [];
  const refused: { id: bigint; reason: string; sent?: string | null }[] = [];
  const unsent: AuditEvent[] = [];
  for (const letter of letters) {
    if (letter.event === null) continue;
    const prepared = context.prepare(letter.event, { evenFiltered: true });
    if (prepared.kind === 'item') {
      bytes += sizeInBatch(prepared.item);
      if (items.length > 0 && bytes > context.batch.maxBytes) break; // the rest has its turn next time
      items.push(prepared.item);
      letterOf.set(`${letter.event.source}\n${letter.event.id}`, letter);
    } else if (prepared.kind === 'unrendered') {
      refused.push({ id: letter.id, reason: prepared.reason });
      unsent.push(letter.event);
    }
  }
  if (items.length === 0 && refused.length === 0) return null;
  return launch(context, 'letters', position, items.length, async () => {
    const refusals = await context.outlet.settle(items, signal, { refusedBefore: true });
    for (const { item, reason, sent } of refusals) {
      const key = `${item.canonical.source}\n${item.canonical.id}`;
      const letter = letterOf.get(key);
      if (letter === undefined) continue;
      refused.push({ id: letter.id, reason, sent });
      letterOf.delete(key);
    }
    const delivered = [...letterOf.values()].map((letter) => letter.id);
    const ask: Ask = (work) => untilDone(context, work, signal);
    const write = (segment?: Json) =>
      ask(() =>
        journal.recordRetried(
          delivered,
          refused,
          segment === undefined ? undefined : { sink: name, segment },
        ),
      );
    const landed = (): Landed =>
      again(
        takenOf(items, refusals),
        unansweredOf(context, refusals, unsent, () => mayBeOut),
      );
    await context.heartbeats.record(landed, write, ask);
    context.log.info({ delivered: delivered.length, refused: refused.length }, 'retried dead letters');
  });
}
