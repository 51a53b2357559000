import { describe, ForwardError } from '../model/errors.ts';
import type { Fate, Receipt } from './sink.ts';

/** After so many rejections in a row for one reason, the fault is taken to be the configuration's and not the events'. */
const SAME_REJECTIONS_LIMIT = 5;

/**
 * Collects the fates of a batch that takes several requests. What is settled stays settled when a later request fails; the
 * rest is returned for another try.
 */
export class OpenFates {
  readonly #fates: (Fate | undefined)[];
  #lastKind: string | null = null;
  #rejectedInARow = 0;
  #retryAfterMs: number | undefined;
  #slowDown = false;

  constructor(count: number) {
    this.#fates = Array.from({ length: count }, () => undefined);
  }

  /** `place` is the item's index in the batch. */
  settle(place: number, fate: Fate): void {
    this.#fates[place] = fate;
  }

  /** The receiver took something, so the rejections before it were about the events: the row ends. */
  progress(): void {
    this.#rejectedInARow = 0;
    this.#lastKind = null;
  }

  /** A refusal by the receiver. `kind`: equal for equal faults, if the reason holds figures. */
  reject(place: number, reason: string, kind = reason): void {
    this.settle(place, { outcome: 'rejected', reason });
    this.#rejectedInARow = kind === this.#lastKind ? this.#rejectedInARow + 1 : 1;
    this.#lastKind = kind;
  }

  /** True after too many rejections in a row: then stop sending, so that the loop's mass guard decides about the rest. */
  get hopeless(): boolean {
    return this.#rejectedInARow >= SAME_REJECTIONS_LIMIT;
  }

  slowDown(): void {
    this.#slowDown = true;
  }

  /** The receipt of a batch that a failure ended: what is not settled is sent again. Throws the failure if nothing is settled. */
  interrupted(error: unknown): Receipt {
    if (!(error instanceof ForwardError) || this.#fates.every((fate) => fate === undefined)) throw error;
    this.#retryAfterMs = error.retryAfterMs;
    return this.receipt(describe(error), error.ambiguous);
  }

  /** `openReason`: why the rest is not settled. `unanswered`: the receiver may have taken it. */
  receipt(openReason: string, unanswered = false): Receipt {
    const left: Fate = { outcome: 'retry', reason: openReason, ...(unanswered ? { unanswered } : {}) };
    const fates = this.#fates.map((fate) => fate ?? left);
    return {
      fates,
      ...(this.#retryAfterMs === undefined ? {} : { retryAfterMs: this.#retryAfterMs }),
      ...(this.#slowDown ? { slowDown: true } : {}),
    };
  }
}
