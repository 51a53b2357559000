import { describe, ForwardError } from '../model/errors.ts';
import type { Fate, Receipt } from './sink.ts';

/** Rejections one after the other, with the same reason, after which the fault is taken to be ours and not the events'. */
const SAME_REJECTIONS_LIMIT = 5;

/**
 * The fates of a batch while they become known, for a sink that needs several requests for one batch. What is settled
 * stays settled when a later request fails: the rest is handed back for another try.
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

  /** The receiver took something: rejections around it were about the events. */
  progress(): void {
    this.#rejectedInARow = 0;
    this.#lastKind = null;
  }

  /** A refusal by the receiver; `kind` tells which ones are alike, where reasons hold figures. */
  reject(place: number, reason: string, kind = reason): void {
    this.settle(place, { outcome: 'rejected', reason });
    this.#rejectedInARow = kind === this.#lastKind ? this.#rejectedInARow + 1 : 1;
    this.#lastKind = kind;
  }

  /** True once isolating goes nowhere: the loop's guard has to decide, and the rest must not be thrown after it. */
  get hopeless(): boolean {
    return this.#rejectedInARow >= SAME_REJECTIONS_LIMIT;
  }

  slowDown(): void {
    this.#slowDown = true;
  }

  /** Ends the batch after a failure: throws it when nothing is settled, else the rest is to be sent again. */
  interrupted(error: unknown): Receipt {
    if (!(error instanceof ForwardError) || this.#fates.every((fate) => fate === undefined)) throw error;
    this.#retryAfterMs = error.retryAfterMs;
    return this.receipt(describe(error));
  }

  /** `openReason` is the reason of whatever is not settled. */
  receipt(openReason: string): Receipt {
    const fates = this.#fates.map((fate): Fate => fate ?? { outcome: 'retry', reason: openReason });
    return {
      fates,
      ...(this.#retryAfterMs === undefined ? {} : { retryAfterMs: this.#retryAfterMs }),
      ...(this.#slowDown ? { slowDown: true } : {}),
    };
  }
}
