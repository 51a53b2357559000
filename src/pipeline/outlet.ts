import { isUnclassified } from '../formats/unclassified.ts';
import type { Clock } from '../model/clock.ts';
import { asForwardError, ForwardError, oneLine } from '../model/errors.ts';
import type { ErrorKind } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { span } from '../model/trace.ts';
import { bytesOf } from '../sinks/sink.ts';
import type { Batch, Fate, Item, Receipt, Sink } from '../sinks/sink.ts';
import { createGate } from './gate.ts';
import type { Pass } from './gate.ts';
import { createMassGuard } from './mass-guard.ts';
import { createRetry, hold } from './retry.ts';
import { countRetry, laneEnds, laneWaits } from './status.ts';
import type { SinkStatus } from './status.ts';

/** An item that its receiver will never take. */
export interface Refusal {
  readonly item: Item;
  readonly reason: string;
  readonly attempts: number;
  /** The document as it was sent; null if it was too large to be sent. */
  readonly sent: string | null;
  /** An earlier try got no answer: the receiver may have the event nevertheless. */
  readonly unanswered: boolean;
}

export interface OutletOptions {
  readonly sink: Sink;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: SinkStatus;
  /** Null: retries for ever. Otherwise a failure that lasts longer is thrown. Milliseconds. */
  readonly patienceMs: number | null;
  /** What to do when a receiver refuses nearly everything for one reason. */
  readonly onMassRejection: 'hold' | 'dead_letter';
  /** Once it aborts, nothing is sent again: a send may finish, and a wait between two sends ends at once. Absent: never. */
  readonly halting?: AbortSignal;
}

/** Sends items until every one of them is settled. All retries and holds of a sink happen here. */
export interface Outlet {
  /** Resolves once every item is delivered or refused. Rejects only when `signal` or `halting` aborts or patience ends. */
  settle(
    items: readonly Item[],
    signal: AbortSignal,
    options?: {
      /** Refusals are accepted, however many: those of events that were refused before say nothing about the configuration. */
      readonly refusedBefore: boolean;
    },
  ): Promise<readonly Refusal[]>;
  /** True for the error with which `settle` rejects because `halting` aborted. */
  isHalt(error: unknown): boolean;
  /** The share of its limits that a batch may use, in (0, 1]. Halved when the receiver asks for less at a time; it recovers by itself. */
  share(): number;
}

const SHARE_MIN = 1 / 64;
const SHARE_RECOVERY_MS = 60_000;

