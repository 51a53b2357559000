import type { Clock } from '../../src/model/clock.ts';
import { ForwardError } from '../../src/model/errors.ts';
import type { Batch, Item, Receipt } from '../../src/sinks/sink.ts';

/** What the small reference loop saw on the way. */
export interface Delivery {
  readonly deadLetters: readonly { readonly id: string; readonly reason: string }[];
  readonly errors: readonly ForwardError[];
  /** Fates `retry`, summed over all receipts. */
  readonly retried: number;
  readonly duplicates: number;
  /** The largest floor that a receipt asked for, milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly slowedDown: boolean;
  readonly notices: readonly string[];
  /** Calls of `send`. */
  readonly calls: number;
}

/** More calls than this for one batch is a hot loop, not patience. */
const CALLS_LIMIT = 40;

/**
 * Delivers as the program's loop does, in its smallest form: what was not taken is sent again, the same batch after a
 * failure, without end (here: CALLS_LIMIT). Anything thrown that is no ForwardError of kind transient or denied breaks
 * the contract and comes out.
 */
export async function deliverLoop(
  send: (batch: Batch, signal: AbortSignal) => Promise<Receipt>,
  items: readonly Item[],
  clock: Clock,
  onFailure: (error: ForwardError) => Promise<void>,
): Promise<Delivery> {
  const deadLetters: { id: string; reason: string }[] = [];
  const errors: ForwardError[] = [];
  const notices: string[] = [];
  let [retried, duplicates, calls, attempt] = [0, 0, 0, 1];
  let retryAfterMs: number | undefined;
  let slowedDown = false;
  let pending = items;
  const signal = new AbortController().signal;
  while (pending.length > 0) {
    calls += 1;
    if (calls > CALLS_LIMIT)
      throw new Error(`${pending.length} events still pending after ${CALLS_LIMIT} calls`);
    const receipt = await attemptSend(send, { items: pending, attempt }, signal);
    if (receipt instanceof ForwardError) {
      errors.push(receipt);
      await onFailure(receipt);
      await clock.sleep(receipt.retryAfterMs ?? 1000);
      attempt += 1;
      continue;
    }
    const left: Item[] = [];
    for (const [index, item] of pending.entries()) {
      const fate = receipt.fates[index];
      if (fate?.outcome === 'rejected') deadLetters.push({ id: item.canonical.id, reason: fate.reason });
      if (fate?.outcome === 'duplicate') duplicates += 1;
      if (fate?.outcome === 'retry') left.push(item);
    }
    retried += left.length;
    slowedDown ||= receipt.slowDown ?? false;
    if (receipt.notice !== undefined) notices.push(receipt.notice);
    if (receipt.retryAfterMs !== undefined) retryAfterMs = Math.max(retryAfterMs ?? 0, receipt.retryAfterMs);
    if (left.length > 0) await clock.sleep(receipt.retryAfterMs ?? 1000);
    attempt = left.length === pending.length ? attempt + 1 : 1;
    pending = left;
  }
  return { deadLetters, errors, retried, duplicates, retryAfterMs, slowedDown, notices, calls };
}

async function attemptSend(
  send: (batch: Batch, signal: AbortSignal) => Promise<Receipt>,
  batch: Batch,
  signal: AbortSignal,
): Promise<Receipt | ForwardError> {
  try {
    return await send(batch, signal);
  } catch (error) {
    if (error instanceof ForwardError && (error.kind === 'transient' || error.kind === 'denied'))
      return error;
    throw error;
  }
}
