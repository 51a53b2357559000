import type { Duty, Journal, Lease } from '../checkpoint/journal.ts';
import type { Clock } from '../model/clock.ts';
import { ForwardError, isLeaseLost } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { enterState } from './status.ts';
import type { LoopStatus } from './status.ts';
import { untilDone } from './until-done.ts';

interface DutyContext {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: LoopStatus;
  /** Null: waits for the duty for ever. Otherwise a longer wait for another replica is a failure. Milliseconds. */
  readonly patienceMs: number | null;
  /** Aborts when waiting for the duty has no point any more; a loop that has it goes on. */
  readonly ending: AbortSignal;
}

/** What a loop gets with its duty. */
export interface OnDuty {
  /** Every write checks the lease. */
  readonly journal: Journal;
  readonly lease: Lease;
  /** Aborts when the loop has to end at once: it was stopped, or lost the lease. */
  readonly signal: AbortSignal;
  /** Aborts when another replica should take over: begin nothing new. */
  readonly wanted: AbortSignal;
}

/** How long a loop may take to finish what it began when another replica should take over. Milliseconds. */
const HANDOVER_MS = 5_000;

/**
 * Runs a loop that only one replica may run at a time: waits for the lease, runs the loop under it, and waits again after the lease was lost
 * or handed over. This is the only reaction to `lease_lost`. Returns when the loop ends by itself or by `signal`; throws what the loop throws.
 */
export async function onDuty(
  context: DutyContext,
  duty: Duty,
  signal: AbortSignal,
  loop: (its: OnDuty) => Promise<void>,
): Promise<void> {
  const { journal, log, clock } = context;
  for (;;) {
    const lease = await claim(context, duty);
    if (lease === null) return;
    const { lost, wanted } = lease;
    const done = new AbortController();
    const overdue = wantedFor(HANDOVER_MS, wanted, clock, done.signal);
    // Wakes a loop that waits for events, so that it sees `wanted`.
    const wake = (): void => void journal.tellNews().catch(() => {}); // it wakes by itself after a while
    wanted.addEventListener('abort', wake, { once: true, signal: done.signal });
    const its = {
      journal: journal.under(lease),
      lease,
      wanted,
      signal: AbortSignal.any([signal, lost, overdue]),
    };
    try {
      await loop(its);
      if (!lost.aborted && !wanted.aborted) return;
    } catch (error) {
      if (!isLeaseLost(error)) throw error;
    } finally {
      done.abort();
      await lease.release(context.ending.aborted || signal.aborted);
    }
    log.info(
      { duty },
      wanted.aborted
        ? 'another replica takes over'
        : 'the lease was lost: another replica may have taken over',
    );
    if (signal.aborted) return;
  }
}

/** Null if `ending` came first. */
async function claim(context: DutyContext, duty: Duty): Promise<Lease | null> {
  const { journal, clock, status, patienceMs, ending } = context;
  const sinceMs = clock.monotonic();
  const impatient = new AbortController();
  const either = AbortSignal.any([ending, impatient.signal]);
  let hasWaited = false;
  const waiting = (holder: string | null): void => {
    hasWaited = true;
    const reason = `${holder ?? 'another replica'} does this`;
    enterState(status, 'standby', clock.now(), { reason });
    status.progressedMs = clock.monotonic();
    if (patienceMs !== null && clock.monotonic() - sinceMs >= patienceMs)
      impatient.abort(
        new ForwardError('transient', `${reason}, and has not let go of it`, {
          hint: 'this run works beside other replicas: leave the work to them, or stop them first',
        }),
      );
  };
  try {
    const lease = await untilDone(context, () => journal.claim(duty, either, waiting), either);
    if (hasWaited) context.log.info({ duty, epoch: Number(lease.epoch) }, 'takes over from another replica');
    return lease;
  } catch (error) {
    if (!ending.aborted) throw error;
    enterState(status, 'stopped', clock.now());
    return null;
  }
}

/** Aborts a while after the lease is wanted. */
function wantedFor(ms: number, wanted: AbortSignal, clock: Clock, done: AbortSignal): AbortSignal {
  const overdue = new AbortController();
  const wait = (): void =>
    void clock.sleep(ms, done).then(
      () => overdue.abort(new ForwardError('lease_lost', 'another replica takes over')),
      () => {}, // it was released in time
    );
  wanted.addEventListener('abort', wait, { once: true, signal: done });
  return overdue.signal;
}
