import type { Clock } from '../model/clock.ts';

/**
 * One gate per receiver, passed before each try by all lanes: while the receiver fails, a single lane tries, and none before
 * the moment the receiver or the backoff named.
 */
export interface Gate {
  /** Resolves when a try may be made. Whoever passes must answer with `succeeded`, `failed` or `left`. */
  enter(signal: AbortSignal): Promise<void>;
  succeeded(): void;
  /** No try before `untilMs` on the monotonic clock. */
  failed(untilMs: number): void;
  /** The try was given up without an answer. */
  left(): void;
  /** Lets the next try through at once: a secret was replaced. */
  reopen(): void;
  /** Failures in a row. */
  failures(): number;
}

/** A waiting lane looks again at least this often, so that `reopen` and an abort are noticed soon. */
const LOOK_AGAIN_MS = 500;

export function createGate(clock: Clock): Gate {
  let failures = 0;
  let notBeforeMs = 0;
  let probing = false;
  return {
    async enter(signal) {
      for (;;) {
        signal.throwIfAborted();
        const now = clock.monotonic();
        if (now >= notBeforeMs && !(failures > 0 && probing)) {
          if (failures > 0) probing = true;
          return;
        }
        const wait = now < notBeforeMs ? notBeforeMs - now : LOOK_AGAIN_MS;
        await clock.sleep(Math.min(wait, LOOK_AGAIN_MS), signal);
      }
    },
    succeeded() {
      failures = 0;
      probing = false;
    },
    failed(untilMs) {
      failures += 1;
      probing = false;
      notBeforeMs = Math.max(notBeforeMs, untilMs);
    },
    left() {
      probing = false;
    },
    reopen() {
      notBeforeMs = 0;
    },
    failures: () => failures,
  };
}