export function createOutlet(options: OutletOptions): Outlet {
  const { sink, clock, status, log } = options;
  const gate = createGate(clock);
  const guard = createMassGuard();
  const next = (kind: ErrorKind): string =>
    kind === 'denied' ? 'the receiver is probed again' : 'the same events are sent again';
  const retry = createRetry({ clock, log, patienceMs: options.patienceMs, next, shown: count });
  let share = 1;
  let shareMs = 0;

  async function attempt(batch: Batch, signal: AbortSignal): Promise<Receipt | ForwardError> {
    try {
      const about = { sink: status.name, events: batch.items.length, attempt: batch.attempt };
      const receipt = await span('send', about, () => sink.send(batch, signal));
      if (receipt.fates.length !== batch.items.length) {
        throw new Error(
          `${receipt.fates.length} fates for ${batch.items.length} events: a fault of the sink`,
        );
      }
      return receipt;
    } catch (error) {
      signal.throwIfAborted();
      return asForwardError(error);
    }
  }

  /** Turns refusals of nearly everything for one reason into a hold, before any of them becomes a dead letter. */
  function judged({ fates }: Receipt): {
    readonly fates: readonly Fate[];
    readonly hold: ForwardError | null;
  } {
    const reason = guard.judge(fates);
    if (reason === null || options.onMassRejection === 'dead_letter') return { fates, hold: null };
    const hold = massRejection(reason);
    // What was delivered of the batch stays delivered.
    const again = fates.map((fate): Fate =>
      fate.outcome === 'rejected' ? { outcome: 'retry', reason: hold.message } : fate,
    );
    return { fates: again, hold };
  }

  /** All lanes wait at the gate. A hold ends when a credential was replaced, or when another lane succeeds. */
  async function failed(pass: Pass, error: ForwardError, lane: object, waiting: AbortSignal): Promise<void> {
    const wait = pass.failed((failures) => retry.meet(error, failures));
    laneWaits(status, lane, error, clock.now(), wait);
    if (error.kind !== 'denied') return;
    const isOver = (): boolean => !gate.failing() || sink.credentialReplaced?.() === true;
    if (await hold(wait, isOver, clock, waiting)) gate.reopen();
  }

  function count(error: ForwardError): void {
    countRetry(status, error);
    if (error.ambiguous) status.possibleRepeats += 1;
  }

  function accept(receipt: Receipt): void {
    if (receipt.slowDown === true) {
      share = Math.max(share / 2, SHARE_MIN);
      shareMs = clock.monotonic();
    }
    if (receipt.notice !== undefined && receipt.notice !== status.notice)
      log.warn({}, oneLine(receipt.notice));
    status.notice = receipt.notice ?? status.notice;
  }

  async function settle(
    items: readonly Item[],
    signal: AbortSignal,
    { refusedBefore } = { refusedBefore: false },
  ): Promise<readonly Refusal[]> {
    const lane = {};
    try {
      return await settleAll(items, signal, lane, refusedBefore);
    } finally {
      laneEnds(status, lane, clock.now());
    }
  }

  async function settleAll(
    items: readonly Item[],
    signal: AbortSignal,
    lane: object,
    refusedBefore: boolean,
  ): Promise<readonly Refusal[]> {
    let pending = items;
    const refusals: Refusal[] = [];
    let unanswered = false;
    const waiting = options.halting === undefined ? signal : AbortSignal.any([signal, options.halting]);
    for (let attempts = 1; pending.length > 0; attempts += 1) {
      const pass = await gate.enter(waiting);
      let result: Receipt | ForwardError;
      try {
        result = await attempt({ items: pending, attempt: attempts }, signal);
      } catch (error) {
        pass.left();
        throw error;
      }
      if (result instanceof ForwardError) {
        unanswered ||= result.ambiguous;
        await failed(pass, result, lane, waiting);
        continue;
      }
      accept(result);
      const { fates, hold } = refusedBefore ? { fates: result.fates, hold: null } : judged(result);
      const left = sortFates(pending, fates, { attempts, unanswered }, refusals, options);
      if (left.length > 0) {
        const again = retryError(result, left);
        unanswered ||= again.ambiguous;
        await failed(pass, hold ?? again, lane, waiting);
      } else {
        pass.succeeded();
        retry.succeeded();
      }
      pending = left.map(({ item }) => item);
    }
    status.batches += 1;
    return refusals;
  }

  return {
    settle,
    isHalt: (error) => options.halting?.aborted === true && error === options.halting.reason,
    share() {
      if (share < 1 && clock.monotonic() - shareMs >= SHARE_RECOVERY_MS) {
        share = Math.min(share * 2, 1);
        shareMs = clock.monotonic();
      }
      return share;
    },
  };
}

interface Left {
  readonly item: Item;
  readonly reason: string;
  readonly unanswered: boolean;
}

/** Counts delivered items, collects refused ones, and returns those to be sent again. */
function sortFates(
  items: readonly Item[],
  fates: readonly Fate[],
  tries: Pick<Refusal, 'attempts' | 'unanswered'>,
  refusals: Refusal[],
  { sink, status }: Pick<OutletOptions, 'sink' | 'status'>,
): Left[] {
  const left: Left[] = [];
  items.forEach((item, index) => {
    const fate = fates[index];
    if (fate === undefined || fate.outcome === 'retry')
      left.push({ item, reason: fate?.reason ?? 'no fate', unanswered: fate?.unanswered === true });
    else if (fate.outcome === 'rejected')
      refusals.push({ item, reason: fate.reason, sent: sink.asSent?.(item) ?? null, ...tries });
    else if (item.heartbeat === undefined) {
      countReading(item, status);
      if (fate.outcome === 'duplicate') status.duplicates += 1;
      else {
        status.delivered += 1;
        status.bytes += bytesOf(item);
      }
    }
  });
  return left;
}

/** Counts how an event was read, once the receiver has it, and not at each try. */
function countReading({ canonical }: Item, status: SinkStatus): void {
  if (isUnclassified(canonical.classification)) status.unclassified += 1;
  status.redactedValues += canonical.redactions;
  status.trimmedUserParts += canonical.trimmed ?? 0;
}

function retryError({ retryAfterMs }: Receipt, left: readonly Left[]): ForwardError {
  const reason = left[0]?.reason ?? '';
  const text = left.length === 1 ? reason : `${left.length} events: ${reason}`;
  return new ForwardError('transient', text, { retryAfterMs, ambiguous: left.some((one) => one.unanswered) });
}

function massRejection(reason: string): ForwardError {
  return new ForwardError(
    'denied',
    `the receiver refuses nearly everything for one reason: ${oneLine(reason)}`,
    {
      hint: 'this looks like the configuration of the sink or the receiver, not like bad events: they wait instead of becoming dead letters. Set on_mass_rejection: dead_letter to let them go',
    },
  );
}
