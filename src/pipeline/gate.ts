import type { Clock } from '../model/clock.ts';

/**
 * One gate per receiver, passed before each try by all lanes: while the receiver fails, a single lane tries, and none before
 * the moment the receiver or the backoff named.
 */
export interface Gate {
  /** Resolves when a try may be made. Its end must be told to the pass. */
  enter(signal: AbortSignal): Promise<Pass>;
  /** Lets the next try through at once: a secret was replaced. */
  reopen(): void;
  /** Whether the last try that counts has failed. */
  failing(): boolean;
}

/** One try. Exactly one of its methods is called, once. */
export interface Pass {
  succeeded(): void;
  /** `wait` is told how many failures in a row there are, and answers for how long nobody tries. Returns that wait. Milliseconds. */
  failed(wait: (failures: number) => number): number;
  /** The try was given up without an answer. */
  left(): void;
}

/** A waiting lane looks again at least this often, so that `reopen` and an abort are noticed soon. */
const LOOK_AGAIN_MS = 500;

export function createGate(clock: Clock): Gate {
  let failures = 0;
  /** Changes with each failure that counts, and with each success. */
  let epoch = 0;
  let notBeforeMs = 0;
  /** The one try that is under way while the receiver fails. */
  let probe: Pass | null = null;

  function passThrough(): Pass {
    const begun = epoch;
    const end = (): void => {
      if (probe === pass) probe = null;
    };
    const pass: Pass = {
      succeeded() {
        end();
        failures = 0;
        epoch += 1;
      },
      failed(wait) {
        end();
        // Tries that were under way together when the receiver began to fail are one failure, not several in a row.
        if (failures === 0 || begun === epoch) {
          failures += 1;
          epoch += 1;
        }
        const ms = wait(failures);
        notBeforeMs = Math.max(notBeforeMs, clock.monotonic() + ms);
        return ms;
      },
      left: end,
    };
    if (failures > 0) probe = pass;
    return pass;
  }

  return {
    async enter(signal) {
      for (;;) {
        signal.throwIfAborted();
        const now = clock.monotonic();
        if (now >= notBeforeMs && (failures === 0 || probe === null)) return passThrough();
        const wait = now < notBeforeMs ? notBeforeMs - now : LOOK_AGAIN_MS;
        await clock.sleep(Math.min(wait, LOOK_AGAIN_MS), signal);
      }
    },
    failing: () => failures > 0,
    reopen() {
      notBeforeMs = 0;
    },
  };
}
